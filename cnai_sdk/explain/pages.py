"""What each worker printed in the attempt that counts: cleaned, and bounded in every direction.

Whoever prints can print gigabytes, so that no pattern may ever run over all of it.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec

from cnai_sdk.explain.facts import Facts
from cnai_sdk.model.event import LogLine
from cnai_sdk.text import clean

_HEAD_LINES = 300
_TAIL_LINES = 1200
_HEAD_CHARACTERS = 48 * 2**10
_TAIL_CHARACTERS = 192 * 2**10
_LINE = 2000
_SPACES = str.maketrans("\t\n", "  ")


class Page(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One worker's lines, oldest first, without escapes and control characters.

    Attributes:
        numbers: each line's number in the job's log.
    """

    rank: int
    lines: tuple[str, ...]
    numbers: tuple[int, ...]

    @functools.cached_property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)

    @functools.cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.lines)]

    def offset_of(self, line: int) -> int:
        """Offset in the text at which a line begins."""
        return self._starts[line]

    def line_at(self, offset: int) -> int:
        """Index of the line that holds an offset of the text."""
        return min(bisect.bisect_right(self._starts, offset), len(self.lines)) - 1


def pages_of(facts: Facts) -> dict[int, Page]:
    """One page a rank, of the last attempt."""
    chosen = _bounded(_last_attempt(facts))
    ranks = dict.fromkeys(line.rank for line in chosen)
    return {rank: _page(rank, [line for line in chosen if line.rank == rank]) for rank in ranks}


def _last_attempt(facts: Facts) -> list[LogLine]:
    since = max((e.time for e in facts.events if e.reason == "Retrying"), default=0.0)
    return [line for line in facts.lines if not line.time or line.time >= since]


def _bounded(lines: Sequence[LogLine]) -> list[LogLine]:
    head = _within(lines[:_HEAD_LINES], _HEAD_CHARACTERS)
    rest = lines[len(head) :]
    tail = _within(reversed(rest[-_TAIL_LINES:]), _TAIL_CHARACTERS)
    return head + tail[::-1]


def _within(lines: Iterable[LogLine], room: int) -> list[LogLine]:
    kept = []
    for line in lines:
        room -= min(len(line.text), _LINE)
        if room < 0:
            break
        kept.append(line)
    return kept


def _page(rank: int, lines: Sequence[LogLine]) -> Page:
    return Page(
        rank=rank,
        lines=tuple(plain(line.text) for line in lines),
        numbers=tuple(line.number for line in lines),
    )


def plain(text: str) -> str:
    """A bounded line without escapes and control characters."""
    if len(text) > _LINE:
        text = f"{text[: _LINE // 2]} … {text[-_LINE // 2 :]}"
    return clean(text, colours=False).translate(_SPACES)
