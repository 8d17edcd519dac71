"""The catalogue: one row a failure, read from the package's own data.

A row is found by the workload's `reason`, by the code that a worker ended with, or by its pattern
in an exception or in a line of the log. Its sentences are templates: {worker}, {0} and {1} for the
match and its groups, and what `wording` knows ({limit}, {double}, {place} ...).
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files
from typing import Literal

import msgspec

SHORT = 32
"""A row of a list has room for so many characters."""

Level = Literal["root", "weak", "cascade"]
"""A cause; a cause only where no worker has a better one; a consequence of what happened to
another worker or process."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to fail.

    Attributes:
        id: its name, the same in every version.
        short: for rows and notifications, at most 32 characters when filled in.
        match: a pattern, without regard to case, '^' and '$' at every line.
        sample: a text that it was recorded from or written for; the pattern finds it.
        origin: 'recorded' here, from a 'report', or from a project's 'source'.
        anywhere: the pattern counts in any line of a failed worker, not only in the exception
            that ended it.
        reason: the workload's reason that means this row. Such a row's pattern only chooses
            among the rows of that reason, and counts in the log where it counts anywhere.
        events: reasons of events that prove it.
        exits: exit codes that mean this row when the log says nothing better.
        then: what a worker with this row did, said of it when another worker is at the root.
        changes: arguments of `rerun` that one button can set, as templates.
        refused: what of `happened`, `why` and `fix` reads otherwise where the request itself was
            refused: nothing was created, so nothing goes on by itself.
    """

    id: str
    short: str
    happened: str
    why: str = ""
    fix: str = ""
    code: str = ""
    changes: dict[str, str | list[str]] = {}
    match: str = ""
    sample: str = ""
    origin: Literal["recorded", "report", "source", "own"] = "own"
    level: Level = "root"
    anywhere: bool = False
    reason: str = ""
    events: tuple[str, ...] = ()
    exits: tuple[int, ...] = ()
    then: str = "failed too"
    refused: dict[Literal["happened", "why", "fix"], str] = {}

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """The compiled pattern, or None when the row is not found in text."""
        return _compiled(self.match) if self.match else None


@functools.cache
def _compiled(match: str) -> re.Pattern[str]:
    return re.compile(match, re.IGNORECASE | re.MULTILINE)


@functools.cache
def rows() -> tuple[Row, ...]:
    """All rows; where two patterns find the same text, the earlier row is meant."""
    found: list[Row] = []
    for file in sorted(files(__package__).joinpath("rows").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
            found += [msgspec.convert({"id": id} | table, Row) for id, table in tables.items()]
    return tuple(found)


@functools.cache
def row(id: str) -> Row:
    """The row of that id.

    >>> row("OOM_KILLED").reason
    'MemoryExceeded'
    """
    return next(each for each in rows() if each.id == id)


def rows_for_reason(reason: str) -> tuple[Row, ...]:
    """The rows that a workload's reason decides; the last one holds where no pattern fits."""
    return tuple(each for each in rows() if reason and each.reason == reason)


def is_consequence(text: str) -> bool:
    """Whether an exception tells only of what happened to another worker.

    >>> is_consequence("RuntimeError: Connection closed by peer"), is_consequence("ValueError: 7")
    (True, False)
    """
    patterns = (each.pattern for each in rows() if each.level == "cascade")
    return any(pattern.search(text) for pattern in patterns if pattern)


def row_for_exit(code: int) -> Row | None:
    """The row that an exit code suggests, or None."""
    return next((each for each in rows() if code in each.exits), None)
