"""How many messages a page may send: so many a second, and twice as many in a burst."""

from __future__ import annotations

import time
from collections.abc import Callable


class Allowance:
    """Fills at an even rate, and is used up message by message.

    Args:
        rate: messages a second.
        clock: seconds.

    >>> allowance = Allowance(1, clock=lambda: 0.0)
    >>> allowance.take(), allowance.take(), allowance.take()
    (True, True, False)
    """

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left = 2 * rate
        self._looked = clock()

    def take(self) -> bool:
        """Use one; False when none is left."""
        now = self._clock()
        self._left = min(self._left + (now - self._looked) * self._rate, 2 * self._rate)
        self._looked = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
