"""A verdict: what happened, why, what to do, and the lines that prove it."""

from __future__ import annotations

from typing import Any

import msgspec


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line that proves a verdict.

    Attributes:
        where: its place, such as 'worker 1, line 318' or 'cell [3], line 9'.
        text: the line itself, foreign text.
        root: False for what is only a consequence.
        rank, line: the place in the log, when it is a log line.
    """

    where: str
    text: str
    root: bool = True
    rank: int | None = None
    line: int | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verdict on a workload.

    Attributes:
        id: the catalogue row, such as 'OOM_KILLED'.
        short: at most 32 characters, for rows and notifications.
        happened: one sentence that names the worker.
        why: the reason, in people's words.
        fix: what to do; a change that can be made.
        code: the call that makes it, or ''.
        changes: the keyword arguments for `job.rerun(**changes)` when one button can do it.
        rank: the worker at the root, or None.
        cell: where in the notebook, such as 'cell [3]', or ''.
    """

    id: str
    short: str
    happened: str
    why: str = ""
    fix: str = ""
    code: str = ""
    changes: dict[str, Any] = {}
    evidence: tuple[Evidence, ...] = ()
    rank: int | None = None
    cell: str = ""
