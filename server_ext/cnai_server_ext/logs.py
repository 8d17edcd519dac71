"""Logs by HTTP: pages of lines, a search, and the whole as a download."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from cnai_sdk.backends.base import Backend
from cnai_sdk.model.event import LogLine
from cnai_sdk.text import clean
from cnai_server_ext.messages import Lines, Matches
from cnai_server_ext.operation import Call, File, Operation

Number = Annotated[int, Meta(ge=0, le=2**53)]
Rank = Annotated[int, Meta(ge=0, le=100_000)]
_PAGE = 500
_SEARCH_SECONDS = 2.0


class LinesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines.

    Attributes:
        before: the last `count` lines with a smaller number.
        after: the first `count` lines with a greater number; with neither, the end of the log.
        rank: only this worker's.
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
    backend, id, asked = _backend(call), call.path["id"], call.query
    if asked.after is not None:
        return await _forwards(backend, id, asked)
    found = [
        line
        async for batch in backend.logs(id, rank=asked.rank, before=asked.before, tail=asked.count)
        for line in batch
    ]
    whole = sum(not line.partial for line in found)
    return Lines(lines=tuple(found), first=whole < asked.count, last=asked.before is None)


async def _forwards(backend: Backend, id: str, asked: LinesQuery) -> Lines:
    found: list[LogLine] = []
    async for batch in backend.logs(id, rank=asked.rank, after=asked.after or 0):
        found += batch
        if len(found) > asked.count:
            return Lines(lines=tuple(found[: asked.count]), first=asked.after == 0)
    return Lines(lines=tuple(found), first=asked.after == 0, last=True)


async def search(call: Call) -> Matches:
    """Numbers of the lines that hold a text, as far as one looks within two seconds."""
    asked: SearchQuery = call.query
    wanted = asked.text if asked.match_case else asked.text.casefold()
    ends = time.monotonic() + _SEARCH_SECONDS
    numbers: list[int] = []
    total, searched = 0, asked.after
    async for batch in _backend(call).logs(call.path["id"], rank=asked.rank, after=asked.after):
        found = await asyncio.to_thread(_matching, batch, wanted, asked.match_case)
        total += len(found)
        numbers += found[: asked.count - len(numbers)]
        searched = max(searched, batch[-1].number)
        if time.monotonic() > ends:
            return Matches(numbers=tuple(numbers), total=total, searched=searched)
    return Matches(numbers=tuple(numbers), total=total, searched=searched, complete=True)


def _matching(batch: Sequence[LogLine], wanted: str, match_case: bool) -> list[int]:
    found = []
    for line in batch:
        if not line.partial:
            text = clean(line.text, colours=False)
            if wanted in (text if match_case else text.casefold()):
                found.append(line.number)
    return found


async def download(call: Call) -> File:
    """The log as a text file, each line after its worker when there are several."""
    backend, id = _backend(call), call.path["id"]
    workload = await backend.get(id)
    several = len(workload.replicas) > 1 and call.query.rank is None
    return File(name=f"{workload.name}.log", chunks=_text(backend, id, call.query.rank, several))


async def _text(backend: Backend, id: str, rank: int | None, several: bool) -> AsyncIterator[bytes]:
    async for batch in backend.logs(id, rank=rank):
        text = "".join(
            f"{f'{line.rank} | ' if several else ''}{line.text}\n"
            for line in batch
            if not line.partial
        )
        yield text.encode("utf-8", "replace")


def _backend(call: Call) -> Backend:
    return call.places.backend(call.path["source"])


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
        summary="The whole log, to download.",
        call=download,
    ),
)
