"""What a job prints is kept as it was printed, whoever reads it and whenever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cnai_sdk.config import Config
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.phase import Phase

from .conftest import Machine

FOLLOWER = """
import sys
from pathlib import Path
from cnai_sdk.client import Client
from cnai_sdk.config import Config
client = Client(config=Config(home=Path(sys.argv[1]), warm=False))
for line in client.job(sys.argv[2]).logs(follow=True):
    print(line, flush=True)
"""


async def everything(machine: Machine, id: str, **options: object) -> list[LogLine]:
    batches = machine.backend.logs(id, **options)  # type: ignore[arg-type]
    return [line async for batch in batches for line in batch]


async def test_two_hundred_thousand_lines_lose_none(machine: Machine) -> None:
    job = await machine.run(
        "for n in range(100_000): print(cnai.rank(), n)", workers=2, name="chatty"
    )
    assert job.phase is Phase.SUCCEEDED
    lines = await everything(machine, job.id)
    assert [line.number for line in lines] == list(range(1, 200_001))
    for rank in (0, 1):
        told = [line.text for line in lines if line.rank == rank]
        assert told == [f"{rank} {n}" for n in range(100_000)]


async def test_a_job_that_has_printed_is_seen_to_run(plain: Machine) -> None:
    job = await plain.submit("print('up', flush=True)\ntime.sleep(600)")
    await plain.printed(job.id, "up")
    assert (await plain.backend.get(job.id)).phase is Phase.RUNNING


async def test_a_tail_of_a_long_log_and_one_rank_of_it(plain: Machine) -> None:
    job = await plain.run("for n in range(20_000): print(cnai.rank(), n)", workers=2)
    lines = await everything(plain, job.id)
    tail = await everything(plain, job.id, tail=7)
    assert tail == lines[-7:]
    one = [line for line in lines if line.rank == 1]
    assert await everything(plain, job.id, rank=1, tail=5) == one[-5:]
    assert await everything(plain, job.id, rank=1) == one
    assert await everything(plain, job.id, after=39_990) == lines[39_990:]
    assert await everything(plain, job.id, tail=0) == []
    assert await everything(plain, job.id, tail=10**6) == lines


async def test_a_progress_bar_is_a_line_that_is_not_whole_yet(plain: Machine) -> None:
    job = await plain.submit(
        """
        for n in range(3):
            sys.stderr.write(f"\\r{n}/3")
            sys.stderr.flush()
            seen = f"step{n}"
            while not os.path.exists(seen):
                time.sleep(0.01)
        sys.stderr.write("\\r3/3 done\\n")
        """
    )
    partial = []
    async for batch in plain.backend.logs(job.id, follow=True):
        for line in batch:
            if line.partial:
                partial.append(line.text)
                (plain.folder(job.id) / "outputs" / f"step{len(partial) - 1}").touch()
            else:
                last = line
    assert partial == ["0/3", "1/3", "2/3"]
    assert last.text.rpartition("\r")[2] == "3/3 done"
    assert last.number == 1


async def test_a_long_line_is_split_and_nothing_of_it_is_lost(plain: Machine) -> None:
    job = await plain.run(
        """
        print("a" * 200_000)
        sys.stdout.write("b" * 200_000)
        """
    )
    lines = await plain.lines(job.id)
    assert max(map(len, lines)) <= 64 * 1024
    text = "".join(lines)
    assert (text.count("a"), text.count("b")) == (200_000, 200_000)
    assert text == "a" * 200_000 + "b" * 200_000


async def test_bytes_that_are_no_text_are_replaced(plain: Machine) -> None:
    job = await plain.run(
        """
        os.write(1, b"before \\xff\\xfe after\\n")
        os.write(1, "数据".encode()[:4])
        os.write(1, "数据".encode()[4:] + b"\\n")
        os.write(1, b"\\x00\\x1b[31mred\\x1b[0m\\n")
        """
    )
    assert await plain.lines(job.id) == [
        "before \ufffd\ufffd after",
        "数据",
        "\x00\x1b[31mred\x1b[0m",
    ]


async def test_what_looks_like_a_frame_is_a_line(plain: Machine) -> None:
    job = await plain.run(
        """
        os.write(1, b"\\x1ecnai not json\\n")
        os.write(1, b"\\x1ecnai {}\\n")
        os.write(1, b"\\x1e0 0 1 - 5\\nabcd\\n")
        os.write(1, b"\\x1ecnai [1]\\n")
        os.write(1, b"\\x1ecnai")
        """
    )
    lines = await plain.lines(job.id)
    assert "\x1ecnai not json" in lines
    assert "abcd" in lines
    assert lines[-1] == "\x1ecnai"


async def test_a_worker_cannot_break_its_record_by_what_it_reports(plain: Machine) -> None:
    job = await plain.run(
        """
        for frame in (b'{"metrics": 5}', b'{"metrics": {"a": null}}', b'{"metrics": {"a": 1}, '
                      b'"step": "x", "time": []}', b'{"progress": [1]}', b'{"error": 3}',
                      b'{"progress": ["a", {}, 7]}', b'{"state": "running"}', b'{"state": []}'):
            os.write(1, b"\\x1ecnai " + frame + b"\\n")
        cnai.report(step=1, a=2.0)
        return "fine"
        """
    )
    assert job.phase is Phase.SUCCEEDED, job.message
    assert await plain.backend.result(job.id) == b'"fine"'
    assert (await plain.backend.metrics(job.id))[-1].values == {"a": 2.0}
    assert (await plain.backend.get(job.id)).metrics == {"a": 2.0}
    msgspec.json.encode(await plain.backend.metrics(job.id))


async def test_the_oldest_lines_go_when_the_log_is_full_and_numbers_stay(tmp_path: Path) -> None:
    machine = Machine(Config(home=tmp_path / "store", warm=False, log_limit=8 * 2**20))
    job = await machine.run("for n in range(300_000): print(f'{n:060d}')")
    kept = sum(path.stat().st_size for path in (machine.folder(job.id) / "log").iterdir())
    assert 3 * 2**20 < kept <= 8 * 2**20  # the limit, less at most one segment
    lines = await everything(machine, job.id)
    first, *rest = lines
    assert "older lines were dropped" in first.text
    assert [line.number for line in rest] == list(range(rest[0].number, 300_001))
    assert all(int(line.text) == line.number - 1 for line in rest)
    assert "LogTrimmed" in await machine.reasons(job.id)
    assert await everything(machine, job.id, tail=3) == lines[-3:]
    await machine.backend.close()


async def test_another_process_follows_a_job_while_it_runs(plain: Machine) -> None:
    job = await plain.submit(
        """
        for n in range(1000):
            print(n)
        sys.stdout.flush()
        while not os.path.exists("release"):
            time.sleep(0.01)
        for n in range(1000, 2000):
            print(n)
        """,
        name="talks",
    )
    follower = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(plain.home), "talks"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    seen = [follower.stdout.readline().strip() for _ in range(1000)]
    assert not (await plain.backend.get(job.id)).phase.ended
    (plain.folder(job.id) / "outputs" / "release").touch()
    seen += [line.strip() for line in follower.stdout]
    assert follower.wait(240) == 0
    assert seen == [str(n) for n in range(2000)]


@pytest.mark.parametrize("way", ["kill", "fork"])
async def test_the_last_words_of_a_worker_that_dies_are_kept(plain: Machine, way: str) -> None:
    end = {
        "kill": "os.kill(os.getpid(), 9)",
        "fork": "os.fork() or (time.sleep(0.2), os.write(1, b'from a child\\n'), os._exit(0))",
    }[way]
    job = await plain.run(f"os.write(1, b'last words')\n{end}")
    assert any("last words" in line for line in await plain.lines(job.id))


async def test_both_streams_keep_their_order(machine: Machine) -> None:
    job = await machine.run(
        """
        for n in range(200):
            print(n)
            print(n, file=sys.stderr)
        """
    )
    assert [int(line) for line in await machine.lines(job.id)] == [
        n for n in range(200) for _ in range(2)
    ]
