"""At most so many open streams in a process; when more are wanted, they take turns."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

_TURN = 5.0
"""Seconds that a stream may stay open when others wait."""


class TurnOver(Exception):
    """Others wait: go on later from where this stopped."""


class Streams:
    """Hands out turns, to the one that waits longest first.

    Args:
        limit: how many may be open at once.
        turn: seconds after which one must make room when others wait.
    """

    def __init__(self, limit: int = 64, *, turn: float = _TURN) -> None:
        self._limit = limit
        self._turn = turn
        self._open: dict[asyncio.Timeout, float] = {}
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one place inside a `with` block.

        Raises:
            TurnOver: out of the block, when others have waited long enough.
        """
        await self._enter()
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._open[limit] = asyncio.get_running_loop().time()
                self._make_room()
                yield
        except TimeoutError as error:
            if limit.expired():
                raise TurnOver from error
            raise
        finally:
            self._open.pop(limit, None)
            self._leave()

    async def _enter(self) -> None:
        if self._taken < self._limit:
            self._taken += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._make_room()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            else:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(place)
            raise

    def _leave(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._taken -= 1

    def _make_room(self) -> None:
        """The oldest streams end, one for each that waits."""
        for limit, since in list(self._open.items())[: len(self._waiting)]:
            if limit.when() is None and not limit.expired():
                limit.reschedule(since + self._turn)
