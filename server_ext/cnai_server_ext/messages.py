"""Everything that crosses between page and server, beside the values of `cnai_sdk.model`.

Belongs here: frozen shapes, from which the OpenAPI document, the schema of the stream and the types
of the page are made. Never here: how an answer comes about.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cnai_sdk.model.event import LogLine
from cnai_sdk.model.quota import Device, Quota
from cnai_server_ext.answers import (
    Asked,
    Id,
    Job,
    Problem,
    Row,
    Said,
    Serving,
    Source,
    SourceId,
)

Channel = Annotated[str, Meta(min_length=1, max_length=64)]
"""A name that the page gives to one log that it follows."""

# -- the stream: what the server says ---------------------------------------------------


class Hello(Said, frozen=True, kw_only=True, omit_defaults=True, tag="hello", tag_field="type"):
    """The first message on a socket.

    Attributes:
        beat: seconds of silence after which a Beat comes.
        rest_after: seconds without input after which a page closes its socket; 0 is never.
    """

    version: str
    protocol: int
    sources: tuple[Source, ...]
    serving: Serving
    now: float
    beat: float = 10.0
    rest_after: float = 0.0


class SourceChanged(
    Said, frozen=True, kw_only=True, omit_defaults=True, tag="source", tag_field="type"
):
    """A place has come, gone away or come back."""

    source: Source
    now: float


class SourceGone(Said, frozen=True, kw_only=True, omit_defaults=True, tag="gone", tag_field="type"):
    """A place is not watched any more: a cluster that was forgotten."""

    source: SourceId


class ServingChanged(
    Said, frozen=True, kw_only=True, omit_defaults=True, tag="serving", tag_field="type"
):
    """The backend of notebooks to come was switched."""

    serving: Serving


class RowsSnapshot(
    Said, frozen=True, kw_only=True, omit_defaults=True, tag="snapshot", tag_field="type"
):
    """All workloads of a source, newest first; what a page had before is void."""

    source: SourceId
    epoch: str
    seq: int
    rows: tuple[Row, ...]
    now: float


class RowsChange(
    Said, frozen=True, kw_only=True, omit_defaults=True, tag="change", tag_field="type"
):
    """Workloads as they stand now, and ids that are gone, up to and including `seq`."""

    source: SourceId
    epoch: str
    seq: int
    now: float
    rows: tuple[Row, ...] = ()
    deleted: tuple[str, ...] = ()


class QuotaChange(
    Said, frozen=True, kw_only=True, omit_defaults=True, tag="quota", tag_field="type"
):
    """What may be used in one place, and what is left."""

    source: SourceId
    quota: Quota
    now: float
    devices: tuple[Device, ...] = ()


class JobUpdate(Said, frozen=True, kw_only=True, omit_defaults=True, tag="job", tag_field="type"):
    """An opened job, with its row as it is now.

    Attributes:
        whole: everything is here, in place of what came before; at first, and when it has ended.
            Otherwise metrics and events are those that are new, and what is left out stays.
    """

    source: SourceId
    id: str
    job: Job
    now: float
    whole: bool = False


class LogPiece(Said, frozen=True, kw_only=True, omit_defaults=True, tag="lines", tag_field="type"):
    """Lines of a followed log. The next piece comes when this one was acknowledged.

    Attributes:
        number: of the piece, from 1.
        done: the workload has ended, and this is its log's last piece.
    """

    channel: Channel
    number: int
    lines: tuple[LogLine, ...] = ()
    done: bool = False


class NotDone(Said, frozen=True, kw_only=True, omit_defaults=True, tag="refused", tag_field="type"):
    """A message of the page that could not be carried out; the socket stays open."""

    problem: Problem
    channel: str = ""
    source: str = ""
    id: str = ""


class Beat(Said, frozen=True, kw_only=True, omit_defaults=True, tag="beat", tag_field="type"):
    """Nothing has changed, and the server is there; every few seconds."""

    now: float


Spoken = (
    Hello
    | SourceChanged
    | SourceGone
    | ServingChanged
    | RowsSnapshot
    | RowsChange
    | QuotaChange
    | JobUpdate
    | LogPiece
    | NotDone
    | Beat
)
"""Any message from the server."""


# -- the stream: what a page says -------------------------------------------------------


class Position(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to where a page has seen a source's changes."""

    epoch: Annotated[str, Meta(max_length=200)]
    seq: int


class Start(
    Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="start", tag_field="type"
):
    """The first message of a page. Where its positions are still known it gets changes only."""

    positions: Annotated[dict[SourceId, Position], Meta(max_length=1000)] = msgspec.field(
        default_factory=dict
    )


class Look(
    Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="look", tag_field="type"
):
    """The rows that are on the screen: their verdicts and sparks are wanted."""

    source: SourceId
    ids: Annotated[tuple[Id, ...], Meta(max_length=200)]


class Open(
    Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="open", tag_field="type"
):
    """Show all of one job, and its updates from now on."""

    source: SourceId
    id: Id


class Close(
    Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="close", tag_field="type"
):
    """Enough of that job."""

    source: SourceId
    id: Id


class Follow(
    Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="follow", tag_field="type"
):
    """Follow a log.

    Attributes:
        channel: the page's name for it; each name once a socket.
        rank: only this worker, or None for all.
        after: only lines with a greater number.
        tail: or only the last so many lines that exist now, and then all.
    """

    channel: Channel
    source: SourceId
    id: Id
    rank: Annotated[int, Meta(ge=0)] | None = None
    after: Annotated[int, Meta(ge=0)] = 0
    tail: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class Ack(
    Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ack", tag_field="type"
):
    """The page has dealt with a piece; it may have the next."""

    channel: Channel
    number: int


class Unfollow(
    Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="unfollow", tag_field="type"
):
    """Enough of that log."""

    channel: Channel


Heard = Start | Look | Open | Close | Follow | Ack | Unfollow
"""Any message from a page."""
