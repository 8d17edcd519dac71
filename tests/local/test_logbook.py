"""The log's segments and frames: order, numbers, ends, limits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cnai_sdk.backends.record.frames import FrameFilter
from cnai_sdk.backends.record.logbook import LONGEST, LogWriter, segments
from cnai_sdk.backends.record.logreader import LogReader, tail_start
from cnai_sdk.model.event import LogLine
from cnai_sdk.worker.masking import Mask


def read(folder: Path, **options: int) -> list[LogLine]:
    """All lines."""
    reader, found = LogReader(folder, **options), []
    while batch := reader.read():
        found += batch
    return found


def fill(folder: Path, lines: int, *, limit: int = 2**30) -> LogWriter:
    """Lines of two ranks in turns, in chunks that cut lines anywhere."""
    writer = LogWriter(folder, limit)
    text = {r: b"".join(b"rank %d line %d\n" % (r, n) for n in range(lines)) for r in (0, 1)}
    for start in range(0, max(len(t) for t in text.values()), 1000):
        for rank, data in text.items():
            writer.feed(rank, data[start : start + 1000])
    for rank in text:
        writer.finish(rank)
    return writer


def test_every_line_comes_back_once_numbered_in_order(tmp_path: Path) -> None:
    fill(tmp_path, 5000)
    found = read(tmp_path)
    assert [line.number for line in found] == list(range(1, 10001))
    for rank in (0, 1):
        own = [line.text for line in found if line.rank == rank]
        assert own == [f"rank {rank} line {n}" for n in range(5000)]


@pytest.mark.parametrize("rank", [None, 0, 1])
@pytest.mark.parametrize("lines", [0, 1, 3, 999, 200_000])
def test_a_tail_is_the_end_of_the_whole(tmp_path: Path, rank: int | None, lines: int) -> None:
    fill(tmp_path, 150_000)
    assert len(segments(tmp_path)) > 1
    whole = [x for x in read(tmp_path) if rank is None or x.rank == rank]
    after = tail_start(tmp_path, lines, rank=rank)
    got = [x for x in read(tmp_path, after=after) if rank is None or x.rank == rank]
    assert got == (whole[-lines:] if lines else [])


@pytest.mark.parametrize("rank", [None, 0, 1])
@pytest.mark.parametrize("lines", [1, 7, 50_000])
def test_pages_backwards_join_to_the_whole(tmp_path: Path, rank: int | None, lines: int) -> None:
    fill(tmp_path, 100_000 if lines > 1000 else 100)
    whole = [x for x in read(tmp_path) if rank is None or x.rank == rank]
    found: list[LogLine] = []
    before = 10**9
    while page := _page(tmp_path, before=before, lines=lines, rank=rank):
        assert len(page) <= lines
        found[:0] = page
        before = page[0].number
    assert found == whole


def _page(folder: Path, *, before: int, lines: int, rank: int | None) -> list[LogLine]:
    after = tail_start(folder, lines, rank=rank, before=before)
    reader, found = LogReader(folder, rank=rank, after=after, before=before), []
    while batch := reader.read():
        found += batch
    return found


def test_a_page_in_the_middle_reads_no_more_than_its_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 400_000)
    assert len(segments(tmp_path)) > 3
    reader = LogReader(tmp_path, rank=7, after=300_000, before=300_100)
    opened: list[Path] = []
    real = Path.open

    def noted(path: Path, *options: str) -> object:
        opened.append(path)
        return real(path, *options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", noted)
    assert reader.read() == []
    assert 1 <= len(set(opened)) <= 2


def test_the_first_page_of_a_trimmed_log_says_what_was_dropped(tmp_path: Path) -> None:
    fill(tmp_path, 400_000, limit=6 * 2**20)
    first = next(line for line in read(tmp_path) if "dropped" not in line.text)
    page = _page(tmp_path, before=first.number + 2, lines=10, rank=None)
    assert "older lines were dropped" in page[0].text
    assert [line.number for line in page[1:]] == [first.number, first.number + 1]


def test_going_on_after_a_number_neither_repeats_nor_loses(tmp_path: Path) -> None:
    fill(tmp_path, 3000)
    whole = read(tmp_path)
    for after in (1, 777, 5999, 6000):
        assert read(tmp_path, after=after) == whole[after:]


def test_the_oldest_lines_go_with_a_mark_and_numbers_stay(tmp_path: Path) -> None:
    writer = fill(tmp_path, 400_000, limit=6 * 2**20)
    found = read(tmp_path)
    assert writer.trimmed
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= 6 * 2**20
    mark, first = found[0], found[1]
    assert "older lines were dropped" in mark.text
    assert mark.number == first.number - 1
    assert found[-1].number == 800_000


def test_lines_over_the_limit_are_split_and_nothing_of_them_is_lost(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 2**30)
    long = bytes(65 + n % 26 for n in range(5 * LONGEST + 17))
    for start in range(0, len(long), 60_000):
        writer.feed(0, long[start : start + 60_000])
    writer.feed(0, b"\nnext\n")
    found = read(tmp_path)
    assert max(len(line.text) for line in found) <= LONGEST
    assert "".join(line.text for line in found[:-1]) == long.decode()
    assert found[-1].text == "next"


def test_bytes_that_are_not_utf8_are_replaced(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 2**30)
    writer.feed(0, b"caf\xe9 \xff\n")
    assert read(tmp_path)[0].text == "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"


def test_a_secret_is_masked_wherever_a_chunk_cuts_it(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 2**30, mask=Mask(["hunter2secret", "line one\nline two"]))
    for byte in b"it is hunter2secret.\nline one here\n":
        writer.feed(0, bytes([byte]))
    assert [line.text for line in read(tmp_path)] == ["it is ***.", "*** here"]


def test_the_first_piece_of_a_secret_is_not_shown_while_its_line_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LogWriter(tmp_path, 2**30, mask=Mask(["hunter2secret"]))
    clock = time.monotonic
    writer.feed(0, b"login: hunter2")
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 60)
    writer.show_partial()
    assert [(line.text, line.partial) for line in read(tmp_path)] == [("login: ", True)]
    writer.feed(0, b"secret\n")
    assert read(tmp_path)[-1].text == "login: ***"


def test_a_full_disk_loses_lines_and_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    writer = LogWriter(tmp_path, 2**30)
    writer.feed(0, b"before\n")
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    writer.feed(0, b"lost\nlost too\n")
    monkeypatch.setattr(os, "write", real)
    writer.feed(0, b"after\n")
    assert writer.lost == 2
    assert [line.text for line in read(tmp_path)] == ["before", "after"]


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_frames_are_found_wherever_the_pipe_cut_them(size: int) -> None:
    stream = b'one\n\x1ecnai {"a":1}\ntwo \x1e not a frame\npart\x1ecnai {"b":[2]}\nial\n\x1ecn'
    frames, text, found = FrameFilter(), b"", []
    for start in range(0, len(stream), size):
        data, more = frames.feed(stream[start : start + size])
        text += data
        found += more
    assert found == [{"a": 1}, {"b": [2]}]
    assert text + frames.finish() == b"one\ntwo \x1e not a frame\npartial\n\x1ecn"
