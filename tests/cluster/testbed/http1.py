"""As much of HTTP/1.1 as a proxy needs: where heads and bodies end; bytes pass as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Streams:
    """Both directions of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Write, and wait while the other side is slow."""
        self.writer.write(data)
        await self.writer.drain()


@dataclass(frozen=True)
class Head:
    """The head of a request or of an answer."""

    raw: bytes
    start: str
    headers: dict[str, str]

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.start.split(" ")[1])

    @property
    def is_answer(self) -> bool:
        """Whether it is no request."""
        return self.start.startswith("HTTP/")

    @property
    def closes(self) -> bool:
        """Whether nothing follows on this connection."""
        return self.headers.get("connection", "").lower() == "close"


async def read_head(streams: Streams) -> Head:
    """The next head.

    Raises:
        EOFError: the connection has ended.
    """
    raw = await streams.reader.readuntil(b"\r\n\r\n")
    start, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":")[::2] for line in lines)
    return Head(raw, start, {name.strip().lower(): text.strip() for name, text in pairs})


async def body_of(
    reader: asyncio.StreamReader, head: Head, *, request: Head | None = None
) -> AsyncIterator[bytes]:
    """The body's bytes as they come, their framing with them.

    Args:
        request: what an answer answers: one to HEAD has no body.
    """
    if head.is_answer and (head.status in (204, 304) or head.status < 200):
        return
    if request is not None and request.start.startswith("HEAD "):
        return
    if "chunked" in head.headers.get("transfer-encoding", ""):
        async for each in _chunks(reader):
            yield each
    elif "content-length" in head.headers:
        left = int(head.headers["content-length"])
        while left:
            data = await reader.read(min(left, _CHUNK))
            if not data:
                raise EOFError
            left -= len(data)
            yield data
    elif head.is_answer:
        while data := await reader.read(_CHUNK):
            yield data


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        yield line + await reader.readexactly(size + 2)
    trailer = line
    while line != b"\r\n":
        line = await reader.readuntil(b"\r\n")
        trailer += line
    yield trailer
