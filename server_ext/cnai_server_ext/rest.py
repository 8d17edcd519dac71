"""The handlers of the REST interface, made from its operations."""

from __future__ import annotations

import asyncio
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
from cnai_server_ext import actions, logs, outputs, reading
from cnai_server_ext.handler import CnaiHandler
from cnai_server_ext.openapi import document
from cnai_server_ext.operation import Call, File, Operation


async def openapi(call: Call) -> dict[str, Any]:
    """What describes all of it."""
    return document(OPERATIONS, version=call.settings["cnai_handshake"]["version"])


OPERATIONS: tuple[Operation, ...] = (
    *reading.OPERATIONS,
    *logs.OPERATIONS,
    *outputs.OPERATIONS,
    *actions.OPERATIONS,
    Operation(
        method="GET",
        path="openapi.json",
        answer=dict,
        summary="This document.",
        call=openapi,
    ),
)
_BODY = 64 * 2**10
_PATIENCE = 600.0
_NOT_OURS = ("no_track_activity", "token", "_xsrf")
_ENCODER = msgspec.json.Encoder()


class OperationHandler(CnaiHandler):
    """Answers one address: checks what was asked for, and encodes what is answered."""

    def initialize(self, operations: Mapping[str, Operation]) -> None:
        """Take the operations of the address, by method."""
        self._operations = operations

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
                path=path,
                query=self._query(operation),
                body=self._body(operation),
                settings=self.settings,
            )
        )
        if isinstance(answer, File):
            await self._send(answer)
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(_ENCODER.encode(answer))

    def _query(self, operation: Operation) -> Any:
        given = {
            name: values[-1].decode("utf-8", "replace")
            for name, values in self.request.query_arguments.items()
            if name not in _NOT_OURS
        }
        if operation.query is None:
            return None
        try:
            return msgspec.convert(given, operation.query, strict=False)
        except msgspec.ValidationError as error:
            raise _not_understood("The address", error) from error

    def _body(self, operation: Operation) -> Any:
        if operation.body is None:
            return None
        if len(self.request.body) > _BODY:
            raise web.HTTPError(413)
        try:
            return msgspec.json.decode(self.request.body, type=operation.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _not_understood("The request", error) from error

    async def _send(self, file: File) -> None:
        """A piece is read when the one before it has left."""
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        self.set_header("Content-Disposition", disposition(file.name))
        if file.size is not None:
            self.set_header("Content-Length", str(file.size))
        try:
            async for data in file.chunks:
                self.write(data)
                async with asyncio.timeout(_PATIENCE):
                    await self.flush()
        except StreamClosedError:
            return
        self.finish()


def disposition(name: str) -> str:
    """How a browser is told to save a file under a foreign name (RFC 6266).

    >>> disposition('a"b.txt')
    'attachment; filename="a_b.txt"; filename*=UTF-8\\'\\'a%22b.txt'
    """
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


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
