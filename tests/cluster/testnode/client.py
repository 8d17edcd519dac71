"""The API server, as the node speaks to it: objects as plain dictionaries, watches that resume."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp

from tests.cluster.testnode.config import Credentials

Object = dict[str, Any]
PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class RefusedError(Exception):
    """The API server said no."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message

    @property
    def passing(self) -> bool:
        """Whether the same may be taken a moment later: it is too busy, or restarts."""
        return self.status == 429 or self.status >= 500


class Client:
    """One connection pool to one API server."""

    def __init__(self, server: str, who: Credentials) -> None:
        context = ssl.create_default_context(cafile=who.ca or None)
        if not who.ca:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if who.certificate:
            context.load_cert_chain(who.certificate, who.key)
        self.server = server
        self._session = aiohttp.ClientSession(
            server,
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            headers={"Authorization": f"Bearer {who.token}"} if who.token else {},
            read_bufsize=2**22,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def get(self, path: str, **params: str) -> Object:
        return await self._ask("GET", path, params=params)

    async def create(self, path: str, body: Object) -> Object:
        return await self._ask("POST", path, body)

    async def patch(self, path: str, body: Object, kind: str = "strategic") -> Object:
        params = {"fieldManager": "testnode", "force": "true"} if kind == "apply" else {}
        return await self._ask("PATCH", path, body, content=PATCHES[kind], params=params)

    async def put(self, path: str, body: Object) -> Object:
        return await self._ask("PUT", path, body)

    async def delete(self, path: str, body: Object | None = None) -> Object:
        return await self._ask("DELETE", path, body)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        content: str = "application/json",
        params: dict[str, str] | None = None,
    ) -> Object:
        async with self._session.request(
            method,
            path,
            params=params or {},
            data=None if body is None else json.dumps(body),
            headers={} if body is None else {"Content-Type": content},
            timeout=aiohttp.ClientTimeout(30),
        ) as reply:
            text = await reply.read()
            if reply.status < 300:
                answer: Object = json.loads(text)
                return answer
            raise _refused(reply.status, text)

    async def watch(self, path: str, version: str, **params: str) -> AsyncIterator[Object]:
        """Events after `version`; ends when the server ends the watch."""
        asked = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            **params,
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with self._session.get(path, params=asked, timeout=timeout) as reply:
            if reply.status >= 300:
                raise _refused(reply.status, await reply.read())
            buffer = b""
            async for chunk in reply.content.iter_any():
                buffer += chunk
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    yield json.loads(line)


def _refused(status: int, text: bytes) -> RefusedError:
    try:
        answer = json.loads(text)
        return RefusedError(status, answer.get("reason", ""), answer.get("message", ""))
    except (ValueError, AttributeError):
        return RefusedError(status, "", text.decode(errors="replace")[:500])


UNREACHABLE = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
