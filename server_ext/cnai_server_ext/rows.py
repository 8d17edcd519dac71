"""All workloads of one source as they stand now, in the order in which they last changed.

Belongs here: which row is newer than a position, and its one encoding. Never here: who reads it.
A reader needs nothing but the number up to which it has seen the rows, so one that has stopped
reading costs nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnai_sdk.model.metric import Number
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload
from cnai_server_ext.answers import Row
from cnai_server_ext.messages import Position
from cnai_server_ext.wire import encode

_DELETED_KEPT = 10_000


@dataclass(slots=True)
class Entry:
    """One workload, what was found out about it, and its encoding.

    Attributes:
        seq: when it last changed, in the order of its `Rows`.
    """

    workload: Workload
    seq: int
    short: str = ""
    spark: tuple[Number, ...] = ()
    _encoded: bytes | None = None

    def row(self) -> Row:
        """As it crosses the wire."""
        return Row(workload=self.workload, short=self.short, spark=self.spark)

    def encoded(self) -> bytes:
        """The same as JSON, made once for all readers."""
        if self._encoded is None:
            self._encoded = encode(self.row())
        return self._encoded

    def changed(self, seq: int) -> None:
        """Take the next number."""
        self.seq, self._encoded = seq, None


class Rows:
    """Keeps the newest state of each workload, and which ids are gone.

    Args:
        deleted_kept: how many deleted ids are remembered; whoever was away for longer needs all.
    """

    def __init__(self, *, deleted_kept: int = _DELETED_KEPT) -> None:
        self.epoch = uuid.uuid4().hex
        self.seq = 0
        self._entries: dict[str, Entry] = {}  # the last to change comes last
        self._gone: dict[str, int] = {}
        self._kept = deleted_kept
        self._floor = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, id: str) -> Entry | None:
        """The entry of a workload that exists."""
        return self._entries.get(id)

    def newest_first(self) -> list[Entry]:
        """All of them, by creation."""
        entries = self._entries.values()
        return sorted(entries, key=lambda e: (e.workload.created, e.workload.id), reverse=True)

    def knows(self, position: Position) -> bool:
        """Whether `since` can tell all that happened after a position."""
        return position.epoch == self.epoch and self._floor <= position.seq <= self.seq

    def since(self, seq: int) -> tuple[list[Entry], list[str]]:
        """What changed after a number that is known, and the ids that are gone."""
        changed = []
        for entry in reversed(self._entries.values()):
            if entry.seq <= seq:
                break
            changed.append(entry)
        gone = []
        for id, number in reversed(self._gone.items()):
            if number <= seq:
                break
            gone.append(id)
        return changed[::-1], gone[::-1]

    # -- changing ----------------------------------------------------------------

    def replace(self, workloads: Sequence[Workload]) -> list[tuple[Workload | None, Workload]]:
        """Take a whole list; only what is different counts as changed.

        Returns:
            What each changed workload was before, or None, and what it is now.
        """
        present = {workload.id for workload in workloads}
        self.remove([id for id in self._entries if id not in present])
        return self.put(reversed(workloads))

    def put(self, workloads: Iterable[Workload]) -> list[tuple[Workload | None, Workload]]:
        """Take workloads as they stand now; returns what each was before, and what it is now."""
        changes: list[tuple[Workload | None, Workload]] = []
        for workload in workloads:
            entry = self._entries.get(workload.id)
            if entry is None:
                self._gone.pop(workload.id, None)
                self.seq += 1
                self._entries[workload.id] = Entry(workload, self.seq)
                changes.append((None, workload))
            elif entry.workload != workload:
                changes.append((entry.workload, workload))
                entry.workload = workload
                if workload.phase is not Phase.FAILED:
                    entry.short = ""
                self._moved(entry)
        return changes

    def remove(self, ids: Iterable[str]) -> None:
        """Workloads that are gone."""
        for id in ids:
            if self._entries.pop(id, None) is not None:
                self.seq += 1
                self._gone[id] = self.seq
        while len(self._gone) > self._kept:
            oldest = next(iter(self._gone))
            self._floor = self._gone.pop(oldest)

    def tell(self, id: str, *, short: str | None = None, spark: Sequence[Number] = ()) -> bool:
        """Add what was found out about a workload; False when that changes nothing."""
        entry = self._entries.get(id)
        if entry is None:
            return False
        news = entry.short if short is None else short, tuple(spark) or entry.spark
        if news == (entry.short, entry.spark):
            return False
        entry.short, entry.spark = news
        self._moved(entry)
        return True

    def _moved(self, entry: Entry) -> None:
        self.seq += 1
        entry.changed(self.seq)
        self._entries[entry.workload.id] = self._entries.pop(entry.workload.id)
