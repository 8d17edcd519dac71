"""The only HTTP of one cluster.

Belongs here: requests and answers, decoded straight into the type that is asked for; which request
is made again, and when. Never here: what the objects mean, and how the cluster is found.

A read, a patch and a delete may be made twice without harm, so they are made again after a cut or a
server's error, until a deadline. A create may not: `Unreachable.sent` says that the caller has to
look whether it happened. 429 says that nothing was done, and any request waits and tries again.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, Literal, TypeVar, cast, overload

import httpx2
import msgspec

from cnai_sdk.backends.kubernetes.kubeconfig import Target
from cnai_sdk.backends.kubernetes.refusals import (
    Cause,
    Conflict,
    Exists,
    Missing,
    Refused,
    Status,
    Unreachable,
    Unreadable,
    refusal,
    seconds_asked,
    unreachable,
)
from cnai_sdk.backends.kubernetes.transport import client_for

__all__ = [
    "Api",
    "Cause",
    "Conflict",
    "Exists",
    "Listed",
    "Missing",
    "Refused",
    "Unreachable",
    "Unreadable",
    "connect",
]

T = TypeVar("T")
Params = Mapping[str, str | int | bool]
Verb = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]

PAGE = 500
DEADLINE = 30.0
"""Seconds within which a request is made again."""

WATCH_SECONDS = (240, 300)
"""Within so long a watch is asked for anew, so that a peer that died unseen is noticed."""

_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
"""The server never heard of it: nobody was there, or the proxy did not let it through."""

_PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
    "json": "application/json-patch+json",
}


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """A list, and the moment of the cluster's history that it shows."""

    items: list[T]
    resource_version: str


class _PageMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    next: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct, Generic[T]):
    items: list[T] | None = None
    metadata: _PageMeta = msgspec.field(default_factory=_PageMeta)


class _Envelope(msgspec.Struct):
    type: str
    object: msgspec.Raw


@functools.cache
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type)


def connect(target: Target) -> Api:
    """The cluster that a kubeconfig names; nothing is sent yet.

    Raises:
        InvalidRequest: a certificate or a credential of the kubeconfig cannot be used.
    """
    return Api(target, client_for(target))


class Api:
    """One cluster, as one user; in `patience` seconds a request is made again, and no later."""

    def __init__(self, target: Target, http: httpx2.AsyncClient) -> None:
        self.target = target
        self.patience = DEADLINE
        self._http = http
        self._answered = False
        self._turns = asyncio.Semaphore(32)

    def __repr__(self) -> str:
        return f"Api({self.target.server!r})"

    @overload
    async def get(
        self,
        path: str,
        *,
        params: Params | None = None,
        accept: str = "",
        deadline: float = DEADLINE,
    ) -> dict[str, Any]: ...

    @overload
    async def get(
        self,
        path: str,
        *,
        type: type[T],
        params: Params | None = None,
        accept: str = "",
        deadline: float = DEADLINE,
    ) -> T: ...

    async def get(
        self,
        path: str,
        *,
        type: Any = dict,
        params: Params | None = None,
        accept: str = "",
        deadline: float = DEADLINE,
    ) -> Any:
        """One object, or whatever else lies under a path.

        Args:
            type: what it is decoded into; `bytes` takes it as it is.
            accept: the form to ask for, where there are several.
            deadline: seconds within which it is asked for again; 0 asks once.
        """
        body = await self._ask("GET", path, params=params, accept=accept, deadline=deadline)
        return body if type is bytes else self._decode(body, type, path)

    @overload
    async def list(self, path: str, *, params: Params | None = None) -> Listed[dict[str, Any]]: ...

    @overload
    async def list(
        self, path: str, *, type: type[T], params: Params | None = None
    ) -> Listed[T]: ...

    async def list(
        self, path: str, *, type: Any = dict, params: Params | None = None
    ) -> Listed[Any]:
        """Every object under a path, all as of one moment."""
        items: list[Any] = []
        asked = {**(params or {}), "limit": PAGE}
        while True:
            try:
                body = await self._ask("GET", path, params=asked)
            except Refused as error:
                if error.status != 410 or "limit" not in asked:
                    raise
                # The moment is forgotten before its last page was read: all at once, then.
                items, asked = [], dict(params or {})
                continue
            page: _Page[Any] = self._decode(body, _Page[type], path)
            items += page.items or ()
            if not page.metadata.next:
                return Listed(items, page.metadata.resource_version)
            asked["continue"] = page.metadata.next

    async def create(
        self, path: str, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Create an object in the collection under a path, and give what the server made of it.

        Raises:
            Exists: one of that name is there.
            Unreachable: when `sent`, look whether it was created.
        """
        params = {"dryRun": "All"} if dry_run else {}
        answer = await self._ask("POST", path, params=params, body=body, twice=dry_run)
        return self._decode(answer, dict[str, Any], path)

    async def patch(self, path: str, body: Any, *, kind: str = "merge") -> dict[str, Any]:
        """Change an object.

        Args:
            kind: 'merge', 'strategic', 'apply' (server-side, as the owner 'cnai-sdk') or 'json'.
        """
        params: Params = {"fieldManager": "cnai-sdk", "force": "true"} if kind == "apply" else {}
        answer = await self._ask(
            "PATCH", path, params=params, body=body, content=_PATCHES[kind], twice=kind != "json"
        )
        return self._decode(answer, dict[str, Any], path)

    async def delete(
        self,
        path: str,
        *,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace: int | None = None,
    ) -> None:
        """Delete an object. One that is not there is fine, and so is another of its name.

        Args:
            uid: delete only the object that has it.
            grace: seconds that its pods get; its own when None.
        """
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            await self._ask("DELETE", path, body=body)
        except Missing:
            return
        except Conflict:
            if uid is None:
                raise

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Params | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """What comes under a path, as it comes, such as a pod's log.

        Raises:
            Unreachable: while it is read, too: the stream was cut before its end.
        """
        async with self._open(path, params) as response:
            yield self._chunks(response)

    async def watch(
        self,
        path: str,
        *,
        type: type[T],
        params: Params | None = None,
        resource_version: str,
        opened: Callable[[], None] | None = None,
    ) -> AsyncGenerator[tuple[Verb, T], None]:
        """What changes under a path after a moment, until the server ends the watch.

        Args:
            opened: called when the server has taken the watch.

        Raises:
            Refused: with status 410, that moment is forgotten: list again.
        """
        lasts = random.randint(*WATCH_SECONDS)
        asked = {
            **(params or {}),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": lasts,
            "resourceVersion": resource_version,
        }
        async with self._open(path, asked, read=lasts + 30.0) as response:
            if opened is not None:
                opened()
            async for line in _lines(self._chunks(response)):
                event = self._decode(line, _Envelope, path)
                if event.type == "ERROR":
                    body = bytes(event.object)
                    status = self._decode(body, Status, path).code or 500
                    raise refusal(status, body, method="GET", path=path)
                yield event.type, self._decode(event.object, type, path)  # type: ignore[misc]

    async def close(self) -> None:
        """Close every connection; streams end with `Unreachable`."""
        await self._http.aclose()

    # -- requests -------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content: str = "application/json",
        twice: bool | None = None,
        accept: str = "",
        deadline: float = DEADLINE,
    ) -> bytes:
        """An answer's body, after as many tries as the request allows."""
        twice = method in ("GET", "DELETE") if twice is None else twice
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": content}
        if accept:
            headers["Accept"] = accept
        until, tries = time.monotonic() + min(deadline, self.patience), 0
        while True:
            pause = _pause(tries)
            tries += 1
            try:
                async with self._turns:
                    response = await self._http.request(
                        method, path, params=dict(params or {}), content=data, headers=headers
                    )
            except httpx2.HTTPError as error:
                unsent = isinstance(error, _UNSENT)
                failure = self._unreachable(error, sent=not unsent)
                again = self._answered and failure.cause != "certificate" if unsent else twice
                if not again or time.monotonic() + pause > until:
                    raise failure from error
            else:
                self._answered = True
                if response.status_code < 400:
                    return response.content
                status, answer = response.status_code, response.content
                again = status == 429 or (twice and status >= 500)
                asked = seconds_asked(response.headers.get("Retry-After"), answer) if again else 0
                pause = max(pause, asked or 0)
                if not again or time.monotonic() + pause > until:
                    raise refusal(status, answer, method=method, path=path)
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def _open(
        self, path: str, params: Params | None, *, read: float | None = None
    ) -> AsyncIterator[httpx2.Response]:
        timeout = httpx2.Timeout(None, connect=5.0, write=30.0, read=read)
        request = self._http.build_request("GET", path, params=dict(params or {}), timeout=timeout)
        try:
            response = await self._http.send(request, stream=True)
        except httpx2.HTTPError as error:
            raise self._unreachable(error, sent=True) from error
        try:
            self._answered = True
            if response.status_code >= 400:
                answer = b"".join([chunk async for chunk in self._chunks(response)])
                raise refusal(response.status_code, answer, method="GET", path=path)
            yield response
        finally:
            await response.aclose()

    async def _chunks(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise self._unreachable(error, sent=True) from error

    def _unreachable(self, error: Exception, *, sent: bool) -> Unreachable:
        return unreachable(error, server=self.target.server, context=self.target.context, sent=sent)

    def _decode(self, body: bytes | msgspec.Raw, type: type[T], path: str) -> T:
        try:
            found: T = _decoder(cast("Any", type)).decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable(
                f"The answer of {self.target.server} to {path} cannot be read.",
                why=str(error),
                next_step="Check that the address in the kubeconfig is a Kubernetes API server.",
            ) from error
        return found


def _pause(tries: int) -> float:
    """Seconds before the next try, longer each time, and never the same for all clients."""
    return min(0.1 * 2.0**tries, 5.0) * (0.5 + random.random())


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    begun: list[bytes] = []
    async for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            line = b"".join((*begun, part))
            begun.clear()
            if line.strip():
                yield line
        begun.append(rest)
