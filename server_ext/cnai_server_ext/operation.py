"""One operation of the REST interface, as data: routes and OpenAPI document come from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cnai_server_ext.places import Places

Answer = Callable[["Call"], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class File:
    """An answer that is downloaded, never shown in the server's own origin.

    Attributes:
        name: what the browser offers to call it.
        chunks: its bytes; read no faster than they leave.
        size: bytes, when it is known.
    """

    name: str
    chunks: AsyncIterator[bytes]
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, checked.

    Attributes:
        path: what stood in the placeholders of the address.
        query, body: of the types that the operation names.
        settings: the server's.
    """

    places: Places
    path: dict[str, str]
    query: Any = None
    body: Any = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one method of one address does.

    Attributes:
        method: 'GET', 'POST' or 'PUT'.
        path: below `cnai/api`, with placeholders: 'jobs/{source}/{id}'; '{path*}' takes slashes.
        query, body: the types of what is asked with, or None.
        answer: the type of what is answered; `File` for a download.
        summary: a sentence.
        call: answers.
    """

    method: str
    path: str
    answer: Any
    summary: str
    call: Answer
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
