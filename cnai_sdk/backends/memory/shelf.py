"""The records of all workloads, numbered in the order of their changes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from cnai_sdk.errors import NameInUse, NotFound
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.name import numbered
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Spec
from cnai_sdk.model.workload import Workload


@dataclass(eq=False)
class Record:
    """One workload, and everything that belongs to it.

    Attributes:
        script: what is left of its play, or None.
        played: the attempt that its play was begun for.
        printed: how many whole lines it has printed.
    """

    spec: Spec
    workload: Workload
    script: Iterator[None] | None = None
    played: int = -1
    lines: list[LogLine] = field(default_factory=list)
    printed: int = 0
    events: list[Event] = field(default_factory=list)
    reports: list[Metric] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    result: bytes | None = None


class Shelf:
    """Keeps records; every change takes the next number and wakes whoever waits for one.

    Changes may come from any thread, under `lock`; a waiter is woken in its own event loop.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.epoch = uuid.uuid4().hex
        self.seq = 0
        self.ticks = 0
        self._records: dict[str, Record] = {}
        self._by_change: dict[str, Record] = {}
        self._deleted: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._sleepers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def next_id(self) -> str:
        """An id that no other workload has had."""
        return f"memory-{next(self._ids)}"

    def find(self, id: str) -> Record:
        """One record, or NotFound."""
        with self.lock:
            if id not in self._records:
                raise NotFound(
                    f"There is no workload with the id {id}.",
                    next_step="cnai.jobs() lists the workloads that exist.",
                )
            return self._records[id]

    def records(self) -> list[Record]:
        """All records, oldest first."""
        with self.lock:
            return list(self._records.values())

    def since(self, seq: int) -> tuple[int, tuple[Workload, ...], tuple[str, ...]]:
        """The newest number, what changed in order, and the ids that went, after `seq`."""
        with self.lock:
            newer = itertools.takewhile(
                lambda record: record.workload.seq > seq, reversed(self._by_change.values())
            )
            changed = [record.workload for record in newer]
            gone = tuple(id for id, number in self._deleted.items() if number > seq)
            return self.seq, tuple(reversed(changed)), gone

    def add(self, spec: Spec, workload: Workload) -> Workload:
        """Keep a new workload under a name that is free.

        Raises:
            NameInUse: the caller chose the name, and a workload that has not ended has it.
        """
        with self.lock:
            name = self._free_name(spec.name, spec.named)
            self._records[workload.id] = Record(spec, replace(workload, name=name))
            return self.change(workload.id)

    def change(self, id: str, **fields: Any) -> Workload:
        """Change fields of a workload and publish it."""
        with self.lock:
            record = self.find(id)
            self.seq += 1
            record.workload = replace(record.workload, seq=self.seq, **fields)
            self._by_change.pop(id, None)
            self._by_change[id] = record
            self.wake()
            return record.workload

    def remove(self, id: str) -> None:
        """Forget a workload; its id stays known as deleted."""
        with self.lock:
            del self._records[id]
            self._by_change.pop(id, None)
            self.seq += 1
            self._deleted[id] = self.seq
            self.wake()

    def wake(self) -> None:
        """Tell whoever waits that something is new."""
        with self.lock:
            self.ticks += 1
            sleepers, self._sleepers = self._sleepers, set()
        for loop, event in sleepers:
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there
                loop.call_soon_threadsafe(event.set)

    async def next_tick(self, seen: int) -> None:
        """Return when `ticks` is no longer `seen`."""
        sleeper = (asyncio.get_running_loop(), asyncio.Event())
        with self.lock:
            if self.ticks != seen:
                return
            self._sleepers.add(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            with self.lock:
                self._sleepers.discard(sleeper)

    def _free_name(self, base: str, named: bool) -> str:
        same = [
            r.workload for r in self._records.values() if base in (r.spec.name, r.workload.name)
        ]
        running = [workload for workload in same if not workload.phase.ended]
        if named and running:
            raise NameInUse(
                f"A workload named {base} is {_words(running[-1].phase)}.",
                next_step=f'cnai.job("{base}") attaches to it, cnai.job("{base}").stop() stops it, '
                f'or choose another name, such as name="{numbered(base, len(same) + 1)}".',
            )
        if not same:
            return base
        taken = {record.workload.name for record in self._records.values()}
        return next(n for i in itertools.count(2) if (n := numbered(base, i)) not in taken)


def _words(phase: Phase) -> str:
    return {Phase.QUEUED: "in the queue"}.get(phase, phase.value.lower())
