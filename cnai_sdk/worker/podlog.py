"""What a rank prints on its way to the container's log, and to the claim that outlives the pod."""

import os
import sys

from .masking import Mask
from .reporting import FRAME

_READ = 64 * 2**10
_LONGEST = 64 * 2**10
"""Of a line that is held until it ends, since a secret may lie across two reads."""


class RankLog:
    """Hands on what a rank prints, line by line and without the values of secrets.

    Args:
        mask: takes the values out.
        copy: a file that gets the same without the framed lines, or ''; another attempt goes on
            in it.
    """

    def __init__(self, mask: Mask, *, copy: str = "") -> None:
        self.reader: int | None = None
        self._mask = mask
        self._rest = b""
        self._file = -1
        if not copy:
            return
        try:
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(copy, flags, 0o644)
        except OSError as error:
            self._give_up(error)

    def writer(self) -> int:
        """What a rank writes to; the caller closes its own copy."""
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_inheritable(writer, True)
        return writer

    def take(self) -> None:
        """Take what is there."""
        self._read()

    def finish(self) -> None:
        """Take what is left of a rank that has ended; a child of its own may still write."""
        while self._read():
            continue
        self._stop_reading()
        self._say(self._rest)  # its last line, which nothing ends any more
        self._rest = b""

    def close(self) -> None:
        """Nothing comes any more."""
        self.finish()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> bool:
        """Hand on what one read gives; whether there was anything."""
        if self.reader is None:
            return False
        try:
            data = os.read(self.reader, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._stop_reading()
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line, end=b"\n")
        if len(self._rest) > _LONGEST and FRAME not in self._rest:
            whole = self._mask.masked(self._rest)
            begun = self._mask.settled(self._rest)
            self._say(begun)
            self._rest = whole[len(begun) :]
        return True

    def _stop_reading(self) -> None:
        if self.reader is not None:
            os.close(self.reader)
            self.reader = None

    def _say(self, line: bytes, *, end: bytes = b"") -> None:
        text, found, frame = line.partition(FRAME)
        text = self._mask.masked(text)
        told = found + self._masked(frame) if found else b""
        _write(1, text + told + end)
        if text or not found:
            self._keep(text + end)

    def _masked(self, frame: bytes) -> bytes:
        """A report is masked as a value: a number that looks like a secret is still a number."""
        try:
            return self._mask.document(frame.decode()).encode()
        except ValueError:  # somebody else's, or cut off
            return self._mask.masked(frame)

    def _keep(self, data: bytes) -> None:
        try:
            if self._file >= 0:
                _write(self._file, data)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        print(f"The log is not copied to the outputs any more: {error}", file=sys.stderr)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
