"""A namespace's training jobs as they stand now: each kind is watched once, and joined by job.

Only the jobs that something touched are told anew, many touches at once. What the cluster forgets
is handed to what this machine keeps.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.api import Refused
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informer, Informers
from cnai_sdk.backends.kubernetes.kept import Kept
from cnai_sdk.backends.kubernetes.kubeconfig import Target
from cnai_sdk.backends.kubernetes.mirror_again import Again
from cnai_sdk.backends.kubernetes.mirror_index import Index, Job, older
from cnai_sdk.backends.kubernetes.mirror_keeping import Keeping
from cnai_sdk.backends.kubernetes.mirror_lines import Lines, Visibility
from cnai_sdk.backends.kubernetes.mirror_paths import JOBS, paths_of, watched
from cnai_sdk.backends.kubernetes.mirror_stream import Stream, broken, interruption, unlisted
from cnai_sdk.backends.kubernetes.objects import KubeEvent, Pod, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.standing import little, workload
from cnai_sdk.backends.kubernetes.standing_events import happened, in_order, incomplete
from cnai_sdk.backends.kubernetes.standing_seen import Context, Seen
from cnai_sdk.errors import CnaiError
from cnai_sdk.model.event import Event
from cnai_sdk.model.stream import Update
from cnai_sdk.model.workload import Workload

_GATHER = 0.02
_BATCH = 200
_log = logging.getLogger(__name__)

PodCallback = Callable[[str, str, Pod], None]


class Mirror:
    """All training jobs of one namespace, whoever made them.

    Args:
        informers: those of the cluster.
        served: what the cluster has.
        target: the cluster and the namespace.
        kept: what this machine keeps of its workloads.

    Attributes:
        settled: says of a workload's id whether all that its pods printed is kept. An end is told
            only then, so that who sees the end finds everything.
    """

    def __init__(self, informers: Informers, served: Served, target: Target, kept: Kept) -> None:
        self.settled: Callable[[str], bool] = lambda id: True
        self._shared = informers
        self._paths = paths_of(served, target.namespace)
        self._kept = kept
        self._place = target.place
        self._index = Index()
        self._stream = Stream()
        self._lines = Lines(
            Visibility(informers.api, target.namespace),
            waiting=self._index.waiting,
            moved=self._touch,
        )
        self._keeping = Keeping(kept)
        self._informers: dict[str, Informer[Any]] = {}
        self._listeners: list[PodCallback] = []
        self._forgotten: set[str] = set()
        self._touched: set[str] = set()
        self._again = Again(self._touch)
        self._puzzling: set[str] = set()
        self._wake = asyncio.Event()
        self._loaded = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to watch, in the loop that runs now; return when all that is there is known.

        Raises:
            BackendUnavailable: the watch broke down before that.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._kept.listen(self._grew)
            self._tasks = [
                self._loop.create_task(self._run()),
                self._loop.create_task(self._keeping.run()),
            ]
        await self._loaded.wait()
        if self._stream.failure is not None:
            await self.close()
            raise self._stream.failure

    async def close(self, why: CnaiError | None = None) -> None:
        """Stop watching; why is told to whoever watches here."""
        if why is not None:
            self._stream.fail(why)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._lines.close()
        while self._informers:
            await self._shared.release(self._informers.popitem()[1])

    # -- looking ---------------------------------------------------------------------------

    def workloads(self) -> list[Workload]:
        """All of them, newest first."""
        return self._stream.all()

    def listed(self) -> list[Workload]:
        """All of them, newest first, for somebody who asks what is there.

        Raises:
            BackendUnavailable: none is known, since none can be seen.
        """
        found, refusals = self.workloads(), self._refusals()
        if not found and refusals and all(refusals):
            raise unlisted(self._place, refusals)
        return found

    def get(self, id: str) -> Workload | None:
        """How one stands, or None when there is none of that id."""
        return self._stream.get(id)

    def job(self, id: str) -> Job | None:
        """A workload's objects, or None."""
        return self._index.find(id)

    def pods(self, id: str) -> list[Pod]:
        """A workload's pods that exist."""
        job = self._index.find(id)
        return list(job.pods.values()) if job else []

    def events(self, id: str, *, missing: str = "") -> list[Event]:
        """What happened to a workload, oldest first.

        Args:
            missing: what its log lacks, a sentence.
        """
        job = self._index.find(id)
        if job is None:
            return []
        told = happened(self._seen(job), context=self._context(), kept=self._keeping.events(id))
        last = self._stream.get(id)
        if missing:
            told["log"] = incomplete(missing, told)
        return in_order(told, ended=last is not None and last.phase.ended)

    @property
    def problems(self) -> list[str]:
        """What cannot be seen now, and why."""
        return [each.problem for each in self._informers.values() if each.problem]

    @property
    def unseen(self) -> tuple[str, ...]:
        """Kinds of objects that may not be listed here."""
        refused = (n for n, each in self._informers.items() if isinstance(each.refusal, Refused))
        return tuple(dict.fromkeys(name.partition(" ")[0] for name in refused))

    def watch(self) -> AsyncIterator[Update]:
        """A snapshot, then changes, until the iterator is closed. `start` comes first."""
        return self._stream.watch()

    def listen_to_pods(self, callback: PodCallback) -> None:
        """Call with a workload's id, 'ADDED', 'MODIFIED' or 'DELETED', and the pod."""
        self._listeners.append(callback)

    # -- telling it ------------------------------------------------------------------------

    def put(self, obj: Mapping[str, Any]) -> Workload:
        """A job that this process has just made; it need not wait for the watch."""
        made = msgspec.convert(obj, TrainingObject)
        if made.metadata.uid not in self._index.jobs:
            self._take_job("ADDED", made)
        return self._tell(self._index.jobs[made.metadata.uid])

    def forget(self, id: str) -> None:
        """A workload that this process has just deleted."""
        job = self._index.find(id)
        if job is not None:
            self._forgotten.add(job.uid)
            self._drop(job.uid)
        self._keeping.forget(id)

    def touch(self, id: str) -> None:
        """Something that is not an object has changed, such as what was heard of it."""
        job = self._index.find(id)
        if job is not None:
            self._touch({job.uid})

    def _grew(self, id: str) -> None:
        """What is kept of a workload has grown; said by any thread."""
        self._keeping.grew(id)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.touch, id)

    # -- what the watches say ------------------------------------------------------------------

    def _take_job(self, verb: str, obj: TrainingObject) -> None:
        uid = obj.metadata.uid
        if verb == "DELETED":
            self._forgotten.discard(uid)
            self._drop(uid)
            return
        known = self._index.jobs.get(uid)
        if uid in self._forgotten or (known is not None and older(obj, known.obj)):
            return
        try:
            touched = self._index.put_job(obj)
        except Exception:
            self._unread(uid, obj)
            return
        if known is None:
            job = self._index.jobs[uid]
            job.remember(self._keeping.runs(job.asked.id))
        self._touch(touched)

    def _drop(self, uid: str) -> None:
        job = self._index.drop_job(uid)
        if job is None:
            return
        self._stream.drop(job.asked.id)
        self._puzzling.discard(uid)
        self._again.ended(uid)
        if job.queue is not None:
            self._lines.touch(job.queue)
            self._wake.set()

    def _take_pod(self, verb: str, pod: Pod) -> None:
        gone = verb == "DELETED"
        touched = self._index.drop_pod(pod) if gone else self._index.put_pod(pod)
        self._touch(touched)
        for uid in touched:
            for callback in self._listeners:
                callback(self._index.jobs[uid].asked.id, verb, pod)

    def _take_queue(self, verb: str, queue: QueueWorkload) -> None:
        gone = verb == "DELETED"
        self._touch(self._index.drop_queue(queue) if gone else self._index.put_queue(queue))
        self._lines.touch(queue)
        self._wake.set()

    def _take_event(self, verb: str, event: KubeEvent) -> None:
        if verb != "DELETED":
            self._touch(self._index.put_event(event))

    def _touch(self, uids: Iterable[str]) -> None:
        before = len(self._touched)
        self._touched.update(uids)
        if len(self._touched) != before:
            self._wake.set()

    # -- the loops -------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._load()
        except Exception as error:
            _log.exception("The jobs of %s cannot be told", self._place)
            self._stream.fail(broken(self._place, error))
            self._loaded.set()
            return
        while True:
            await self._wake.wait()
            await asyncio.sleep(_GATHER)  # what comes at once is told at once
            self._wake.clear()
            try:
                self._lines.refresh()
                await self._tell_touched()
            except Exception:
                _log.exception("A change could not be told")

    async def _load(self) -> None:
        """Jobs, then what belongs to them, so that each finds its job."""
        for name, (path, type, params) in watched(self._paths).items():
            self._informers[name] = self._shared.get(path, type, params=params)
        await asyncio.gather(*(each.synced() for each in self._informers.values()))
        self._keeping.look()
        for name, informer in self._informers.items():
            take = self._taker(name)
            for obj in list(informer.objects.values()):
                try:
                    take("ADDED", obj)
                except Exception:  # one that makes no sense must not stop the others
                    self._unread(obj.metadata.uid, obj)
            informer.listen(take)
        events = self._shared.get(self._paths["events"], KubeEvent, keep=False)
        events.listen(self._take_event)
        self._informers["events"] = events
        await events.synced()
        for informer in self._informers.values():
            informer.heed(self._sight_changed)
        self._sight_changed()
        self._lines.refresh()
        await self._tell_touched()
        self._loaded.set()

    def _taker(self, name: str) -> Callable[[str, Any], None]:
        if name in JOBS:
            return self._take_job
        return self._take_queue if name == "workloads" else self._take_pod

    async def _tell_touched(self) -> None:
        touched, self._touched = self._touched, set()
        for nth, uid in enumerate(touched, start=1):
            job = self._index.jobs.get(uid)
            if job is not None:
                self._tell(job)
            if nth % _BATCH == 0:
                await asyncio.sleep(0)

    def _tell(self, job: Job) -> Workload:
        """Tell how a job stands, or that this cannot be told: one that makes no sense must not stop
        the others."""
        try:
            return self._told(job)
        except Exception:
            self._unread(job.uid, job.obj)
            return self._stream.put(little(job.asked, job.obj, self._place))

    def _unread(self, uid: str, obj: Any) -> None:
        """Log once that an object cannot be read."""
        if uid not in self._puzzling:
            self._puzzling.add(uid)
            _log.exception("%s %s cannot be read", obj.kind or "object", obj.metadata.name)

    def _told(self, job: Job) -> Workload:
        """An end is told once, when all that belongs to it is known."""
        before = self._stream.get(job.asked.id)
        if before is not None and before.phase.ended and job.obj is job.ended_as:
            return before
        now = workload(self._seen(job), context=self._context())
        self._note(job)
        if before is not None and now.phase.ended:
            if before.phase is now.phase:
                job.ended_as = job.obj
                return before
            if not before.phase.ended and not self._again.complete(job, settled=self.settled):
                return before
        if now.phase.ended:
            self._again.ended(job.uid)
            job.ended_as = job.obj
        return self._stream.put(now)

    def _seen(self, job: Job) -> Seen:
        return Seen(
            obj=job.obj,
            asked=job.asked,
            facts=tuple(job.facts.values()),
            events=tuple(job.events.values()),
            queue=job.queue,
            position=self._lines.place(job),
            heard=self._keeping.heard(job.asked.id),
            unheeded=self._again.unheeded(job),
        )

    def _context(self) -> Context:
        return Context(place=self._place, unseen=self.unseen)

    def _sight_changed(self) -> None:
        """What can be seen is another than before."""
        self._touch(self._index.jobs)
        self._stream.interrupt(interruption(self._refusals()))

    def _refusals(self) -> list[CnaiError | None]:
        """Why each kind of job cannot be listed now, or None."""
        return [each.refusal for name, each in self._informers.items() if name in JOBS]

    def _note(self, job: Job) -> None:
        """Have kept what the cluster forgets; not of jobs that had ended before this began."""
        if job.asked.managed and job.ended_as is None and (job.facts or job.events):
            self._keeping.put(self._seen(job), job.asked.id)
