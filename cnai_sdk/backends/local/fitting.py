"""Whether a job would start now on this machine, and after how long otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from cnai_sdk.backends.forecast import forecast
from cnai_sdk.backends.local import turns
from cnai_sdk.backends.local.index import Index
from cnai_sdk.backends.local.machine import Ask, Capacity, Held, grant
from cnai_sdk.errors import NotFound
from cnai_sdk.model.quota import Fit
from cnai_sdk.model.spec import TrainSpec


def fit(
    spec: TrainSpec, capacity: Capacity, index: Index, is_mine: Callable[[str], bool], count: int
) -> Fit:
    """Whether so many of a job that the machine could hold would start now.

    Args:
        capacity: of the machine.
        is_mine: whether a host of the store is this machine.
    """
    running, line = index.transact(lambda db: turns.held_and_waiting(db, is_mine))
    ask = Ask(workers=spec.workers, resources=spec.resources)

    held = turns.as_held(running)
    before = list(held)

    def start(wish: Ask, name: str = "") -> Held | None:
        got = grant(wish, capacity, held)
        if isinstance(got, str):
            return None
        held.append(Held(name=name, lease=got))
        return held[-1]

    wishes = ((turn.name, wish_of(index, turn)) for turn in line)
    waiting = [(name, wish) for name, wish in wishes if wish is not None]
    ends: list[tuple[Held, float | None]] = list(
        zip(before, (_ends(index, turn) for turn in running), strict=True)
    )
    while waiting and (soon := start(waiting[0][1][0], waiting[0][0])) is not None:
        ends.append((soon, waiting.pop(0)[1][1]))  # it has room, and starts at any moment
    ahead = [wish for _, wish in waiting]

    fitting = 0
    while not ahead and fitting < count and start(ask) is not None:
        fitting += 1
    if fitting == count:
        return Fit(answer="now", count=count, now=count)
    why = _why(grant(ask, capacity, held)) if not fitting else ""
    seconds = forecast(
        ask, running=ends, ahead=ahead, start=start, end=lambda one: held.remove(one)
    )
    return Fit(
        answer="waits",
        why=why,
        position=len(ahead) + 1,
        seconds=seconds,
        count=count,
        now=fitting,
    )


def _why(answer: object) -> str:
    return answer if isinstance(answer, str) else "those before it have to start first"


def wish_of(index: Index, turn: turns.Turn) -> tuple[Ask, float | None] | None:
    """What somebody in line asks for, and for how many seconds; None for one that comes or goes."""
    try:
        spec = index.folder(turn.id).bare_spec()
    except (FileNotFoundError, msgspec.DecodeError):  # its folder is being filled, or removed
        return None
    lasts = spec.timeout if isinstance(spec, TrainSpec) else None
    workers = spec.workers if isinstance(spec, TrainSpec) else 1
    return Ask(workers=workers, resources=spec.resources), lasts


def _ends(index: Index, turn: turns.Turn) -> float | None:
    """In how many seconds it has to end."""
    try:
        workload = index.get(turn.id)
    except NotFound:
        return 0.0  # it was deleted a moment ago
    if workload.timeout is None:
        return None
    now = time.time()
    return (workload.started or now) + workload.timeout - now
