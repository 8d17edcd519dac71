"""The protocol over workloads that are values in memory."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from cnai_sdk.backends.base import Capabilities
from cnai_sdk.backends.forecast import never
from cnai_sdk.backends.memory.driver import Driver, stays_inside
from cnai_sdk.backends.memory.room import Room
from cnai_sdk.backends.memory.shelf import Record, Shelf
from cnai_sdk.errors import (
    BackendUnavailable,
    CnaiError,
    InvalidRequest,
    NotFound,
    Unsupported,
)
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.name import check_name
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quota import Device, Fit, Quota
from cnai_sdk.model.spec import Spec, TrainSpec, kind_of, replicas_of
from cnai_sdk.model.stream import Change, Snapshot, Update
from cnai_sdk.model.workload import Replica, Workload

Play: TypeAlias = "Callable[[MemoryBackend, str, Spec], Iterator[None]]"
"""What a workload does once it runs: calls of the driver on its id; each `yield` ends a turn.

One that raises fails its workload; one that only returns leaves it running.
"""

_PLACE = "memory"


def succeed(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    """The play of `auto=True`: training succeeds after one turn, an endpoint stays ready."""
    yield
    if isinstance(spec, TrainSpec):
        backend.finish(id)


class MemoryBackend(Driver):
    """Keeps workloads in memory; deterministic, starts no thread, runs no code of a payload.

    A workload waits where it is until the driver moves it: `advance`, `start`, `print_line`,
    `report`, `progress`, `write`, `finish`, `fail`. With a `play`, workloads are admitted in order
    and moved on by the event loop, one step a turn.

    Args:
        kinds: the kinds that `submit` takes.
        cores: how many there are; a worker takes the cpu that it asks for, or one.
        devices: the GPUs on offer.
        suspend: declare that `suspend` and `resume` work.
        auto: play `succeed`.
        play: what each workload does once it runs.
        clock: Unix seconds.

    >>> from cnai_sdk.model.spec import Payload
    >>> backend = MemoryBackend()
    >>> spec = TrainSpec(name="digits", payload=Payload(entry="digits"))
    >>> id = asyncio.run(backend.submit(spec, secrets={})).id
    >>> backend.start(id)
    >>> backend.report(id, step=1, accuracy=0.97)
    >>> backend.finish(id, result={"accuracy": 0.97})
    >>> workload = asyncio.run(backend.get(id))
    >>> workload.phase.value, workload.metrics
    ('Succeeded', {'accuracy': 0.97})
    """

    name = "memory"

    def __init__(
        self,
        *,
        kinds: Iterable[Kind] = (Kind.TRAIN, Kind.SERVE),
        cores: float = 8,
        devices: Sequence[Device] = (),
        suspend: bool = True,
        auto: bool = False,
        play: Play | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(Shelf(), Room(cores, tuple(devices)), clock)
        self._kinds = frozenset(kinds)
        self._suspend = suspend
        self._play = play or (succeed if auto else None)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turning: asyncio.AbstractEventLoop | None = None

    # -- the protocol ------------------------------------------------------------

    async def capabilities(self) -> Capabilities:
        return Capabilities(kinds=self._kinds, suspend=self._suspend, place=_PLACE)

    async def check_place(self) -> None:
        return  # it is in this process

    async def submit(self, spec: Spec, *, secrets: Mapping[str, str]) -> Workload:
        self._refuse(spec, secrets)
        self._be_here()
        with self._shelf.lock:
            fresh = self._shelf.add(spec, self._fresh(spec))
            self._event(fresh.id, "Created", f"{fresh.name} was created")
            self._line_up()
            return self._shelf.find(fresh.id).workload

    async def fits(self, spec: Spec, *, count: int = 1) -> Fit:
        try:
            self._refuse(spec, dict.fromkeys(spec.secrets, ""))
        except CnaiError as refusal:
            return never(refusal, count)
        with self._shelf.lock:
            return self._room.fit(spec, self._queue(), self._shelf.records(), count)

    async def get(self, id: str) -> Workload:
        return self._shelf.find(id).workload

    async def list(self) -> Sequence[Workload]:
        return [record.workload for record in reversed(self._shelf.records())]

    async def spec(self, id: str) -> Spec:
        return self._shelf.find(id).spec

    async def watch(self) -> AsyncIterator[Update]:
        self._be_here()
        with self._shelf.lock:
            seen = self._shelf.seq
            every = tuple(record.workload for record in reversed(self._shelf.records()))
        yield Snapshot(epoch=self._shelf.epoch, seq=seen, workloads=every)
        while True:
            ticks = self._shelf.ticks
            newest, changed, gone = self._shelf.since(seen)
            if newest > seen:
                seen = newest
                yield Change(epoch=self._shelf.epoch, seq=seen, workloads=changed, deleted=gone)
            else:
                await self._shelf.next_tick(ticks)

    async def logs(
        self,
        id: str,
        *,
        rank: int | None = None,
        after: int = 0,
        before: int | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[Sequence[LogLine]]:
        self._be_here()
        record = self._shelf.find(id)
        read = 0
        while True:
            ticks, ended = self._shelf.ticks, record.workload.phase.ended
            lines = record.lines[read:]
            read += len(lines)
            lines = [ln for ln in lines if ln.number > after and rank in (None, ln.rank)]
            lines = [ln for ln in lines if before is None or ln.number < before]
            if tail is not None:
                whole = [line for line in lines if not line.partial]
                lines, tail = whole[len(whole) - min(tail, len(whole)) :], None
            if lines:
                yield lines
            elif ended or not follow:
                return
            else:
                await self._shelf.next_tick(ticks)

    async def metrics(self, id: str, *, since: int = 0) -> Sequence[Metric]:
        return [report for report in self._shelf.find(id).reports if report.seq > since]

    async def events(self, id: str) -> Sequence[Event]:
        return list(self._shelf.find(id).events)

    async def result(self, id: str) -> bytes | None:
        return self._shelf.find(id).result

    async def outputs(self, id: str) -> Sequence[OutputFile]:
        files = self._shelf.find(id).files
        return [OutputFile(path=path, size=len(files[path])) for path in sorted(files)]

    async def read(self, id: str, path: str) -> bytes:
        files = self._shelf.find(id).files
        stays_inside(path)
        if path not in files:
            raise NotFound(
                f"There is no output {path!r}.",
                next_step=f"The outputs are: {', '.join(sorted(files)) or 'none'}.",
            )
        return files[path]

    async def folder(self, id: str) -> str | None:
        self._shelf.find(id)
        return None

    async def suspend(self, id: str) -> None:
        with self._shelf.lock:
            workload = self._suspendable(id)
            if not workload.suspended:
                idle = tuple(Replica(rank=r.rank) for r in workload.replicas)
                self._event(id, "Suspended", "Paused; what was done is kept")
                self._shelf.change(
                    id,
                    phase=Phase.QUEUED,
                    suspended=True,
                    queued=None,
                    replicas=idle,
                    message="Suspended",
                )
                self._line_up()

    async def resume(self, id: str) -> None:
        with self._shelf.lock:
            if self._suspendable(id).suspended:
                self._event(id, "Resumed", "Waits for its turn again")
                self._shelf.change(id, suspended=False, message="")
                self._line_up()

    async def stop(self, id: str) -> None:
        with self._shelf.lock:
            if not self._shelf.find(id).workload.phase.ended:
                self._event(id, "StopRequested", "Asked to stop")
                self._end(id, Phase.STOPPED, reason="Stopped", message="Stopped by you")

    async def delete(self, id: str) -> None:
        with self._shelf.lock:
            if id in {record.workload.id for record in self._shelf.records()}:
                await self.stop(id)
                self._shelf.remove(id)

    async def quota(self) -> Quota:
        items = self._room.quota(self._shelf.records())
        return Quota(backend=self.name, place=_PLACE, items=items, unseen=("memory",))

    async def quota_stirs(self) -> None:
        await asyncio.Event().wait()  # `watch` tells of all that moves it

    async def devices(self) -> Sequence[Device]:
        return self._room.devices(self._shelf.records())

    async def address(self, id: str) -> str:
        workload = self._shelf.find(id).workload
        if workload.kind is not Kind.SERVE:
            raise Unsupported(
                f"{workload.name} has no address.",
                why=f"Its kind is {workload.kind.value}, and only an endpoint has one.",
                next_step="Deploy a class with predict() to have an endpoint.",
            )
        if workload.phase is not Phase.READY:
            raise BackendUnavailable(
                f"{workload.name} has no address now, because it is {workload.phase.value}.",
                next_step="Wait until its phase is Ready.",
            )
        return f"http://{workload.name}.memory.invalid"

    async def close(self) -> None:
        """Nothing is held but the workloads, which go on."""

    # -- within ------------------------------------------------------------------

    def _refuse(self, spec: Spec, secrets: Mapping[str, str]) -> None:
        """Everything that is refused is refused here, before anything exists."""
        kind = kind_of(spec)
        if kind not in self._kinds:
            raise Unsupported(
                f"This backend does not run workloads of the kind {kind.value}.",
                why=f"It runs {', '.join(sorted(self._kinds)) or 'nothing'}.",
                next_step='Choose a backend that does, with cnai.use("local").',
            )
        check_name(spec.name)
        missing = [name for name in spec.secrets if name not in secrets]
        if missing:
            raise InvalidRequest(
                f"The secret {missing[0]} has no value.",
                next_step=f"Set it with: cnai secrets set {missing[0]}",
            )
        self._room.refuse(spec)

    def _fresh(self, spec: Spec) -> Workload:
        train = spec if isinstance(spec, TrainSpec) else None
        return Workload(
            id=self._shelf.next_id(),
            name=spec.name,
            base=spec.name,
            display_name=spec.display_name,
            kind=kind_of(spec),
            phase=Phase.QUEUED,
            backend=self.name,
            place=_PLACE,
            created=self._clock(),
            replicas=tuple(Replica(rank=rank) for rank in range(replicas_of(spec))),
            resources=spec.resources,
            retries=train.retries if train else 0,
            timeout=train.timeout if train else None,
            origin=spec.origin,
            labels=spec.labels,
        )

    def _suspendable(self, id: str) -> Workload:
        workload = self._shelf.find(id).workload
        if not self._suspend:
            raise Unsupported(
                f"{workload.name} cannot be suspended here.",
                why="This backend declares that it cannot suspend.",
                next_step="Stop it, and run it again later.",
            )
        if workload.phase.ended:
            raise InvalidRequest(
                f"{workload.name} has ended: it is {workload.phase.value}.",
                next_step="Run it again; only what runs or waits can be suspended or resumed.",
            )
        return workload

    def _be_here(self) -> None:
        """Note the event loop in which workloads are moved on."""
        self._loop = asyncio.get_running_loop()
        self._take_turns()

    def _line_up(self) -> None:
        super()._line_up()
        self._take_turns()

    def _take_turns(self) -> None:
        if self._play is not None and self._loop is not None and self._turning is not self._loop:
            with contextlib.suppress(RuntimeError):  # a closed loop; the next call brings its own
                self._loop.call_soon_threadsafe(self._turn)
                self._turning = self._loop

    def _turn(self) -> None:
        with self._shelf.lock:
            self._turning = None
            moved = [self._step(record) for record in self._shelf.records()]
            if any(moved):
                self._take_turns()

    def _step(self, record: Record) -> bool:
        """One step of one workload; True when there may be another."""
        assert self._play is not None
        workload = record.workload
        if workload.suspended or workload.phase.ended:
            return False
        if workload.phase in (Phase.QUEUED, Phase.STARTING):
            self.advance(workload.id)
            return record.workload.phase is not workload.phase
        if record.played != workload.attempt:
            record.played = workload.attempt
            record.script = self._play(self, workload.id, record.spec)
        return record.script is not None and self._play_on(workload.id, record, record.script)

    def _play_on(self, id: str, record: Record, script: Iterator[None]) -> bool:
        try:
            next(script)
        except StopIteration:
            record.script = None
        except Exception as error:
            record.script = None
            self.fail(id, message=f"{type(error).__name__}: {error}")
        return True
