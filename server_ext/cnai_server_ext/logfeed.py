"""One followed log: pieces that a page must acknowledge, so that a slow one is never flooded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence

from cnai_sdk.backends.base import Backend
from cnai_sdk.model.event import LogLine
from cnai_server_ext.messages import Follow, LogPiece

LINES = 1_000
BYTES = 256 * 2**10

Say = Callable[[LogPiece], Awaitable[None]]


class LogFeed:
    """Reads a log as fast as its page acknowledges; nothing is read ahead but one batch.

    Args:
        backend: whose log it is.
        follow: which log, and from where.
        say: sends a message, and returns when it has left.
        pace: seconds in which the lines of a log that still grows are gathered.
    """

    def __init__(self, backend: Backend, follow: Follow, say: Say, *, pace: float) -> None:
        self._backend = backend
        self._follow = follow
        self._say = say
        self._pace = pace
        self._number = 0
        self._waits = False
        self._acked = asyncio.Event()

    def ack(self, number: int) -> bool:
        """The page has dealt with a piece; False when it is not the one that is waited for."""
        if not self._waits or number != self._number:
            return False
        self._waits = False
        self._acked.set()
        return True

    async def run(self) -> None:
        """Give all pieces; ends after the last one, or when the task is cancelled.

        Raises:
            CnaiError: there is no such log, or it cannot be read now.
        """
        async with _lines(self._backend, self._follow) as batches:
            async for batch in batches:
                for piece in pieces(batch):
                    await self._give(piece)
        await self._piece((), done=True)

    async def _give(self, lines: Sequence[LogLine]) -> None:
        self._acked.clear()
        self._waits = True
        await self._piece(lines)
        await self._acked.wait()
        if len(lines) < LINES:
            await asyncio.sleep(self._pace)

    async def _piece(self, lines: Sequence[LogLine], *, done: bool = False) -> None:
        self._number += 1
        channel = self._follow.channel
        await self._say(
            LogPiece(channel=channel, number=self._number, lines=tuple(lines), done=done)
        )


def pieces(lines: Sequence[LogLine]) -> Iterator[Sequence[LogLine]]:
    """Lines in portions of at most `LINES`, and `BYTES` of text; one long line is a piece.

    >>> [len(piece) for piece in pieces([LogLine(text="x")] * 2500)]
    [1000, 1000, 500]
    """
    start = size = 0
    for place, line in enumerate(lines):
        length = len(line.text.encode("utf-8", "replace"))
        if place > start and (place - start >= LINES or size + length > BYTES):
            yield lines[start:place]
            start, size = place, 0
        size += length
    if start < len(lines):
        yield lines[start:]


@contextlib.asynccontextmanager
async def _lines(backend: Backend, of: Follow) -> AsyncIterator[AsyncIterator[Sequence[LogLine]]]:
    """The log as the backend gives it, closed at the end."""
    batches = backend.logs(of.id, rank=of.rank, after=of.after, tail=of.tail, follow=True)
    try:
        yield batches
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()
