"""Has the training operator look at a job whose time is over.

It looks at the deadline of a PyTorchJob only when something of the job changes. Workers that run
keep the time themselves, and a node keeps that of workers that it has; where no node has them, a
process that watches reminds the operator.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.mirror import Mirror
from cnai_sdk.backends.kubernetes.objects import seconds
from cnai_sdk.errors import CnaiError
from cnai_sdk.model.stream import Update

_BY_ITSELF = 2.0
"""Seconds after the deadline in which the operator or a node may have seen to it."""

_AGAIN = 10.0

_KIND = KINDS["pytorchjob"]


class Overdue:
    """The deadlines of a namespace's PyTorchJobs."""

    def __init__(self, mirror: Mirror, api: Api) -> None:
        self._mirror = mirror
        self._api = api
        self._waits: dict[str, asyncio.Task[None]] = {}

    def heed(self, update: Update) -> None:
        """Somebody watches: look after the jobs that are told of."""
        for workload in update.workloads:
            known = workload.id in self._waits or not workload.timeout or workload.phase.ended
            job = None if known else self._mirror.job(workload.id)
            if job is not None and job.asked.managed and job.obj.kind == _KIND.kind:
                waiting = asyncio.create_task(self._wait(workload.id))
                self._waits[workload.id] = waiting

    async def close(self) -> None:
        """Remind of nothing any more."""
        for task in self._waits.values():
            task.cancel()
        await asyncio.gather(*self._waits.values(), return_exceptions=True)

    async def _wait(self, id: str) -> None:
        """Until it has ended."""
        while (left := self._left(id)) is not None:
            if left <= 0:
                with contextlib.suppress(CnaiError):
                    await self._remind(id)
                left = _AGAIN
            await asyncio.sleep(min(left, _AGAIN))
        self._waits.pop(id, None)

    def _left(self, id: str) -> float | None:
        """Seconds until it should have ended; None when it has."""
        job, workload = self._mirror.job(id), self._mirror.get(id)
        if job is None or workload is None or workload.phase.ended or not workload.timeout:
            return None
        begun = seconds(job.obj.status.start_time)
        if not begun or job.obj.spec.suspended:
            return _AGAIN
        return begun + workload.timeout + _BY_ITSELF - time.time()

    async def _remind(self, id: str) -> None:
        job = self._mirror.job(id)
        if job is not None:
            meta = job.obj.metadata
            note = {"metadata": {"annotations": {naming.OVERDUE: f"{time.time():.0f}"}}}
            await self._api.patch(_KIND.path(meta.namespace, meta.name), note)
