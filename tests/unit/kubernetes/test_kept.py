"""What is kept of a workload: one writer among all processes, readers anywhere."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.kept import Keeper, Kept
from cnai_sdk.backends.kubernetes.podlog import Place
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts
from cnai_sdk.backends.record.logreader import LogReader
from cnai_sdk.model.event import Event
from cnai_sdk.model.phase import Phase

ID = "abcdefgh12345678"


def keeper(folder: Path, *, log_limit: int = 2**30) -> Keeper:
    """As another process would have it."""
    return Kept(folder, log_limit=log_limit).keeper(ID)


def take(
    kept: Keeper,
    *texts: bytes,
    source: str = "pod/node/0",
    rank: int = 0,
    frames: int = 0,
    said: Sequence[dict[str, Any]] = (),
) -> None:
    """What one piece of a pod's log brings."""
    before = Place.read(kept.places().get(source))
    told = [*said, *({"metrics": {"loss": float(n)}} for n in range(frames))]
    place = Place(newest=1, at_newest=1, lines=before.lines + len(texts) + len(told))
    found = list(enumerate(told, before.lines + len(texts) + 1))
    kept.take(
        rank=rank,
        attempt=0,
        lines=[(1.0, b"".join(text + b"\n" for text in texts))] if texts else [],
        frames=found,
        place=place.text(source),
    )


def texts(kept: Keeper) -> list[str]:
    reader, found = LogReader(kept.log), list[str]()
    while lines := reader.read():
        found += [line.text for line in lines]
    return found


def elsewhere(folder: Path, code: str) -> subprocess.Popen[str]:
    """Another process with the same folder."""
    program = f"""
        import sys
        from pathlib import Path
        from tests.unit.kubernetes.test_kept import keeper, take, texts
        kept = keeper(Path({str(folder)!r}))
        {code}
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_one_process_writes_and_the_other_takes_over_when_it_ends(tmp_path: Path) -> None:
    other = elsewhere(
        tmp_path,
        "print(kept.lead(), flush=True); take(kept, b'one', b'two', frames=2);"
        "print('written', flush=True); sys.stdin.read()",
    )
    assert other.stdout is not None and other.stdin is not None
    assert other.stdout.readline() == "True\n"
    assert other.stdout.readline() == "written\n"
    mine = keeper(tmp_path)
    assert not mine.lead()
    assert texts(mine) == ["one", "two"]
    assert Place.read(mine.places()["pod/node/0"]).lines == 4
    assert len(mine.metrics.all()) == 2
    assert mine.heard().last == {"loss": 1.0}
    other.kill()
    other.wait()
    assert mine.lead()
    take(mine, b"three", frames=1)
    assert texts(mine) == ["one", "two", "three"]
    assert [metric.seq for metric in mine.metrics.all()] == [1, 2, 3]
    mine.release()


def test_after_a_pause_the_pace_is_measured_anew(tmp_path: Path) -> None:
    """A pod that was suspended comes back as another one, in the same attempt."""
    kept = keeper(tmp_path)
    assert kept.lead()
    take(
        kept,
        said=[{"state": "running"}, {"progress": [20, 40, "step"]}, {"progress": [21, 40, "step"]}],
    )
    first = kept.heard().progress
    assert first is not None
    assert (first.done, first.begun, first.since > 0) == (21, 20, True)
    take(kept, source="pod/node/1", said=[{"state": "running"}])
    paused = kept.heard().progress
    assert paused is not None
    assert (paused.done, paused.left(time.time())) == (21, None)
    take(kept, source="pod/node/1", said=[{"progress": [22, 40, "step"]}])
    again = kept.heard().progress
    assert again is not None
    assert (again.done, again.begun, again.since > first.since) == (22, 22, True)
    take(kept, rank=1, source="other/node/0", said=[{"state": "running"}])
    assert kept.heard().progress == again, "rank 0 speaks for the job"
    kept.release()


def test_what_was_read_twice_after_a_sudden_end_is_kept_once(tmp_path: Path) -> None:
    first = keeper(tmp_path)
    assert first.lead()
    take(first, b"one", frames=1)
    start = first.places()["pod/node/0"]
    take(first, frames=2)
    first.release()
    segment = max(first.log.iterdir())
    place = f"@ {len(first.places()['pod/node/0'])}\n".encode()
    os.truncate(segment, segment.read_bytes().rfind(b"\x1e", 0, segment.read_bytes().rfind(place)))
    second = keeper(tmp_path)  # the reports were written, and the log's place was not
    assert second.lead()
    assert second.places()["pod/node/0"] == start
    take(second, frames=2)
    assert [metric.seq for metric in second.metrics.all()] == [1, 2, 3]
    assert second.heard().reported == 3
    second.release()


def test_places_outlive_the_segments_that_they_were_written_in(tmp_path: Path) -> None:
    first = keeper(tmp_path, log_limit=2**20)
    assert first.lead()
    take(first, b"quiet", source="quiet/node/0")
    for _ in range(40):
        take(first, *[b"x" * 1000] * 64, source="loud/node/0")
    first.release()
    assert texts(first)[0].startswith("… ")
    second = keeper(tmp_path)
    assert second.lead()
    assert Place.read(second.places()["quiet/node/0"]).lines == 1
    assert Place.read(second.places()["loud/node/0"]).lines == 40 * 64
    second.release()


def test_a_piece_that_was_cut_off_by_a_crash_is_written_again(tmp_path: Path) -> None:
    first = keeper(tmp_path)
    assert first.lead()
    take(first, b"one")
    first.release()
    segment = max(first.log.iterdir())
    whole = segment.read_bytes()
    segment.write_bytes(whole + b"\x1e0 1000 1 - 400\nhalf of a li")
    second = keeper(tmp_path)
    assert second.lead()
    take(second, b"two")
    assert texts(second) == ["one", "two"]
    second.release()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    kept = keeper(tmp_path / "kubernetes" / "server" / "team")
    assert kept.lead()
    take(kept, b"one", frames=1)
    kept.put_events({"a": Event(reason="Admitted")})
    kept.put_runs({"a": PodFacts(uid="u", name="a-0")})
    for path in (kept.root, *kept.root.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    kept.release()


def test_events_of_several_processes_are_kept_once_and_their_newest_form(tmp_path: Path) -> None:
    mine, other = keeper(tmp_path), keeper(tmp_path)
    event = Event(reason="FailedCreate", message="exceeded quota", time=1.0)
    assert mine.put_events({"e1": event})
    other.put_events({"e1": event, "e2": Event(reason="Started", time=2.0)})
    assert [each.reason for each in mine.events().values()] == ["FailedCreate", "Started"]
    again = Event(reason="FailedCreate", message="exceeded quota (3 times)", time=3.0)
    assert mine.put_events({"e1": again})
    assert not other.put_events({"e1": event})  # an older view of it
    assert other.events()["e1"] == again


def test_runs_outlive_their_pods(tmp_path: Path) -> None:
    facts = PodFacts(uid="u", name="a-0", rank=0, phase=Phase.FAILED, exit_code=1, end="{}")
    keeper(tmp_path).put_runs({"u/0": facts})
    assert keeper(tmp_path).runs() == {"u/0": facts}


def test_a_new_attempt_starts_with_what_its_own_workers_say(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    assert kept.lead()
    place = Place(newest=1, at_newest=1, lines=1).text("a/node/0")
    said: list[dict[str, Any]] = [
        {"state": "running"},
        {"metrics": {"loss": 1.0}},
        {"progress": [3, 9, "epoch"]},
    ]
    kept.take(rank=0, attempt=0, lines=[], frames=list(enumerate(said, 1)), place=place)
    assert kept.heard().up == (0,)
    place = Place(newest=1, at_newest=1, lines=1).text("b/node/0")
    kept.take(rank=1, attempt=1, lines=[], frames=[(1, {"state": "running"})], place=place)
    heard = kept.heard()
    assert (heard.attempt, heard.up, heard.metrics) == (1, (1,), {})
    assert heard.last == {"loss": 1.0}
    assert [metric.attempt for metric in kept.metrics.all()] == [0]
    kept.release()


def test_what_a_worker_does_before_its_script_is_kept_until_the_script_starts(
    tmp_path: Path,
) -> None:
    kept = keeper(tmp_path)
    assert kept.lead()
    take(kept, rank=1, said=[{"doing": "Fetching s3://data/cifar, 0 bytes of 3 GiB"}])
    take(kept, rank=1, said=[{"doing": "Fetching s3://data/cifar, 1 GiB of 3 GiB"}])
    assert kept.heard().doing == {1: "Fetching s3://data/cifar, 1 GiB of 3 GiB"}
    take(kept, rank=1, said=[{"state": "running", "attempt": 0}])
    assert kept.heard().doing == {}
    kept.release()


def test_old_folders_go_only_when_the_cluster_has_no_such_workload(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for id in ("gone", "there", "recent", "followed"):
        kept.keeper(id).put_events({"a": Event(reason="Admitted")})
    old = time.time() - 15 * 86400
    for id in ("gone", "there", "followed"):
        for path in (tmp_path / id, *(tmp_path / id).iterdir()):
            os.utime(path, (old, old))
    other = Kept(tmp_path).keeper("followed")
    assert other.lead()
    os.utime(tmp_path / "followed", (old, old))
    assert kept.sweep({"there"}) == ["gone"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["followed", "recent", "there"]
    other.release()


def test_a_deleted_workload_leaves_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert kept.keeper(ID).lead()
    take(kept.keeper(ID), b"one")
    kept.forget(ID)
    assert list(tmp_path.iterdir()) == []
    assert kept.keeper(ID).events() == {}


@pytest.mark.parametrize("id", ["..", "", "a/b", "/etc"])
def test_an_id_cannot_lead_out_of_the_folder(tmp_path: Path, id: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        Kept(tmp_path / "kept").keeper(id)


async def test_a_listener_is_told_what_another_process_writes(tmp_path: Path) -> None:
    kept, told = Kept(tmp_path), asyncio.Event()
    kept.listen(lambda id: told.set() if id == ID else None)
    kept.keeper(ID).attend(lambda: None)
    code = "kept.lead(); take(kept, b'one', frames=1)"
    other = await asyncio.to_thread(elsewhere, tmp_path, code)
    async with asyncio.timeout(240):
        await told.wait()
    await kept.close()
    assert await asyncio.to_thread(other.wait) == 0
    assert kept.keeper(ID).heard().last == {"loss": 0.0}


def test_workers_of_an_older_attempt_do_not_speak_for_the_newer_one(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    assert kept.lead()

    def say(source: str, rank: int, nth: int, frame: dict[str, Any]) -> None:
        place = Place(newest=1, at_newest=1, lines=nth).text(source)
        kept.take(rank=rank, attempt=0, lines=[], frames=[(nth, frame)], place=place)

    say("a/node/0", 0, 1, {"state": "running", "attempt": 0})
    say("b/node/0", 1, 1, {"state": "running", "attempt": 1})
    say("a/node/0", 0, 2, {"metrics": {"loss": 9.0}})
    say("a/node/0", 0, 3, {"progress": [1, 2, "epoch"]})
    assert [(metric.rank, metric.attempt) for metric in kept.metrics.all()] == [(0, 0)]
    assert (kept.heard().up, kept.heard().metrics, kept.heard().progress) == ((1,), {}, None)
    say("a/node/0", 0, 4, {"state": "running", "attempt": 1})
    assert kept.heard().up == (0, 1)
    kept.release()
