"""Everything that crosses between page and server, beside the values of `cnai_sdk.model`.

Belongs here: frozen shapes, from which the OpenAPI document, the schema of the stream and the types
of the page are made. Never here: how an answer comes about.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric, Number
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.quota import Device, Quota
from cnai_sdk.model.spec import DataLink, Resources
from cnai_sdk.model.workload import Workload

Id = Annotated[str, Meta(min_length=1, max_length=200)]
"""A workload's id, unique on its backend."""
SourceId = Annotated[str, Meta(min_length=1, max_length=200)]
"""Which of the places that the server watches: 'local'."""
Ids = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=1000)]
Channel = Annotated[str, Meta(min_length=1, max_length=64)]
"""A name that the page gives to one log that it follows."""


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server says; a page ignores fields that it does not know."""


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a page asks; a field that the server does not know is a mistake."""


# -- what is shown ---------------------------------------------------------------------


class Problem(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What happened, why, and what to do next."""

    what: str
    why: str = ""
    next_step: str = ""


class Row(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A workload as the list shows it.

    Attributes:
        short: the verdict of a failed one in at most 32 characters, or '' while nobody asked.
        spark: the last values of its first metric, oldest first, at most 24.
    """

    workload: Workload
    short: str = ""
    spark: tuple[Number, ...] = ()


class Source(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A place that the server watches: one backend, and what it can do.

    Attributes:
        name: the backend's, such as 'local'.
        place: for a person, such as 'this machine'.
        kinds: what it runs.
        problem: why it cannot be watched now, or None.
        since: Unix seconds since when it has been away, with a problem.
    """

    id: str
    name: str
    place: str = ""
    kinds: tuple[str, ...] = ()
    suspend: bool = False
    outputs_as_folder: bool = False
    problem: Problem | None = None
    since: float = 0.0


class Serving(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Which backend notebooks that start from now on get, and why.

    Attributes:
        why: what chose it: 'default', 'configuration file' or 'CNAI_BACKEND'.
        fixed: True where the environment decides, so that a switch would change nothing.
        choices: what may be chosen.
    """

    backend: str
    why: str
    fixed: bool = False
    choices: tuple[str, ...] = ()


class Script(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What runs on every worker, and what came with it.

    Attributes:
        text: the readable script.
        entry: the function.
        files: names of the other files of the payload.
        env, secrets: names of variables; never a value of a secret.
        changes: the arguments of train() that `rerun` takes, as they were.
    """

    text: str
    entry: str = ""
    files: tuple[str, ...] = ()
    data: tuple[DataLink, ...] = ()
    packages: tuple[str, ...] = ()
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    resources: Resources = Resources()
    workers: int = 1


class Job(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """All that a page of one job shows, but for its log.

    Attributes:
        metrics: all ranks' reports, oldest first; in an update, those that came since.
        events: oldest first; in an update, those that came since.
        dropped: how many older reports were left out, evenly.
    """

    row: Row
    metrics: tuple[Metric, ...] = ()
    events: tuple[Event, ...] = ()
    diagnosis: Diagnosis | None = None
    result: str | None = None
    outputs: tuple[OutputFile, ...] = ()
    folder: str = ""
    dropped: int = 0


# -- REST ------------------------------------------------------------------------------


class Version(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Of the wheel, and of the messages."""

    version: str
    protocol: int


class Jobs(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """All workloads of a source, newest first."""

    source: SourceId
    rows: tuple[Row, ...] = ()


class Sources(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """All that the server watches."""

    sources: tuple[Source, ...]
    serving: Serving


class QuotaAnswer(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What may be used in one place, and the GPUs on offer."""

    quota: Quota
    devices: tuple[Device, ...] = ()


class Lines(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a log.

    Attributes:
        first: True when no older line is kept.
        last: True when no newer line was there.
    """

    lines: tuple[LogLine, ...] = ()
    first: bool = False
    last: bool = False


class Matches(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Where a log holds what was searched for.

    Attributes:
        numbers: of lines, oldest first, at most as many as were asked for.
        total: how many lines match in what was read.
        searched: up to which line; the search goes on from there.
        complete: True when the whole log was read.
    """

    numbers: tuple[int, ...] = ()
    total: int = 0
    searched: int = 0
    complete: bool = False


class Act(_Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Do one thing to workloads of a source.

    Attributes:
        do: what.
        ids: to which.
        changes: for one 'rerun' only: arguments of train() that are different this time.
    """

    do: Literal["stop", "rerun", "delete", "suspend", "resume"]
    ids: Ids
    changes: dict[str, Any] = {}


class Refused(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """One workload to which it could not be done."""

    id: str
    problem: Problem


class Acted(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What was done. Of a rerun, `made` are the new workloads, in the order of `done`."""

    done: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    made: tuple[Workload, ...] = ()


class Choose(_Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Write the backend of notebooks that start from now on into the configuration."""

    backend: Annotated[str, Meta(min_length=1, max_length=40)]


# -- the stream: what the server says ---------------------------------------------------


class Hello(_Said, frozen=True, kw_only=True, omit_defaults=True, tag="hello", tag_field="type"):
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
    _Said, frozen=True, kw_only=True, omit_defaults=True, tag="source", tag_field="type"
):
    """A place has come, gone away or come back."""

    source: Source
    now: float


class ServingChanged(
    _Said, frozen=True, kw_only=True, omit_defaults=True, tag="serving", tag_field="type"
):
    """The backend of notebooks to come was switched."""

    serving: Serving


class RowsSnapshot(
    _Said, frozen=True, kw_only=True, omit_defaults=True, tag="snapshot", tag_field="type"
):
    """All workloads of a source, newest first; what a page had before is void."""

    source: SourceId
    epoch: str
    seq: int
    rows: tuple[Row, ...]
    now: float


class RowsChange(
    _Said, frozen=True, kw_only=True, omit_defaults=True, tag="change", tag_field="type"
):
    """Workloads as they stand now, and ids that are gone, up to and including `seq`."""

    source: SourceId
    epoch: str
    seq: int
    now: float
    rows: tuple[Row, ...] = ()
    deleted: tuple[str, ...] = ()


class QuotaChange(
    _Said, frozen=True, kw_only=True, omit_defaults=True, tag="quota", tag_field="type"
):
    """What may be used in one place, and what is left."""

    source: SourceId
    quota: Quota
    now: float
    devices: tuple[Device, ...] = ()


class JobUpdate(_Said, frozen=True, kw_only=True, omit_defaults=True, tag="job", tag_field="type"):
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


class LogPiece(_Said, frozen=True, kw_only=True, omit_defaults=True, tag="lines", tag_field="type"):
    """Lines of a followed log. The next piece comes when this one was acknowledged.

    Attributes:
        number: of the piece, from 1.
        done: the workload has ended, and this is its log's last piece.
    """

    channel: Channel
    number: int
    lines: tuple[LogLine, ...] = ()
    done: bool = False


class NotDone(
    _Said, frozen=True, kw_only=True, omit_defaults=True, tag="refused", tag_field="type"
):
    """A message of the page that could not be carried out; the socket stays open."""

    problem: Problem
    channel: str = ""
    source: str = ""
    id: str = ""


class Beat(_Said, frozen=True, kw_only=True, omit_defaults=True, tag="beat", tag_field="type"):
    """Nothing has changed, and the server is there; every few seconds."""

    now: float


Spoken = (
    Hello
    | SourceChanged
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


class Position(_Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to where a page has seen a source's changes."""

    epoch: Annotated[str, Meta(max_length=200)]
    seq: int


class Start(
    _Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="start", tag_field="type"
):
    """The first message of a page. Where its positions are still known it gets changes only."""

    positions: Annotated[dict[SourceId, Position], Meta(max_length=1000)] = {}


class Look(
    _Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="look", tag_field="type"
):
    """The rows that are on the screen: their verdicts and sparks are wanted."""

    source: SourceId
    ids: Annotated[tuple[Id, ...], Meta(max_length=200)]


class Open(
    _Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="open", tag_field="type"
):
    """Show all of one job, and its updates from now on."""

    source: SourceId
    id: Id


class Close(
    _Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="close", tag_field="type"
):
    """Enough of that job."""

    source: SourceId
    id: Id


class Follow(
    _Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="follow", tag_field="type"
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
    _Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ack", tag_field="type"
):
    """The page has dealt with a piece; it may have the next."""

    channel: Channel
    number: int


class Unfollow(
    _Asked, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="unfollow", tag_field="type"
):
    """Enough of that log."""

    channel: Channel


Heard = Start | Look | Open | Close | Follow | Ack | Unfollow
"""Any message from a page."""
