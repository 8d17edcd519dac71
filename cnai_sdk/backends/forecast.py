"""When something that waits would start, by the deadlines of what runs; pure.

The same for every backend: who holds what and until when, who waits before it, and a rule that says
whether one more may start. Nobody is taken to end before his deadline, so that the answer is the
latest moment, and there is none when the end of something that is needed is not known.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

A = TypeVar("A")
H = TypeVar("H")


def forecast(
    ask: A,
    *,
    running: Iterable[tuple[H, float | None]],
    ahead: Sequence[tuple[A, float | None]],
    start: Callable[[A, Sequence[H]], H | None],
) -> float | None:
    """Seconds until it would start, at most; None when that cannot be known.

    Args:
        running: what is held, and in how many seconds it is given back; None for not known.
        ahead: who waits before it, from the head, and how many seconds each may run.
        start: what one would hold beside those that hold something, or None while it must wait.

    >>> room = lambda ask, held: ask if ask + sum(held) <= 4 else None
    >>> forecast(2, running=[(3, 60.0), (1, None)], ahead=[], start=room)
    60.0
    >>> forecast(2, running=[(3, 60.0)], ahead=[(4, 300.0)], start=room)
    360.0
    >>> forecast(2, running=[(3, None)], ahead=[], start=room) is None
    True
    """
    number = itertools.count()
    ends: list[tuple[float, int, H]] = []
    held: dict[int, H] = {}
    for one, end in running:
        id = next(number)
        held[id] = one
        if end is not None:
            heapq.heappush(ends, (max(end, 0.0), id, one))
    now = 0.0
    waiting: list[tuple[A, float | None]] = [*ahead, (ask, 0.0)]
    for at, (each, lasts) in enumerate(waiting, start=1):
        while (got := start(each, list(held.values()))) is None:
            if not ends:
                return None
            now, gone, _ = heapq.heappop(ends)
            held.pop(gone)
        if at < len(waiting):
            id = next(number)
            held[id] = got
            if lasts is not None:
                heapq.heappush(ends, (now + lasts, id, got))
    return now
