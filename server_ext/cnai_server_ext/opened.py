"""All of one job, as a page of it shows it, and what is new in it since."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from cnai_sdk.errors import CnaiError, NotFound
from cnai_sdk.facts import diagnose_workload
from cnai_sdk.model.event import Event
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.workload import Workload
from cnai_server_ext.answers import Job, Row
from cnai_server_ext.hub import Hub
from cnai_server_ext.messages import JobUpdate

_METRICS = 5_000
_EVENTS = 2_000
_OUTPUTS = 1_000
_RESULT = 256 * 2**10
_AGAIN = 2.0
_EVERY = 0.1

Say = Callable[[JobUpdate], Awaitable[None]]


async def whole_job(hub: Hub, id: str) -> Job:
    """Everything that is known of a job, but for its log.

    Raises:
        NotFound: there is no such job.
    """
    backend = hub.backend()
    workload = await backend.get(id)
    metrics = await backend.metrics(id)
    kept = thinned(metrics, most=_METRICS)
    result = None
    with contextlib.suppress(NotFound):  # one that is lost; the page shows the rest
        result = await backend.result(id)
    diagnosis = None
    if workload.phase.ended:
        async with hub.judging:
            diagnosis = await diagnose_workload(backend, workload)
    events = await backend.events(id)
    outputs = await _outputs(hub, workload)
    return Job(
        row=row_of(hub, workload),
        metrics=kept,
        events=tuple(events[-_EVENTS:]),
        diagnosis=diagnosis,
        result=None if result is None else result[:_RESULT].decode("utf-8", "replace"),
        outputs=tuple(outputs[:_OUTPUTS]),
        folder=await backend.folder(id) or "",
        dropped=len(metrics) - len(kept),
        older_events=max(len(events) - _EVENTS, 0),
        more_outputs=max(len(outputs) - _OUTPUTS, 0),
    )


async def _outputs(hub: Hub, workload: Workload) -> Sequence[OutputFile]:
    """What it wrote. Where a pod has to look for that, only once it has ended; a page that cannot
    be told of files still shows the rest."""
    backend = hub.backend()
    with contextlib.suppress(CnaiError):
        if workload.phase.ended or (await backend.capabilities()).outputs_at_hand:
            return await backend.outputs(workload.id)
    return ()


def row_of(hub: Hub, workload: Workload) -> Row:
    """The workload with what the list knows of it."""
    entry = hub.rows.get(workload.id)
    if entry is None:
        return Row(workload=workload)
    return Row(workload=workload, short=entry.short, spark=entry.spark)


def thinned(metrics: Sequence[Metric], *, most: int) -> tuple[Metric, ...]:
    """At most about so many reports: every worker keeps its share, from first to last.

    >>> reports = [Metric(values={"loss": 1.0}, rank=n % 2, seq=n) for n in range(1, 101)]
    >>> [(m.rank, m.seq) for m in thinned(reports, most=4)]
    [(1, 1), (0, 2), (1, 99), (0, 100)]
    """
    if len(metrics) <= most:
        return tuple(metrics)
    alike: dict[object, list[Metric]] = {}
    for metric in metrics:
        alike.setdefault((metric.rank, metric.attempt, *metric.values), []).append(metric)
    kept: list[Metric] = []
    for group in alike.values():
        share = max(len(group) * most // len(metrics), 2)
        last = len(group) - 1
        places = {round(place * last / (share - 1)) for place in range(share)}
        kept += [group[place] for place in sorted(places)]
    return tuple(sorted(kept, key=lambda metric: metric.seq))


class OpenJob:
    """Tells one page of one job: whole, then what is new, then whole when it has ended.

    Args:
        hub: of its source.
        id: the job's.
        say: sends a message, and returns when it has left; so that a slow page is told less often.
    """

    def __init__(self, hub: Hub, id: str, say: Say) -> None:
        self._hub = hub
        self._id = id
        self._say = say
        self._changed = asyncio.Event()
        self._row = 0
        self._metrics = 0
        self._events = 0

    def wake(self) -> None:
        """Something may be new."""
        if self._row_now() != self._row:
            self._changed.set()

    async def run(self) -> None:
        """Tell what there is to tell, until the task is cancelled.

        Raises:
            NotFound: there is no such job, or it was deleted.
        """
        ended = await self._tell_all()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if ended else _AGAIN):
                    await self._changed.wait()
            self._changed.clear()
            ended = await self._tell_news(ended)
            await asyncio.sleep(_EVERY)

    async def _tell_all(self) -> bool:
        self._row = self._row_now()
        job = await whole_job(self._hub, self._id)
        self._seen(job.metrics, job.events)
        await self._update(job, whole=True)
        return job.row.workload.phase.ended

    async def _tell_news(self, ended: bool) -> bool:
        """Returns whether the job has ended."""
        backend, row = self._hub.backend(), self._row_now()
        try:
            workload = await backend.get(self._id)
            if workload.phase.ended and not ended:
                return await self._tell_all()
            metrics = await backend.metrics(self._id, since=self._metrics)
            events = [e for e in await backend.events(self._id) if e.seq > self._events]
        except NotFound:
            raise
        except CnaiError:
            return ended  # the source says what its problem is; the next turn tries again
        if row != self._row or metrics or events:
            self._row = row
            self._seen(metrics, events)
            kept = thinned(metrics, most=_METRICS)
            news = Job(
                row=row_of(self._hub, workload),
                metrics=kept,
                events=tuple(events[-_EVENTS:]),
                dropped=len(metrics) - len(kept),
                older_events=max(len(events) - _EVENTS, 0),
            )
            await self._update(news)
        return workload.phase.ended

    def _seen(self, metrics: Sequence[Metric], events: Sequence[Event]) -> None:
        self._metrics = max((metric.seq for metric in metrics[-1:]), default=self._metrics)
        self._events = max((event.seq for event in events[-1:]), default=self._events)

    def _row_now(self) -> int:
        entry = self._hub.rows.get(self._id)
        return 0 if entry is None else entry.seq

    async def _update(self, job: Job, *, whole: bool = False) -> None:
        source = self._hub.source.id
        await self._say(
            JobUpdate(source=source, id=self._id, job=job, whole=whole, now=time.time())
        )
