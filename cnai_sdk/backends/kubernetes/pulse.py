"""Wakes those who wait for something to change."""

from __future__ import annotations

import asyncio
import contextlib


class Pulse:
    """Wakes everybody who waits at that moment; who looks before waiting misses nothing."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        """Wake them."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout: float | None = None) -> bool:
        """Return at the next beat, or after `timeout` seconds; True when there was one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
                return True
        return False
