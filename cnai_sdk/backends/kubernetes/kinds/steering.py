"""What steers a job that exists: patches as data, which the backend carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cnai_sdk.backends.kubernetes import naming


@dataclass(frozen=True, kw_only=True)
class Change:
    """One merge patch.

    Attributes:
        target: the job itself, or Kueue's Workload of it.
        patch: the merge patch. Of a Workload few people may change anything: where the server
            refuses it, a job can still be deleted.
        instead: for a Workload, the merge patch of the job itself where Kueue makes none of it:
            it is not there, or does not look after jobs of this kind.
        once: a condition of a paused job, which is waited for; of one that is not paused, or does
            not come to have it, nothing is changed.
    """

    target: Literal["job", "workload"]
    patch: Mapping[str, Any]
    instead: Mapping[str, Any] = field(default_factory=dict)
    once: str = ""


def queued(job: Mapping[str, Any]) -> bool:
    """Whether Kueue decides when the job runs. It undoes what is patched in the job itself: one
    that is paused while it is admitted is started again, and the other way round."""
    labels = (job.get("metadata") or {}).get("labels") or {}
    return bool(labels.get(naming.QUEUE))


def active(yes: bool, *, instead: Mapping[str, Any]) -> Change:
    """Let Kueue admit the job, or take it out of the queue and give its quota back."""
    return Change(target="workload", patch={"spec": {"active": yes}}, instead=instead)


def stopped(at: float) -> dict[str, Any]:
    """What is written on a job that a person has stopped."""
    return {"metadata": {"annotations": {naming.STOPPED: f"{at:.3f}"}}}
