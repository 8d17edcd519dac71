"""A container's log: lines stored with the time they were written, and read as a kubelet reads."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from tests.cluster.testnode import timing

LONGEST = 16384  # a line that is longer is stored in parts, as container runtimes do
BLOCK = 2**16


class Options(msgspec.Struct, frozen=True):
    """What a reader asks for."""

    follow: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: int = 0  # nanoseconds since the epoch
    limit: int | None = None
    stream: str = ""


class Log:
    """One run of a container: `TIME stdout|stderr F|P text` a line, in a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("ab", buffering=0)
        self._rest = {"stdout": b"", "stderr": b""}
        self._last = 0
        self._grown = asyncio.Event()
        self.ended = False

    def feed(self, stream: str, data: bytes) -> None:
        """Store the whole lines of what came; the rest waits for its end."""
        *lines, rest = (self._rest[stream] + data).split(b"\n")
        stored = [part for line in lines for part in self._parts(stream, line, "F")]
        while len(rest) >= LONGEST:
            stored.append(self._line(stream, rest[:LONGEST], "P"))
            rest = rest[LONGEST:]
        self._rest[stream] = rest
        if stored:
            self._append(b"".join(stored))

    def end(self) -> None:
        for stream, rest in self._rest.items():
            if rest:
                self._append(self._line(stream, rest, "F"))
        self._rest = dict.fromkeys(self._rest, b"")
        self.ended = True
        self._file.close()
        self._wake()

    def _append(self, data: bytes) -> None:
        os.write(self._file.fileno(), data)
        self._wake()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def _parts(self, stream: str, line: bytes, last: str) -> list[bytes]:
        parts = [line[at : at + LONGEST] for at in range(0, len(line), LONGEST)] or [b""]
        tags = ["P"] * (len(parts) - 1) + [last]
        return [self._line(stream, part, tag) for part, tag in zip(parts, tags, strict=True)]

    def _line(self, stream: str, text: bytes, tag: str) -> bytes:
        self._last = max(time.time_ns(), self._last + 1)
        return b"%s %s %s %s\n" % (
            timing.stamp(self._last).encode(),
            stream.encode(),
            tag.encode(),
            text,
        )

    async def read(self, options: Options) -> AsyncIterator[bytes]:
        """What was logged, and with `follow` what is, until the container's end."""
        left = options.limit
        starts_line = True
        with self.path.open("rb") as file:
            file.seek(_tail(self.path, options.tail))
            kept = b""
            while True:
                grown, ended = self._grown, self.ended
                data = file.read(BLOCK)
                if not data:
                    if ended or not options.follow:
                        return
                    await grown.wait()
                    continue
                *lines, kept = (kept + data).split(b"\n")
                out = bytearray()
                for line in lines:
                    shown, starts_line = _shown(line, options, starts_line=starts_line)
                    out += shown
                if left is not None:
                    del out[left:]
                    left -= len(out)
                if out:
                    yield bytes(out)
                if left == 0:
                    return

    def last(self, lines: int, size: int) -> str:
        """The end of the log: at most so many lines and bytes."""
        out = b""
        with self.path.open("rb") as file:
            file.seek(_tail(self.path, lines))
            for line in file.read().splitlines():
                out += _shown(line, Options(), starts_line=True)[0]
        return out[-size:].decode(errors="replace")


def _shown(line: bytes, options: Options, *, starts_line: bool) -> tuple[bytes, bool]:
    """A stored line as it is given out, and whether the next one starts a line."""
    moment, stream, tag, text = line.split(b" ", 3)
    if options.since and timing.parse(moment.decode()) < options.since:
        return b"", starts_line
    if options.stream and options.stream.encode() != stream:
        return b"", starts_line
    front = moment + b" " if options.timestamps and starts_line else b""
    whole = tag == b"F"
    return front + text + (b"\n" if whole else b""), whole


def _tail(path: Path, lines: int | None) -> int:
    """Where the last so many lines of a file start."""
    if lines is None:
        return 0
    size = path.stat().st_size
    if lines <= 0:
        return size
    with path.open("rb") as file:
        at, found = size, 0
        while at > 0:
            step = min(BLOCK, at)
            at -= step
            file.seek(at)
            block = file.read(step)
            end = len(block) if at + step < size else len(block) - 1  # the last newline ends it
            while (newline := block.rfind(b"\n", 0, end)) >= 0:
                found += 1
                if found == lines:
                    return at + newline + 1
                end = newline
    return 0
