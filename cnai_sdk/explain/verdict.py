"""Makes the verdict: chooses the root, fills its sentences, and lists the lines that prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnai_sdk.explain.catalogue import SHORT, Row, row, row_for_reason, rows
from cnai_sdk.explain.evidence import consequence_sentence, consequences_of, evidence_for
from cnai_sdk.explain.facts import Facts
from cnai_sdk.explain.findings import Finding, failures, find, last_attempt
from cnai_sdk.explain.pages import Page, pages_of
from cnai_sdk.explain.wording import clipped, filled, words_of
from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.phase import Phase


def diagnose(facts: Facts) -> Diagnosis | None:
    """The verdict on a workload that has ended, or None when nothing is to be said.

    The same facts give the same verdict: there is no clock, no network and no guess in it.
    """
    phase = facts.workload.phase
    if phase is Phase.FAILED:
        pages = pages_of(facts)
        found = find(facts, pages)
        return _verdict(facts, pages, _root(facts, pages, found), found)
    return None


def _root(facts: Facts, pages: Mapping[int, Page], found: Sequence[Finding]) -> Finding:
    return _by_reason(facts, pages) or (found[0] if found else _unexplained(facts, pages))


def _by_reason(facts: Facts, pages: Mapping[int, Page]) -> Finding | None:
    """What the backend itself saw decides before anything that was printed."""
    reason = facts.workload.reason
    ranks = [e.rank for e in last_attempt(facts.events) if e.reason == reason]
    rank = ranks[0] if ranks else None
    for each in rows():
        if not reason or each.reason != reason or each.pattern is None:
            continue
        for text, page in [*((p.text, p) for p in pages.values()), (facts.workload.message, None)]:
            if match := each.pattern.search(text):
                groups = (match[0], *(group or "" for group in match.groups()))
                at = page.line_at(match.start()) if page else None
                return Finding(row=each, rank=page.rank if page else rank, groups=groups, at=at)
    plain = row_for_reason(reason)
    return Finding(row=plain, rank=rank) if plain else None


def _unexplained(facts: Facts, pages: Mapping[int, Page]) -> Finding:
    rank, code = next(iter(failures(facts, pages).items()), (None, None))
    return Finding(row=row("UNEXPLAINED"), rank=rank, exit_code=code)


def _verdict(
    facts: Facts, pages: Mapping[int, Page], root: Finding, found: Sequence[Finding]
) -> Diagnosis:
    words = words_of(facts, root)
    chosen = root.row
    consequences = consequences_of(root, found)
    changes = _changes(chosen, words, root.groups)
    place = root.ended.root.place if root.ended else None
    return Diagnosis(
        id=chosen.id,
        short=clipped(filled(chosen.short, words, root.groups), SHORT),
        happened=filled(chosen.happened, words, root.groups),
        why=_why(facts, root, words, consequences),
        fix=filled(chosen.fix, words, root.groups),
        code=filled(chosen.code, words, root.groups) if changes or not chosen.changes else "",
        changes=changes,
        evidence=evidence_for(facts, pages, root, consequences),
        rank=root.rank,
        cell=place.file if place and place.in_cell else "",
    )


def _why(
    facts: Facts, root: Finding, words: Mapping[str, str], consequences: Sequence[Finding]
) -> str:
    tries = facts.workload.attempt + 1
    parts = (
        filled(root.row.why, words, root.groups),
        words["raised_by"] if root.ended else "",
        consequence_sentence(consequences),
        f"It failed in each of its {tries} attempts." if tries > 1 else "",
    )
    return " ".join(part for part in parts if part)


def _changes(chosen: Row, words: Mapping[str, str], groups: tuple[str, ...]) -> dict[str, Any]:
    """The changes that one button can make; none when one of them is not known."""
    values = {name: filled(each, words, groups) for name, each in chosen.changes.items()}
    return values if all(values.values()) else {}
