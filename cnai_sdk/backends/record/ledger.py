"""Things that several processes learn of, each written down once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from cnai_sdk.backends.record.journal import Journal, make_private
from cnai_sdk.locking import locked

_T = TypeVar("_T")


class Ledger(Generic[_T]):
    """Values under keys, in the order in which the keys were learned. Any thread may use it.

    Args:
        path: the file; its folder is made when there is something to write.
        type: what is kept under a key.
    """

    def __init__(self, path: Path, type: type[_T]) -> None:
        self._path = path
        self._journal = Journal(path, dict[str, msgspec.Raw])
        self._decoder = msgspec.json.Decoder(type)
        self._found: dict[str, _T] = {}
        self._told: dict[str, _T] = {}
        self._unwritten: dict[str, _T] = {}
        self._read = 0
        self._lock = threading.RLock()

    def put(self, values: Mapping[str, _T]) -> bool:
        """Keep what is new, or has changed since this process put it last; whether anything was.

        What cannot be written, because the disk is full, is known to this process and written
        with what comes next.
        """
        with self._lock:
            return self._put(values)

    def _put(self, values: Mapping[str, _T]) -> bool:
        fresh = {key: value for key, value in values.items() if self._told.get(key) != value}
        if not fresh:
            return False
        before = dict(self._found)
        self._told |= fresh
        self._unwritten |= fresh
        with contextlib.suppress(OSError), self._locked():
            self._refresh()
            if self._unwritten:
                self._journal.append([{key: value} for key, value in self._unwritten.items()])
                self._unwritten = {}
                self._refresh()
        return self._found != before or bool(self._unwritten)

    def all(self) -> dict[str, _T]:
        """Everything that is known by now."""
        with self._lock:
            self._refresh()
            return self._found | self._unwritten

    def _refresh(self) -> None:
        entries = self._journal.all()
        for entry in entries[self._read :]:
            for key, text in entry.items():
                with contextlib.suppress(msgspec.DecodeError):
                    self._found[key] = self._decoder.decode(text)
        self._read = len(entries)
        for key, value in list(self._unwritten.items()):
            if self._found.get(key) == value:
                del self._unwritten[key]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        make_private(self._path.parent)
        with locked(self._path):
            yield
