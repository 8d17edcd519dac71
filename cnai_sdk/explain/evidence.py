"""The lines that prove a verdict: the root's own first, then what followed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnai_sdk.explain.facts import Facts
from cnai_sdk.explain.findings import Finding, last_attempt
from cnai_sdk.explain.pages import Page
from cnai_sdk.explain.tracebacks import Raised
from cnai_sdk.explain.wording import clipped, last_line, place_words
from cnai_sdk.model.diagnosis import Evidence
from cnai_sdk.model.event import LOG_GAPS

_MOST = 6
_MOST_CONSEQUENCES = 3
_LAST_LINES = 2


def consequences_of(root: Finding, found: Sequence[Finding]) -> list[Finding]:
    """The best finding of every other worker that failed."""
    others: dict[int, Finding] = {}
    for each in found:
        if each.rank is not None and each.rank != root.rank and not each.only_ended:
            others.setdefault(each.rank, each)
    return list(others.values())


def aftermath(root: Finding, consequences: Sequence[Finding]) -> str:
    """What the other workers did, so that their louder errors are not taken for the cause."""
    same = [each for each in consequences if _same(root, each)]
    follow = [each for each in consequences if each not in same and each.follows]
    also = [each for each in consequences if each not in same and each not in follow]
    parts = []
    if follow:
        one = len(follow) == 1
        what = "that error is only a consequence" if one else "those errors are only consequences"
        parts.append(f"{_named(follow)} then {_then(follow)}; {what}.")
    if same:
        parts.append(f"{_named(same)} failed in the same way.")
    if also:
        parts.append(f"{_named(also)} then {_then(also)}.")
    return " ".join(parts)


def _same(root: Finding, other: Finding) -> bool:
    if other.row.id != root.row.id or other.row.level == "cascade":
        return False
    mine, theirs = root.ended, other.ended
    return mine is None or theirs is None or mine.root.type == theirs.root.type


def _then(findings: Sequence[Finding]) -> str:
    thens = {each.row.then for each in findings}
    return thens.pop() if len(thens) == 1 else "failed too"


def _named(findings: Sequence[Finding]) -> str:
    ranks = sorted(each.rank for each in findings if each.rank is not None)
    named = ", ".join(str(rank) for rank in ranks[:_MOST])
    more = f" and {len(ranks) - _MOST} more" if len(ranks) > _MOST else ""
    return f"Worker {named}" if len(ranks) == 1 else f"Workers {named}{more}"


def evidence_for(
    facts: Facts, pages: Mapping[int, Page], root: Finding, consequences: Sequence[Finding]
) -> tuple[Evidence, ...]:
    """At most six lines."""
    also = [line for each in consequences for line in _of_consequence(pages, each)]
    also = also[:_MOST_CONSEQUENCES]
    proof = [
        *_of_log(pages, root),
        *_of_exception(root),
        *_of_events(facts, root),
        *_of_gaps(facts),
    ]
    return (*dict.fromkeys(proof[: _MOST - len(also)]), *also)


def _of_log(pages: Mapping[int, Page], root: Finding) -> list[Evidence]:
    whose = root.rank if root.page is None else root.page
    page = pages.get(whose) if whose is not None else None
    if page is None:
        return []
    if root.at is not None:
        return [_line(page, root.at)]
    if root.row.reason:
        return []
    filled = [n for n, text in enumerate(page.lines) if text.strip()]
    return [_line(page, n) for n in filled[-_LAST_LINES:]]


def _of_exception(root: Finding) -> list[Evidence]:
    return _of_place(root.ended.root) if root.ended else []


def _of_place(raised: Raised) -> list[Evidence]:
    place = raised.place
    if place is None or not place.source:
        return []
    return [Evidence(where=place_words(place), text=clipped(place.source))]


def _of_events(facts: Facts, root: Finding) -> list[Evidence]:
    """What the backend saw, where it is more than that a worker ended."""
    proves = {root.row.reason, *root.row.events} - {""}
    unread = root.ended is not None and root.at is None  # what it said of itself is the proof
    ended = root.ended is None and (root.row.exits or root.row.id == "EXIT_CODE")
    if unread or ended:
        proves.add("WorkerFailed")
    seen = [e for e in last_attempt(facts.events) if e.message and e.reason in proves]
    if not seen and root.row.reason and facts.workload.message:
        return [Evidence(where="event", text=last_line(facts.workload.message))]
    return [
        Evidence(
            where="event" if e.rank is None else f"event, worker {e.rank}",
            text=last_line(e.message),
            rank=e.rank,
        )
        for e in seen[:2]
    ]


def _of_gaps(facts: Facts) -> list[Evidence]:
    """What the log lacks: the reason may be in there."""
    gaps = [each.message for each in facts.events if each.reason in LOG_GAPS]
    return [Evidence(where="log", text=last_line(text), root=False) for text in gaps[:1]]


def _of_consequence(pages: Mapping[int, Page], each: Finding) -> list[Evidence]:
    page = pages.get(each.rank) if each.rank is not None else None
    if page is None or each.at is None:
        return []
    return [_line(page, each.at, root=False)]


def _line(page: Page, at: int, *, root: bool = True) -> Evidence:
    number = page.numbers[at]
    return Evidence(
        where=f"worker {page.rank}, line {number:,}",
        text=clipped(page.lines[at].strip()),
        root=root,
        rank=page.rank,
        line=number,
    )
