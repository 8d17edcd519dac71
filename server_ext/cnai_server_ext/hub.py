"""One hub per backend: it watches, keeps the rows, and wakes whoever reads them.

Belongs here: when to watch, and what to do when that fails. Never here: sockets, and what of the
rows a page has seen, which each reader knows itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Protocol

import msgspec

from cnai_sdk.backends.base import Backend
from cnai_sdk.errors import BackendUnavailable, CnaiError
from cnai_sdk.model.quota import Device, Quota
from cnai_sdk.model.stream import Snapshot, Update
from cnai_server_ext.answers import Problem, Row, Source
from cnai_server_ext.enrich import Enricher
from cnai_server_ext.pace import Pace
from cnai_server_ext.rows import Rows
from cnai_server_ext.wire import problem_of


class Reader(Protocol):
    """One who wants to know what is new."""

    def wake(self) -> None:
        """Something may be new."""


_RETRY_FIRST = 0.5
_RETRY_MOST = 15.0
_QUOTA_SETTLE = 0.05
_QUOTA_SHARE = 4.0
"""After a change, so many seconds for what belongs to it to come; and between two looks at the
quota, so many times what a look takes."""


class Hub:
    """Watches one backend while somebody wants to know; the rows stay while it rests.

    Args:
        id: of the source.
        make: makes the backend; may raise a CnaiError, which becomes the source's problem.
        pace: how often things are done.
        log: where what went wrong is written.
        place: the context and the namespace, of a cluster.
    """

    def __init__(
        self,
        id: str,
        make: Callable[[], Backend],
        *,
        pace: Pace,
        log: logging.Logger,
        place: tuple[str, str] = ("", ""),
    ) -> None:
        self.rows = Rows()
        self.source = Source(id=id, name=id, context=place[0], namespace=place[1])
        self.quota: tuple[Quota, tuple[Device, ...]] | None = None
        self._fresh = False
        self._make = make
        self._backend: Backend | None = None
        self._pace = pace
        self._log = log
        self._enricher = Enricher(self.rows, self.backend, self._announce, log=log)
        self.judging = self._enricher.judging
        self._readers: set[Reader] = set()
        self._asking = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._tick: asyncio.TimerHandle | None = None
        self._ticked = 0.0
        self._rest: asyncio.TimerHandle | None = None
        self._settled = asyncio.Event()
        self._again = asyncio.Event()
        self._moved = asyncio.Event()

    def backend(self) -> Backend:
        """The backend, made at first use.

        Raises:
            CnaiError: it cannot be made here, and why.
        """
        if self._backend is None:
            try:
                self._backend = self._make()
            except CnaiError:
                raise
            except Exception as error:
                self._log.exception("The backend %s could not be made", self.source.id)
                raise BackendUnavailable(
                    f"The place {self.source.id} cannot be used now.",
                    why="What makes it met an error.",
                    next_step="The log of the Jupyter server says more.",
                ) from error
        return self._backend

    @property
    def readers(self) -> int:
        """How many there are now."""
        return len(self._readers)

    @property
    def watching(self) -> bool:
        """True while the backend is watched, or tried again."""
        return bool(self._tasks)

    @property
    def has_rows(self) -> bool:
        """True when the rows are worth sending: as they are now, or the last that were seen."""
        return self._fresh or (self.source.problem is not None and len(self.rows) > 0)

    # -- readers -----------------------------------------------------------------

    def join(self, reader: Reader) -> None:
        """Wake this one when something may be new, until `leave`."""
        self._readers.add(reader)
        self._again.set()
        self._use()

    def leave(self, reader: Reader) -> None:
        """Nothing more for this one."""
        self._readers.discard(reader)
        self._enricher.look(reader, ())
        self._unused()

    def look(self, reader: Reader, ids: Iterable[str]) -> None:
        """A reader has these rows on its screen: their verdicts and sparks are wanted."""
        self._enricher.look(reader, ids)

    async def current(self) -> tuple[Row, ...]:
        """All rows as they stand, newest first, for one who does not stay.

        Raises:
            BackendUnavailable: the place cannot be watched now, or takes too long to answer.
        """
        self._asking += 1
        self._use()
        try:
            async with asyncio.timeout(self._pace.first_answer):
                await self._settled.wait()
        except TimeoutError:
            raise _late(self.source) from None
        finally:
            self._asking -= 1
            self._unused()
        if problem := self.source.problem:
            raise BackendUnavailable(problem.what, why=problem.why, next_step=problem.next_step)
        return tuple(entry.row() for entry in self.rows.newest_first())

    async def close(self) -> None:
        """Stop for good, and give back what the backend holds."""
        await self._stop()
        if self._backend is not None:
            await self._backend.close()

    # -- watching ----------------------------------------------------------------

    def _use(self) -> None:
        """Watch from now on."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._settled.clear()
            for work in (self._watch(), self._measure(), self._stir(), self._enricher.run()):
                self._tasks.add(loop.create_task(work))
        self._unused()

    def _unused(self) -> None:
        """Rest when nobody has come for a while."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self._tasks and not self._readers and not self._asking:
            loop = asyncio.get_running_loop()
            self._rest = loop.call_later(self._pace.hub_rests, self._go_to_rest)

    def _go_to_rest(self) -> None:
        self._rest = None
        for task in self._tasks:
            task.cancel()
        self._tasks = set()
        self._fresh, self.quota = False, None

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for timer in (self._rest, self._tick):
            if timer is not None:
                timer.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        wait = _RETRY_FIRST
        while True:
            try:
                backend = self.backend()
                await self._introduce(backend)
                async with _watch_of(backend) as updates:
                    async for update in updates:
                        self._take(update)
                        wait = _RETRY_FIRST
                self._has_problem(_stopped(self.source))
            except CnaiError as error:
                self._has_problem(problem_of(error))
            except Exception:
                self._log.exception("%s could not be watched", self.source.id)
                self._has_problem(_unknown(self.source))
            self._again.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._again.wait()
            wait = min(wait * 2, _RETRY_MOST)

    async def _introduce(self, backend: Backend) -> None:
        can = await backend.capabilities()
        self.source = msgspec.structs.replace(
            self.source,
            name=backend.name,
            place=can.place,
            kinds=tuple(sorted(kind.value for kind in can.kinds)),
            suspend=can.suspend,
            outputs_as_folder=can.outputs_as_folder,
        )

    def _take(self, update: Update) -> None:
        if isinstance(update, Snapshot):
            # Another epoch needs nothing more: a page is told what is different from what it has.
            changes = self.rows.replace(update.workloads)
            self._fresh = True
        else:
            changes = self.rows.put(update.workloads)
            self.rows.remove(update.deleted)
        if away := update.interruption:
            self._has_problem(Problem(what=away.what, why=away.why, next_step=away.next_step))
        elif self.source.problem is not None:
            self.source = msgspec.structs.replace(self.source, problem=None, since=0.0)
        self._settled.set()
        self._enricher.changed(changes)
        self._moved.set()
        self._announce()

    def _has_problem(self, problem: Problem) -> None:
        since = self.source.since or time.time()
        self.source = msgspec.structs.replace(self.source, problem=problem, since=since)
        self._settled.set()
        self._announce()

    # -- the quota ---------------------------------------------------------------

    async def _measure(self) -> None:
        """Look at the quota soon after a change, and now and again; others use it too."""
        while True:
            begun = time.monotonic()
            self._moved.clear()
            if self._fresh and self.source.problem is None:
                await self._look_at_quota()
            took = time.monotonic() - begun
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.quota):
                    await self._moved.wait()
            await asyncio.sleep(_QUOTA_SETTLE + _QUOTA_SHARE * took)

    async def _stir(self) -> None:
        """Have the quota looked at when its backend says that it is another."""
        while True:
            try:
                await self.backend().quota_stirs()
            except CnaiError:
                await asyncio.sleep(self._pace.quota)  # `_watch` tells why
            except Exception:
                self._log.exception("%s does not say when its quota changes", self.source.id)
                await asyncio.sleep(self._pace.quota)
            self._moved.set()

    async def _look_at_quota(self) -> None:
        try:
            backend = self.backend()
            found = await backend.quota(), tuple(await backend.devices())
        except CnaiError as error:
            self._log.debug("The quota of %s is not known: %s", self.source.id, error.what)
        except Exception:
            self._log.exception("The quota of %s is not known", self.source.id)
        else:
            if found != self.quota:
                self.quota = found
                self._announce()

    # -- telling -----------------------------------------------------------------

    def _announce(self) -> None:
        """Wake the readers: at once after a quiet time, otherwise all that came in one go."""
        if self._tick is None and self._readers:
            loop = asyncio.get_running_loop()
            due = max(self._ticked + self._pace.changes, loop.time())
            self._tick = loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._tick = None
        self._ticked = asyncio.get_running_loop().time()
        for reader in tuple(self._readers):
            reader.wake()


@contextlib.asynccontextmanager
async def _watch_of(backend: Backend) -> AsyncIterator[AsyncIterator[Update]]:
    """The backend's watch, closed at the end where it can be."""
    updates = backend.watch()
    try:
        yield updates
    finally:
        if isinstance(updates, AsyncGenerator):
            await updates.aclose()


def _late(source: Source) -> BackendUnavailable:
    return BackendUnavailable(
        f"{source.place or source.name} has not answered yet.",
        why="Its jobs are not known before its first answer.",
        next_step="Ask again in a moment.",
    )


def _stopped(source: Source) -> Problem:
    return Problem(
        what=f"{source.place or source.name} cannot be watched now.",
        why="Its watch has ended.",
        next_step="It is tried again by itself; running jobs go on.",
    )


def _unknown(source: Source) -> Problem:
    return Problem(
        what=f"{source.place or source.name} cannot be watched now.",
        why="The server met an error that it does not know.",
        next_step="It is tried again by itself; the log of the Jupyter server says more.",
    )
