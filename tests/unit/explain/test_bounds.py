"""A log is foreign: it may be huge, hostile, or made to slow a pattern down."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable

import msgspec
import pytest

from cnai_sdk.explain import diagnose
from cnai_sdk.explain.catalogue import Row, rows
from cnai_sdk.explain.pages import pages_of
from cnai_sdk.explain.tracebacks import read_traceback
from cnai_sdk.model.event import LogLine
from tests.unit.explain.workloads import failed, raised, verdict

NEAR_MISSES = [
    "a", "0", " ", "'", '"', "(", "\\", "_", "loss", "grad_norm", "loss: ", "exitcode : -9 ",
    "a.b.", "Connection closed by ", "waiting for clients. 1/", "No module named 'a", "ERROR: ",
    "DataLoader worker (pid(s) 1, 2, ", "Timed out waiting 1", "Traceback (most recent",
    "Can't pickle local object '", "mat1 and mat2 shapes cannot be ", "Permission denied",
]  # fmt: skip
LINE = 2000


def seconds(work: Callable[..., object], *arguments: object) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        work(*arguments)
        times.append(time.process_time() - start)
    return min(times)


def grows_evenly(work: Callable[..., object], small: object, four_times: object) -> bool:
    """A square would take sixteen times as long; 10 ms forgive a clock that is disturbed."""
    return seconds(work, four_times) < 9 * seconds(work, small) + 0.01


def all_matches(pattern: re.Pattern[str], text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))


@pytest.mark.parametrize("row", [r for r in rows() if r.pattern], ids=lambda row: row.id)
def test_no_pattern_grows_faster_than_what_it_reads(row: Row) -> None:
    assert row.pattern is not None
    work = functools.partial(all_matches, row.pattern)
    for piece in [*NEAR_MISSES, row.sample[:-1], row.sample[: len(row.sample) // 2]]:
        line = piece * (8 * LINE // len(piece))
        assert grows_evenly(work, line[: 2 * LINE], line), f"{piece} on one line"
        assert grows_evenly(work, f"{line}\n", f"{line}\n" * 4), piece


def test_the_measure_finds_a_pattern_that_grows_as_a_square() -> None:
    square = functools.partial(all_matches, re.compile("a+b"))
    assert not grows_evenly(square, "a" * 2 * LINE, "a" * 8 * LINE)


@pytest.mark.parametrize(
    "piece", ["+-+-", "| ", "  | ", " ", '  File "', "+---", "x: ", "[rank1]: "]
)
def test_reading_tracebacks_does_not_either(piece: str) -> None:
    lines = ["Traceback (most recent call last):", (piece * LINE)[:LINE]]
    assert grows_evenly(read_traceback, lines * 25, lines * 100)


def test_a_hundred_thousand_lines_are_read_at_their_ends_only() -> None:
    lines = tuple(LogLine(text=f"line {n}", number=n) for n in range(1, 100_001))
    page = pages_of(msgspec.structs.replace(failed(), lines=lines))[0]
    assert page.numbers[0] == 1
    assert page.numbers[-1] == 100_000
    assert len(page.lines) < 2000


def test_lines_of_a_megabyte_are_read_at_their_ends_only() -> None:
    lines = tuple(
        LogLine(text="a" * 2**20 + f" end {n}", number=n, rank=n % 2) for n in range(1, 400)
    )
    pages = pages_of(msgspec.structs.replace(failed(), lines=lines))
    assert sum(len(page.text) for page in pages.values()) < 300_000
    assert pages[1].lines[-1].endswith("end 399")


def test_the_cause_at_the_end_of_a_flood_is_found() -> None:
    flood = "\n".join("x" * 500 for _ in range(5000))
    found = verdict([(0, flood), (0, raised("ValueError: bad label 7"))])
    assert found.happened == "Your code raised ValueError in worker 0: bad label 7"


HOSTILE = [
    "\x1b]0;title\x07bad",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil\x07link\x1b]8;;\x07",
    "nul \x00 bell \x07",
    "turned \u202e around",
    "broken \ud800 half",
    "{worker} {0} {no_such_name} {}",
    "%s %(x)s $x",
    "long " + "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_foreign_text_in_a_verdict_is_short_and_commands_no_terminal(text: str) -> None:
    for said in (raised(f"ValueError: {text}"), raised(f"NameError: name '{text}' is not defined")):
        found = verdict([(0, said)], message=text)
        words = [
            found.short,
            found.happened,
            found.why,
            found.fix,
            *(e.text for e in found.evidence),
        ]
        for word in words:
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e" for c in word)
            assert len(word) < 700
        assert len(found.short) <= 32
        assert len(found.evidence) <= 6


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_hostile_message_of_the_backend_is_cleaned_too(text: str) -> None:
    for reason in ("StartFailed", "InstallFailed", "Unheard"):
        found = verdict(reason=reason, message=text, exits={0: None})
        assert not any(ord(c) < 32 for c in found.happened)
        assert len(found.happened) < 300


def test_many_workers_that_fail_leave_six_lines_of_evidence() -> None:
    said = [(n, raised(f"ValueError: {n}")) for n in range(50)]
    found = diagnose(failed(said, exits=dict.fromkeys(range(50), 1)))
    assert found is not None
    assert len(found.evidence) <= 6
    assert "Workers 1, 2, 3, 4, 5, 6 and 43 more failed in the same way." in found.why
