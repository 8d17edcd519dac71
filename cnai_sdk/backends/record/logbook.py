"""What the workers print: segments of frames, so that old lines can go and the end opens at once.

A frame is a header line and bytes as they came: `\\x1e<rank> <ms> <lines> <flag> <length>\\n`. Its
bytes are whole lines, or, with the flag 'p', a line without its newline yet, or, with the flag '@',
the place in a source that the lines before it reach. A segment's name is the number of its first
line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cnai_sdk.worker.masking import Mask

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
        self._places: dict[str, str] = {}
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

    def take(self, rank: int, lines: Sequence[tuple[float, bytes]], place: str) -> None:
        """Write whole lines that carry their own times, and how far they reach in their source.

        Args:
            lines: Unix seconds, and the lines printed then.
            place: the source's name, a space, and what its reader needs to go on from there. It is
                written together with the lines: whoever goes on repeats none and misses none.

        Raises:
            OSError: nothing of it was written: no space is left.
        """
        frames, count = [], 0
        for moment, text in lines:
            text = _split_long(text)
            whole = text.count(b"\n")
            frames.append(_frame(rank, text, whole, moment=moment))
            count += whole
        self._put(b"".join(frames) + _place_frame(place), count)
        self._places[place.partition(" ")[0]] = place

    def reopen(self) -> dict[str, str]:
        """Go on in a folder that another writer has left; the places of its sources, by name."""
        names = segments(self._folder)
        if names:
            data = names[-1].read_bytes()
            headers = headers_of(data, first=int(names[-1].name))
            whole = headers[-1].end if headers else 0
            self._next = headers[-1].first + headers[-1].lines if headers else int(names[-1].name)
            self._places = {h.place.partition(" ")[0]: h.place for h in headers if h.place}
            self._descriptor, self._size = _opened(names[-1]), whole
            os.ftruncate(self._descriptor, whole)  # the other one ended in the middle of a frame
        return dict(self._places)

    def close(self) -> None:
        """Let go of the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, rank: int, data: bytes, lines: int, *, flag: str = "-") -> None:
        try:
            self._put(_frame(rank, data, lines, moment=time.time(), flag=flag), lines)
        except OSError:
            self.lost += lines

    def _put(self, frames: bytes, lines: int) -> None:
        if self._descriptor < 0 or self._size > self._segment:
            self._new_segment()
        start = self._size
        try:
            while frames:
                done = os.write(self._descriptor, frames)
                self._size += done
                frames = frames[done:]
        except OSError:
            if self._descriptor >= 0:
                os.ftruncate(self._descriptor, start)
            self._size = start
            raise
        self._next += lines

    def _new_segment(self) -> None:
        try:
            descriptor = _opened(self._folder / f"{self._next:012d}")
        except OSError:
            return
        self.close()
        self._descriptor, self._size = descriptor, 0
        places = b"".join(map(_place_frame, self._places.values()))
        if places:  # the segments before may go
            try:
                self._put(places, 0)
            except OSError:
                self._size = self._segment + 1  # this segment starts again
                raise
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


def _frame(rank: int, data: bytes, lines: int, *, moment: float, flag: str = "-") -> bytes:
    return f"\x1e{rank} {int(moment * 1000)} {lines} {flag} {len(data)}\n".encode() + data


def _place_frame(place: str) -> bytes:
    return _frame(0, place.encode(), 0, moment=0, flag="@")


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


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


class Header(NamedTuple):
    """What is known of a frame without its lines."""

    first: int
    rank: int
    lines: int
    end: int
    place: str


def headers_of(data: bytes, *, first: int) -> list[Header]:
    """The whole frames of a segment, in order.

    Args:
        first: the number of the segment's first line.
    """
    frames, at = [], 0
    while (end := data.find(b"\n", at)) >= 0:
        rank, _, count, flag, length = data[at + 1 : end].split(b" ")
        at = end + 1 + int(length)
        if at > len(data):
            break
        place = data[end + 1 : at].decode() if flag == b"@" else ""
        frames.append(Header(first, int(rank), int(count), at, place))
        first += int(count)
    return frames
