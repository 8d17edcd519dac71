"""How a job stands, as its supervisor knows it, and how that reaches the folder and the index."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import msgspec

from cnai_sdk.backends.local.folder import JobFolder
from cnai_sdk.backends.local.index import Index
from cnai_sdk.backends.record.reports import (
    last_values,
    leaving_out_nonsense,
    metric_of,
    progress_of,
    raised_of,
)
from cnai_sdk.errors import CnaiError
from cnai_sdk.model.event import Event
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Replica, Workload
from cnai_sdk.worker.masking import Mask

_INTERVAL = 0.1


class Standing:
    """The one place where a running job's Workload changes.

    Changes of phase are written at once to the record and the index; numbers that tick reach the
    index at most ten times a second. A full disk stops neither: the next write tries again.
    """

    def __init__(
        self, folder: JobFolder, index: Index, workload: Workload, *, mask: Mask | None = None
    ) -> None:
        self._mask = mask or Mask()
        self.folder = folder
        self.index = index
        self.workload = workload
        self._reports: list[Metric] = []
        self._reported = 0
        self._dirty = False
        self._written = 0.0
        self._events: list[Event] = []
        self._raised: dict[int, str] = {}

    def event(
        self,
        reason: str,
        message: str = "",
        *,
        rank: int | None = None,
        warning: bool = False,
        exit_code: int | None = None,
    ) -> None:
        """Record that something happened."""
        self._events.append(
            Event(
                reason=reason,
                message=message,
                rank=rank,
                warning=warning,
                exit_code=exit_code,
                time=time.time(),
            )
        )
        self._write_events()

    def change(self, **changes: Any) -> None:
        """Change fields; a change of phase is written down before this returns."""
        before = self.workload.phase
        self.workload = msgspec.structs.replace(self.workload, **changes)
        if self.workload.phase is not before:
            with contextlib.suppress(OSError):
                self.folder.append_state(self.workload)
            self._publish()
        else:
            self._dirty = True

    def replica(self, rank: int, **changes: Any) -> None:
        """Change one worker's fields."""
        replicas = list(self.workload.replicas)
        replicas[rank] = msgspec.structs.replace(replicas[rank], **changes)
        self.change(replicas=tuple(replicas))

    def take(self, rank: int, frame: dict[str, Any], *, attempt: int) -> None:
        """A frame that a worker sent; one that makes no sense is left out."""
        frame = self._mask.value(frame)
        with leaving_out_nonsense():
            if "metrics" in frame:
                self._take_metrics(rank, frame, attempt)
            elif "error" in frame:
                self._raised[rank] = raised_of(frame)
            elif "progress" in frame and rank == 0:
                told = progress_of(frame, self.workload.progress, now=time.time())
                self.change(progress=told)

    def _take_metrics(self, rank: int, frame: dict[str, Any], attempt: int) -> None:
        metric = metric_of(frame, rank=rank, attempt=attempt, seq=self._reported + 1)
        self._reports.append(metric)
        self._reported += 1
        before = self.workload.replicas[rank].metrics
        self.replica(rank, metrics=last_values(before, metric.values))
        if rank == 0:
            self.change(metrics=last_values(self.workload.metrics, metric.values))

    def raised(self, rank: int) -> str:
        """The exception that a worker said it ended with, or ''."""
        return self._raised.pop(rank, "")

    def flush(self, *, now: bool = False) -> float | None:
        """Write what waits; seconds until the next write is due, or None when nothing waits."""
        self._write_events()
        if self._reports:
            with contextlib.suppress(OSError):
                self.folder.metrics.append(self._reports)
                self._reports = []
        if not self._dirty:
            return None
        wait = self._written + _INTERVAL - time.monotonic()
        if wait > 0 and not now:
            return wait
        self._publish()
        return None

    def end(self, phase: Phase, reason: str = "", message: str = "") -> None:
        """The last change: into the folder first, then the index."""
        replicas = tuple(_ended(replica, phase) for replica in self.workload.replicas)
        self.event(phase.value, message, warning=phase is Phase.FAILED)
        self.flush(now=True)
        self.workload = msgspec.structs.replace(
            self.workload,
            phase=phase,
            reason=reason,
            message=message,
            ended=time.time(),
            replicas=replicas,
            queued=None,
        )
        self.folder.write_end(self.workload)
        self._publish()

    def _write_events(self) -> None:
        while self._events:
            event = self._events.pop(0)  # first, since a signal's event may come in between
            try:
                self.folder.append_event(event)
            except OSError:
                self._events.insert(0, event)
                return

    def _publish(self) -> None:
        self._dirty = False
        self._written = time.monotonic()
        try:
            self.index.update(self.workload)
        except CnaiError:
            self._dirty = True


def _ended(replica: Replica, phase: Phase) -> Replica:
    if replica.phase.ended:
        return replica
    return msgspec.structs.replace(
        replica, phase=Phase.STOPPED if phase is not Phase.SUCCEEDED else phase
    )
