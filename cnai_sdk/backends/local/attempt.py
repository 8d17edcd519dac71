"""One run of all ranks: started together, listened to, and ended together."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

import msgspec

from cnai_sdk.backends.local import ranks, tree
from cnai_sdk.backends.local.limits import MemoryGuard
from cnai_sdk.backends.local.ranks import RankPlan
from cnai_sdk.backends.local.standing import Standing
from cnai_sdk.backends.record.frames import FrameFilter
from cnai_sdk.backends.record.logbook import LogWriter
from cnai_sdk.model.event import LOG_TRIMMED, exit_words
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_duration

_READ = 64 * 2**10
GRACE_AFTER_FAILURE = 1.0
GRACE_AFTER_STOP = 5.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: a phase, the reason word behind it, and a sentence."""

    phase: Phase
    reason: str = ""
    message: str = ""


class Attempt:
    """Runs the ranks until all have ended.

    Args:
        standing: where the job's state is kept.
        log: where what they print goes.
        selector: the supervisor's own; a key's data is called when it is ready.
        plans: makes a rank's plan from (rank, write end, port, store socket).
        guard: watches their memory and samples what they use.
        warm: fork them from this process; otherwise execute them.
        number: 0 for the first run.
        deadline: monotonic time at which the job's timeout is over, or None.
    """

    def __init__(
        self,
        *,
        standing: Standing,
        log: LogWriter,
        selector: selectors.BaseSelector,
        plans: Callable[[int, int, int, int], RankPlan],
        guard: MemoryGuard,
        warm: bool,
        number: int,
        deadline: float | None,
    ) -> None:
        self._standing = standing
        self._log = log
        self._selector = selector
        self._plans = plans
        self._guard = guard
        self._warm = warm
        self._number = number
        self._deadline = deadline
        self._world = len(standing.workload.replicas)
        self._pids: dict[int, int] = {}
        self._pipes: dict[int, tuple[int, FrameFilter]] = {}
        self._outcome: Outcome | None = None
        self._kill_at: float | None = None
        self._disk_full = False

    def run(self) -> Outcome:
        """Start every rank, and return when nothing of them is left."""
        with socket.socket() as store:
            store.bind(("127.0.0.1", 0))
            store.listen(128)
            port = store.getsockname()[1]
            for rank in range(self._world):
                self._start(rank, port, store.fileno() if rank == 0 else -1)
        while self._pids:
            self._step()
        tree.end_children()
        for rank in list(self._pipes):
            self._drain(rank)
            self._close(rank)
        self._note_log()
        self._guard.close()
        return self._outcome or Outcome(phase=Phase.SUCCEEDED)

    def stop(self, outcome: Outcome, *, grace: float = GRACE_AFTER_STOP) -> None:
        """End all ranks: asked first, killed when the grace is over."""
        if self._outcome is None:
            self._outcome = outcome
            tree.signal_children(signal.SIGTERM)
            self._kill_at = time.monotonic() + grace

    # -- starting ----------------------------------------------------------------

    def _start(self, rank: int, port: int, store: int) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        pid = ranks.start(self._plans(rank, writer, port, store), warm=self._warm)
        os.close(writer)
        self._pids[rank] = pid
        self._pipes[rank] = (reader, FrameFilter())
        self._guard.add(rank, pid)
        ended = os.pidfd_open(pid)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._readable(rank))
        self._selector.register(ended, selectors.EVENT_READ, lambda: self._reap(rank, ended))
        self._standing.replica(rank, phase=Phase.STARTING)

    # -- running -----------------------------------------------------------------

    def _step(self) -> None:
        waits = [
            self._standing.flush(),
            self._log.show_partial(),
            self._guard.due(),
            None if self._kill_at is None else self._kill_at - time.monotonic(),
            None if self._deadline is None else self._deadline - time.monotonic(),
        ]
        timeout = min((max(wait, 0.0) for wait in waits if wait is not None), default=None)
        for key, _ in self._selector.select(timeout):
            key.data()
        self._reap_orphans()
        self._check_memory()
        self._check_clocks()

    def _reap_orphans(self) -> None:
        """Children of ranks whose parent is gone are this process's, and end as zombies here."""
        own = set(self._pids.values())
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in own:
                return
            os.waitpid(ended.si_pid, 0)

    def _check_clocks(self) -> None:
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            limit = show_duration(self._standing.workload.timeout or 0)
            message = f"It was still running when its timeout of {limit} was over"
            self._deadline = None
            self._standing.event("TimedOut", message, warning=True)
            self.stop(Outcome(phase=Phase.FAILED, reason="Timeout", message=message), grace=1.0)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            tree.signal_children(signal.SIGKILL)

    def _check_memory(self) -> None:
        for rank, usage in self._guard.sample().items():
            self._standing.replica(rank, cpu=usage.cpu, memory=usage.memory)
        exceeded = self._guard.exceeded()
        if exceeded is not None and self._outcome is None:
            rank, message = exceeded
            self._standing.event("MemoryExceeded", message, rank=rank, warning=True)
            self._outcome = Outcome(phase=Phase.FAILED, reason="MemoryExceeded", message=message)
            tree.signal_children(signal.SIGKILL)

    # -- listening ---------------------------------------------------------------

    def _readable(self, rank: int) -> None:
        if rank in self._pipes and not self._read_once(rank):
            self._close(rank)

    def _read_once(self, rank: int) -> bool:
        """Take what is there; False when the pipe is closed."""
        reader, frames = self._pipes[rank]
        try:
            data = os.read(reader, _READ)
        except BlockingIOError:
            return True
        if not data:
            return False
        text, found = frames.feed(data)
        for frame in found:  # before the text: who prints is seen to run
            if frame.get("state") == "running":
                self._running(rank)
            else:
                self._standing.take(rank, frame, attempt=self._number)
        if text:
            self._log.feed(rank, text)
        return True

    def _drain(self, rank: int) -> None:
        """Take all that is in the pipe now."""
        if rank not in self._pipes:
            return
        reader, frames = self._pipes[rank]
        while True:
            try:
                data = os.read(reader, _READ)
            except BlockingIOError:
                return
            if not data:
                return
            text, found = frames.feed(data)
            self._log.feed(rank, text)
            for frame in found:
                self._standing.take(rank, frame, attempt=self._number)

    def _close(self, rank: int) -> None:
        reader, frames = self._pipes.pop(rank)
        held = frames.finish()
        if held:
            self._log.feed(rank, held)
        self._log.finish(rank)
        self._selector.unregister(reader)
        os.close(reader)

    def _running(self, rank: int) -> None:
        if self._standing.workload.replicas[rank].phase is not Phase.STARTING:
            return
        self._standing.replica(rank, phase=Phase.RUNNING)
        up = sum(r.phase is Phase.RUNNING for r in self._standing.workload.replicas)
        if up == self._world:
            self._standing.change(phase=Phase.RUNNING, message="")
        else:
            self._standing.change(message=f"{up} of {self._world} workers are up")

    # -- ending ------------------------------------------------------------------

    def _reap(self, rank: int, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)
        pid = self._pids.pop(rank)
        self._guard.forget(rank)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._drain(rank)
        failed = code != 0 and self._outcome is None
        asked = code != 0 and self._outcome is not None
        phase = Phase.SUCCEEDED if code == 0 else Phase.STOPPED if asked else Phase.FAILED
        self._standing.replica(rank, phase=phase, exit_code=code, cpu=None)
        self._standing.event("WorkerExited", exit_words(code), rank=rank, exit_code=code)
        if failed:
            self._fail(rank, code)

    def _fail(self, rank: int, code: int) -> None:
        raised = self._standing.raised(rank)
        how = f"raised {raised}" if raised else f"ended with {exit_words(code)}"
        reason, message = "WorkerFailed", f"Worker {rank} {how}"
        if code == -signal.SIGKILL:
            reason, message = self._guard.killed_by_kernel(rank) or (reason, message)
        self._standing.event(reason, message, rank=rank, warning=True, exit_code=code)
        self.stop(
            Outcome(phase=Phase.FAILED, reason=reason, message=message), grace=GRACE_AFTER_FAILURE
        )

    def _note_log(self) -> None:
        if self._log.trimmed:
            self._standing.event(
                LOG_TRIMMED, "The oldest log lines were dropped, to keep to the log's limit"
            )
        if self._log.lost:
            self._standing.event(
                "DiskFull", f"{self._log.lost:,} log lines were lost: no space left", warning=True
            )
