"""The handlers of the REST interface, made from its operations."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.iostream import StreamClosedError

from cnai_sdk.errors import InvalidRequest
from cnai_server_ext import actions, logs, outputs, reading, sentences
from cnai_server_ext.handler import CnaiHandler
from cnai_server_ext.openapi import document
from cnai_server_ext.operation import PLACEHOLDERS, Call, File, Operation
from cnai_server_ext.wire import encode


async def openapi(call: Call) -> dict[str, Any]:
    """What describes all of it."""
    return document(OPERATIONS, version=call.settings["cnai_handshake"]["version"])


OPERATIONS: tuple[Operation, ...] = (
    *reading.OPERATIONS,
    *sentences.OPERATIONS,
    *logs.OPERATIONS,
    *outputs.OPERATIONS,
    *actions.OPERATIONS,
    Operation(
        method="GET",
        path="openapi.json",
        answer=dict,
        summary="This document, as OpenAPI 3.1.",
        call=openapi,
    ),
)
BODY = 64 * 2**10
_PATIENCE = 600.0
_JUPYTERS_OWN = ("no_track_activity", "token", "_xsrf")


@web.stream_request_body
class OperationHandler(CnaiHandler):
    """Answers one address: checks what was asked for, and encodes what is answered."""

    def initialize(self, operations: Mapping[str, Operation]) -> None:
        """Take the operations of the address, by method."""
        self._operations = operations
        self._received = b""

    def update_api_activity(self) -> None:
        """Only what a person does counts; a page also asks by itself."""
        operation = self._operations.get(self.request.method or "")
        if operation is None or operation.counts:
            super().update_api_activity()

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse a body that is too long before it is read."""
        await super().prepare()
        if int(self.request.headers.get("Content-Length", 0)) > BODY:
            raise web.HTTPError(413)

    def data_received(self, chunk: bytes) -> None:
        """Keep what came of the body, or enough of it to see that it is too long."""
        if len(self._received) <= BODY:
            self._received += chunk

    @web.authenticated
    @authorized(action="read")  # type: ignore[untyped-decorator]
    async def get(self, **path: str) -> None:
        """Read."""
        await self._answer("GET", path)

    @web.authenticated
    @authorized(action="execute")  # type: ignore[untyped-decorator]
    async def post(self, **path: str) -> None:
        """Act."""
        await self._answer("POST", path)

    @web.authenticated
    @authorized(action="write")  # type: ignore[untyped-decorator]
    async def put(self, **path: str) -> None:
        """Write."""
        await self._answer("PUT", path)

    async def _answer(self, method: str, path: dict[str, str]) -> None:
        operation = self._operations.get(method)
        if operation is None:
            raise web.HTTPError(405)
        answer = await operation.call(
            Call(
                places=self.settings["cnai"],
                path=_checked_path(path),
                query=self._query(operation),
                body=self._body(operation),
                settings=self.settings,
            )
        )
        self.set_header("Cache-Control", "no-cache" if operation.kept else "no-store")
        if isinstance(answer, File):
            await self._send(answer)
        else:
            self.finish(encode(answer))

    def _query(self, operation: Operation) -> Any:
        given = {
            name: values[-1].decode("utf-8", "replace")
            for name, values in self.request.query_arguments.items()
            # JupyterLab adds the time to each address, so that nothing between answers instead.
            if name not in _JUPYTERS_OWN and not name.isdigit()
        }
        try:
            return msgspec.convert(given, operation.query, strict=False)
        except msgspec.ValidationError as error:
            raise _not_understood("The address", error) from error

    def _body(self, operation: Operation) -> Any:
        if len(self._received) > BODY:
            raise web.HTTPError(413)
        if operation.body is None:
            return None
        try:
            return msgspec.json.decode(self._received, type=operation.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _not_understood("The request", error) from error

    async def _send(self, file: File) -> None:
        """A piece is read when the one before it has left."""
        self.set_header("Content-Type", file.media)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        self.set_header("Content-Disposition", disposition(file.name))
        if file.size is not None:
            self.set_header("Content-Length", str(file.size))
        try:
            async with contextlib.aclosing(file.chunks) as chunks:
                async for data in chunks:
                    self.write(data)
                    async with asyncio.timeout(_PATIENCE):
                        await self.flush()
            self.finish(set_content_type=file.media)
        except StreamClosedError:
            self._finished = True  # the browser has gone
        except BaseException:
            # Half a file must not look like a whole one.
            if self._headers_written:
                self._cut()
            raise

    def _cut(self) -> None:
        self._finished = True
        stream = self.detach()
        stream.close()


def _checked_path(path: dict[str, str]) -> dict[str, str]:
    try:
        return {name: msgspec.convert(each, PLACEHOLDERS[name]) for name, each in path.items()}
    except msgspec.ValidationError as error:
        raise _not_understood("The address", error) from error


def disposition(name: str) -> str:
    """How a browser is told to save a file under a foreign name (RFC 6266).

    >>> disposition('a"b.txt')
    'attachment; filename="a_b.txt"; filename*=UTF-8\\'\\'a%22b.txt'
    """
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    full = quote(name.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{full}"


def _not_understood(what: str, error: Exception) -> InvalidRequest:
    return InvalidRequest(
        f"{what} is not understood.",
        why=str(error)[:300],
        next_step="Reload the page; GET cnai/api/openapi.json describes the interface.",
    )


def operation_routes(root: str) -> Sequence[tuple[str, type[OperationHandler], dict[str, Any]]]:
    """The addresses as tornado wants them, each with its operations."""
    ordered = sorted(OPERATIONS, key=lambda each: each.path)
    return [
        (
            f"{root}/{pattern(path)}",
            OperationHandler,
            {"operations": {each.method: each for each in group}},
        )
        for path, group in groupby(ordered, key=lambda each: each.path)
    ]


def pattern(path: str) -> str:
    """The regular expression of an address.

    >>> pattern("jobs/{source}/log.txt"), pattern("outputs/{path*}")
    ('jobs/(?P<source>[^/]+)/log\\\\.txt', 'outputs/(?P<path>.+)')
    """
    made = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\*", "*")
    made = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", made)
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", made)
