"""A way to an API server on which requests meet what a test decides: an answer of its own, a delay,
a cut in the middle of a reply. It is a proxy with a certificate of its own, in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.cluster.testbed.certificates import Authority
from tests.cluster.testbed.http1 import Head, Streams, body_of, read_head

_REASONS = {401: "Unauthorized", 429: "TooManyRequests", 500: "InternalError"}


@dataclass(frozen=True)
class Request:
    """One request that came through.

    Attributes:
        path: with its query.
    """

    method: str
    path: str


@dataclass
class Rule:
    """What happens to requests that match.

    Attributes:
        method: a regular expression of methods.
        path: a regular expression that is searched in the path with its query.
        times: how many requests it is for; after them they pass.
        status: answered instead of the API server; 0 asks it.
        asked: the server is asked all the same, and its answer is replaced by `status`.
        headers: of that answer.
        delay: seconds before anything is done.
        after: bytes of the reply's body after which the connection is cut; 0 cuts before the
            server is asked, None not at all.
        lost: the server is asked, and its answer is lost.
        hold: the request waits until this is set.
        meanwhile: is called, and may take its time, before the server is asked; where its answer is
            lost, when it has answered.
        met: requests that met the rule so far.
    """

    method: str = ".*"
    path: str = ""
    times: int = 1 << 30
    status: int = 0
    asked: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    after: int | None = None
    lost: bool = False
    hold: threading.Event | None = None
    meanwhile: Callable[[], object] | None = None
    met: list[Request] = field(default_factory=list)

    def takes(self, request: Request) -> bool:
        """Whether this request meets it; then it is counted."""
        fits = re.fullmatch(self.method, request.method) and re.search(self.path, request.path)
        if not fits or len(self.met) >= self.times:
            return False
        self.met.append(request)
        return True


class Faults:
    """Listens on this machine inside a `with` block.

    Args:
        server: the API server.
        tls: how it is trusted.
        folder: for the proxy's certificate.

    Attributes:
        requests: all that came through, in order.
        certificate: the authority that signs the proxy's.
    """

    def __init__(self, server: str, tls: ssl.SSLContext, folder: Path) -> None:
        url = urlsplit(server)
        self._to, self._tls = (url.hostname or "", url.port or 443), tls
        authority = Authority(folder)
        authority.write("faults", "faults", ["127.0.0.1", "localhost"])
        self.certificate = authority.certificate
        self._own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._own.load_cert_chain(folder / "faults.crt", folder / "faults.key")
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop
        self._port = 0

    @property
    def server(self) -> str:
        """The address to use instead."""
        return f"https://127.0.0.1:{self._port}"

    @contextmanager
    def rule(self, rule: Rule) -> Iterator[Rule]:
        """A rule that holds inside the block; the newest that fits decides."""
        self.rules.insert(0, rule)
        try:
            yield rule
        finally:
            self.rules.remove(rule)
            if rule.hold is not None:
                rule.hold.set()

    def cut(self) -> None:
        """Every connection ends at once, in the middle of what it carries."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._cut, done)
        done.wait()

    def _cut(self, done: threading.Event) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        done.set()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._listen(ready)), daemon=True
        )
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _listen(self, ready: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        found = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._own)
        self._port = found.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        found.close()
        for writer in self._writers:
            writer.transport.abort()

    # -- one connection ---------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        client, upstream = Streams(reader, writer), None
        ends = (OSError, EOFError, _Cut, ssl.SSLError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            while True:
                head = await read_head(client)
                rule = self._meet(head)
                if rule is not None:
                    await _wait(rule)
                if rule is not None and rule.status and not rule.asked:
                    await _answer(client, head, rule)
                    continue
                if rule is not None and rule.after == 0:
                    break
                if upstream is None:
                    upstream = await self._connect()
                if not await _exchange(client, upstream, head, rule):
                    break
        for streams in (client, upstream):
            if streams is not None:
                streams.writer.transport.abort()
                self._writers.discard(streams.writer)

    def _meet(self, head: Head) -> Rule | None:
        request = Request(*head.start.split(" ")[:2])
        self.requests.append(request)
        return next((rule for rule in list(self.rules) if rule.takes(request)), None)

    async def _connect(self) -> Streams:
        reader, writer = await asyncio.open_connection(*self._to, ssl=self._tls)
        self._writers.add(writer)
        return Streams(reader, writer)


class _Cut(Exception):
    """A rule ends the connection here."""


async def _wait(rule: Rule) -> None:
    await asyncio.sleep(rule.delay)
    if rule.hold is not None:
        while not rule.hold.is_set():
            await asyncio.sleep(0.01)
    if rule.meanwhile is not None and not rule.lost:
        await asyncio.to_thread(rule.meanwhile)


async def _answer(client: Streams, head: Head, rule: Rule) -> None:
    """The request is read, and nobody else sees it."""
    async for _ in body_of(client.reader, head):
        pass
    await _say(client, rule)


async def _say(client: Streams, rule: Rule) -> None:
    """In the API server's form."""
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "the test's fault",
        "reason": _REASONS.get(rule.status, "Unknown"),
        "code": rule.status,
    }
    body = json.dumps(status).encode()
    more = {"Content-Type": "application/json", "Content-Length": str(len(body)), **rule.headers}
    lines = [f"HTTP/1.1 {rule.status} Fault", *(f"{name}: {text}" for name, text in more.items())]
    await client.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)


async def _exchange(client: Streams, upstream: Streams, head: Head, rule: Rule | None) -> bool:
    """Hand a request on and its answer back; whether the connection can be used again."""
    await upstream.write(head.raw)
    async for chunk in body_of(client.reader, head):
        await upstream.write(chunk)
    answer = await read_head(upstream)
    if rule is not None and rule.lost:
        if rule.meanwhile is not None:
            await asyncio.to_thread(rule.meanwhile)
        raise _Cut
    if rule is not None and rule.asked:
        async for _ in body_of(upstream.reader, answer, request=head):
            pass
        await _say(client, rule)
        return not (head.closes or answer.closes)
    await client.write(answer.raw)
    if answer.status == 101:
        await asyncio.gather(_relay(client, upstream), _relay(upstream, client))
        return False
    left = rule.after if rule is not None else None
    async for chunk in body_of(upstream.reader, answer, request=head):
        if left is not None:
            await client.write(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                raise _Cut
        else:
            await client.write(chunk)
    return not (head.closes or answer.closes)


async def _relay(source: Streams, target: Streams) -> None:
    while data := await source.reader.read(1 << 16):
        await target.write(data)
    target.writer.close()
