"""How a training job stands: its object, its pods, their events and its queue, told as one.

Everything here is pure: the same objects give the same Workload. A phase is what the cluster says;
what it does not say is in `message`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnai_sdk.backends.kubernetes.objects import (
    Condition,
    TrainingObject,
    holds,
    seconds,
)
from cnai_sdk.backends.kubernetes.standing_asked import Asked
from cnai_sdk.backends.kubernetes.standing_denials import denied, ownerless
from cnai_sdk.backends.kubernetes.standing_failure import (
    Cause,
    failure,
)
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts, attempts_of, given_up, latest
from cnai_sdk.backends.kubernetes.standing_seen import Context, Seen, Standing
from cnai_sdk.backends.kubernetes.standing_words import Wait, queue_wait
from cnai_sdk.backends.kubernetes.standing_workers import prepares, replicas, wait_of
from cnai_sdk.model.event import exit_words
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.workload import Queued, Workload

NAME = "kubernetes"
_UP = (Phase.RUNNING, Phase.SUCCEEDED)
_DENIALS = frozenset({"FailedCreate", "FailedCreatePod", "TrainJobResourcesCreationFailed"})


def workload(seen: Seen, *, context: Context, seq: int = 0) -> Workload:
    """A job as every surface shows it."""
    obj, wanted = seen.obj, seen.asked
    stands = standing(seen, wanted, context)
    created = wanted.created or obj.metadata.created
    started = _started(seen, stands.phase, created)
    ended = stands.ended
    if ended is not None:
        ended = max(ended, started or created)
    heard = seen.heard
    return Workload(
        id=wanted.id,
        name=wanted.name,
        base=wanted.base,
        display_name=wanted.display_name,
        kind=Kind.TRAIN,
        phase=stands.phase,
        backend=NAME,
        place=context.place,
        message=stands.message,
        reason=stands.reason,
        created=created,
        started=started,
        ended=ended,
        replicas=replicas(seen, wanted, stands),
        progress=heard.progress,
        metrics=heard.last,
        resources=wanted.resources,
        granted=wanted.granted,
        queued=stands.queued,
        attempt=max(attempts_of(seen.facts), wanted.attempt, heard.attempt),
        retries=wanted.retries,
        timeout=wanted.timeout,
        origin=wanted.origin,
        labels=wanted.labels,
        notices=wanted.notices,
        managed=wanted.managed,
        suspended=stands.suspended,
        seq=seq,
    )


def little(wanted: Asked, obj: TrainingObject, place: str) -> Workload:
    """A job whose standing cannot be worked out: its name, and that this is so."""
    return Workload(
        id=wanted.id,
        name=wanted.name,
        kind=Kind.TRAIN,
        phase=Phase("Unreadable"),
        backend=NAME,
        place=place,
        message="How it stands cannot be read from its objects; the program's log says why",
        created=obj.metadata.created,
        managed=wanted.managed,
    )


def standing(seen: Seen, wanted: Asked, context: Context) -> Standing:
    """The phase of a job, and what stands behind it."""
    ended = _ended(seen, wanted)
    if ended is not None:
        return ended
    if wanted.stopped is not None:
        return _under_way(seen, wanted, context, stopping=True)
    suspended = _suspended(seen, wanted)
    if suspended is not None:
        return suspended
    if _waits_in_line(seen, wanted):
        return _in_line(seen, wanted, context)
    return _under_way(seen, wanted, context)


# -- the end -------------------------------------------------------------------------


def _ended(seen: Seen, wanted: Asked) -> Standing | None:
    conditions = seen.obj.status.conditions
    done = holds(conditions, "Succeeded") or holds(conditions, "Complete")
    if done is not None:
        return Standing(phase=Phase.SUCCEEDED, ended=_end_time(seen, done))
    failed = holds(conditions, "Failed")
    if failed is None and wanted.stopped is None and given_up(seen.facts):
        failed = Condition()  # its operator says so when the node has tried often enough
    if failed is not None and not _stopped_before(wanted, failed):
        cause = failure(
            seen.obj,
            wanted,
            seen.facts,
            raised=seen.heard.raised,
            waited=_waited(seen, wanted),
        )
        return _failed(seen, cause, failed)
    if wanted.stopped is not None and (failed is not None or _all_gone(seen, wanted)):
        left = [each.ended for each in seen.facts if each.ended is not None]
        return Standing(
            phase=Phase.STOPPED,
            reason="Stopped",
            message="Stopped by you",
            ended=max([wanted.stopped, *left]),
        )
    return None


def _failed(seen: Seen, cause: Cause, told: Condition) -> Standing:
    return Standing(
        phase=Phase.FAILED,
        reason=cause.reason,
        message=cause.message,
        rank=cause.rank,
        exit_code=cause.exit_code,
        ended=_end_time(seen, told),
    )


def _end_time(seen: Seen, told: Condition) -> float:
    completed = seconds(seen.obj.status.completion_time)
    left = [each.ended for each in seen.facts if each.ended is not None]
    return max([told.time or completed or 0.0, *left])


def _stopped_before(wanted: Asked, failed: Condition) -> bool:
    """Whether it failed because a person had stopped it; the server's clock tells whole seconds."""
    return wanted.stopped is not None and (failed.time or 0.0) + 1 > wanted.stopped


def _all_gone(seen: Seen, wanted: Asked) -> bool:
    running = [e for e in latest(seen.facts).values() if not (e.phase.ended or e.gone)]
    return not running and seen.obj.spec.suspended


def _suspended(seen: Seen, wanted: Asked) -> Standing | None:
    """Paused by a person, or given up by its queue."""
    queue = seen.queue
    if queue is not None and queue.spec.active is False:
        wait = queue_wait(queue)
        reason = "" if wait.reason == "Suspended" else wait.reason
        return Standing(phase=Phase.QUEUED, reason=reason, message=wait.sentence, suspended=True)
    if queue is None and not wanted.queue and seen.obj.spec.suspended:
        return Standing(phase=Phase.QUEUED, message="Suspended", suspended=True)
    return None


# -- in line ---------------------------------------------------------------------------


def _waits_in_line(seen: Seen, wanted: Asked) -> bool:
    if seen.queue is None:
        return bool(wanted.queue) and seen.obj.spec.suspended
    return holds(seen.queue.status.conditions, "Admitted") is None


def _in_line(seen: Seen, wanted: Asked, context: Context) -> Standing:
    if seen.queue is None:
        message = f"Waits for the queue {wanted.queue}"
        if "workloads" in context.unseen:
            message += "; its place is not known: you may not list the queue's workloads here"
        return Standing(phase=Phase.QUEUED, message=message)
    wait = queue_wait(seen.queue)
    again = holds(seen.queue.status.conditions, "Evicted")
    message = wait.sentence if wait.stuck else f"Waits for {wait.sentence}"
    if again is not None and again.reason == "Preempted":
        message = f"It had to make room for other work. {message}"
    queued = None
    if seen.position is not None and not wait.stuck:
        queued = Queued(position=seen.position, waits_for=wait.sentence)
    return Standing(phase=Phase.QUEUED, reason=wait.reason, message=message, queued=queued)


# -- under way ---------------------------------------------------------------------------


def _under_way(seen: Seen, wanted: Asked, context: Context, *, stopping: bool = False) -> Standing:
    if "pods" in context.unseen and not seen.facts:
        return _without_pods(seen)
    runs = latest(seen.facts)
    up = [rank for rank, each in runs.items() if each.phase in _UP]
    wait = _waited(seen, wanted)
    if stopping or len(up) >= wanted.workers:
        phase = Phase.RUNNING if up else Phase.STARTING
        return Standing(phase=phase, message="Stopping" if stopping else _prepares(seen, wanted))
    stuck = wait is not None and wait.stuck
    return Standing(
        phase=_phase(seen, wanted, up),
        reason=wait.reason if wait is not None and stuck else "",
        message=_sentence(seen, wanted, wait, up) + _unknown(seen, wait, context),
    )


def _prepares(seen: Seen, wanted: Asked) -> str:
    """What a worker does before its script starts, as it says itself."""
    found = [(rank, doing) for rank in range(wanted.workers) if (doing := prepares(rank, seen))]
    if not found:
        return ""
    rank, doing = found[0]
    return doing if wanted.workers == 1 else f"Worker {rank}: {doing[:1].lower()}{doing[1:]}"


def _unknown(seen: Seen, wait: Wait | None, context: Context) -> str:
    """Said where a job has no workers, and what would tell why may not be read."""
    if seen.facts or "events" not in context.unseen or (wait is not None and wait.stuck):
        return ""
    return "; if something is wrong, it cannot be seen: you may not list events here"


def _phase(seen: Seen, wanted: Asked, up: Sequence[int]) -> Phase:
    """Running once all workers have run, until they are all made anew."""
    runs = latest(seen.facts)
    ran = {each.rank for each in seen.facts if each.started is not None}
    waiting = any(not (each.phase.ended or each.gone) for each in runs.values())
    if len(ran) >= wanted.workers and (up or not waiting):
        return Phase.RUNNING
    begun = any(each.phase is not Phase.QUEUED for each in runs.values())
    return Phase.STARTING if begun else Phase.QUEUED


def _sentence(seen: Seen, wanted: Asked, wait: Wait | None, up: Sequence[int]) -> str:
    why = wait.sentence if wait is not None else ""
    runs = latest(seen.facts)
    if not up:
        if runs and all(each.phase.ended or each.gone for each in runs.values()):
            return "Its workers have ended"
        return why
    count = f"{len(up)} of {wanted.workers} workers are up"
    rank = next((rank for rank in range(wanted.workers) if rank not in up), 0)
    ended = runs[rank].exit_code if rank in runs else None
    if ended is not None:
        return f"{count}; worker {rank} ended with {exit_words(ended)}"
    return f"{count}; worker {rank}: {why[:1].lower()}{why[1:]}" if why else count


def _waited(seen: Seen, wanted: Asked) -> Wait | None:
    """What the worker waits for that holds the job up most: one that is not even made."""
    if seen.queue is not None and _waits_in_line(seen, wanted):
        return queue_wait(seen.queue)
    runs = latest(seen.facts)
    present = {rank: each for rank, each in runs.items() if not each.gone}
    if len(present) < wanted.workers:
        refusal = _refusal(seen, present)
        if refusal is not None:
            return refusal
    alone = wanted.workers == 1
    waits = [wait_of(each, seen.events, alone=alone) for _, each in sorted(present.items())]
    found = [wait for wait in waits if wait is not None]
    stuck = [wait for wait in found if wait.stuck]
    if stuck or found:
        return (stuck or found)[0]
    if not present:
        reason = "OperatorSilent" if seen.unheeded else "Starting"
        return Wait(reason=reason, sentence=_not_made(seen.obj), stuck=seen.unheeded)
    return None


def _refusal(seen: Seen, present: Mapping[int, PodFacts]) -> Wait | None:
    """What the cluster said when workers were to be made, unless they were made since."""
    made = max((each.created for each in present.values()), default=0.0)
    refused = [e for e in seen.events if e.reason in _DENIALS and not ownerless(e.message)]
    said = [e for e in refused if e.last >= made - 1]
    return denied(max(said, key=lambda e: e.last).message) if said else None


def _not_made(obj: TrainingObject) -> str:
    if obj.metadata.deletion_timestamp:
        return "It is being deleted"
    if not obj.status.conditions and not obj.status.jobs_status:
        return "The training operator has not taken it up yet"
    return "Its workers are not made yet"


def _without_pods(seen: Seen) -> Standing:
    """What the operator says, where pods may not be read."""
    status = seen.obj.status
    counts = (status.replica_statuses or {}).values()
    active = sum(each.active for each in counts)
    active += sum(each.ready or 0 for each in status.jobs_status or ())
    unseen = "Its workers cannot be seen: you may not list pods here"
    running = holds(status.conditions, "Running") is not None and not seen.obj.spec.suspended
    return Standing(phase=Phase.RUNNING if running or active else Phase.QUEUED, message=unseen)


# -- times ---------------------------------------------------------------------------------


def _started(seen: Seen, phase: Phase, created: float) -> float | None:
    times = [e.started for e in seen.facts if e.rank is not None and e.started is not None]
    if times:
        return max(min(times), created)
    told = seconds(seen.obj.status.start_time)
    gone = phase in (Phase.SUCCEEDED, Phase.RUNNING) and not seen.facts
    return max(told, created) if gone and told else None
