"""Carries out what steers a job: patches of the job, and of Kueue's Workload of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NoReturn

from cnai_sdk.backends.kubernetes.api import Missing, Refused
from cnai_sdk.backends.kubernetes.kinds import Change, TrainingKind
from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.backends.kubernetes.objects import TrainingObject, holds
from cnai_sdk.backends.kubernetes.session import Session
from cnai_sdk.errors import BackendUnavailable

_TAKEN_UP_WITHIN = 10.0
"""Seconds in which an operator that runs takes up a new job, and Kueue makes its Workload."""

_LEAVE_WITHIN = 45.0
"""Seconds in which the workers of a job that was paused go: a node gives them thirty."""

_HEARD_WITHIN = 5.0
"""Seconds after which a change is taken for made although no watch has told of it."""

_LOOK_AGAIN = 0.05


async def change(session: Session, job: Job, kind: TrainingKind, changes: Sequence[Change]) -> None:
    """Make the changes, in order.

    Raises:
        BackendUnavailable: the server refuses one, or it cannot be seen what is to be changed.
    """
    meta = job.obj.metadata
    for each in changes:
        try:
            if each.once and not await _comes_to_be(job, each.once):
                continue
            if each.target == "job":
                patch = each.patch
            elif await _changed_in_queue(session, job, each):
                continue
            else:
                patch = each.instead
            await session.api.patch(kind.path(meta.namespace, meta.name), patch)
        except Missing:
            return  # it has gone by itself
        except Refused as error:
            _cannot(job, error.message or error.what, cause=error)


async def until_left(session: Session, job: Job, kind: TrainingKind) -> None:
    """Return when no worker is left of a job that is paused.

    The training operator takes one that is still ending for a failure of the next run.
    """
    meta, until = job.obj.metadata, time.monotonic() + _LEAVE_WITHIN
    try:
        now = await session.api.get(kind.path(meta.namespace, meta.name), type=TrainingObject)
    except Missing:
        return
    while now.spec.suspended and time.monotonic() < until:
        if not job.pods:
            return
        await asyncio.sleep(_LOOK_AGAIN)


async def until_heard(session: Session, id: str, *, suspended: bool) -> None:
    """Return when the change is seen here too, so that whoever looks next is told what is true."""
    until = time.monotonic() + _HEARD_WITHIN
    while time.monotonic() < until:
        workload = session.mirror.get(id)
        if workload is None or workload.phase.ended or workload.suspended == suspended:
            return
        await asyncio.sleep(_LOOK_AGAIN)


async def _comes_to_be(job: Job, condition: str) -> bool:
    """Whether a job is paused, and has a condition or comes to have it soon."""
    until = time.monotonic() + _TAKEN_UP_WITHIN
    while job.obj.spec.suspended and time.monotonic() < until:
        if holds(job.obj.status.conditions, condition) is not None:
            return True
        await asyncio.sleep(_LOOK_AGAIN)
    return False


async def _changed_in_queue(session: Session, job: Job, change: Change) -> bool:
    """Change Kueue's Workload, once there is one; False where none comes."""
    until = time.monotonic() + _TAKEN_UP_WITHIN
    base = f"/apis/kueue.x-k8s.io/{session.served.kueue}/namespaces/{job.obj.metadata.namespace}"
    while session.served.kueue and time.monotonic() < until:
        if "workloads" in session.mirror.unseen:
            _cannot(job, "It belongs to a queue, whose workloads you may not list here.")
        if job.queue is not None:
            try:
                await session.api.patch(f"{base}/workloads/{job.queue.metadata.name}", change.patch)
            except Missing:  # Kueue makes another one
                if session.mirror.job(job.asked.id) is None:
                    raise
            else:
                return True
        await asyncio.sleep(_LOOK_AGAIN)
    return False


def _cannot(job: Job, why: str, *, cause: Exception | None = None) -> NoReturn:
    raise BackendUnavailable(
        f"{job.asked.name} could not be changed.",
        why=why,
        next_step=f'It can be deleted: cnai.job("{job.asked.name}").delete()',
    ) from cause
