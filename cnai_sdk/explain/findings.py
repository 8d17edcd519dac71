"""Finds which rows fit what a failed workload left behind, the best one first."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cnai_sdk.explain.catalogue import Row, row, row_for_exit, rows
from cnai_sdk.explain.facts import Facts
from cnai_sdk.explain.pages import Page, plain
from cnai_sdk.explain.tracebacks import Ended, Raised, read_traceback
from cnai_sdk.model.event import Event

_LEVELS = {"root": 0, "weak": 1, "cascade": 2}
_IN_EXCEPTION, _EXCEPTION, _IN_LINES, _EXIT = range(4)
_TRACEBACK_ENDS = (1, 130, -signal.SIGINT, None)  # a cluster tells 130 as the signal
_ASKED_TO_END = (-signal.SIGTERM, 143, -signal.SIGKILL, 137)
_LAST_LINES = 80
_FALLBACK = "USER_EXCEPTION"
_RAISED = re.compile(r"Worker \d+ raised (([A-Za-z_][\w.]*)(?:: (.*))?)", re.DOTALL)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A row that fits, with what it was found in.

    Attributes:
        tier: how much the place of the find says, 0 the most.
        order: place of its worker in the order of failing.
        page: whose page `at` is in, when it is not the worker's own.
        groups: what the pattern matched, then its groups.
        at: index of the line in the worker's page, or None.
    """

    row: Row
    rank: int | None
    tier: int = _EXIT
    order: int = 0
    page: int | None = None
    groups: tuple[str, ...] = ()
    at: int | None = None
    ended: Ended | None = None
    exit_code: int | None = None

    @property
    def only_ended(self) -> bool:
        """True when all that is known of the worker is that the job itself ended it."""
        return self.tier == _EXIT and self.exit_code in _ASKED_TO_END

    @property
    def follows(self) -> bool:
        """True for what is a consequence when another worker is at the root."""
        return self.row.level != "root" and self.tier != _EXCEPTION

    @property
    def weight(self) -> tuple[int, int, int]:
        """Sorts causes before consequences, then the first worker to fail, then the surest."""
        level = self.row.level if self.follows else "root"
        return (_LEVELS[level], self.order, self.tier)


def find(facts: Facts, pages: Mapping[int, Page]) -> list[Finding]:
    """Every row that fits a failed worker, root before consequence."""
    found: list[Finding] = []
    for order, (rank, code) in enumerate(failures(facts, pages).items()):
        found += _of_worker(facts, rank, code, order, pages.get(rank))
    return sorted(found, key=lambda each: each.weight)


def failures(facts: Facts, pages: Mapping[int, Page]) -> dict[int, int | None]:
    """Failed workers of the last attempt with their exit codes, the first to fail first."""
    ended: dict[int, int | None] = {}
    for event in last_attempt(facts.events):
        decided = event.exit_code is not None or event.reason == facts.workload.reason
        if event.rank is not None and event.warning and decided:
            ended.setdefault(event.rank, event.exit_code)
    for event in last_attempt(facts.events):
        if event.rank is not None and event.reason == "WorkerExited" and event.exit_code:
            ended[event.rank] = event.exit_code
    for replica in facts.workload.replicas:
        if replica.exit_code:
            ended.setdefault(replica.rank, replica.exit_code)
    well = {r.rank for r in facts.workload.replicas if r.exit_code == 0}
    return ended or {rank: None for rank in pages if rank not in well}


def last_attempt(events: Sequence[Event]) -> Sequence[Event]:
    """The events since the last time it was started again.

    `WorkerFailed` names the rank that failed first, before any exit that follows from it.
    """
    last = max((n for n, e in enumerate(events) if e.reason == "Retrying"), default=-1)
    chosen = events[last + 1 :]
    return sorted(chosen, key=lambda event: event.reason != "WorkerFailed")


def groups_of(match: re.Match[str]) -> tuple[str, ...]:
    """What the pattern matched, then its groups."""
    return (match[0], *(group or "" for group in match.groups()))


def _of_worker(
    facts: Facts, rank: int, code: int | None, order: int, page: Page | None
) -> Iterator[Finding]:
    readable = page is not None and code in (*_TRACEBACK_ENDS, *_ASKED_TO_END)
    ended = read_traceback(page.lines, facts.spans) if page and readable else None
    if ended and code == -signal.SIGINT and ended.last.type != "KeyboardInterrupt":
        ended = None  # an exception that it had dealt with before
    base = Finding(row=row("EXIT_CODE"), rank=rank, order=order, ended=ended, exit_code=code)
    if page and ended:
        yield from _in_exception(base, ended)
    elif code in _TRACEBACK_ENDS and (ended := _last_words(facts, rank)):
        known = msgspec.structs.replace(base, ended=ended)
        for each in _in_exception(known, ended):
            yield msgspec.structs.replace(each, at=None)
    printed = list(_in_lines(base, page, every=ended is None)) if page else []
    yield from printed
    if ended is None and code is not None and (order == 0 or code not in _ASKED_TO_END):
        meant = row_for_exit(code)
        if meant and (meant.level == "root" or not printed):
            yield msgspec.structs.replace(base, row=meant)
        elif not printed:
            yield base


def _last_words(facts: Facts, rank: int) -> Ended | None:
    """The exception that a worker itself said it ended with: its log may be gone by then."""
    for event in last_attempt(facts.events):
        about = event.rank == rank and event.reason == "WorkerFailed"
        if about and (match := _RAISED.fullmatch(plain(event.message))):
            said = (match[3] or "").strip()
            kind = match[2].rpartition(".")[2]
            return Ended(last=Raised(type=kind, message=said, text=match[1], frames=(), at=0))
    return None


def _in_exception(base: Finding, ended: Ended) -> Iterator[Finding]:
    matched = [hit for raised in _told(ended) for hit in _rows_in(base, raised)]
    yield from matched[:1]
    if not matched:
        yield msgspec.structs.replace(
            base,
            row=row("INTERRUPTED" if ended.last.type == "KeyboardInterrupt" else _FALLBACK),
            tier=_EXCEPTION,
            at=ended.root.at,
        )


def _told(ended: Ended) -> list[Raised]:
    """The exceptions that say why: the root, then what wraps it; not what was being handled."""
    return list(dict.fromkeys((ended.root, ended.last)))


def _rows_in(base: Finding, raised: Raised) -> Iterator[Finding]:
    for each in rows():
        if each.pattern is None or each.reason or each.id == _FALLBACK:
            continue
        match = each.pattern.search(raised.text)
        if match:
            yield msgspec.structs.replace(
                base,
                row=each,
                tier=_IN_EXCEPTION,
                groups=groups_of(match),
                at=raised.at + raised.text.count("\n", 0, match.start()),
            )


def _in_lines(base: Finding, page: Page, *, every: bool) -> Iterator[Finding]:
    """Rows in the lines themselves; all rows near the end where no exception says more."""
    start = max(len(page.lines) - _LAST_LINES, 0)
    for each in rows():
        if each.pattern is None or not (each.anywhere or (every and not each.reason)):
            continue
        offset = 0 if each.anywhere else page.offset_of(start)
        if match := each.pattern.search(page.text, offset):
            yield msgspec.structs.replace(
                base,
                row=each,
                tier=_IN_LINES,
                groups=groups_of(match),
                at=page.line_at(match.start()),
            )
