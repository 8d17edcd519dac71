"""One container's log as its node gives it: lines with times, and going on where one has stopped.

A node gives a log from a whole second on, in the order in which it was written, so going on means
to ask from a second before the last line and to leave out what was seen. Lines are told apart by
their times, and lines of one time by their count. Times are not in order to the last microsecond:
two streams of one container are stamped before they are joined. So the lines of the last two
seconds are counted, and not only the newest time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cnai_sdk.backends.record.frames import FrameFilter
from cnai_sdk.backends.record.logbook import LONGEST

_SECOND = 10**9
_STAMP_LONGEST = 40
_MARK = b"\x1e"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a container's log was read.

    Attributes:
        newest: the newest time, in nanoseconds.
        at_newest: how many lines have that time.
        within: how many older lines are in the same second.
        before: how many lines are in the second before.
        lines: how many lines were read.
        cut: how many bytes of the line after them were read, when it is a very long one.
        done: whether nothing comes any more.
        left: whether that is so because the pod went before the end of its log was seen.
    """

    newest: int = 0
    at_newest: int = 0
    within: int = 0
    before: int = 0
    lines: int = 0
    cut: int = 0
    done: bool = False
    left: bool = False

    @property
    def since(self) -> str | None:
        """The time to ask from, as the API has it; None for the whole log."""
        if not self.at_newest:
            return None
        second = datetime.fromtimestamp(self.newest // _SECOND - 1, UTC)
        return second.strftime("%Y-%m-%dT%H:%M:%SZ")

    def text(self, name: str) -> str:
        """For the log book.

        >>> Place.read(Place(newest=5, at_newest=1, lines=1).text("a")) == Place(5, 1, lines=1)
        True
        """
        numbers = (self.newest, self.at_newest, self.within, self.before, self.lines, self.cut)
        end = "left" if self.left else "done" if self.done else ""
        return " ".join([name, *map(str, numbers), end]).rstrip()

    @staticmethod
    def read(text: str | None) -> Place:
        """The place that a log book has; the start when it has none."""
        if not text:
            return Place()
        _, newest, at_newest, within, before, lines, cut, *end = text.split(" ")
        return Place(
            newest=int(newest),
            at_newest=int(at_newest),
            within=int(within),
            before=int(before),
            lines=int(lines),
            cut=int(cut),
            done=bool(end),
            left=end == ["left"],
        )


@dataclass(slots=True)
class Batch:
    """What a piece of the log held.

    Attributes:
        place: how far this reaches.
        lines: Unix seconds, and the whole lines printed then.
        frames: the number of a line, and the frame that was on it.
    """

    place: Place
    lines: list[tuple[float, bytes]] = field(default_factory=list)
    frames: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


class PodLog:
    """Reads the bytes of one answer, which may start with lines that were seen before.

    Args:
        place: how far the log was read; the answer starts at its `since`.

    Attributes:
        remark: the last thing that the node itself said, in the middle of the log.
    """

    def __init__(self, place: Place) -> None:
        self._start = self._settled = place
        self._from = (place.newest // _SECOND - 1) * _SECOND
        self._older = place.within + place.before
        self._equal = place.at_newest
        self._newest, self._at_newest = place.newest, place.at_newest
        self._within, self._before = place.within, place.before
        self._lines = place.lines
        self._cut = place.cut
        self._rest = b""
        self._long: int | None = None
        self._long_seen = False
        self._drop = 0
        self._held = b""
        self._second = b""
        self._second_ns = 0
        self._answered = False
        self._texts: list[tuple[int, list[bytes]]] = []
        self._frames: list[tuple[int, dict[str, Any]]] = []
        self.remark = ""

    @property
    def found(self) -> bool:
        """Whether the newest line that was read before came again.

        When not, the node has rotated the log since, or this is another run of the container.
        """
        return not self._start.at_newest or self._equal < self._start.at_newest

    def feed(self, data: bytes) -> Batch:
        """The lines that are new, as far as they are whole."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if lines and self._long is not None:
            self._end_of_long(lines.pop(0))
        for line in lines:
            self._take(line)
        if len(self._rest) > LONGEST:
            self._shorten()
        return self._batch()

    def finish(self, *, left: bool = False) -> Batch:
        """Nothing follows: a last line without a newline counts.

        Args:
            left: the pod has gone, and not all of its log may have been seen.
        """
        rest, self._rest = self._rest, b""
        if self._long is not None:
            self._end_of_long(rest)
        elif rest:
            self._take(rest)
        self._end_held(self._newest)
        batch = self._batch()
        self._settled = batch.place = replace(batch.place, done=True, left=left)
        return batch

    def _batch(self) -> Batch:
        if not self._held:
            self._settled = self._now()
        texts, self._texts = self._texts, []
        frames, self._frames = self._frames, []
        lines = [(moment / 1000, b"".join(each)) for moment, each in texts]
        return Batch(place=self._settled, lines=lines, frames=frames)

    def _now(self) -> Place:
        return Place(
            self._newest, self._at_newest, self._within, self._before, self._lines, self._cut
        )

    def _take(self, line: bytes) -> None:
        stamp, _, text = line.partition(b" ")
        moment = self._moment(stamp)
        if moment is None:
            # At the start of an answer: the end of a line that began before what was asked for.
            if self._answered or not self._start.at_newest:
                self.remark = line[:500].decode("utf-8", "replace") or self.remark
            self._answered = True
            return
        self._answered = True
        if self._is_old(moment):
            return
        framed = _MARK in text and len(text) <= LONGEST and not self._cut
        if framed and not self._held:
            self._settled = self._now()
        self._count(moment)
        if framed:
            self._framed(moment, text)
        else:
            if len(text) > LONGEST:
                self._end_held(moment)
            self._add(moment, text[self._cut :])
            self._cut = 0

    def _framed(self, moment: int, text: bytes) -> None:
        """A line with a frame on it; what was printed before the frame has no end yet."""
        rest, frames = FrameFilter().feed(text + b"\n")
        self._frames += [(self._lines, frame) for frame in frames]
        if rest.endswith(b"\n"):
            self._add(moment, rest[:-1])
        else:
            self._held += rest

    def _add(self, moment: int, text: bytes) -> None:
        """Lines of one millisecond are one entry."""
        milliseconds = moment // 10**6
        if not self._texts or self._texts[-1][0] != milliseconds:
            self._texts.append((milliseconds, []))
        texts = self._texts[-1][1]
        if self._held:
            texts.append(self._held)
            self._held = b""
        texts.append(text + b"\n")

    def _end_held(self, moment: int) -> None:
        if self._held:
            self._add(moment, b"")

    # -- very long lines -----------------------------------------------------------

    def _shorten(self) -> None:
        """Give the start of a line that has no end yet, so that it need not be held."""
        if self._long is None:
            stamp, _, text = self._rest.partition(b" ")
            moment = self._moment(stamp)
            if moment is not None and len(text) <= LONGEST:
                return
            self._answered = True
            self._long_seen = moment is None or self._is_old(moment)
            self._long, self._drop, self._rest = moment or 0, self._cut, text
            if not self._long_seen:
                self._end_held(self._long)
        self._rest = self._dropped(self._rest)
        while len(self._rest) > LONGEST:
            piece, self._rest = self._rest[:LONGEST], self._rest[LONGEST:]
            if not self._long_seen:
                self._add(self._long, piece)
                self._cut += LONGEST

    def _dropped(self, text: bytes) -> bytes:
        """Without what was read of this line before."""
        drop = min(self._drop, len(text))
        self._drop -= drop
        return text[drop:]

    def _end_of_long(self, text: bytes) -> None:
        moment, self._long = self._long, None
        if moment is None or self._long_seen:
            return
        text = self._dropped(text)
        self._count(moment)
        self._add(moment, text)
        self._cut = self._drop = 0

    # -- what was seen ---------------------------------------------------------------

    def _is_old(self, moment: int) -> bool:
        """Whether the line is one of those that were read before this answer."""
        start = self._start
        if not start.at_newest:
            return False
        if moment < self._from:
            return True
        if moment < start.newest:
            self._older -= 1
            return self._older >= 0
        if moment == start.newest:
            self._equal -= 1
            return self._equal >= 0
        return False

    def _count(self, moment: int) -> None:
        self._lines += 1
        newest = self._newest
        if moment > newest:
            apart = moment // _SECOND - newest // _SECOND
            if apart == 0:
                self._within += self._at_newest
            else:
                self._before = self._within + self._at_newest if apart == 1 else 0
                self._within = 0
            self._newest, self._at_newest = moment, 1
        elif moment == newest:
            self._at_newest += 1
        elif moment // _SECOND == newest // _SECOND:
            self._within += 1
        elif moment // _SECOND == newest // _SECOND - 1:
            self._before += 1

    def _moment(self, stamp: bytes) -> int | None:
        """Nanoseconds, or None for what is no time: '2026-01-02T03:04:05.678901234Z'."""
        if stamp[:19] != self._second or stamp[-1:] != b"Z":
            found = _second_of(stamp)
            if found is None or stamp[-1:] != b"Z":
                return None if found is None else found + _fraction(stamp)
            self._second, self._second_ns = stamp[:19], found
        if len(stamp) == 30 and stamp[20:29].isdigit():
            return self._second_ns + int(stamp[20:29])
        return self._second_ns + _fraction(stamp)


def _second_of(stamp: bytes) -> int | None:
    """The whole second, in nanoseconds; a node may write in its own time zone."""
    if len(stamp) > _STAMP_LONGEST or stamp[10:11] != b"T" or len(stamp) < 20:
        return None
    zone = stamp[19:].lstrip(b".0123456789")
    try:
        text = (stamp[:19] + zone).decode("ascii")
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if told.tzinfo is None else int(told.timestamp()) * _SECOND


def _fraction(stamp: bytes) -> int:
    """Nanoseconds within the second; older nodes leave out zeros at the end."""
    if stamp[19:20] != b".":
        return 0
    digits = stamp[20:29] if len(stamp) == 30 else stamp[20:].rstrip(b"Z").split(b"+")[0]
    digits = digits.split(b"-")[0][:9]
    return int(digits.ljust(9, b"0")) if digits.isdigit() else 0
