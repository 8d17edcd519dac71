"""Whether something would start, and when, by the deadlines of what runs; pure.

The same for every backend: who holds what and until when, who waits before it, and a rule that says
whether one more may start. Nobody is taken to end before his deadline, so that the answer is the
latest moment, and there is none when the end of something that is needed is not known.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from cnai_sdk.errors import CnaiError
from cnai_sdk.model.quota import Fit

A = TypeVar("A")
H = TypeVar("H")


def forecast(
    ask: A,
    *,
    running: Iterable[tuple[H, float | None]],
    ahead: Sequence[tuple[A, float | None]],
    start: Callable[[A], H | None],
    end: Callable[[H], None],
) -> float | None:
    """Seconds until it would start, at most; None when that cannot be known.

    Args:
        running: what is held, and in how many seconds it is given back; None for not known.
        ahead: who waits before it, from the head, and how many seconds each may run.
        start: take what one needs of what is left, and give what it holds; None when it must wait.
        end: give back what one holds.

    >>> def when(ask, running, ahead=()):
    ...     left = [4 - sum(held for held, _ in running)]
    ...
    ...     def take(amount):
    ...         return left.append(left.pop() - amount) or amount if amount <= left[0] else None
    ...
    ...     def give(amount):
    ...         left.append(left.pop() + amount)
    ...
    ...     return forecast(ask, running=running, ahead=ahead, start=take, end=give)
    >>> when(2, [(3, 60.0), (1, None)]), when(2, [(3, 60.0)], [(4, 300.0)]), when(2, [(3, None)])
    (60.0, 360.0, None)
    """
    number = itertools.count()
    ends: list[tuple[float, int, H]] = [
        (max(until, 0.0), next(number), one) for one, until in running if until is not None
    ]
    heapq.heapify(ends)
    now = 0.0
    for each, lasts in ahead:
        while (got := start(each)) is None:
            if not ends:
                return None
            now, _, gone = heapq.heappop(ends)
            end(gone)
        if lasts is not None:
            heapq.heappush(ends, (now + lasts, next(number), got))
    while start(ask) is None:
        if not ends:
            return None
        now, _, gone = heapq.heappop(ends)
        end(gone)
    return now


def never(refusal: CnaiError, count: int) -> Fit:
    """What is said of so many jobs that a submit would refuse."""
    why = " ".join(part for part in (refusal.what, refusal.why) if part)
    return Fit(answer="never", why=why, next_step=refusal.next_step, count=count)
