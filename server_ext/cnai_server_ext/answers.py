"""The shapes of what is shown and of what REST answers; the stream carries the same.

Belongs here: frozen shapes. Never here: how an answer comes about.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric, Number
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.quota import Device, Fit, Quota
from cnai_sdk.model.spec import DataLink, Resources
from cnai_sdk.model.workload import Workload

Id = Annotated[str, Meta(min_length=1, max_length=200)]
"""A workload's id, unique on its backend."""
SourceId = Annotated[str, Meta(min_length=1, max_length=200)]
"""Which of the places that the server watches: 'local'."""
Ids = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=1000)]


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server says; a page ignores fields that it does not know."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a page asks; a field that the server does not know is a mistake."""


# -- what is shown ---------------------------------------------------------------------


class Problem(Said, frozen=True, kw_only=True, omit_defaults=True):
    """What happened, why, and what to do next."""

    what: str
    why: str = ""
    next_step: str = ""


class Row(Said, frozen=True, kw_only=True, omit_defaults=True):
    """A workload as the list shows it.

    Attributes:
        short: the verdict of a failed one in at most 32 characters, or '' while nobody asked.
        spark: the last values of its first metric, oldest first, at most 24.
    """

    workload: Workload
    short: str = ""
    spark: tuple[Number, ...] = ()


class Source(Said, frozen=True, kw_only=True, omit_defaults=True):
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
    context: str = ""
    namespace: str = ""


class Serving(Said, frozen=True, kw_only=True, omit_defaults=True):
    """Which backend notebooks that start from now on get, and why.

    Attributes:
        why: what chose it: 'default', 'configuration file' or 'CNAI_BACKEND'.
        source: the id of the place that serves, where it is watched.
        fixed: True where the environment decides, so that a switch would change nothing.
        choices: the ids of the places that may be chosen.
    """

    backend: str
    why: str
    source: str = ""
    fixed: bool = False
    choices: tuple[str, ...] = ()


class Sentences(Said, frozen=True, kw_only=True, omit_defaults=True):
    """What the SDK says, in another language.

    Attributes:
        sentences: English to that language, both with fields in braces, such as '{worker}'.
    """

    locale: str
    sentences: dict[str, str] = {}


class Script(Said, frozen=True, kw_only=True, omit_defaults=True):
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


class Job(Said, frozen=True, kw_only=True, omit_defaults=True):
    """All that a page of one job shows, but for its log.

    Attributes:
        metrics: all ranks' reports, oldest first; in an update, those that came since.
        events: oldest first; in an update, those that came since.
        dropped: how many older reports were left out, evenly.
        older_events, more_outputs: how many of them are not here, since there are very many.
    """

    row: Row
    metrics: tuple[Metric, ...] = ()
    events: tuple[Event, ...] = ()
    diagnosis: Diagnosis | None = None
    result: str | None = None
    outputs: tuple[OutputFile, ...] = ()
    folder: str = ""
    dropped: int = 0
    older_events: int = 0
    more_outputs: int = 0


# -- REST ------------------------------------------------------------------------------


class Version(Said, frozen=True, kw_only=True, omit_defaults=True):
    """Of the wheel, and of the messages."""

    version: str
    protocol: int


class Jobs(Said, frozen=True, kw_only=True, omit_defaults=True):
    """All workloads of a source, newest first."""

    source: SourceId
    rows: tuple[Row, ...] = ()


class Sources(Said, frozen=True, kw_only=True, omit_defaults=True):
    """All that the server watches."""

    sources: tuple[Source, ...]
    serving: Serving


class QuotaAnswer(Said, frozen=True, kw_only=True, omit_defaults=True):
    """What may be used in one place, and the GPUs on offer."""

    quota: Quota
    devices: tuple[Device, ...] = ()


class Lines(Said, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a log.

    Attributes:
        first: True when no older line is kept.
        last: True when no newer line was there.
    """

    lines: tuple[LogLine, ...] = ()
    first: bool = False
    last: bool = False


class Matches(Said, frozen=True, kw_only=True, omit_defaults=True):
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


class Act(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Do one thing to workloads of a source.

    Attributes:
        do: what.
        ids: to which.
        changes: for one 'rerun' only: arguments of train() that are different this time.
    """

    do: Literal["stop", "rerun", "delete", "suspend", "resume"]
    ids: Ids
    changes: dict[str, Any] = {}


class Refused(Said, frozen=True, kw_only=True, omit_defaults=True):
    """One workload to which it could not be done."""

    id: str
    problem: Problem


class Acted(Said, frozen=True, kw_only=True, omit_defaults=True):
    """What was done. Of a rerun, `made` are the new workloads, in the order of `done`."""

    done: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    made: tuple[Workload, ...] = ()


class Wished(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether jobs would start; nothing is made.

    Attributes:
        wishes: arguments of fits(), such as 'workers', 'memory' or 'gpu'.
        count: how many such jobs.
    """

    wishes: dict[str, Any] = {}
    count: Any = 1


class Fitting(Said, frozen=True, kw_only=True, omit_defaults=True):
    """Whether they would, and when."""

    fit: Fit


class Choose(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Write where notebooks that start from now on run into the configuration."""

    source: SourceId


class Forget(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a cluster off the list of those that were used; nothing is done to it."""

    source: SourceId
