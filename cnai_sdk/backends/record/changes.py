"""Wakes a watcher when a file in a folder was written: inotify where there is one, else a look
now and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncinotify import Inotify, Watch

_LOOK = 0.5


class Folders:
    """Calls when something in one of many folders was written; not for what is below them.

    Args:
        settle: seconds to wait after a first change, so that many become one call.
    """

    def __init__(self, *, settle: float = 0.0) -> None:
        self._settle = settle
        self._called: dict[Path, Callable[[], None]] = {}
        self._watches: dict[Path, Watch] = {}
        self._inotify: Inotify | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, folder: Path, callback: Callable[[], None]) -> None:
        """Watch a folder, in the loop that runs now."""
        self._called[folder] = callback
        if self._task is None:
            self._inotify = _inotify()
            self._task = asyncio.create_task(self._listen())
        if self._inotify is not None:
            from asyncinotify import Mask

            mask = Mask.MODIFY | Mask.CREATE | Mask.MOVED_TO | Mask.DELETE | Mask.ATTRIB
            with contextlib.suppress(OSError):
                self._watches[folder] = self._inotify.add_watch(folder, mask)

    def drop(self, folder: Path) -> None:
        """Watch a folder no more."""
        self._called.pop(folder, None)
        watch = self._watches.pop(folder, None)
        if watch is not None and self._inotify is not None:
            with contextlib.suppress(OSError):
                self._inotify.rm_watch(watch)

    async def _listen(self) -> None:
        while True:
            changed = await self._changed()
            if self._settle:
                await asyncio.sleep(self._settle)
            for folder in changed:
                if folder in self._called:
                    self._called[folder]()

    async def _changed(self) -> set[Path]:
        """The folders that have changed, and those that cannot be watched."""
        blind = self._called.keys() - self._watches.keys()
        if self._inotify is None:
            await asyncio.sleep(_LOOK)
            return blind
        try:
            async with asyncio.timeout(_LOOK if blind else None):
                event = await self._inotify.get()
        except TimeoutError:
            return blind
        return {event.watch.path} if event.watch is not None else set()

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
        self._called.clear()
        self._watches.clear()


def _inotify() -> Inotify | None:
    """None on other systems, and where the user's instances are used up."""
    try:
        from asyncinotify import Inotify

        return Inotify()
    except (ImportError, OSError, AttributeError):
        return None


class Changes:
    """Says when something in a few folders has changed since one last looked.

    Args:
        folders: which to watch; not what is below them.
        settle: seconds to wait after a first change, so that many become one.
    """

    def __init__(self, *folders: Path, settle: float = 0.0) -> None:
        self._settle = settle
        self._event = asyncio.Event()
        self._folders = Folders()
        for folder in folders:
            self._folders.add(folder, self._event.set)

    async def wait(self, timeout: float) -> bool:
        """Return after a change, or after `timeout` seconds; True when there was one."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        if self._settle:
            await asyncio.sleep(self._settle)
        self._event.clear()
        return True

    async def close(self) -> None:
        """Stop listening."""
        await self._folders.close()


@contextlib.asynccontextmanager
async def changes(*folders: Path, settle: float = 0.0) -> AsyncIterator[Changes]:
    """Watch the folders inside a `with` block."""
    made = Changes(*folders, settle=settle)
    try:
        yield made
    finally:
        await made.close()
