"""How the workers of one job start a run again together: real processes that talk over TCP."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from cnai_sdk.backends.record.frames import FrameFilter

from .containers import Container, free_port, read_until

# Prints its attempt, and then does what the test has written for its rank and attempt.
SCRIPT = """
import os, pathlib, time
import cnai_sdk as cnai
attempt = os.environ["CNAI_ATTEMPT"]
print("attempt", attempt, flush=True)
todo = pathlib.Path(os.environ["TODO"], f"{cnai.rank()}-{attempt}")
if todo.exists():
    exec(todo.read_text())
"""


class Crew:
    """Several containers of one job."""

    def __init__(self, folder: Path, *, workers: int, retries: int) -> None:
        self.folder = folder
        self.workers = workers
        self.retries = retries
        (folder / "todo").mkdir()
        self._port = free_port()
        self.containers = [self._container(rank) for rank in range(workers)]
        self.processes: list[subprocess.Popen[bytes]] = []

    def _container(self, rank: int, *, body: str = "first") -> Container:
        container = Container(self.folder / f"{rank}-{body}")
        container.settings |= {"workers": self.workers, "retries": self.retries}
        return container

    def does(self, rank: int, attempt: int, what: str) -> None:
        (self.folder / "todo" / f"{rank}-{attempt}").write_text(what)

    def start(self) -> Sequence[subprocess.Popen[bytes]]:
        self.processes = [self._start(rank, each) for rank, each in enumerate(self.containers)]
        return self.processes

    def in_touch(self, process: subprocess.Popen[bytes]) -> None:
        """Return when a worker's connection to rank 0 stands."""
        of = psutil.Process(process.pid)
        wanted = ("ESTABLISHED", self._port + 1)
        while not any((c.status, *c.raddr[1:]) == wanted for c in of.connections()):
            time.sleep(0.01)

    def again(self, rank: int) -> subprocess.Popen[bytes]:
        """A new pod in the place of one that is gone: nothing of its folder is left."""
        self.containers[rank] = self._container(rank, body="second")
        self.processes[rank] = self._start(rank, self.containers[rank])
        return self.processes[rank]

    def _start(self, rank: int, container: Container) -> subprocess.Popen[bytes]:
        told = {"RANK": str(rank), "WORLD_SIZE": str(self.workers), "MASTER_ADDR": "127.0.0.1"}
        told |= {"MASTER_PORT": str(self._port), "TODO": str(self.folder / "todo")}
        return container.start(SCRIPT, env=told)

    def ended(self) -> list[tuple[int, list[str]]]:
        """Exit code and log lines of each, by rank."""
        found = []
        for process in self.processes:
            text, _ = FrameFilter().feed(process.communicate(timeout=240)[0])
            found.append((process.returncode, text.decode().splitlines()))
        return found


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(tmp_path, workers=2, retries=2)
    yield crew
    for process in crew.processes:
        process.kill()
        process.wait()


WAIT = "time.sleep(600)"


@pytest.mark.parametrize("fails", [0, 1])
def test_when_one_fails_all_start_again(crew: Crew, fails: int) -> None:
    crew.does(fails, 0, "raise SystemExit(3)")
    crew.does(1 - fails, 0, WAIT)
    crew.start()
    for code, lines in crew.ended():
        assert code == 0
        assert lines[-1] == "attempt 1"
    assert [each.said["attempt"] for each in crew.containers] == [1, 1]


def test_one_that_was_done_runs_again_with_the_rest(crew: Crew, tmp_path: Path) -> None:
    crew.does(1, 0, f"open({str(tmp_path / 'done')!r}, 'w')")
    crew.does(
        0,
        0,
        f"while not os.path.exists({str(tmp_path / 'done')!r}): time.sleep(0.01)\n"
        "raise SystemExit(3)",
    )
    crew.start()
    logs = [lines for _, lines in crew.ended()]
    assert logs[1] == ["attempt 0", "attempt 1"]


def test_when_retries_are_over_all_end(crew: Crew) -> None:
    for attempt in range(3):
        crew.does(1, attempt, "raise SystemExit(3)")
        crew.does(0, attempt, WAIT)
    crew.start()
    (first, _), (second, lines) = crew.ended()
    assert (first, second) == (143, 3)
    assert lines[-1] == "attempt 2"


def test_a_worker_whose_pod_is_lost_comes_again_and_all_start_anew(crew: Crew) -> None:
    for rank in (0, 1):
        crew.does(rank, 0, WAIT)
    first, second = crew.start()
    read_until(first, b"attempt 0\n")
    read_until(second, b"attempt 0\n")
    crew.in_touch(second)
    _kill(second)
    crew.again(1)
    (code, lines), (other, _) = crew.ended()
    assert (code, other) == (0, 0)
    assert lines[-1] == "attempt 1"
    assert [each.said["attempt"] for each in crew.containers] == [1, 1]


def test_rank_0_may_be_lost_as_well(crew: Crew) -> None:
    for rank in (0, 1):
        crew.does(rank, 0, WAIT)
    first, second = crew.start()
    read_until(first, b"attempt 0\n")
    read_until(second, b"attempt 0\n")
    crew.in_touch(second)
    _kill(first)
    crew.again(0)
    (code, _), (other, lines) = crew.ended()
    assert (code, other) == (0, 0)
    assert lines[-1] == "attempt 1"
    assert [each.said["attempt"] for each in crew.containers] == [1, 1]


def test_a_stranger_is_not_heard(crew: Crew, tmp_path: Path) -> None:
    for rank in (0, 1):
        go = str(tmp_path / "go")
        crew.does(rank, 0, f"while not os.path.exists({go!r}): time.sleep(0.01)")
    first, _ = crew.start()
    read_until(first, b"attempt 0\n")
    with socket.create_connection(("127.0.0.1", crew._port + 1)) as stranger:
        stranger.sendall(
            b'{"secret":"guess","rank":1,"body":"","session":"","attempt":2,"say":""}\n'
        )
        assert stranger.recv(100) == b""
    (tmp_path / "go").touch()
    assert [code for code, _ in crew.ended()] == [0, 0]
    assert [each.said["attempt"] for each in crew.containers] == [0, 0]


def test_a_stop_ends_each_and_starts_none_again(crew: Crew) -> None:
    for rank in (0, 1):
        crew.does(rank, 0, WAIT)
    processes = crew.start()
    for process in processes:
        read_until(process, b"attempt 0\n")
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [code for code, _ in crew.ended()] == [143, 143]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The pod with all that runs in it."""
    ranks = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for rank in ranks:
        rank.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
