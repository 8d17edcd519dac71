"""What moves a workload on: the part that a real backend leaves to processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from msgspec.structs import replace

from cnai_sdk.backends.memory.room import Room, holds
from cnai_sdk.backends.memory.shelf import Record, Shelf
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric, to_wire
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.workload import Progress, Replica, Workload

_NOTHING = object()


class Driver:
    """Moves workloads on, from any thread.

    Args:
        shelf: the workloads.
        room: how much there is for them.
        clock: Unix seconds.
    """

    def __init__(self, shelf: Shelf, room: Room, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._room = room
        self._clock = clock

    def advance(self, id: str) -> None:
        """Move a workload one phase on: Queued, Starting, then Running or Ready.

        One for which there is no room, or that is not first in line, stays in the queue.

        Raises:
            InvalidRequest: it is suspended, runs already, or has ended.
        """
        with self._shelf.lock:
            record = self._shelf.find(id)
            workload = record.workload
            if workload.suspended or workload.phase not in (Phase.QUEUED, Phase.STARTING):
                raise _not_now(workload, "advance", "finish(), fail() or stop() ends one that runs")
            if workload.phase is Phase.QUEUED:
                first = self._queue()[0] is record
                if first and not self._room.lacks(record.spec, self._shelf.records()):
                    granted = self._room.granted(record.spec)
                    self._event(id, "Admitted", granted.asked)
                    self._standing(id, Phase.STARTING, queued=None, granted=granted, message="")
                return
            running = Phase.READY if workload.kind is Kind.SERVE else Phase.RUNNING
            started = workload.started or self._clock()
            self._standing(id, running, started=started)
            self._event(id, running.value, f"{workload.name} is {running.value.lower()}")

    def start(self, id: str) -> None:
        """Move a workload on until it runs, or stays in the queue."""
        with self._shelf.lock:
            self.advance(id)
            if self._shelf.find(id).workload.phase is Phase.STARTING:
                self.advance(id)

    def print_line(self, id: str, text: str, *, rank: int = 0, partial: bool = False) -> None:
        """Print a line; a partial one, such as a progress bar, is replaced by that rank's next."""
        with self._shelf.lock:
            record = self._started(id, "print_line", rank)
            number = record.printed + 1
            record.printed += 0 if partial else 1
            line = LogLine(text=text, rank=rank, number=number, time=self._clock(), partial=partial)
            record.lines.append(line)
            self._shelf.wake()

    def report(
        self, id: str, *, step: float | None = None, rank: int = 0, **metrics: float
    ) -> None:
        """Report metrics, as `cnai.report` does on a worker."""
        with self._shelf.lock:
            record = self._started(id, "report", rank)
            values = {name: to_wire(value) for name, value in metrics.items()}
            workload = record.workload
            record.reports.append(
                Metric(
                    values=values,
                    step=step,
                    time=self._clock(),
                    rank=rank,
                    attempt=workload.attempt,
                    seq=len(record.reports) + 1,
                )
            )
            replicas = list(workload.replicas)
            replicas[rank] = replace(replicas[rank], metrics=replicas[rank].metrics | values)
            spoken = values if rank == 0 else {}
            self._shelf.change(id, replicas=tuple(replicas), metrics=workload.metrics | spoken)

    def progress(
        self, id: str, done: float, total: float | None = None, *, unit: str = "step"
    ) -> None:
        """Say how far the work is, as `cnai.progress` does on rank 0."""
        with self._shelf.lock:
            before = self._started(id, "progress", 0).workload.progress
            since = before.since if before else self._clock()
            self._shelf.change(
                id, progress=Progress(done=done, total=total, unit=unit, since=since)
            )

    def write(self, id: str, path: str, data: bytes) -> None:
        """Write an output; `path` is relative, with '/'."""
        with self._shelf.lock:
            stays_inside(path)
            self._started(id, "write", 0).files[path] = data

    def finish(self, id: str, *, result: Any = _NOTHING) -> None:
        """Let training succeed.

        Args:
            result: what rank 0 returned; one that is not JSON is not kept, and its line says so.
        """
        with self._shelf.lock:
            record = self._started(id, "finish", 0)
            if record.workload.phase is not Phase.RUNNING:
                raise _not_now(record.workload, "finish", "only training that runs can succeed")
            if result is not _NOTHING:
                try:
                    record.result = json.dumps(result).encode()
                except (TypeError, ValueError) as error:
                    self.print_line(id, f"The return value is not kept, because {error}")
            self._end(id, Phase.SUCCEEDED)

    def fail(
        self,
        id: str,
        *,
        reason: str = "WorkerFailed",
        message: str = "",
        rank: int = 0,
        exit_code: int = 1,
    ) -> None:
        """Let one worker fail; the run starts again while `spec.retries` allows it.

        Args:
            reason: one CamelCase word.
            exit_code: how the process ended; negative is the number of a signal.
        """
        with self._shelf.lock:
            record = self._shelf.find(id)
            workload = record.workload
            if workload.phase.ended:
                raise _not_now(workload, "fail", "an end never changes")
            message = message or f"Worker {rank} ended with exit code {exit_code}"
            self._event(id, reason, message, rank=rank, exit_code=exit_code, warning=True)
            if workload.attempt < workload.retries and workload.started is not None:
                record.script = None
                self._event(id, "Retrying", message, warning=True)
                self._standing(
                    id,
                    Phase.STARTING,
                    attempt=workload.attempt + 1,
                    message=f"Starting again: {message}",
                )
                return
            replicas = list(workload.replicas)
            failed = {"phase": Phase.FAILED, "exit_code": exit_code, "message": message}
            replicas[rank] = replace(replicas[rank], **failed)
            self._shelf.change(id, replicas=tuple(replicas))
            self._end(id, Phase.FAILED, reason=reason, message=message)

    # -- within ------------------------------------------------------------------

    def _started(self, id: str, verb: str, rank: int) -> Record:
        """The record of a workload that was admitted and has that rank."""
        record = self._shelf.find(id)
        workload = record.workload
        if not holds(record):
            raise _not_now(workload, verb, "start() moves one on that waits")
        if not 0 <= rank < len(workload.replicas):
            raise InvalidRequest(
                f"{workload.name} has no worker {rank}.",
                next_step=f"Its ranks are 0 to {len(workload.replicas) - 1}.",
            )
        return record

    def _standing(self, id: str, phase: Phase, **fields: Any) -> None:
        """A phase that all replicas share."""
        ranks = range(len(self._shelf.find(id).workload.replicas))
        replicas = tuple(Replica(rank=rank, phase=phase) for rank in ranks)
        self._shelf.change(id, phase=phase, replicas=replicas, **fields)
        self._line_up()

    def _end(self, id: str, phase: Phase, *, reason: str = "", message: str = "") -> None:
        self._event(id, phase.value, message, warning=phase is Phase.FAILED)
        rest = phase if phase is Phase.SUCCEEDED else Phase.STOPPED
        code = 0 if phase is Phase.SUCCEEDED else None
        replicas = tuple(
            replica if replica.phase.ended else replace(replica, phase=rest, exit_code=code)
            for replica in self._shelf.find(id).workload.replicas
        )
        self._shelf.change(
            id,
            phase=phase,
            reason=reason,
            message=message,
            ended=self._clock(),
            replicas=replicas,
            queued=None,
            suspended=False,
        )
        self._line_up()

    def _event(
        self,
        id: str,
        reason: str,
        message: str = "",
        *,
        rank: int | None = None,
        exit_code: int | None = None,
        warning: bool = False,
    ) -> None:
        events = self._shelf.find(id).events
        events.append(
            Event(
                reason=reason,
                message=message,
                rank=rank,
                exit_code=exit_code,
                warning=warning,
                time=self._clock(),
                seq=len(events) + 1,
            )
        )

    def _queue(self) -> list[Record]:
        """Who waits for room, in order."""
        return [
            record
            for record in self._shelf.records()
            if record.workload.phase is Phase.QUEUED and not record.workload.suspended
        ]

    def _line_up(self) -> None:
        """Say each place in line anew."""
        records, queue = self._shelf.records(), self._queue()
        for index, record in enumerate(queue):
            place = self._room.place(record.spec, queue[:index], records)
            if place != record.workload.queued:
                message = f"Waits for {place.waits_for}" if place.waits_for else ""
                self._shelf.change(record.workload.id, queued=place, message=message)


def stays_inside(path: str) -> None:
    """Refuse a path that is not below the outputs."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or "\\" in path:
        raise InvalidRequest(
            f"{path!r} is not a path within the outputs.",
            why="Outputs are read by their path relative to the output folder.",
            next_step="Use a path that the list of outputs shows.",
        )


def _not_now(workload: Workload, verb: str, advice: str) -> InvalidRequest:
    how = "suspended" if workload.suspended else workload.phase.value
    return InvalidRequest(
        f"{verb}() cannot be called on {workload.name}, which is {how}.",
        next_step=f"{advice[0].upper()}{advice[1:]}.",
    )
