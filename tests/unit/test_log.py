"""`job.logs()` as it is shown, and what of the log is read for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnai_sdk.logs import Log
from cnai_sdk.model.event import LogLine

LINES = tuple(LogLine(text=f"line {number}", number=number) for number in range(1, 5001))


class Kept:
    """A log, and how much of it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int | None] = []

    def read(self, last: int | None) -> Iterable[Sequence[LogLine]]:
        self.asked.append(last)
        return [LINES if last is None else LINES[-last:]]


def test_shown_it_is_the_end_and_only_that_is_read() -> None:
    kept = Kept()
    shown = repr(Log(kept.read)).splitlines()
    assert shown[0] == "… the last 1,000 lines; print() shows all of them"
    assert (len(shown), shown[1], shown[-1]) == (1001, "line 4001", "line 5000")
    assert kept.asked == [1001]


def test_printed_it_is_all_of_it() -> None:
    assert str(Log(Kept().read)).splitlines() == [line.text for line in LINES]


def test_a_tail_is_shown_whole_and_without_a_remark() -> None:
    kept = Kept()
    assert repr(Log(kept.read, tail=2)) == "line 4999\nline 5000"
    assert kept.asked == [2]
    assert len(Log(kept.read, tail=2)) == 2


def test_what_is_missing_is_said_and_is_no_line() -> None:
    few = Log(lambda last: [LINES[:1]], missing=lambda: ["The oldest lines were dropped."])
    assert repr(few) == str(few) == "… The oldest lines were dropped.\nline 1"
    assert list(few) == ["line 1"]
    assert str(Log(lambda last: [], missing=lambda: ["It went."])) == "… It went."


def test_the_lines_are_read_once() -> None:
    kept = Kept()
    log = Log(kept.read)
    assert len(log) == 5000
    assert log[-1] == "line 5000"
    assert kept.asked == [None]
