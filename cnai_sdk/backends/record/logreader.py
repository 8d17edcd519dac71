"""Reads a log's segments: from a number on, backwards from an end, while it still grows."""

from __future__ import annotations

from pathlib import Path

from cnai_sdk.backends.record.logbook import LONGEST, headers_of, segments
from cnai_sdk.model.event import LogLine


class LogReader:
    """Reads a log that may still grow.

    Args:
        folder: the job's log folder.
        rank: only this worker's lines, or None for all.
        after: only lines with a greater number.
        before: only lines with a smaller number, or None for all.

    Attributes:
        places: how far the sources of what was read have been read, by their names.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rank: int | None = None,
        after: int = 0,
        before: int | None = None,
    ) -> None:
        self._folder = folder
        self._rank = rank
        self._after = after
        self._before = before
        self.places: dict[str, str] = {}
        self._segment: Path | None = None
        self._offset = 0
        self._number = 0

    def read(self, most: int = 2**20) -> list[LogLine]:
        """The next lines, about `most` bytes of them; empty when there is nothing new."""
        found: list[LogLine] = []
        if self._segment is None:
            self._open_first(found)
        while self._segment is not None and not self._is_past():
            data = self._bytes(most)
            used = self._parse(data, found)
            self._offset += used
            if found:
                break
            if used == 0 and not self._open_next(found):
                break
        if self._before is not None:
            return [line for line in found if line.number < self._before]
        return found

    def _is_past(self) -> bool:
        """True when every line to come has a number that is not wanted."""
        return self._before is not None and self._number + 1 >= self._before

    def _open_first(self, found: list[LogLine]) -> None:
        names = segments(self._folder)
        if not names:
            return
        start = names[0]
        for path in names:
            if int(path.name) <= self._after + 1:
                start = path
        self._enter(start, found)

    def _open_next(self, found: list[LogLine]) -> bool:
        names = segments(self._folder)
        later = [path for path in names if self._segment is None or path.name > self._segment.name]
        if not later or self._unread():
            return False
        self._enter(later[0], found)
        return True

    def _unread(self) -> bool:
        try:
            return self._segment is not None and self._segment.stat().st_size > self._offset
        except FileNotFoundError:
            return False

    def _enter(self, segment: Path, found: list[LogLine]) -> None:
        first = int(segment.name)
        gone = first - 1 - max(self._number, self._after)
        if gone > 0:
            text = f"… {gone:,} older lines were dropped, so that the log keeps to its limit"
            found.append(LogLine(text=text, number=first - 1))
        self._segment, self._offset, self._number = segment, 0, first - 1

    def _bytes(self, most: int) -> bytes:
        assert self._segment is not None
        try:
            with self._segment.open("rb") as file:
                file.seek(self._offset)
                return file.read(most + LONGEST * 3)
        except FileNotFoundError:
            return b""

    def _parse(self, data: bytes, found: list[LogLine]) -> int:
        """Whole frames at the start of `data` → lines; how many bytes were used."""
        used = 0
        while not self._is_past():
            end = data.find(b"\n", used)
            if end < 0:
                return used
            rank, stamp, lines, flag, length = data[used + 1 : end].split(b" ")
            stop = end + 1 + int(length)
            if stop > len(data):
                return used
            self._take(int(rank), int(stamp) / 1000, int(lines), flag, data[end + 1 : stop], found)
            used = stop
        return used

    def _take(
        self, rank: int, stamp: float, lines: int, flag: bytes, data: bytes, found: list[LogLine]
    ) -> None:
        if flag == b"@":
            place = data.decode()
            self.places[place.partition(" ")[0]] = place
            return
        first = self._number + 1
        self._number += lines
        if (self._rank is not None and rank != self._rank) or self._number < self._after:
            return
        text = data.decode("utf-8", "replace")
        if flag == b"p":
            found.append(LogLine(text=text, rank=rank, number=first, time=stamp, partial=True))
            return
        for number, line in enumerate(text.split("\n")[:-1], start=first):
            if number > self._after:
                found.append(LogLine(text=line, rank=rank, number=number, time=stamp))


def tail_start(
    folder: Path, lines: int, *, rank: int | None = None, before: int | None = None
) -> int:
    """The `after` from which the last `lines` lines are left, of those before a number.

    Only the headers of frames are looked at, from the last segment backwards.
    """
    found = 0
    for segment in reversed(segments(folder)):
        if before is not None and int(segment.name) >= before:
            continue
        try:
            frames = headers_of(segment.read_bytes(), first=int(segment.name))
        except FileNotFoundError:
            break
        for first, owner, whole, _, _ in reversed(frames):
            count = whole if before is None else max(min(whole, before - first), 0)
            if lines == 0:
                return first + count - 1
            if rank is None or owner == rank:
                found += count
                if found >= lines:
                    return first + found - lines - 1
    return 0
