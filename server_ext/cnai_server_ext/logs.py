"""Logs by HTTP: pages of lines, a search, and the whole as a download."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from cnai_sdk.model.event import LogLine
from cnai_sdk.text import clean
from cnai_server_ext.answers import Lines, Matches
from cnai_server_ext.operation import Call, File, Operation

Number = Annotated[int, Meta(ge=0, le=2**53)]
Rank = Annotated[int, Meta(ge=0, le=100_000)]
_PAGE = 500
_PAGE_TEXT = 4 * 2**20
_SEARCH_SECONDS = 2.0
_TEXT = "text/plain; charset=utf-8"

_Batches = AsyncGenerator[Sequence[LogLine]]


class LinesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines.

    Attributes:
        before: the last `count` lines with a smaller number.
        after: the first `count` lines with a greater number; with neither, the end of the log.
        rank: only this worker's.
        count: how many at most; fewer come where lines are very long.
    """

    before: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    after: Number | None = None
    rank: Rank | None = None
    count: Annotated[int, Meta(ge=1, le=5_000)] = _PAGE


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to search for.

    Attributes:
        text: as it is, not a pattern.
        after: only lines with a greater number; a search that was cut goes on here.
        match_case: 'A' is not 'a'.
        count: how many numbers of lines are answered at most.
    """

    text: Annotated[str, Meta(min_length=1, max_length=1000)]
    after: Number = 0
    rank: Rank | None = None
    match_case: bool = False
    count: Annotated[int, Meta(ge=1, le=10_000)] = 10_000


class LogQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose lines."""

    rank: Rank | None = None


async def lines(call: Call) -> Lines:
    """One page of a log."""
    asked: LinesQuery = call.query
    return await (_backwards(call, asked) if asked.after is None else _forwards(call, asked))


async def _backwards(call: Call, asked: LinesQuery) -> Lines:
    kept: deque[LogLine] = deque()
    size, cut = 0, False
    async with _log(call, rank=asked.rank, before=asked.before, tail=asked.count) as batches:
        async for batch in batches:
            for line in batch:
                kept.append(line)
                size += len(line.text)
                while size > _PAGE_TEXT and len(kept) > 1:
                    size -= len(kept.popleft().text)
                    cut = True
    whole = sum(not line.partial for line in kept)
    first = not cut and whole < asked.count
    return Lines(lines=tuple(kept), first=first, last=asked.before is None)


async def _forwards(call: Call, asked: LinesQuery) -> Lines:
    found: list[LogLine] = []
    size, first = 0, asked.after == 0
    async with _log(call, rank=asked.rank, after=asked.after, before=asked.before) as batches:
        async for batch in batches:
            for line in batch:
                size += len(line.text)
                if found and (len(found) >= asked.count or size > _PAGE_TEXT):
                    return Lines(lines=tuple(found), first=first)
                found.append(line)
    return Lines(lines=tuple(found), first=first, last=asked.before is None)


async def search(call: Call) -> Matches:
    """Numbers of the lines that hold a text, as far as one looks within two seconds."""
    asked: SearchQuery = call.query
    ends = time.monotonic() + _SEARCH_SECONDS
    numbers: list[int] = []
    total, searched = 0, asked.after
    # The lines of all workers come in bounded pieces; one worker's may be far between.
    async with _log(call, after=asked.after) as batches:
        async for batch in batches:
            whole = [line for line in batch if not line.partial]
            found = await asyncio.to_thread(_matching, whole, asked)
            total += len(found)
            numbers += found[: asked.count - len(numbers)]
            searched = max([searched, *(line.number for line in whole[-1:])])
            if time.monotonic() > ends:
                return Matches(numbers=tuple(numbers), total=total, searched=searched)
    return Matches(numbers=tuple(numbers), total=total, searched=searched, complete=True)


def _matching(lines: Sequence[LogLine], asked: SearchQuery) -> list[int]:
    wanted = asked.text if asked.match_case else asked.text.casefold()
    found = []
    for line in lines:
        if asked.rank in (None, line.rank):
            text = clean(line.text, colours=False)
            if wanted in (text if asked.match_case else text.casefold()):
                found.append(line.number)
    return found


async def download(call: Call) -> File:
    """The log as a text file, each line after its worker when there are several."""
    workload = await call.places.backend(call.path["source"]).get(call.path["id"])
    rank = call.query.rank
    several = len(workload.replicas) > 1 and rank is None
    worker = "" if rank is None else f"-rank{rank}"
    return File(
        name=f"{workload.name}{worker}.log.txt",
        chunks=_text(call, rank, several),
        media=_TEXT,
    )


async def _text(call: Call, rank: int | None, several: bool) -> AsyncGenerator[bytes]:
    async with _log(call, rank=rank) as batches:
        async for batch in batches:
            text = "".join(
                f"{f'{line.rank} | ' if several else ''}{line.text}\n"
                for line in batch
                if not line.partial
            )
            yield text.encode("utf-8", "replace")


def _log(call: Call, **which: Any) -> AbstractAsyncContextManager[_Batches]:
    """The log as the backend gives it, closed at the end."""
    backend = call.places.backend(call.path["source"])
    return aclosing(cast("_Batches", backend.logs(call.path["id"], **which)))


OPERATIONS = (
    Operation(
        method="GET",
        path="jobs/{source}/{id}/lines",
        query=LinesQuery,
        answer=Lines,
        summary="A page of a log: before a line, after one, or the end.",
        call=lines,
    ),
    Operation(
        method="GET",
        path="jobs/{source}/{id}/search",
        query=SearchQuery,
        answer=Matches,
        summary="Numbers of the lines that hold a text.",
        call=search,
    ),
    Operation(
        method="GET",
        path="jobs/{source}/{id}/log.txt",
        query=LogQuery,
        answer=File,
        media=_TEXT,
        summary="The whole log, to download.",
        call=download,
    ),
)
