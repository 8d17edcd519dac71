"""Wakes a watcher when a file below a folder was written: inotify, not polling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from asyncinotify import Inotify, Mask

_LOOK = 0.5
_MASK = Mask.MODIFY | Mask.CREATE | Mask.MOVED_TO | Mask.DELETE | Mask.ATTRIB


class Changes:
    """Says when something in a few folders has changed since one last looked.

    Args:
        folders: which to watch; not what is below them.
        settle: seconds to wait after a first change, so that many become one.
    """

    def __init__(self, *folders: Path, settle: float = 0.0) -> None:
        self._settle = settle
        self._event = asyncio.Event()
        self._inotify = self._watch(folders)
        self._task = asyncio.get_running_loop().create_task(self._listen())

    @staticmethod
    def _watch(folders: tuple[Path, ...]) -> Inotify | None:
        """None where the user's inotify instances are used up; one then looks now and again."""
        try:
            inotify = Inotify()
        except OSError:
            return None
        for folder in folders:
            with contextlib.suppress(OSError):
                inotify.add_watch(folder, _MASK)
        return inotify

    async def _listen(self) -> None:
        while self._inotify is None:
            await asyncio.sleep(_LOOK)
            self._event.set()
        async for _ in self._inotify:
            self._event.set()

    async def wait(self, timeout: float | None) -> bool:
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
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._inotify is not None:
            self._inotify.close()


@contextlib.asynccontextmanager
async def changes(*folders: Path, settle: float = 0.0) -> AsyncIterator[Changes]:
    """Watch the folders inside a `with` block."""
    made = Changes(*folders, settle=settle)
    try:
        yield made
    finally:
        await made.close()
