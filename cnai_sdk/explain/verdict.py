"""Makes the verdict: chooses the root, fills its sentences, and lists the lines that prove it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cnai_sdk.explain.catalogue import SHORT, Row, row, rows_for_reason
from cnai_sdk.explain.evidence import aftermath, consequences_of, evidence_for
from cnai_sdk.explain.facts import Facts
from cnai_sdk.explain.findings import Finding, failures, find, groups_of, last_attempt
from cnai_sdk.explain.pages import Page, pages_of, plain
from cnai_sdk.explain.particulars import diverged, finished_early, particulars_of
from cnai_sdk.explain.wording import clipped, filled, last_line, words_of
from cnai_sdk.model.diagnosis import Diagnosis, Evidence
from cnai_sdk.model.event import LOG_GAPS
from cnai_sdk.model.phase import Phase

_OF_AN_IMAGE = 8
_WAITED = ("GLOO_PEER_DIED", "GLOO_HANG", "NCCL_PEER_DIED", "NCCL_WATCHDOG")
_QUICK = 2.0


def diagnose(facts: Facts) -> Diagnosis | None:
    """The verdict on a workload that has ended, or None when nothing is to be said.

    The same facts give the same verdict: there is no clock, no network and no guess in it.
    """
    phase = facts.workload.phase
    pages = pages_of(facts)
    if phase is Phase.FAILED:
        found = find(facts, pages)
        return _verdict(facts, pages, _root(facts, pages, found), found)
    if phase is Phase.SUCCEEDED:
        notable = _notable(facts, pages)
        return _verdict(facts, pages, notable, []) if notable else None
    stuck = None if phase.ended else _by_reason(facts, pages)
    return _verdict(facts, pages, stuck, []) if stuck else None


def diagnose_refusal(text: str, sentence: str = "") -> Diagnosis:
    """The verdict on a request that a cluster refused, from the words of its refusal.

    Args:
        sentence: the same in plain words, where somebody knows them.
    """
    rows = (*rows_for_reason("Refused")[:-1], *rows_for_reason("CreateDenied")[:-1])
    fits = ((each, each.pattern.search(plain(text))) for each in rows if each.pattern)
    found, match = next(((each, match) for each, match in fits if match), (row("REFUSED"), None))
    chosen = msgspec.structs.replace(found, **found.refused)
    groups = groups_of(match) if match else ()
    said = {"said": (sentence or last_line(text)).rstrip(".")}
    return Diagnosis(
        id=chosen.id,
        short=chosen.short,
        happened=filled(chosen.happened, said, groups),
        why=filled(chosen.why, said, groups),
        fix=filled(chosen.fix, said, groups),
        evidence=(Evidence(where="the cluster", text=last_line(text)),),
    )


def _root(facts: Facts, pages: Mapping[int, Page], found: Sequence[Finding]) -> Finding:
    decided = _by_reason(facts, pages)
    if decided is not None:
        return decided
    if not found:
        return _unexplained(facts, pages)
    best = found[0]
    if best.row.id in _WAITED and finished_early(facts):
        return msgspec.structs.replace(best, row=row("UNEVEN_BATCHES"))
    if best.row.id == "EXIT_CODE" and any(e.reason == "DiskFull" for e in facts.events):
        return msgspec.structs.replace(best, row=row("DISK_FULL"))
    return best


def _by_reason(facts: Facts, pages: Mapping[int, Page]) -> Finding | None:
    """What the backend itself saw decides before anything that was printed."""
    reason = facts.workload.reason
    candidates = rows_for_reason(reason)
    if not candidates:
        return None
    ranks = [e.rank for e in last_attempt(facts.events) if e.reason == reason]
    rank = ranks[0] if ranks else None
    for each in candidates:
        for page in pages.values():
            if each.pattern and (match := each.pattern.search(page.text)):
                at = page.line_at(match.start())
                groups = groups_of(match)
                return Finding(row=each, rank=rank, page=page.rank, groups=groups, at=at)
    for told in (_now, _on_the_way):
        for each in candidates:
            for text in told(facts, each):
                if each.pattern and (match := each.pattern.search(plain(text))):
                    return Finding(row=each, rank=rank, groups=groups_of(match))
    return Finding(row=candidates[-1], rank=rank)


def _now(facts: Facts, row: Row) -> list[str]:
    """How the backend says that the workload stands."""
    return [facts.workload.message]


def _on_the_way(facts: Facts, row: Row) -> list[str]:
    """What the backend said in the newest event that proves the row.

    Of an image only the first of several events has the registry's words.
    """
    said = [e.message for e in reversed(last_attempt(facts.events)) if e.reason in row.events]
    return said[: _OF_AN_IMAGE if row.reason == "ImagePull" else 1]


def _notable(facts: Facts, pages: Mapping[int, Page]) -> Finding | None:
    """What a person should know of a workload that succeeded."""
    found = diverged(facts)
    if found is not None:
        rank = found[1].rank
        return Finding(row=row("NAN_LOSS"), rank=rank, at=_first_nan(pages.get(rank)))
    workload = facts.workload
    nothing = not (pages or facts.metrics or workload.metrics)
    read = not any(event.reason in LOG_GAPS for event in facts.events)  # and all of it is there
    silent = facts.left is False and nothing and read
    quick = workload.started and workload.ended and workload.ended - workload.started < _QUICK
    if silent and quick and workload.progress is None:
        return Finding(row=row("NOOP_SUCCESS"), rank=None)
    return None


def _first_nan(page: Page | None) -> int | None:
    pattern = row("NAN_LOSS").pattern
    match = pattern.search(page.text) if page and pattern else None
    return page.line_at(match.start()) if page and match else None


def _unexplained(facts: Facts, pages: Mapping[int, Page]) -> Finding:
    rank, code = next(iter(failures(facts, pages).items()), (None, None))
    return Finding(row=row("UNEXPLAINED"), rank=rank, exit_code=code)


def _verdict(
    facts: Facts, pages: Mapping[int, Page], root: Finding, found: Sequence[Finding]
) -> Diagnosis:
    words = {**words_of(facts, root), **particulars_of(facts, root)}
    chosen = root.row
    consequences = consequences_of(root, found)
    changes = _changes(chosen, words, root.groups)
    return Diagnosis(
        id=chosen.id,
        short=_short(filled(chosen.short, words, root.groups)),
        happened=filled(chosen.happened, words, root.groups),
        why=_why(facts, root, words, consequences),
        fix=filled(chosen.fix, words, root.groups),
        code=filled(chosen.code, words, root.groups) if changes or not chosen.changes else "",
        changes=changes,
        evidence=evidence_for(facts, pages, root, consequences),
        rank=root.rank,
        cell=_cell(root),
    )


def _cell(root: Finding) -> str:
    if root.ended is None:
        return ""
    places = (root.ended.root.place, root.ended.last.place)
    return next((place.file for place in places if place and place.in_cell), "")


def _short(text: str) -> str:
    """At most 32 characters; what stands in parentheses goes first."""
    return clipped(text if len(text) <= SHORT else re.sub(r" \([^()]*\)$", "", text), SHORT)


def _why(
    facts: Facts, root: Finding, words: Mapping[str, str], consequences: Sequence[Finding]
) -> str:
    tries = facts.workload.attempt + 1
    parts = (
        filled(root.row.why, words, root.groups),
        words["raised_by"] if root.ended else "",
        aftermath(root, consequences),
        f"It failed in each of its {tries} attempts." if tries > 1 else "",
    )
    return " ".join(part for part in parts if part)


def _changes(chosen: Row, words: Mapping[str, str], groups: tuple[str, ...]) -> dict[str, Any]:
    """The changes that one button can make; none when one of them is not known."""
    values: dict[str, Any] = {}
    for name, template in chosen.changes.items():
        if isinstance(template, str):
            values[name] = filled(template, words, groups)
        else:
            values[name] = [text for each in template if (text := filled(each, words, groups))]
    return values if all(values.values()) else {}
