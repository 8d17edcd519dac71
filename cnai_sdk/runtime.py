"""One event-loop thread a process, started at first use, that serves the synchronous verbs.

Belongs here: the thread and the way into it. Never here: what runs on it.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_owner = 0


def loop() -> asyncio.AbstractEventLoop:
    """The process's loop. A forked child gets one of its own."""
    global _loop, _owner
    with _lock:
        if _loop is None or _owner != os.getpid():
            started = asyncio.new_event_loop()
            threading.Thread(target=started.run_forever, name="cnai", daemon=True).start()
            _loop, _owner = started, os.getpid()
        return _loop


def submit(work: Coroutine[Any, Any, _T]) -> Future[_T]:
    """Run on the loop, without waiting."""
    return asyncio.run_coroutine_threadsafe(work, loop())


def call(work: Coroutine[Any, Any, _T]) -> _T:
    """Run on the loop and wait for the answer; an interrupt cancels it."""
    future = submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def iterate(items: AsyncIterator[_T], *, ahead: int = 2) -> Iterator[_T]:
    """Go through an asynchronous iterator from ordinary code.

    Args:
        ahead: how many items may wait; the producer waits for the consumer beyond that.
    """
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue()
    room = asyncio.Semaphore(ahead)
    running = loop()

    async def produce() -> None:
        try:
            async for item in items:
                await room.acquire()
                waiting.put(("item", item))
            waiting.put(("end", None))
        except BaseException as error:
            waiting.put(("error", error))
            if isinstance(error, asyncio.CancelledError):
                raise

    producer = submit(produce())
    try:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            running.call_soon_threadsafe(room.release)
            yield value
    finally:
        producer.cancel()
