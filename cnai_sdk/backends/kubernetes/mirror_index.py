"""Joins a namespace's objects by the job that they belong to, and says which jobs each touches.

Objects come in any order and from several watches: an event may be known before its pod, and a pod
before its job. What belongs to no known job waits for a while in bounded places; what can belong
to none is dropped at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.objects import KubeEvent, Pod, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.room_wish import Wish, wish_of_job
from cnai_sdk.backends.kubernetes.standing_asked import Asked, asked
from cnai_sdk.backends.kubernetes.standing_pods import (
    PodFacts,
    before_restart,
    facts_of,
    job_names,
    latest,
)
from cnai_sdk.model.phase import Phase

_SET = "jobset.sigs.k8s.io/jobset-name"
_OF_JOB = "training.kubeflow.org/job-name"
_KINDS = frozenset({"Pod", "PyTorchJob", "TrainJob", "JobSet", "Job", "Workload"})
_HELD = 4096
_EVENTS_OF_A_JOB = 512
_OLDER = 5.0
"""Seconds by which an event may seem older than its job, since clocks differ."""

_T = TypeVar("_T")


class Held(Generic[_T]):
    """Things that may still find their job; the oldest goes when there are too many."""

    def __init__(self) -> None:
        self._things: OrderedDict[str, tuple[_T, tuple[str, ...]]] = OrderedDict()
        self._under: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._things)

    def hold(self, uid: str, thing: _T, keys: Iterable[str]) -> None:
        """Keep a thing under whatever its job may be known by."""
        self.drop(uid)
        told = tuple(key for key in keys if key)
        self._things[uid] = (thing, told)
        for key in told:
            self._under.setdefault(key, set()).add(uid)
        if len(self._things) > _HELD:
            self.drop(next(iter(self._things)))

    def drop(self, uid: str) -> None:
        """Forget a thing."""
        _, keys = self._things.pop(uid, (None, ()))
        for key in keys:
            left = self._under.get(key, set())
            left.discard(uid)
            if not left:
                self._under.pop(key, None)

    def under(self, keys: Iterable[str]) -> list[_T]:
        """What is kept under any of the keys; it stays."""
        uids = {uid for key in keys for uid in self._under.get(key, ())}
        return [self._things[uid][0] for uid in sorted(uids)]


@dataclass(slots=True)
class Job:
    """One job, and all that belongs to it.

    Attributes:
        pods: those that exist.
        facts: what is known of every run of its workers, by pod and run.
        owned: uids of all objects that were ever its own.
        ended_as: the object whose end was told.
    """

    obj: TrainingObject
    asked: Asked
    pods: dict[str, Pod] = field(default_factory=dict)
    facts: dict[tuple[str, int], PodFacts] = field(default_factory=dict)
    events: OrderedDict[str, KubeEvent] = field(default_factory=OrderedDict)
    queue: QueueWorkload | None = None
    owned: set[str] = field(default_factory=set)
    ended_as: TrainingObject | None = None
    _wish: Wish | None = None

    @property
    def uid(self) -> str:
        """The object's own."""
        return self.obj.metadata.uid

    @property
    def wish(self) -> Wish:
        """What it asks of its namespace, read once from each state of the object."""
        if self._wish is None:
            self._wish = wish_of_job(self.obj)
        return self._wish

    def told(self, obj: TrainingObject, asked: Asked) -> None:
        """Take another state of the object."""
        self.obj, self.asked, self._wish = obj, asked, None

    def saw(self, pod: Pod, *, gone: bool = False) -> None:
        """Take what a pod says; what an earlier run said is kept."""
        uid, master = pod.metadata.uid, self.asked.master
        before = self.pods.pop(uid, None)
        if not gone:
            self.pods[uid] = pod
        facts = facts_of(pod, master=master, gone=gone)
        if self._was_deleted(before, facts):
            facts = msgspec.structs.replace(facts, deleted=True)
        earlier = before_restart(pod, master=master)
        if earlier is not None:
            self.facts[uid, earlier.attempt] = earlier
        self.facts[uid, facts.attempt] = facts

    def _was_deleted(self, before: Pod | None, facts: PodFacts) -> bool:
        """Whether a pod is told to end although no worker had come to a bad end: what an operator
        deletes follows from that, and other pods go only after it."""
        known = self.facts.get((facts.uid, facts.attempt))
        if known is not None and known.deleted:
            return True
        fresh = before is not None and before.metadata.deletion_timestamp is None
        if not (fresh and (facts.leaving or facts.gone)) or facts.exit_code is not None:
            return False
        obj, others = self.obj, [each for each in self.facts.values() if each.rank != facts.rank]
        steered = self.asked.stopped is not None or obj.spec.suspended
        if steered or obj.metadata.deletion_timestamp or facts.why not in ("", "Deleted"):
            return False
        now = latest(others).values()
        # One in the place of a deleted pod has not come up yet: what ends now may end for it.
        anew = {each.rank for each in others if each.deleted} & {
            each.rank for each in now if each.phase is not Phase.RUNNING
        }
        return not (facts.attempt or anew or any(_has_trouble(each) for each in now))

    def remember(self, facts: Iterable[PodFacts]) -> None:
        """Runs that were seen earlier, perhaps by another process."""
        for each in facts:
            self.facts.setdefault((each.uid, each.attempt), each)


def _has_trouble(each: PodFacts) -> bool:
    """Whether a worker failed, or was told to end, or was started again because it had failed."""
    return each.failed or each.leaving or each.gone or each.attempt > 0


class Index:
    """All jobs of a namespace. Each method returns the uids of the jobs that it touched."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self._by_id: dict[str, str] = {}
        self._by_name: dict[str, set[str]] = {}
        self._owner: dict[str, str] = {}
        self._queues: dict[str, set[str]] = {}
        self._lost_pods = Held[Pod]()
        self._lost_queues = Held[QueueWorkload]()
        self._lost_events = Held[KubeEvent]()

    @property
    def held(self) -> int:
        """How many things wait for their job."""
        return len(self._lost_pods) + len(self._lost_queues) + len(self._lost_events)

    # -- looking -------------------------------------------------------------------------

    def find(self, id: str) -> Job | None:
        """The job of a workload's id."""
        return self.jobs.get(self._by_id.get(id, ""))

    def waiting(self, queue: str) -> Iterator[Job]:
        """Jobs with a workload in a local queue."""
        return (self.jobs[uid] for uid in self._queues.get(queue, ()) if uid in self.jobs)

    # -- jobs ----------------------------------------------------------------------------

    def put_job(self, obj: TrainingObject) -> set[str]:
        """A job is there, or has changed."""
        uid, wanted = obj.metadata.uid, asked(obj)
        job = self.jobs.get(uid)
        if job is not None:
            job.told(obj, wanted)
            return {uid}
        job = self.jobs[uid] = Job(obj=obj, asked=wanted)
        self._by_id[wanted.id] = uid
        self._by_name.setdefault(obj.metadata.name, set()).add(uid)
        self._own(job, uid)
        self._adopt(job)
        return {uid}

    def drop_job(self, uid: str) -> Job | None:
        """A job is gone, with all that belongs to it."""
        job = self.jobs.pop(uid, None)
        if job is None:
            return None
        if self._by_id.get(job.asked.id) == uid:
            del self._by_id[job.asked.id]
        named = self._by_name.get(job.obj.metadata.name, set())
        named.discard(uid)
        if not named:
            self._by_name.pop(job.obj.metadata.name, None)
        for each in job.owned:
            self._owner.pop(each, None)
        for queued in self._queues.values():
            queued.discard(uid)
        return job

    def _own(self, job: Job, uid: str) -> bool:
        """Note whose an object is; whether that is new."""
        fresh = uid not in job.owned
        job.owned.add(uid)
        self._owner[uid] = job.uid
        return fresh

    def _adopt(self, job: Job) -> None:
        """Take what came before its job did."""
        keys = (job.uid, job.asked.id, job.obj.metadata.name)
        for pod in self._lost_pods.under(keys):
            if self._job_of_pod(pod) is job:
                self._lost_pods.drop(pod.metadata.uid)
                self.put_pod(pod)
        for queue in self._lost_queues.under(keys):
            self._lost_queues.drop(queue.metadata.uid)
            self.put_queue(queue)
        self._retry_events(job, keys)

    # -- pods ----------------------------------------------------------------------------

    def put_pod(self, pod: Pod) -> set[str]:
        """A pod is there, or has changed."""
        if pod.metadata.label(naming.ROLE) not in ("", naming.WORKER):
            return set()
        job = self._job_of_pod(pod)
        if job is None:
            self._lost_pods.hold(pod.metadata.uid, pod, _jobs_of(pod))
            return set()
        job.saw(pod)
        if self._own(job, pod.metadata.uid):
            self._retry_events(job, (pod.metadata.uid,))
        return {job.uid}

    def drop_pod(self, pod: Pod) -> set[str]:
        """A pod is gone; its last state says how it ended."""
        uid = pod.metadata.uid
        self._lost_pods.drop(uid)
        job = self._job_of_pod(pod)
        if job is None or pod.metadata.label(naming.ROLE) not in ("", naming.WORKER):
            return set()
        self._own(job, uid)
        job.saw(pod, gone=True)
        return {job.uid}

    def _job_of_pod(self, pod: Pod) -> Job | None:
        meta = pod.metadata
        known = self._owner.get(meta.uid) or self._by_id.get(meta.label(naming.ID))
        if known:
            return self.jobs.get(known)
        owner = meta.owner
        if owner is not None and owner.uid in self.jobs:
            return self.jobs[owner.uid]
        return self._newest(meta.label(_SET) or meta.label(_OF_JOB), since=meta.created)

    def _newest(self, name: str, *, since: float) -> Job | None:
        """The job of that name that was there at a time."""
        found = [self.jobs[uid] for uid in self._by_name.get(name, ())]
        there = [job for job in found if job.obj.metadata.created <= since + _OLDER]
        return max(there, key=lambda job: job.obj.metadata.created, default=None)

    # -- queues --------------------------------------------------------------------------

    def put_queue(self, queue: QueueWorkload) -> set[str]:
        """A queue's workload is there, or has changed."""
        job = self._job_of_queue(queue)
        if job is None:
            owners = queue.metadata.owner_references or ()
            self._lost_queues.hold(queue.metadata.uid, queue, (owner.uid for owner in owners))
            return set()
        job.queue = queue
        self._queues.setdefault(queue.spec.queue_name, set()).add(job.uid)
        if self._own(job, queue.metadata.uid):
            self._retry_events(job, (queue.metadata.uid,))
        return {job.uid}

    def drop_queue(self, queue: QueueWorkload) -> set[str]:
        """A queue's workload is gone; another may have taken its place before."""
        self._lost_queues.drop(queue.metadata.uid)
        job = self._job_of_queue(queue)
        if job is None or job.queue is None or job.queue.metadata.uid != queue.metadata.uid:
            return set()
        job.queue = None
        self._queues.get(queue.spec.queue_name, set()).discard(job.uid)
        return {job.uid}

    def _job_of_queue(self, queue: QueueWorkload) -> Job | None:
        for owner in queue.metadata.owner_references or ():
            if owner.uid in self.jobs:
                return self.jobs[owner.uid]
        return None

    # -- events --------------------------------------------------------------------------

    def put_event(self, event: KubeEvent) -> set[str]:
        """Something was said. Events of other things than jobs and theirs are dropped at once."""
        about = event.involved_object
        if about.kind not in _KINDS:
            return set()
        uid = self._owner.get(about.uid)
        job = self.jobs.get(uid) if uid else self._job_of_event(event)
        if job is None:
            names = job_names(about.name) if about.kind == "Job" else ()
            keys = (about.uid, about.name, *names) if about.kind != "Pod" else (about.uid,)
            self._lost_events.hold(event.metadata.uid, event, keys)
            return set()
        return self._tell(job, event)

    def _tell(self, job: Job, event: KubeEvent) -> set[str]:
        if event.first < job.obj.metadata.created - _OLDER:
            return set()
        job.events.pop(event.metadata.uid, None)
        job.events[event.metadata.uid] = event
        if len(job.events) > _EVENTS_OF_A_JOB:
            job.events.popitem(last=False)
        return {job.uid}

    def _job_of_event(self, event: KubeEvent) -> Job | None:
        """The job whose JobSet or Job an event is about; these are told apart by name only."""
        about = event.involved_object
        if about.kind == "JobSet":
            return self._newest(about.name, since=event.last)
        if about.kind == "Job":
            for name in job_names(about.name):
                found = self._newest(name, since=event.last)
                if found is not None:
                    return found
        return None

    def _retry_events(self, job: Job, keys: Iterable[str]) -> None:
        for event in self._lost_events.under(keys):
            if self._owner.get(event.involved_object.uid) == job.uid or (
                self._job_of_event(event) is job
            ):
                self._lost_events.drop(event.metadata.uid)
                self._tell(job, event)


def _jobs_of(pod: Pod) -> tuple[str, ...]:
    """What a pod's job may be known by."""
    meta = pod.metadata
    owner = meta.owner
    return (
        owner.uid if owner else "",
        meta.label(naming.ID),
        meta.label(_SET),
        meta.label(_OF_JOB),
    )


def older(obj: TrainingObject, known: TrainingObject) -> bool:
    """Whether an object is a state before the known one; a watch may lag behind an answer."""
    versions = (obj.metadata.resource_version, known.metadata.resource_version)
    return all(each.isdigit() for each in versions) and int(versions[0]) < int(versions[1])
