"""Things that several processes learn of, each kept once: whoever is first writes it down."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from cnai_sdk.backends.record.journal import Journal

_T = TypeVar("_T")


class Ledger(Generic[_T]):
    """Values under keys, in the order in which they were learned.

    Args:
        path: the file; its folder is made when there is something to write.
        type: what is kept under a key.
    """

    def __init__(self, path: Path, type: type[_T]) -> None:
        self._path = path
        self._journal = Journal(path, dict[str, msgspec.Raw])
        self._decoder = msgspec.json.Decoder(type)
        self._found: dict[str, _T] = {}
        self._unwritten: dict[str, _T] = {}
        self._read = 0

    def add(self, values: Mapping[str, _T]) -> bool:
        """Keep what is not there yet; whether there was any.

        What cannot be written, because the disk is full, is known to this process and written
        with what comes next.
        """
        known = self._found.keys() | self._unwritten.keys()
        fresh = {key: value for key, value in values.items() if key not in known}
        if not fresh:
            return False
        self._unwritten |= fresh
        with contextlib.suppress(OSError), self._locked():
            self._refresh()
            if self._unwritten:
                self._journal.append([{key: value} for key, value in self._unwritten.items()])
                self._refresh()
        return any(key in self._found or key in self._unwritten for key in fresh)

    def all(self) -> dict[str, _T]:
        """Everything that is known by now."""
        self._refresh()
        return self._found | self._unwritten

    def _refresh(self) -> None:
        entries = self._journal.all()
        for entry in entries[self._read :]:
            for key, text in entry.items():
                with contextlib.suppress(msgspec.DecodeError):
                    self._found[key] = self._decoder.decode(text)
        self._read = len(entries)
        for key in self._found.keys() & self._unwritten.keys():
            del self._unwritten[key]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
