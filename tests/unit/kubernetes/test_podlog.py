"""A pod's log over cuts: every line once, wherever an answer ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnai_sdk.backends.kubernetes.podlog import Place, PodLog
from cnai_sdk.backends.record.logbook import LONGEST

START = 1_800_000_000 * 10**9
MARK = b'\x1ecnai {"metrics":{"loss":0.5},"time":1}'
Lines = list[tuple[int, bytes]]


def answer(lines: Lines, place: Place) -> bytes:
    """What a node sends: the lines from a whole second on, in the order of the file."""
    since = -1
    if place.since:
        since = int(datetime.fromisoformat(place.since).timestamp()) * 10**9
    return b"".join(stamp(at) + b" " + text + b"\n" for at, text in lines if at >= since)


def stamp(moment: int, zone: str = "Z") -> bytes:
    told = datetime.fromtimestamp(moment // 10**9, UTC)
    return f"{told:%Y-%m-%dT%H:%M:%S}.{moment % 10**9:09d}{zone}".encode()


def split(line: bytes) -> bytes:
    """A line as the log book writes it."""
    pieces = [line[at : at + LONGEST] for at in range(0, max(len(line), 1), LONGEST)]
    return b"".join(piece + b"\n" for piece in pieces)


class Reader:
    """What a log book and a metrics file would hold."""

    def __init__(self) -> None:
        self.place = Place()
        self.text = b""
        self.frames: dict[int, Any] = {}

    def take(self, data: bytes, *, chunk: int, end: bool = False) -> PodLog:
        log = PodLog(self.place)
        for at in range(0, len(data), chunk):
            self._keep(log.feed(data[at : at + chunk]))
        if end:
            self._keep(log.finish())
        return log

    def _keep(self, batch: Any) -> None:
        self.place = Place.read(batch.place.text("a"))
        for _, text in batch.lines:
            self.text += b"".join(map(split, text.split(b"\n")[:-1]))
        self.frames |= dict(batch.frames)


TEXTS = st.one_of(
    st.binary(max_size=6).map(lambda text: text.replace(b"\n", b" ")),
    st.just(MARK),
    st.just(b"loss" + MARK),
    st.sampled_from([b"x" * (LONGEST - 1), b"y" * (LONGEST + 3), b"z" * (3 * LONGEST)]),
)
STEPS = st.sampled_from([0, 0, 1, 999, 10**6, 4 * 10**8, 9 * 10**8, 3 * 10**9, -1, -500_000_000])


@st.composite
def logs(draw: st.DrawFn) -> Lines:
    """Lines of two streams: their times are nearly in order."""
    moment, lines = START + draw(st.integers(0, 10**9 - 1)), []
    newest = moment
    for text in draw(st.lists(TEXTS, max_size=12)):
        moment = max(moment + draw(STEPS), newest - 9 * 10**8)
        newest = max(newest, moment)
        lines.append((moment, text))
    return lines


@settings(max_examples=400, deadline=None)
@given(logs(), st.data())
def test_every_line_comes_once_wherever_the_answers_were_cut(
    lines: Lines, data: st.DataObject
) -> None:
    whole = Reader()
    whole.take(answer(lines, Place()), chunk=10**9, end=True)
    cut = Reader()
    for _ in range(data.draw(st.integers(1, 5))):
        printed = lines[: data.draw(st.integers(0, len(lines)))]
        sent = answer(printed, cut.place)
        sent = sent[: data.draw(st.integers(0, len(sent)))]
        cut.take(sent, chunk=data.draw(st.sampled_from([1 + len(sent) // 9, 4096, 10**9])))
    cut.take(answer(lines, cut.place), chunk=10**9, end=True)
    assert cut.text == whole.text
    assert cut.frames == whole.frames
    assert cut.place == whole.place


@settings(max_examples=100, deadline=None)
@given(logs())
def test_a_log_is_its_lines_without_the_frames(lines: Lines) -> None:
    reader = Reader()
    reader.take(answer(lines, Place()), chunk=7919, end=True)
    texts = [text.replace(MARK, b"") if text.endswith(MARK) else text + b"\n" for _, text in lines]
    expected = b"".join(texts)
    assert reader.text.replace(b"\n", b"") == expected.replace(b"\n", b"")
    assert len(reader.frames) == sum(text.endswith(MARK) for _, text in lines)


@pytest.mark.parametrize("position", range(46))
def test_a_cut_at_any_byte_of_a_line_loses_nothing(position: int) -> None:
    lines = [(START + 5, b"first"), (START + 5, b"second"), (START + 6, b"third")]
    reader = Reader()
    reader.take(answer(lines, Place())[: 30 + position], chunk=3)
    reader.take(answer(lines, reader.place), chunk=10**9, end=True)
    assert reader.text == b"first\nsecond\nthird\n"
    assert (reader.place.lines, reader.place.done) == (3, True)


def test_equal_lines_of_one_moment_are_told_apart_by_their_count() -> None:
    lines = [(START, b"same")] * 5
    reader = Reader()
    reader.take(answer(lines[:3], Place()), chunk=10**9)
    reader.take(answer(lines, reader.place), chunk=10**9, end=True)
    assert reader.text == b"same\n" * 5


def test_a_line_that_was_stamped_before_the_newest_is_not_lost_at_a_cut() -> None:
    lines = [(START + 500, b"out"), (START + 400, b"err"), (START + 600, b"out again")]
    reader = Reader()
    reader.take(answer(lines[:1], Place()), chunk=10**9)
    reader.take(answer(lines, reader.place), chunk=10**9, end=True)
    assert reader.text == b"out\nerr\nout again\n"


def test_the_rest_of_a_line_from_before_the_second_asked_for_is_left_out() -> None:
    reader = Reader()
    reader.take(stamp(START) + b" one\n", chunk=10**9)
    log = reader.take(b"end of a long line\n" + stamp(START + 1) + b" two\n", chunk=10**9)
    assert reader.text == b"one\ntwo\n"
    assert log.remark == ""


def test_what_the_node_says_in_the_middle_is_a_remark_and_no_line() -> None:
    reader = Reader()
    said = b"failed to create fsnotify watcher: too many open files"
    log = reader.take(stamp(START) + b" one\n" + said + b"\n", chunk=10**9)
    assert reader.text == b"one\n"
    assert log.remark == said.decode()


def test_a_rotated_log_goes_on_and_is_noticed() -> None:
    reader = Reader()
    reader.take(answer([(START, b"one"), (START + 1, b"two")], Place()), chunk=10**9)
    log = reader.take(answer([(START + 9, b"nine")], reader.place), chunk=10**9)
    assert not log.found
    assert reader.text == b"one\ntwo\nnine\n"


def test_nodes_write_in_their_own_time_zone_and_some_leave_out_zeros() -> None:
    for text in (
        b"2027-01-15T10:00:00.5+02:00",
        b"2027-01-15T08:00:00.5Z",
        b"2027-01-15T08:00:00.500000000Z",
    ):
        batch = PodLog(Place()).feed(text + b" hello\n")
        assert batch.lines == [(1_800_000_000.5, b"hello\n")]
    batch = PodLog(Place()).feed(b"2027-01-15T08:00:00Z hello\n")
    assert batch.lines == [(1_800_000_000.0, b"hello\n")]


def test_a_line_without_an_end_is_held_only_up_to_the_longest() -> None:
    reader = Reader()
    line = stamp(START) + b" " + b"x" * (5 * LONGEST)
    reader.take(line, chunk=1000)
    assert len(reader.text) >= 4 * LONGEST
    reader.take(line + b"tail\n", chunk=1000, end=True)
    assert reader.text.replace(b"\n", b"") == b"x" * (5 * LONGEST) + b"tail"
    assert max(map(len, reader.text.split(b"\n"))) <= LONGEST
