"""Jobs that are told anew although nothing of them has changed: when a while is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.backends.kubernetes.standing_pods import latest

_PODS_END_WITHIN = 3.0
_LOGS_END_WITHIN = 30.0
_LOOK_AGAIN = 0.1
TAKEN_UP_WITHIN = 20.0
"""Seconds in which an operator has looked at a job, also one that has just been started again."""


class Again:
    """How long jobs have been as they are, and when to look at them next.

    Args:
        touch: called with the uids of jobs whose time has come.
    """

    def __init__(self, touch: Callable[[Iterable[str]], None]) -> None:
        self._touch = touch
        self._ending: dict[str, float] = {}
        self._unheeded: dict[str, float] = {}

    def complete(self, job: Job, *, settled: Callable[[str], bool]) -> bool:
        """Whether the pods of a job that has ended have said how they ended and what they printed;
        else look again."""
        waited = time.monotonic() - self._ending.setdefault(job.uid, time.monotonic())
        runs = latest(job.facts.values()).values()
        pods = waited > _PODS_END_WITHIN or all(each.phase.ended or each.gone for each in runs)
        if pods and (waited > _LOGS_END_WITHIN or settled(job.asked.id)):
            return True
        self._later(_LOOK_AGAIN, job)
        return False

    def unheeded(self, job: Job) -> bool:
        """Whether no operator has looked at a job in the time that one takes."""
        status, stays = (
            job.obj.status,
            job.obj.spec.suspended or job.obj.metadata.deletion_timestamp,
        )
        if job.facts or status.conditions or status.jobs_status or stays:
            self._unheeded.pop(job.uid, None)
            return False
        if job.uid not in self._unheeded:
            self._unheeded[job.uid] = time.monotonic()
            self._later(TAKEN_UP_WITHIN, job)
        return time.monotonic() - self._unheeded[job.uid] >= TAKEN_UP_WITHIN

    def ended(self, uid: str) -> None:
        """All of it was told, or it is gone."""
        self._ending.pop(uid, None)
        self._unheeded.pop(uid, None)

    def _later(self, seconds: float, job: Job) -> None:
        asyncio.get_running_loop().call_later(seconds, self._touch, {job.uid})
