"""Each worker of a job: how far it is, what it waits for, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnai_sdk.backends.kubernetes.objects import KubeEvent
from cnai_sdk.backends.kubernetes.standing_asked import Asked
from cnai_sdk.backends.kubernetes.standing_failure import first_to_fail, stopped_after
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts, latest
from cnai_sdk.backends.kubernetes.standing_seen import Seen, Standing
from cnai_sdk.backends.kubernetes.standing_words import Wait, scheduling, starting
from cnai_sdk.model.metric import Number
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Replica


def replicas(seen: Seen, wanted: Asked, stands: Standing) -> tuple[Replica, ...]:
    runs, heard = latest(seen.facts), seen.heard
    root = first_to_fail(seen.facts) if stands.phase is Phase.FAILED else None
    followed = stopped_after(seen.facts, root)
    if stands.reason == "Timeout":
        followed = frozenset(runs)
    return tuple(
        _replica(
            rank,
            runs.get(rank),
            stands,
            seen=seen,
            asked_to_end=rank in followed,
            metrics=heard.metrics.get(rank, {}),
            alone=wanted.workers == 1,
        )
        for rank in range(wanted.workers)
    )


def _replica(
    rank: int,
    each: PodFacts | None,
    stands: Standing,
    *,
    seen: Seen,
    asked_to_end: bool,
    metrics: Mapping[str, Number],
    alone: bool,
) -> Replica:
    phase = each.phase if each is not None else Phase.QUEUED
    message = ""
    if stands.phase.ended:
        phase = _final(phase, stands.phase, asked_to_end=asked_to_end)
    elif each is not None and each.gone:
        phase = Phase.QUEUED if phase is not Phase.SUCCEEDED else phase
    elif each is not None:
        wait = wait_of(each, seen.events, alone=alone)
        message = wait.sentence if wait is not None else prepares(rank, seen)
    return Replica(
        rank=rank,
        phase=phase,
        exit_code=each.exit_code if each is not None else None,
        message=message,
        metrics=dict(metrics),
    )


def prepares(rank: int, seen: Seen) -> str:
    """What a worker that runs does before its script starts, or ''."""
    each = latest(seen.facts).get(rank)
    up = each is not None and each.phase is Phase.RUNNING
    return seen.heard.doing.get(rank, "") if up else ""


def _final(phase: Phase, of_job: Phase, *, asked_to_end: bool) -> Phase:
    """A worker's phase once the job has ended, in the same words as on this machine."""
    if phase is Phase.SUCCEEDED:
        return phase
    if of_job is Phase.SUCCEEDED:
        return phase if phase is Phase.FAILED else Phase.SUCCEEDED
    if of_job is Phase.STOPPED or asked_to_end:
        return Phase.STOPPED
    return phase if phase.ended else Phase.STOPPED


def wait_of(each: PodFacts, events: Sequence[KubeEvent], *, alone: bool) -> Wait | None:
    if each.phase is Phase.QUEUED:
        return scheduling(each.said, alone=alone)
    if each.phase is not Phase.STARTING:
        return None
    said = {e.reason: e for e in sorted(events, key=_said) if e.involved_object.uid == each.uid}
    mount = _mount(said)
    pulling = said.get("Pulling")
    pulled = said.get("Pulled")
    if pulling is not None and pulled is not None and pulled.last >= pulling.last:
        pulling = None
    return starting(
        each.why,
        each.said,
        container=each.container,
        mount=mount.message if mount else "",
        pulling=pulling.message if pulling else "",
        restarts=each.attempt,
    )


def _mount(said: Mapping[str, KubeEvent]) -> KubeEvent | None:
    """What keeps a volume away: a node cannot mount what was not attached to it."""
    failed, attached = said.get("FailedAttachVolume"), said.get("SuccessfulAttachVolume")
    if failed is not None and (attached is None or attached.last < failed.last):
        return failed
    return said.get("FailedMount")


def _said(event: KubeEvent) -> float:
    return event.last
