"""Who holds what of a namespace, and who waits for what, as far as that is visible; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.backends.kubernetes.mirror_lines import in_line
from cnai_sdk.backends.kubernetes.objects import Pod, holds
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.room import Bucket, Room
from cnai_sdk.backends.kubernetes.room_wish import (
    Wish,
    numbers,
    wish_of_pod,
    wish_of_queued,
    with_defaults,
)
from cnai_sdk.model.workload import Workload

_JOB_SET = "jobset.sigs.k8s.io/jobset-name"
_OF_JOB_SETS = ("JobSet", "TrainJob")
"""Kinds whose pods belong to another object between them, and name the JobSet in a label."""

_WORKLOAD = "kueue.x-k8s.io/workload"
"""By which Kueue tells of a pod whose Workload it is."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One that holds something, or waits for it.

    Attributes:
        id: the workload's, or '' for one that is no training job.
        mine: whether the SDK made it.
        waits: whether it waits for its turn.
        position: its place in line, from 1, where that is known.
        ends: Unix seconds at which it has to end, where it holds something and has a deadline.
        lasts: how many seconds it may run, or None.
        queue: the queue of the namespace that it is in, or ''.
        assigned: what its queue gave it, by flavor and key; None when it gave nothing yet.
        pods: whether its pods are made, so that quotas count them.
    """

    name: str
    wish: Wish
    id: str = ""
    mine: bool = False
    waits: bool = False
    position: int | None = None
    ends: float | None = None
    lasts: float | None = None
    queue: str = ""
    assigned: Mapping[tuple[str, str], float] | None = None
    pods: bool = True

    def charged(self, room: Room) -> dict[Bucket, float]:
        """What it holds of each bucket, or would."""
        wish = with_defaults(self.wish, room.ranges)
        held = room.fixed(wish) if self.pods or self.waits else {}
        if room.queue is None or room.queue.name != self.queue:
            return held
        if self.assigned is None:
            return held | next(room.queued(wish), {})
        source = f"the queue {room.queue.name}"
        return held | {
            Bucket(source=source, key=key, flavor=flavor): amount
            for (flavor, key), amount in self.assigned.items()
        }


def claims_of(
    workloads: Iterable[Workload],
    job_of: Callable[[str], Job | None],
    *,
    queued: Iterable[QueueWorkload] = (),
    pods: Iterable[Pod] = (),
    now: float,
) -> list[Claim]:
    """Everybody in a namespace who holds something or waits, those who wait in their order.

    Args:
        queued: Kueue's workloads, of whatever kind.
        pods: those that belong to no training job.
    """
    found: list[Claim] = []
    owners: set[str] = set()
    named: set[str] = set()
    for workload in workloads:
        job = job_of(workload.id)
        if job is None:
            continue
        owners.add(job.uid)
        if not workload.phase.ended and (claim := _of_job(workload, job, now)) is not None:
            found.append(claim)
    for each in queued:
        references = each.metadata.owner_references or ()
        uids = {owner.uid for owner in references}
        if not uids & owners and (claim := _of_queued(each)) is not None:
            found.append(claim)
            owners |= uids
            named |= {owner.name for owner in references if owner.kind in _OF_JOB_SETS}
            named.add(each.metadata.name)
    found += [_of_pod(pod) for pod in pods if _counts(pod, owners, named)]
    return sorted(found, key=lambda claim: (not claim.waits, claim.position or 0))


def _of_job(workload: Workload, job: Job, now: float) -> Claim | None:
    """A training job; None for one that is suspended: it holds nothing, and stands in no line."""
    alive = any(not pod.ended for pod in job.pods.values())
    if workload.suspended and not alive:
        return None
    waits = not workload.suspended and (workload.queued is not None or in_line(job.queue))
    lasts = _lasts(workload.timeout, job.queue)
    return Claim(
        id=workload.id,
        name=workload.name,
        wish=job.wish,
        mine=workload.managed,
        waits=waits,
        position=workload.queued.position if workload.queued is not None else None,
        ends=None if waits or lasts is None else (workload.started or now) + lasts,
        lasts=lasts,
        queue=job.queue.spec.queue_name if job.queue is not None else job.asked.queue,
        assigned=_assigned(job.queue) or ({} if workload.suspended else None),
        pods=alive,
    )


def _of_queued(queued: QueueWorkload) -> Claim | None:
    """A job of another kind in a queue, such as a plain Job; None when it holds nothing more."""
    conditions = queued.status.conditions
    waits = in_line(queued)
    assigned = _assigned(queued)
    if holds(conditions, "Finished") or (not waits and assigned is None):
        return None
    owner = queued.metadata.owner
    admitted = holds(conditions, "Admitted")
    lasts = _lasts(None, queued)
    since = admitted.time if admitted is not None else None
    return Claim(
        name=owner.name if owner is not None else queued.metadata.name,
        wish=wish_of_queued(queued),
        waits=waits,
        ends=since + lasts if since and lasts is not None else None,
        lasts=lasts,
        queue=queued.spec.queue_name,
        assigned=assigned,
        pods=admitted is not None,
    )


def _lasts(timeout: float | None, queued: QueueWorkload | None) -> float | None:
    """The earlier of the job's own time and its queue's."""
    most = queued.spec.maximum_execution_time_seconds if queued is not None else None
    bounds = [each for each in (timeout, most) if each is not None]
    return float(min(bounds)) if bounds else None


def _assigned(queued: QueueWorkload | None) -> dict[tuple[str, str], float] | None:
    if queued is None or queued.status.admission is None:
        return None
    found: dict[tuple[str, str], float] = {}
    for each in queued.status.admission.pod_set_assignments or ():
        for key, amount in numbers(each.resource_usage).items():
            kind = (each.flavors or {}).get(key, ""), key
            found[kind] = found.get(kind, 0.0) + amount
    return found


def _counts(pod: Pod, owners: set[str], named: set[str]) -> bool:
    """Whether a pod is nobody's who is known already."""
    meta = pod.metadata
    uids = {meta.uid, *(owner.uid for owner in meta.owner_references or ())} - {""}
    names = {meta.label(_JOB_SET), meta.annotation(_WORKLOAD)} - {""}
    return not pod.ended and not uids & owners and not names & named


def _of_pod(pod: Pod) -> Claim:
    owner = pod.metadata.owner
    return Claim(
        name=owner.name if owner is not None else pod.metadata.name, wish=wish_of_pod(pod.spec)
    )


def waiting_in(claims: Sequence[Claim], queue: str) -> list[Claim]:
    """Those who wait in a queue, from its head as far as that is known."""
    return [claim for claim in claims if claim.waits and claim.queue == queue]
