"""A copy of the rank's output, for the claim that outlives the pod."""

import os
import sys

from .reporting import FRAME

_READ = 64 * 2**10


class Copy:
    """Hands on what a rank prints, and writes it to a file without the framed lines.

    Args:
        folder: made if it is not there.
        name: the file's; another attempt goes on in it.
    """

    def __init__(self, folder: str, name: str) -> None:
        self.reader: int | None = None
        self._rest = b""
        self._file = -1
        try:
            os.makedirs(folder, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(os.path.join(folder, name), flags, 0o644)
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
        if self.reader is None:
            return
        try:
            data = os.read(self.reader, _READ)
        except BlockingIOError:
            return
        if not data:
            self._stop_reading()
            return
        self._hand_on(data)

    def finish(self) -> None:
        """Take what is left of a rank that has ended; a child of its own may still write."""
        while self.reader is not None:
            try:
                data = os.read(self.reader, _READ)
            except BlockingIOError:
                break
            if not data:
                break
            self._hand_on(data)
        self._stop_reading()

    def close(self) -> None:
        """Write the last line, whole or not."""
        self.finish()
        if self._rest:
            self._write(self._rest)
            self._rest = b""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _stop_reading(self) -> None:
        if self.reader is not None:
            os.close(self.reader)
            self.reader = None

    def _hand_on(self, data: bytes) -> None:
        left = data
        while left:
            left = left[os.write(1, left) :]
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        kept = [without_frame(line) for line in lines]
        self._write(b"".join(line + b"\n" for line in kept if line is not None))

    def _write(self, data: bytes) -> None:
        try:
            while data and self._file >= 0:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        print(f"The log is not copied to the outputs any more: {error}", file=sys.stderr)


def without_frame(line: bytes) -> bytes | None:
    """The line as a person reads it, or None when there is nothing left of it."""
    before, found, _ = line.partition(FRAME)
    return line if not found else before or None
