"""What the workers print: segments of frames, so that old lines can go and the end opens at once.

A frame is a header line and bytes as they came: `\\x1e<rank> <ms> <lines> <flag> <length>\\n`. Its
bytes are whole lines, or, with the flag 'p', a line without its newline yet. A segment's name is
the number of its first line.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from cnai_sdk.backends.local.mask import Mask
from cnai_sdk.model.event import LogLine

SEGMENT = 4 * 2**20
LONGEST = 64 * 2**10
_PARTIAL_AFTER = 0.2
_PARTIAL_LONGEST = 2 * 2**10


class LogWriter:
    """Writes what comes from the ranks' pipes.

    Args:
        folder: the job's log folder.
        limit: bytes to keep; the oldest segments beyond it are removed.
        mask: takes secrets out of what is written.
    """

    def __init__(self, folder: Path, limit: int, *, mask: Mask | None = None) -> None:
        self._folder = folder
        self._limit = limit
        self._segment = min(SEGMENT, max(limit // 4, LONGEST))
        self._next = 1
        self._size = 0
        self._descriptor = -1
        self._mask = mask or Mask()
        self._rest: dict[int, bytes] = {}
        self._rest_since: dict[int, float] = {}
        self._shown: dict[int, bytes] = {}
        self.trimmed = False
        self.lost = 0

    @property
    def lines(self) -> int:
        """How many whole lines were written."""
        return self._next - 1

    def feed(self, rank: int, data: bytes) -> None:
        """Take bytes from a rank; whole lines are written, the rest waits."""
        rest = self._rest.pop(rank, b"")
        data = _split_long(self._mask.masked(rest + data), spare=self._mask.longest)
        cut = data.rfind(b"\n") + 1
        if cut:
            self._write(rank, data[:cut], data.count(b"\n", 0, cut))
            self._shown.pop(rank, None)
        if cut < len(data):
            self._rest[rank] = data[cut:]
            self._rest_since.setdefault(rank, time.monotonic())
            if cut:
                self._rest_since[rank] = time.monotonic()
        else:
            self._rest_since.pop(rank, None)

    def show_partial(self) -> float | None:
        """Write lines that have waited for their newline; seconds until the next one is due."""
        now, due = time.monotonic(), None
        for rank, since in list(self._rest_since.items()):
            rest = self._rest[rank].rstrip(b"\r").rpartition(b"\r")[2]
            rest = self._mask.settled(rest)[-_PARTIAL_LONGEST:]
            if rest == self._shown.get(rank, b""):
                continue
            wait = since + _PARTIAL_AFTER - now
            if wait > 0:
                due = wait if due is None else min(due, wait)
                continue
            self._write(rank, rest, 0, flag="p")
            self._shown[rank] = rest
            self._rest_since[rank] = now
        return due

    def finish(self, rank: int) -> None:
        """The rank has closed its pipe: a last line without a newline counts."""
        rest = self._rest.pop(rank, b"")
        self._rest_since.pop(rank, None)
        if rest:
            lines = _split_long(rest + b"\n")
            self._write(rank, lines, lines.count(b"\n"))

    def _write(self, rank: int, data: bytes, lines: int, *, flag: str = "-") -> None:
        if self._descriptor < 0 or self._size > self._segment:
            self._new_segment()
        stamp = int(time.time() * 1000)
        frame = f"\x1e{rank} {stamp} {lines} {flag} {len(data)}\n".encode() + data
        start = self._size
        try:
            while frame:
                done = os.write(self._descriptor, frame)
                self._size += done
                frame = frame[done:]
        except OSError:
            self.lost += lines
            if self._descriptor >= 0:
                os.ftruncate(self._descriptor, start)
            self._size = start
            return
        self._next += lines

    def _new_segment(self) -> None:
        try:
            path = self._folder / f"{self._next:012d}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._size = descriptor, 0
        self._trim()

    def _trim(self) -> None:
        sizes = [(path, path.stat().st_size) for path in segments(self._folder)]
        total = sum(size for _, size in sizes)
        for path, size in sizes[:-1]:
            if total <= self._limit - self._segment:  # what the newest may still grow by
                return
            path.unlink(missing_ok=True)
            total -= size
            self.trimmed = True


def _split_long(data: bytes, *, spare: int = 0) -> bytes:
    """Break lines over the limit, so that no reader meets one.

    Args:
        spare: how much more of a line that still grows must be there, so that a secret at the
            break was seen whole.
    """
    if len(data) <= LONGEST:
        return data
    pieces = []
    for line in _lines(data):
        most = LONGEST + 1 + (0 if line.endswith(b"\n") else spare)
        while len(line) > most:
            pieces.append(line[:LONGEST] + b"\n")
            line = line[LONGEST:]
        pieces.append(line)
    return b"".join(pieces)


def _lines(data: bytes) -> list[bytes]:
    whole = data.split(b"\n")
    return [line + b"\n" for line in whole[:-1]] + ([whole[-1]] if whole[-1] else [])


def segments(folder: Path) -> list[Path]:
    """The segments of a log, oldest first."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.isdigit())
    except FileNotFoundError:
        return []


class LogReader:
    """Reads a log that may still grow.

    Args:
        folder: the job's log folder.
        rank: only this worker's lines, or None for all.
        after: only lines with a greater number.
        before: only lines with a smaller number, or None for all.
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
            frames = _headers(segment.read_bytes(), first=int(segment.name))
        except FileNotFoundError:
            break
        for first, owner, whole in reversed(frames):
            count = whole if before is None else max(min(whole, before - first), 0)
            if lines == 0:
                return first + count - 1
            if rank is None or owner == rank:
                found += count
                if found >= lines:
                    return first + found - lines - 1
    return 0


def _headers(data: bytes, *, first: int) -> list[tuple[int, int, int]]:
    """The frames of a segment: number of the first line, rank, count of lines."""
    frames, at = [], 0
    while (end := data.find(b"\n", at)) >= 0:
        rank, _, count, _, length = data[at + 1 : end].split(b" ")
        frames.append((first, int(rank), int(count)))
        first += int(count)
        at = end + 1 + int(length)
    return frames
