"""Processes that end with the one that started them, and leave a log."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class DidNotCome(Exception):
    """A condition that was waited for; the message has the last lines of the logs."""


class Process:
    """One program of the cluster.

    Args:
        name: of its log.
        folder: where it works and its log lies.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._folder = folder
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, or start it again; its log goes on."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
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


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def until(
    what: str,
    so: Callable[[], object],
    *,
    seconds: float = 60.0,
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
