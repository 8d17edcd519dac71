"""Processes that end with the one that started them, and leave a log."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_calls: queue.SimpleQueue[tuple[Callable[[], None], Future[None]]] = queue.SimpleQueue()
_threads: list[threading.Thread] = []
_starting = threading.Lock()


class DidNotCome(Exception):
    """A condition that was waited for; the message has the last lines of the logs."""


class Process:
    """One program of the cluster.

    Args:
        name: of its log.
        folder: where it works and its log lies.
        files: open files that it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        files: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._folder = folder
        self._env = {**os.environ, "NO_PROXY": "*", "no_proxy": "*", **(env or {})}
        self._files = tuple(files)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last; 0 before the first."""
        return 0 if self._process is None else self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def state(self) -> str:
        """As the kernel names it: R or S while it runs, T while it is stopped; '' without one."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return ""

    def start(self) -> None:
        """Start it, or start it again; its log goes on."""
        _in_lasting_thread(self._start)

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self._files,
                preexec_fn=_end_with_parent,
            )

    def signal(self, number: int) -> None:
        """Send a signal, such as SIGSTOP."""
        if self._process is not None and self.runs:
            self._process.send_signal(number)

    def stop(self, *, grace: float = 5.0) -> None:
        """Ask it to end, then end it."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def tail(self, lines: int = 8) -> str:
        """The end of its log."""
        try:
            text = self.log.read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return ""
        return "\n".join(f"  {self.name}: {line[:300]}" for line in text)


def _in_lasting_thread(call: Callable[[], None]) -> None:
    """To the kernel the parent of a process is the thread that started it."""
    done: Future[None] = Future()
    _calls.put((call, done))
    with _starting:
        if not _threads:
            _threads.append(threading.Thread(target=_serve, daemon=True))
            _threads[0].start()
    done.result()


def _serve() -> None:
    while True:
        call, done = _calls.get()
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def until(
    what: str,
    so: Callable[[], object],
    *,
    seconds: float = 120.0,
    processes: Sequence[Process] = (),
) -> None:
    """Wait for a condition of another program that tells nobody when it comes to hold.

    Raises:
        DidNotCome: not within these seconds, or a process that it needs has ended.
    """
    end = time.monotonic() + seconds
    while not so():
        dead = [process.name for process in processes if not process.runs]
        if dead or time.monotonic() > end:
            why = f"{', '.join(dead)} ended" if dead else f"not within {seconds:g} s"
            logs = "\n".join(process.tail() for process in processes)
            raise DidNotCome(f"{what}: {why}\n{logs}")
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """The processes that one has started, and theirs."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    found: list[int] = []
    new = children.get(pid, [])
    while new:
        found += new
        new = [child for one in new for child in children.get(one, [])]
    return found


def memory(pids: Sequence[int]) -> int:
    """Bytes that processes hold, pages that they share by share."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(row.split()[1]) for row in text.splitlines() if row.startswith("Pss:"))
    return total * 1024
