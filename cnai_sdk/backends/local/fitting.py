"""Whether a job would start now on this machine, and after how long otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cnai_sdk.backends.forecast import forecast
from cnai_sdk.backends.local import turns
from cnai_sdk.backends.local.index import Index
from cnai_sdk.backends.local.machine import Ask, Capacity, Held, grant
from cnai_sdk.errors import NotFound
from cnai_sdk.model.quota import Fit
from cnai_sdk.model.spec import Spec, TrainSpec


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

    def start(wish: Ask, held: Sequence[Held]) -> Held | None:
        got = grant(wish, capacity, held)
        return None if isinstance(got, str) else Held(name="", lease=got)

    held = turns.as_held(running)
    known = len(held)
    while not line and len(held) - known < count and (got := start(ask, held)) is not None:
        held.append(got)
    fitting = len(held) - known
    if fitting == count:
        return Fit(answer="now", count=count, now=count)
    seconds = forecast(
        ask,
        running=[
            *zip(held[:known], (_ends(index, turn) for turn in running), strict=True),
            *((each, None) for each in held[known:]),
        ],
        ahead=[_wish(index.folder(turn.id).bare_spec()) for turn in line],
        start=start,
    )
    return Fit(
        answer="waits",
        why=_why(grant(ask, capacity, held)) if not fitting else "",
        position=len(line) + 1,
        seconds=seconds,
        count=count,
        now=fitting,
    )


def _why(answer: object) -> str:
    return answer if isinstance(answer, str) else "those before it have to start first"


def _wish(spec: Spec) -> tuple[Ask, float | None]:
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
