"""A way to the API server whose connections can be cut; what goes through is not looked at."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit


class Proxy:
    """Listens on this machine, inside an `async with` block.

    Args:
        server: the API server's URL.

    Attributes:
        cuts: how many connections were cut.
    """

    def __init__(self, server: str) -> None:
        url = urlsplit(server)
        self._to = (url.hostname, url.port)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.cuts = 0

    @property
    def server(self) -> str:
        """The URL to use instead."""
        assert self._server is not None
        return f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Every connection that is open ends at once, in the middle of what it carries."""
        for writer in list(self._open):
            writer.transport.abort()
            self.cuts += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            to_reader, to_writer = await asyncio.open_connection(*self._to)
            self._open.add(writer)
            try:
                await asyncio.gather(_hand(reader, to_writer), _hand(to_reader, writer))
            finally:
                self._open.discard(writer)
                to_writer.transport.abort()
                writer.transport.abort()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()


async def _hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(16384):
        writer.write(data)
        await writer.drain()
    raise ConnectionError
