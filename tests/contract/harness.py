"""What a backend gives the suite, and how the suite waits: on conditions, through `watch`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from cnai_sdk.backends.base import Backend
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Resources, Spec
from cnai_sdk.model.stream import Update
from cnai_sdk.model.workload import Workload

from .behaviours import Behaviour, spec_of

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Harness:
    """A backend under test.

    Attributes:
        release: lets the workload with this id, which `WAITS`, go on.
        reopen: the same workloads again, after `close`.
        full: what one worker asks for so that no second such worker fits beside it.
        excess: what no worker can ever have.
        timeout: seconds after which a condition is taken never to come.
        adapt: what a spec needs to run there, such as an image.
        tick: seconds within which the line has no order.
    """

    backend: Backend
    release: Callable[[str], Awaitable[None]]
    reopen: Callable[[], Awaitable[Backend]]
    full: Resources
    excess: Resources
    timeout: float = 60.0
    adapt: Callable[[Spec], Spec] = lambda spec: spec
    tick: float = 0.0

    def spec(self, kind: Kind, behaviour: Behaviour, **fields: Any) -> Spec:
        """A spec of that kind which does that, made fit for the backend."""
        return self.adapt(spec_of(kind, behaviour, **fields))

    async def submit(self, kind: Kind, behaviour: Behaviour, **fields: Any) -> Workload:
        """Submit a spec of that kind which does that."""
        return await self.backend.submit(self.spec(kind, behaviour, **fields), secrets={})

    async def in_line(self, id: str, position: int) -> Workload:
        """A workload that has this place, after which whoever comes now is behind it."""
        found = await self.until(
            id,
            f"it has place {position} in line",
            lambda w: w.queued is not None and w.queued.position == position,
        )
        await asyncio.sleep(self.tick)
        return found

    async def within(self, what: str, work: Awaitable[_T]) -> _T:
        """The outcome of `work`, or a failure that says what did not come."""
        try:
            async with asyncio.timeout(self.timeout):
                return await work
        except TimeoutError:
            pytest.fail(f"not within {self.timeout} s: {what}")

    async def until(self, id: str, what: str, so: Callable[[Workload], bool]) -> Workload:
        """The first state of a workload for which `so` holds."""
        last: list[Workload] = []

        async def look() -> Workload:
            async with self.watching() as updates:
                async for update in updates:
                    last[:] = [w for w in update.workloads if w.id == id] or last
                    if last and so(last[0]):
                        return last[0]
            raise AssertionError(f"watch ended by itself before: {what}")

        try:
            return await self.within(what, look())
        except pytest.fail.Exception as failure:
            pytest.fail(f"{failure.msg}; it was {last}")

    async def running(self, id: str) -> Workload:
        """The workload once it runs, or is ready."""
        return await self.until(
            id, "it runs", lambda w: w.phase in (Phase.RUNNING, Phase.READY) or w.phase.ended
        )

    async def ended(self, id: str) -> Workload:
        """The workload once it has ended."""
        return await self.until(id, "it ends", lambda w: w.phase.ended)

    async def finished(self, kind: Kind, behaviour: Behaviour, **fields: Any) -> Workload:
        """Submit, and wait for the end."""
        return await self.ended((await self.submit(kind, behaviour, **fields)).id)

    async def bring_to_end(self, workload: Workload) -> Workload:
        """Let a workload that `WAITS` end as its kind does: training succeeds, others stop."""
        if workload.kind is Kind.TRAIN:
            await self.running(workload.id)
            await self.release(workload.id)
        else:
            await self.backend.stop(workload.id)
        return await self.ended(workload.id)

    async def lines(self, id: str, **options: Any) -> list[LogLine]:
        """The whole lines of a log, batches joined."""

        async def read() -> list[LogLine]:
            batches = self.backend.logs(id, **options)
            return [line async for batch in batches for line in batch if not line.partial]

        return await self.within("the log ends", read())

    def watching(self) -> AbstractAsyncContextManager[AsyncIterator[Update]]:
        """A watch that is closed at the end of the block."""
        return aclosing(cast("AsyncGenerator[Update]", self.backend.watch()))


@dataclass(frozen=True, kw_only=True)
class Factory:
    """How to make a backend for one test.

    Attributes:
        name: what the test's id shows.
        kinds: what it declares; a test compares.
        make: given an empty folder, a context manager around a harness.
    """

    name: str
    kinds: frozenset[Kind]
    make: Callable[[Path], AbstractAsyncContextManager[Harness]]
