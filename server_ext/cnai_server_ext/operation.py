"""One operation of the REST interface, as data: routes and OpenAPI document come from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cnai_server_ext.answers import Id, SourceId
from cnai_server_ext.places import Places

Answer = Callable[["Call"], Awaitable[Any]]

PLACEHOLDERS: Mapping[str, Any] = {
    "source": SourceId,
    "id": Id,
    "name": Annotated[str, Meta(min_length=1, max_length=200)],
    "path": Annotated[str, Meta(min_length=1, max_length=4096)],
}
"""What may stand in an address."""


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is asked for beyond the address."""


@dataclass(frozen=True, kw_only=True)
class File:
    """An answer that is downloaded, never shown in the server's own origin.

    Attributes:
        name: what the browser offers to call it.
        chunks: its bytes; read no faster than they leave.
        size: bytes, when it is known; as many come, or the connection is cut.
        media: the type of the content.
    """

    name: str
    chunks: AsyncGenerator[bytes]
    size: int | None = None
    media: str = "application/octet-stream"


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
        query, body: the types of what is asked with.
        answer: the type of what is answered; `File` for a download, `dict` for a JSON Schema.
        summary: a sentence.
        call: answers.
        counts: whether it is something that a person does, and so activity of the server.
        media: of a download.
        kept: a browser may keep the answer, and asks each time whether it still holds.
    """

    method: str
    path: str
    answer: Any
    summary: str
    call: Answer
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] | None = None
    counts: bool = True
    media: str = "application/octet-stream"
    kept: bool = False
