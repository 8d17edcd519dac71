"""The handle of a workload: what every kind can do, written once above the backends.

Belongs here: waiting, following, stopping, explaining. Never here: widgets, or what one backend
does differently from another.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Self

import msgspec

from cnai_sdk import runtime
from cnai_sdk.asked import check_rank, check_tail, check_wait
from cnai_sdk.errors import BackendUnavailable, JobFailed, NotFound, WaitTimeout
from cnai_sdk.events import EventList
from cnai_sdk.facts import diagnose_workload
from cnai_sdk.grants import GrantedView
from cnai_sdk.logs import Log, LogStream
from cnai_sdk.model.event import LOG_GAPS, LogLine
from cnai_sdk.model.metric import Metric, of_last_attempt
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Spec
from cnai_sdk.model.stream import Interruption, Snapshot
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Workload
from cnai_sdk.outputs import Outputs
from cnai_sdk.text import job_text, verdict_text

if TYPE_CHECKING:
    from cnai_sdk.backends.base import Backend
    from cnai_sdk.model.diagnosis import Diagnosis

_TAIL = 3
_RECENT = 64
"""Lines of a batch among which the last ones are: a worker has one without its end at most."""
_AT_MOST_EVERY = 0.1
_HISTORY = 500
_LOOK_AGAIN = 1.0


class Explanation:
    """A verdict that reads well where it is shown.

    Attributes:
        diagnosis: the verdict's parts, or None when nothing went wrong.
    """

    def __init__(self, workload: Workload, diagnosis: Diagnosis | None) -> None:
        self.diagnosis = diagnosis
        self._workload = workload

    def __repr__(self) -> str:
        if self.diagnosis is not None:
            return verdict_text(self.diagnosis)
        if self._workload.suspended:
            return f"{self._workload.shown} is suspended. job.resume() lets it go on."
        return f"{self._workload.shown} is {self._workload.phase.label}. Nothing went wrong."

    __str__ = __repr__


class Handle:
    """A workload, wherever it runs. It stays valid when the notebook's kernel is restarted:
    `cnai.job(name)` makes a new one.

    Attributes:
        id: unique for ever.
        name: unique among the workloads that exist.
    """

    def __init__(self, backend: Backend, workload: Workload) -> None:
        self._backend = backend
        self.id = workload.id
        self.name = workload.name
        self._last = workload

    # -- how it stands -------------------------------------------------------------

    @property
    def workload(self) -> Workload:
        """Everything that is known of it now."""
        self._last = runtime.call(self._backend.get(self.id))
        return self._last

    @property
    def status(self) -> Phase:
        """Queued, Starting, Running, Succeeded, Failed or Stopped."""
        return self.workload.phase

    @property
    def granted(self) -> GrantedView | None:
        """What was asked for, what each worker got, and what it is charged to; None until then."""
        granted = self.workload.granted
        return GrantedView(granted) if granted is not None else None

    def events(self) -> EventList:
        """What happened to it, oldest first."""
        return EventList(runtime.call(self._backend.events(self.id)))

    def logs(
        self, *, follow: bool = False, rank: int | None = None, tail: int | None = None
    ) -> Log | LogStream:
        """What its workers printed.

        Args:
            follow: go on until it has ended; iterate over the lines, or show the answer in a
                notebook to see them as they come.
            rank: only this worker.
            tail: only the last so many lines.

        Raises:
            InvalidRequest: it has no such worker, or that is no number of lines.
        """
        tail, rank = check_tail(tail), check_rank(self._last, rank)
        read = functools.partial(self._backend.logs, self.id, rank=rank)
        if follow:
            batches = read(tail=tail, follow=True)
            return LogStream(batches, missing=self._missing, interrupted=self._goes_on())
        return Log(lambda last: runtime.iterate(read(tail=last)), tail=tail, missing=self._missing)

    def _missing(self) -> list[str]:
        """What its log lacks, in sentences."""
        return [each.message for each in self.events() if each.reason in LOG_GAPS]

    def explain(self) -> Explanation:
        """What happened, why, and what to do, with the lines that prove it."""
        workload = self.workload
        return Explanation(workload, runtime.call(diagnose_workload(self._backend, workload)))

    @property
    def outputs(self) -> Outputs:
        """The files that it wrote."""
        return Outputs(self._backend, self.id)

    @property
    def script(self) -> str:
        """The script that runs on every worker, as text."""
        return self._spec().payload.script

    def _spec(self) -> Spec:
        return runtime.call(self._backend.spec(self.id))

    # -- waiting -------------------------------------------------------------------

    def wait(self, timeout: float | str | None = None) -> Self:
        """Wait until it has ended.

        Args:
            timeout: seconds, or '30m'; None waits for as long as it takes.

        Raises:
            InvalidRequest: that is no length of time.
            JobFailed: it failed; the error carries the verdict.
            NotFound: it was deleted meanwhile.
            WaitTimeout: it has not ended in time; it is as it was.
        """
        seconds = check_wait(timeout)
        try:
            workload = runtime.call(self._until_ended(seconds))
        except TimeoutError:
            raise self._not_yet(seconds) from None
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._goes_on()) from None
        if workload.phase is Phase.FAILED:
            raise self._failure(workload)
        return self

    def _not_yet(self, seconds: float | None) -> WaitTimeout:
        """Why waiting is over, with what the job itself waits for."""
        what = f"{self.name} has not ended in {seconds:g} s"
        again = f'stop it: cnai.job("{self.name}").stop()'
        if self._last.suspended:
            return WaitTimeout(
                f"{what}; it is suspended.",
                next_step=f'Let it go on, cnai.job("{self.name}").resume(), or {again}',
            )
        if self._last.reason and self._last.message:
            return WaitTimeout(
                f"{what}; it waits.",
                why=self._last.message,
                next_step=f'cnai.job("{self.name}").explain() says what to do; or {again}',
            )
        return WaitTimeout(f"{what}; it goes on.", next_step=f"Wait again, or {again}")

    def _goes_on(self) -> str:
        return f'{self.name} goes on. cnai.job("{self.name}").stop() stops it.'

    async def _until_ended(self, timeout: float | None) -> Workload:
        async with asyncio.timeout(timeout):
            async for workload, _ in self._states():
                if workload is None:
                    raise NotFound(
                        f"{self.name} was deleted before it had ended.",
                        next_step="cnai.jobs() lists what there is.",
                    )
                if workload.phase.ended:
                    return workload
        raise AssertionError("a watch never ends by itself")

    async def _states(self) -> AsyncIterator[tuple[Workload | None, Interruption | None]]:
        """This workload, each time that it has changed, and whether more can be heard of it; None
        at last when it was deleted."""
        away: Interruption | None = None
        async for update in self._backend.watch():
            mine = [workload for workload in update.workloads if workload.id == self.id]
            if mine or update.interruption != away:
                away = update.interruption
                self._last = mine[-1] if mine else self._last
                yield self._last, away
            known = isinstance(update, Snapshot) and self.id in {w.id for w in update.workloads}
            if (isinstance(update, Snapshot) and not known) or (
                not isinstance(update, Snapshot) and self.id in update.deleted
            ):
                yield None, None
                return

    def _failure(self, workload: Workload) -> JobFailed:
        diagnosis = runtime.call(diagnose_workload(self._backend, workload))
        assert diagnosis is not None
        view = JobView(workload=workload, diagnosis=diagnosis, now=time.time())
        return JobFailed(self.name, diagnosis, job_text(view))

    # -- acting --------------------------------------------------------------------

    def stop(self) -> Self:
        """Ask it to end: its workers are asked first, and killed when they do not follow."""
        runtime.call(self._backend.stop(self.id))
        return self

    def suspend(self) -> Self:
        """Pause it: its workers end, and their room is for others until `resume`.

        The function begins anew afterwards. It can go on from what it has written to
        cnai.checkpoint_dir(), which is kept where the job has outputs=.

        Raises:
            Unsupported: the backend cannot; on a cluster it can.
            InvalidRequest: it has ended.
        """
        runtime.call(self._backend.suspend(self.id))
        return self

    def resume(self) -> Self:
        """Let it go on after `suspend`, as soon as there is room.

        Raises:
            Unsupported: the backend cannot.
            InvalidRequest: it has ended.
        """
        runtime.call(self._backend.resume(self.id))
        return self

    def delete(self) -> None:
        """Stop it if need be, and remove its folder, outputs and logs."""
        runtime.call(self._backend.delete(self.id))

    # -- showing -------------------------------------------------------------------

    def view(self) -> JobView:
        """All that a card or a terminal shows of it now."""
        return runtime.call(self._view(self.id))

    async def _view(self, id: str) -> JobView:
        try:
            return await self._view_of(await self._backend.get(id))
        except NotFound:
            return self._view_of_none()

    def _view_of_none(self) -> JobView:
        """What is shown of one that was deleted."""
        gone = {"phase": Phase.STOPPED, "message": "It was deleted"}
        return JobView(workload=msgspec.structs.replace(self._last, **gone), now=time.time())

    async def _view_of(
        self,
        workload: Workload,
        reports: list[Metric] | None = None,
        tail: Sequence[LogLine] | None = None,
    ) -> JobView:
        """How it stands.

        Args:
            reports: what was read before; it gets what came since.
            tail: the last lines of a log that is followed; they are read when left out.
        """
        backend = self._backend
        ended = workload.phase.ended
        # Where they lie on a cluster, a pod has to look: that is done when somebody asks.
        at_hand = ended and (await backend.capabilities()).outputs_at_hand
        reports = [] if reports is None else reports
        known = reports[-1].seq if reports else 0
        reports += [m for m in await backend.metrics(self.id, since=known) if m.rank == 0]
        if ended or tail is None:
            tail = [line async for lines in backend.logs(self.id, tail=_TAIL) for line in lines]
        result = None
        if ended:
            with contextlib.suppress(NotFound):  # the rest is shown all the same
                result = await backend.result(self.id)
        return JobView(
            workload=workload,
            metrics=tuple(_thinned(of_last_attempt(reports))),
            tail=tuple(tail[-_TAIL:]),
            diagnosis=await diagnose_workload(backend, workload) if ended else None,
            result=result.decode() if result is not None else None,
            outputs=tuple(await backend.outputs(self.id)) if ended and at_hand else (),
            now=time.time(),
        )

    async def updates(self) -> AsyncIterator[JobView]:
        """Views as things change, at most ten a second; the last one when it has ended."""
        newest: list[tuple[Workload | None, Interruption | None]] = []
        changed = asyncio.Event()

        async def listen() -> None:
            async for state in self._states():
                newest[:] = [state]
                changed.set()

        tail: list[LogLine] = []

        async def listen_to_logs() -> None:
            async for lines in self._backend.logs(self.id, tail=_TAIL, follow=True):
                _keep_last(tail, lines)
                changed.set()

        listening, reading = asyncio.create_task(listen()), asyncio.create_task(listen_to_logs())
        listening.add_done_callback(lambda _: changed.set())
        tasks = [listening, reading]
        view: JobView | None = None
        reports: list[Metric] = []
        try:
            while True:
                await changed.wait()
                changed.clear()
                if newest:
                    workload, away = newest[0]
                    if workload is None:
                        yield self._view_of_none()
                        return
                    known = view or JobView(workload=workload, now=time.time())
                    broken = reading.done() and reading.exception() is not None
                    last = None if broken else tuple(tail)
                    view = await self._view_now(workload, reports, last, away, known)
                    yield view
                    if view.interruption is not None and away is None:
                        asyncio.get_running_loop().call_later(_LOOK_AGAIN, changed.set)
                    elif workload.phase.ended:
                        return
                if listening.done():
                    listening.result()
                await asyncio.sleep(_AT_MOST_EVERY)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _view_now(
        self,
        workload: Workload,
        reports: list[Metric],
        tail: Sequence[LogLine] | None,
        away: Interruption | None,
        known: JobView,
    ) -> JobView:
        """How it stands, or how it stood last while the backend is away."""
        if away is None:
            try:
                return await self._view_of(workload, reports, tail)
            except NotFound:
                return self._view_of_none()
            except BackendUnavailable as error:
                away = Interruption(what=error.what, why=error.why, next_step=error.next_step)
        return msgspec.structs.replace(known, interruption=away)

    def __repr__(self) -> str:
        return job_text(self.view())

    __str__ = __repr__


def _keep_last(tail: list[LogLine], lines: Sequence[LogLine]) -> None:
    """Add lines to the last ones; what its rank prints next replaces one without its end."""
    for line in lines[-_RECENT:]:
        tail[:] = [each for each in tail if not (each.partial and each.rank == line.rank)]
        tail.append(line)
    del tail[:-_TAIL]


def _thinned(reports: Sequence[Metric]) -> Sequence[Metric]:
    """At most a few hundred, evenly spread, with the last."""
    if len(reports) <= _HISTORY:
        return reports
    step = len(reports) / _HISTORY
    return [reports[int(n * step)] for n in range(_HISTORY)] + [reports[-1]]
