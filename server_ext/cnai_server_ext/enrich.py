"""What the list shows beyond a workload: a failed one's short verdict, an active one's spark.

Both cost reading, so they are found only for rows that somebody looks at, and for a failure while
somebody is there. Belongs here: what is worth finding out now. Never here: how it is sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence

from cnai_sdk.backends.base import Backend
from cnai_sdk.errors import CnaiError
from cnai_sdk.facts import diagnose_workload
from cnai_sdk.model.metric import Number
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload
from cnai_sdk.text.words import name_that_matters
from cnai_server_ext.rows import Rows

_AT_ONCE = 2
_SPARK = 24
_SPARK_EVERY = 1.0
_LOOK_AGAIN = 0.1
_KNOWN = 5_000


class Enricher:
    """Finds verdicts and sparks, at most two at a time.

    Attributes:
        judging: holds whoever else makes verdicts to the same number.

    Args:
        rows: where what was found is told.
        backend: gives the backend; may raise a CnaiError.
        announce: called after something was told.
        log: where what went wrong is written.
    """

    def __init__(
        self,
        rows: Rows,
        backend: Callable[[], Backend],
        announce: Callable[[], None],
        *,
        log: logging.Logger,
    ) -> None:
        self._rows = rows
        self._backend = backend
        self._announce = announce
        self._log = log
        self.judging = asyncio.Semaphore(_AT_ONCE)
        self._looks: dict[object, frozenset[str]] = {}
        self._wanted: dict[str, None] = {}
        self._busy: set[str] = set()
        self._more = asyncio.Event()
        self._judged: dict[_Ending, None] = {}
        self._sparks: dict[str, _Spark] = {}

    def look(self, who: object, ids: Iterable[str]) -> None:
        """These rows are on somebody's screen now, in place of those before."""
        seen = frozenset(ids)
        if seen:
            self._looks[who] = seen
        else:
            self._looks.pop(who, None)
        for id in seen:
            entry = self._rows.get(id)
            if entry is not None:
                self._want(entry.workload)
        looked = self._looked()
        self._sparks = {id: s for id, s in self._sparks.items() if id in looked}

    def changed(self, changes: Sequence[tuple[Workload | None, Workload]]) -> None:
        """Workloads are now as the second of each pair says."""
        looked = self._looked()
        for before, workload in changes:
            was = before.phase if before is not None else Phase.FAILED
            fails = workload.phase is Phase.FAILED and was is not Phase.FAILED
            if fails or workload.id in looked:
                self._want(workload)

    async def run(self) -> None:
        """Find out what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._work())

    # -- within ------------------------------------------------------------------

    def _looked(self) -> set[str]:
        return set().union(*self._looks.values())

    def _want(self, workload: Workload) -> None:
        failed = workload.phase is Phase.FAILED
        if failed and _ending(workload) in self._judged:
            return
        drawn = workload.id in self._sparks
        if failed or (workload.metrics and (drawn or not workload.phase.ended)):
            self._wanted[workload.id] = None
            self._more.set()

    async def _work(self) -> None:
        while True:
            while (id := self._next()) is None:
                if self._wanted:
                    await asyncio.sleep(_LOOK_AGAIN)
                else:
                    self._more.clear()
                    await self._more.wait()
            self._busy.add(id)
            try:
                await self._find_out(id)
            finally:
                self._busy.discard(id)

    def _next(self) -> str | None:
        """The first that may be looked at now, if there is one."""
        for id in self._wanted:
            spark = self._sparks.get(id)
            rests = spark is not None and time.monotonic() < spark.drawn + _SPARK_EVERY
            if id not in self._busy and not rests:
                del self._wanted[id]
                return id
        return None

    async def _find_out(self, id: str) -> None:
        entry = self._rows.get(id)
        if entry is None:
            return
        try:
            if entry.workload.phase is Phase.FAILED:
                await self._judge(entry.workload)
            else:
                await self._draw(entry.workload)
        except CnaiError as error:
            self._log.debug("Nothing more is known of %s: %s", id, error.what)
        except Exception:
            self._log.exception("Nothing more could be found out about %s", id)

    async def _judge(self, workload: Workload) -> None:
        async with self.judging:
            verdict = await diagnose_workload(self._backend(), workload)
        self._judged[_ending(workload)] = None
        while len(self._judged) > _KNOWN:
            del self._judged[next(iter(self._judged))]
        if verdict is not None and self._rows.tell(workload.id, short=verdict.short):
            self._announce()

    async def _draw(self, workload: Workload) -> None:
        spark = self._sparks.get(workload.id)
        name = name_that_matters(workload.metrics)
        if spark is None or spark.name != name:
            spark = self._sparks[workload.id] = _Spark(name)
        spark.drawn = time.monotonic()
        await spark.read_on(self._backend(), workload.id)
        if self._rows.tell(workload.id, spark=spark.values):
            self._announce()


_Ending = tuple[str, int, str, str]


def _ending(workload: Workload) -> _Ending:
    """What a verdict is about: where more becomes known of an end, it is made anew."""
    return workload.id, workload.attempt, workload.reason, workload.message


class _Spark:
    """The last values of one metric in the newest attempt, and how far the reports were read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: tuple[Number, ...] = ()
        self.drawn = 0.0
        self._attempt = 0
        self._seen = 0

    async def read_on(self, backend: Backend, id: str) -> None:
        reports = await backend.metrics(id, since=self._seen)
        if reports:
            self._seen = reports[-1].seq
            mine = [r for r in reports if not r.rank and self.name in r.values]
            newest = max((r.attempt for r in mine), default=self._attempt)
            known = self.values if newest == self._attempt else ()
            self._attempt = newest
            fresh = [r.values[self.name] for r in mine if r.attempt == newest]
            self.values = (*known, *fresh)[-_SPARK:]
