"""Values in a file, one JSON text a line: appended while others read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

_T = TypeVar("_T")
_ENCODE = msgspec.json.Encoder()


def make_private(folder: Path) -> None:
    """Make a folder, and those above it, for its owner only."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)


class Journal(Generic[_T]):
    """Appends values to a file, and reads what was appended since one last read.

    Args:
        path: the file; it is made by the first value.
        type: what a line holds.
    """

    def __init__(self, path: Path, type: type[_T]) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(type)
        self._known: tuple[list[_T], int] = ([], 0)  # one value, since threads may read

    def append(self, values: Iterable[Any]) -> None:
        """Write values at the end, all or none of them.

        Raises:
            OSError: the disk is full, or gone.
        """
        left = b"".join(_ENCODE.encode(value) + b"\n" for value in values)
        descriptor = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        start = os.lseek(descriptor, 0, os.SEEK_END)
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError:
            os.ftruncate(descriptor, start)  # half an entry would spoil the next one too
            raise
        finally:
            os.close(descriptor)

    def all(self) -> list[_T]:
        """Every value; only what is new is read from the disk. The list is not to be changed."""
        known, offset = self._known
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                text = file.read()
        except FileNotFoundError:
            return known
        whole = text.rfind(b"\n") + 1
        fresh = []
        for line in text[:whole].splitlines():
            try:
                fresh.append(self._decoder.decode(line))
            except msgspec.DecodeError:
                continue  # a line that a full disk cut off
        self._known = ([*known, *fresh] if fresh else known, offset + whole)
        return self._known[0]
