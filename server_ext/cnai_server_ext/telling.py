"""What a page is told of a source: what is new since what it has seen.

What a page has seen is a number for each source, so one that stops reading costs nothing, and is
told the newest when it goes on. Pages that have seen the same are told by the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec

from cnai_server_ext.answers import Row, Source
from cnai_server_ext.hub import Hub
from cnai_server_ext.messages import (
    Position,
    QuotaChange,
    RowsChange,
    RowsSnapshot,
    SourceChanged,
    Spoken,
)
from cnai_server_ext.rows import Entry
from cnai_server_ext.wire import encode

_FRESH = 0.25
_KEPT = 8


class Seen:
    """What one page knows of one source.

    Args:
        hub: of the source.
        told: what is told of it, shared by its pages.
        source: as the page knows it.
        position: up to where it has seen the rows, when it says that it has.
    """

    def __init__(
        self, hub: Hub, told: Told, *, source: Source | None, position: Position | None = None
    ) -> None:
        self._hub = hub
        self._told = told
        self._source = source
        self._position = position
        self._quota: object = None

    def news(self) -> Iterator[bytes]:
        """The messages that are due; each is made when it is asked for, and then counts as seen."""
        hub = self._hub
        if self._source != hub.source:
            self._source = hub.source
            yield encode(SourceChanged(source=hub.source, now=time.time()))
        if hub.has_rows and (message := self._rows()):
            yield message
        if hub.quota is not None and self._quota is not hub.quota:
            self._quota = hub.quota
            quota, devices = hub.quota
            source = hub.source.id
            yield encode(QuotaChange(source=source, quota=quota, devices=devices, now=time.time()))

    def _rows(self) -> bytes | None:
        rows, before = self._hub.rows, self._position
        self._position = Position(epoch=rows.epoch, seq=rows.seq)
        if before is None or not rows.knows(before):
            return self._told.snapshot()
        return None if before.seq == rows.seq else self._told.change(before.seq)


class Told:
    """The messages of rows, made once for all pages that have seen the same.

    Args:
        hub: whose rows they are.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._made: dict[int | None, tuple[float, bytes]] = {}
        self._seq = 0

    def snapshot(self) -> bytes:
        """All rows."""
        return self._once(None, self._snapshot)

    def change(self, seq: int) -> bytes:
        """What came after a number that the rows know."""
        return self._once(seq, lambda: self._change(seq))

    def _once(self, since: int | None, make: Callable[[], Spoken]) -> bytes:
        rows, now = self._hub.rows, time.monotonic()
        if self._seq != rows.seq:
            self._seq, self._made = rows.seq, {}
        at, message = self._made.get(since, (0.0, b""))
        if not message or now - at > _FRESH:  # it tells the time, too
            at, message = now, encode(make())
            if len(self._made) >= _KEPT:
                self._made = {}
            self._made[since] = at, message
        return message

    def _snapshot(self) -> RowsSnapshot:
        rows = self._hub.rows
        return RowsSnapshot(
            source=self._hub.source.id,
            epoch=rows.epoch,
            seq=rows.seq,
            rows=_encoded(rows.newest_first()),
            now=time.time(),
        )

    def _change(self, seq: int) -> RowsChange:
        rows = self._hub.rows
        changed, gone = rows.since(seq)
        return RowsChange(
            source=self._hub.source.id,
            epoch=rows.epoch,
            seq=rows.seq,
            rows=_encoded(changed),
            deleted=tuple(gone),
            now=time.time(),
        )


def _encoded(entries: Sequence[Entry]) -> tuple[Row, ...]:
    """Rows that are JSON already: each was encoded once, whoever reads it."""
    return cast("tuple[Row, ...]", tuple(msgspec.Raw(entry.encoded()) for entry in entries))
