"""Who may run now: first in, first out, as far as the machine has room.

Every supervisor asks for itself. The queue and what is granted live in the index; a grant is worth
as much as the lock of the job that holds it, so whoever waits first looks for holders that died.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from cnai_sdk.backends.local import control
from cnai_sdk.backends.local.index import Index
from cnai_sdk.backends.local.machine import Ask, Capacity, Held, Lease, grant
from cnai_sdk.model.workload import Queued

_LEASE = msgspec.json.Decoder(Lease)
_ENCODE = msgspec.json.Encoder()


class Turn(msgspec.Struct, frozen=True):
    """A row of the queue."""

    id: str
    name: str
    lease: Lease | None


def held_and_waiting(
    db: sqlite3.Connection, is_mine: Callable[[str], bool]
) -> tuple[list[Turn], list[Turn]]:
    """What runs here, and what waits here, in order."""
    rows = db.execute(
        "SELECT t.id, w.name, t.lease, t.host FROM turns t JOIN workloads w ON w.id = t.id"
        " WHERE NOT w.ended ORDER BY t.turn"
    ).fetchall()
    turns = [Turn(id, name, _lease(data)) for id, name, data, host in rows if is_mine(host)]
    return [t for t in turns if t.lease is not None], [t for t in turns if t.lease is None]


def take_turn(
    index: Index, id: str, ask: Ask, capacity: Capacity, is_mine: Callable[[str], bool]
) -> Lease | Queued:
    """A lease when it is this job's turn and there is room; otherwise its place in line."""

    def decide(db: sqlite3.Connection) -> Lease | Queued:
        held, waiting = held_and_waiting(db, is_mine)
        mine = next((t for t in held if t.id == id), None)
        if mine is not None and mine.lease is not None:
            return mine.lease
        place = next((n for n, t in enumerate(waiting, start=1) if t.id == id), 1)
        if place > 1:
            return Queued(position=place, waits_for=waiting[0].name)
        answer = grant(ask, capacity, as_held(held))
        if isinstance(answer, str):
            return Queued(position=1, waits_for=answer)
        db.execute("UPDATE turns SET lease = ? WHERE id = ?", (_ENCODE.encode(answer), id))
        return answer

    return index.transact(decide)


def leave(index: Index, id: str) -> None:
    """Give back what was granted; those who still wait have moved up."""

    def remove(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM turns WHERE id = ?", (id,))

    index.transact(remove)


def first_waiting(index: Index, is_mine: Callable[[str], bool]) -> str | None:
    """The id of the first in line."""
    _, waiting = index.transact(lambda db: held_and_waiting(db, is_mine))
    return waiting[0].id if waiting else None


def nudge_first(index: Index, is_mine: Callable[[str], bool]) -> None:
    """Tell the first in line to ask again."""
    first = first_waiting(index, is_mine)
    if first is not None:
        control.ask(index.folder(first).socket(), {"do": "turn"}, timeout=0.5)


def places(index: Index, is_mine: Callable[[str], bool]) -> dict[str, Queued]:
    """The place in line of every job that waits here; worked out when somebody looks."""
    _, waiting = index.transact(lambda db: held_and_waiting(db, is_mine))
    return {
        turn.id: Queued(position=place, waits_for=waiting[0].name if place > 1 else "")
        for place, turn in enumerate(waiting, start=1)
    }


def as_held(turns: Sequence[Turn]) -> list[Held]:
    """What the machine's rules need to know of those who run."""
    return [Held(name=t.name, lease=t.lease) for t in turns if t.lease is not None]


def _lease(data: bytes | None) -> Lease | None:
    return None if data is None else _LEASE.decode(data)
