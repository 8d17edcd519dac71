"""Why a job failed: the first worker that failed by itself, or what the cluster did to it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

import msgspec

from cnai_sdk.backends.kubernetes.objects import Condition, TrainingObject, holds
from cnai_sdk.backends.kubernetes.standing_asked import Asked
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts, latest
from cnai_sdk.backends.kubernetes.standing_words import Wait, clip, starting
from cnai_sdk.explain import is_consequence
from cnai_sdk.model.event import exit_words
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_bytes, show_duration

_ASKED_TO_END = (-signal.SIGTERM, -signal.SIGKILL)
_NODE_GONE = frozenset(
    {
        *("DeletionByTaintManager", "DeletionByPodGC", "NodeLost", "NodeShutdown", "Shutdown"),
        *("Terminated", "TerminationByKubelet", "ContainerStatusUnknown", "NodeAffinity"),
    }
)
_EVICTED = frozenset({"Evicted", "EvictionByEvictionAPI"})
_PREEMPTED = frozenset({"PreemptionByScheduler", "Preempting", "Preempted"})
_TAKEN = _NODE_GONE | _EVICTED | _PREEMPTED
_REFUSED = frozenset(
    {"UnexpectedAdmissionError", "NodePorts", "PodOSSelectorNodeLabelDoesNotMatch"}
)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What a job failed of.

    Attributes:
        reason: the same word as on this machine where it means the same.
        message: one sentence, without a full stop.
    """

    reason: str
    message: str
    rank: int | None = None
    exit_code: int | None = None
    time: float | None = None


def failure(
    obj: TrainingObject,
    asked: Asked,
    facts: Sequence[PodFacts],
    *,
    raised: Mapping[int, str],
    waited: Wait | None,
) -> Cause:
    """The root cause of a job that its operator calls failed.

    Args:
        raised: rank to the exception that it said it ended with.
        waited: what the workers waited for at last, when they never came to run.
    """
    told = holds(obj.status.conditions, "Failed") or Condition()
    if overdue(told):
        ran = any(each.started is not None for each in facts)
        if waited is not None and waited.stuck and not ran:
            late = f"its timeout of {_limit(asked)} was over before it ran"
            return Cause(reason=waited.reason, message=f"{waited.sentence}; {late}", time=told.time)
        return _timeout(asked, told, ran=ran)
    first = first_to_fail(facts)
    if first is not None:
        return cause_of(first, asked, raised)
    if waited is not None and waited.stuck:
        return Cause(reason=waited.reason, message=waited.sentence, time=told.time)
    if "backoff limit" in told.message or told.reason in ("BackoffLimitExceeded", "FailedJobs"):
        said = "Its workers failed, and what they left is gone"
        return Cause(reason="BackoffLimit", message=said, time=told.time)
    return Cause(
        reason="Failed",
        message=clip(told.message) or "The cluster does not say why",
        time=told.time,
    )


def overdue(told: Condition) -> bool:
    """Whether an operator ended the job because its time was over."""
    return told.reason == "DeadlineExceeded" or "deadline" in told.message


def _timeout(asked: Asked, told: Condition, *, ran: bool) -> Cause:
    was = "was still running" if ran else "had not started"
    message = f"It {was} when its timeout of {_limit(asked)} was over"
    return Cause(reason="Timeout", message=message, time=told.time)


def _limit(asked: Asked) -> str:
    return show_duration(asked.timeout) if asked.timeout else "the cluster"


def first_to_fail(facts: Sequence[PodFacts]) -> PodFacts | None:
    """The worker whose failure the others' follow from, of the last attempt."""
    runs = latest(facts).values()
    bad = [each for each in runs if each.failed or _taken(each) or _removed(each)]
    if bad:
        first = min(bad, key=_turn)
        return _lost_by(first, facts) or first
    # The last pods may be gone before they said how they ended: the run before them tells.
    return max((each for each in facts if each.failed), key=_turn, default=None)


def _lost_by(first: PodFacts, facts: Sequence[PodFacts]) -> PodFacts | None:
    """Who was deleted in the run in which a worker says only that it lost another, or None. By then
    another pod may run in its place, which the others never met."""
    error = first.document.get("error")
    if first.deleted or not isinstance(error, dict) or not is_consequence(_raised(first)):
        return None
    gone = (
        each
        for each in facts
        if each.deleted
        and each.rank not in (None, first.rank)
        and (each.told or 0) == (first.told or 0)
        and (each.ended is None or (first.started or 0.0) <= each.ended)
    )
    return max(gone, key=lambda each: each.ended or float("inf"), default=None)


def _taken(each: PodFacts) -> bool:
    """Whether it was taken away, and its node can say no more how it ended."""
    return each.leaving and each.why in _TAKEN


def _removed(each: PodFacts) -> bool:
    """Whether it was deleted before it had done its work."""
    return each.deleted and each.phase is not Phase.SUCCEEDED


def _turn(each: PodFacts) -> tuple[bool, float, int, int]:
    """Sorts by time, after a pod that was deleted while nothing was wrong; clocks tell whole
    seconds, so then by what cannot follow from another."""
    if each.why and not each.document.get("error"):
        own = 0
    elif each.exit_code in _ASKED_TO_END:
        own = 2
    else:
        own = 1
    return (not each.deleted, each.ended or float("inf"), own, each.rank or 0)


def cause_of(each: PodFacts, asked: Asked, raised: Mapping[int, str]) -> Cause:
    """What one worker failed of."""
    who = f"Worker {each.rank}" if each.rank is not None else f"The step {each.name}"
    reason, message = _cause(each, asked, who, raised)
    return Cause(
        reason=reason,
        message=message,
        rank=each.rank,
        exit_code=each.exit_code,
        time=each.ended,
    )


def _cause(each: PodFacts, asked: Asked, who: str, raised: Mapping[int, str]) -> tuple[str, str]:
    why, said = each.why, clip(each.said)
    if why == "OOMKilled" or each.document.get("reason") == "MemoryExceeded":
        memory = _memory(asked)
        limit = f"its memory of {show_bytes(memory)}" if memory else "the memory that it may have"
        return "MemoryExceeded", f"{who} needed more than {limit}"
    if why == "DeadlineExceeded":
        cause = _timeout(asked, Condition(), ran=each.started is not None)
        return cause.reason, cause.message
    if why in _EVICTED:
        return "Evicted", f"{who} was evicted: {said}" if said else f"{who} was evicted"
    if why in _NODE_GONE:
        node = f" {each.node}" if each.node else ""
        return "NodeLost", f"{who} was lost with its node{node}"
    if why in _PREEMPTED:
        return "Preempted", f"{who} had to make room for work with a higher priority"
    if why in _REFUSED or why.startswith("OutOf"):
        return "NodeRefused", f"{who} was refused by its node{': ' if said else ''}{said}"
    told = each.document
    reason = told.get("reason")
    if isinstance(reason, str) and reason.isalnum():
        return reason, clip(str(told.get("message") or "")) or f"{who} failed"
    if each.deleted:
        return "PodDeleted", f"The pod of worker {each.rank} was deleted"
    stuck = starting(why, each.said)
    if stuck.stuck:
        return stuck.reason, f"{who}: {stuck.sentence}"
    if each.container:
        step = f"{who} failed in its step {each.container}"
        return "StartFailed", f"{step}: {said}" if said else step
    how = _raised(each) or raised.get(each.rank if each.rank is not None else -1, "")
    if how:
        return "WorkerFailed", f"{who} raised {how}"
    if each.exit_code is None:
        return "WorkerFailed", f"{who} failed{': ' if said or why else ''}{said or why}"
    return "WorkerFailed", f"{who} ended with {exit_words(each.exit_code)}"


def _memory(asked: Asked) -> int | None:
    granted = asked.granted.memory if asked.granted else None
    return granted or asked.resources.memory


def _raised(each: PodFacts) -> str:
    """The exception that the worker's last message tells, in one line."""
    error = each.document.get("error")
    if not isinstance(error, dict) or not error.get("type"):
        return ""
    first = clip(str(error.get("message") or "").strip().partition("\n")[0])
    return f"{error['type']}: {first}" if first else str(error["type"])


def stopped_after(facts: Sequence[PodFacts], root: PodFacts | None) -> frozenset[int]:
    """Ranks that ended only because another one had failed before."""
    if root is None:
        return frozenset()
    return frozenset(
        each.rank
        for each in latest(facts).values()
        if each.rank is not None
        and each.uid != root.uid
        and each.phase is Phase.FAILED
        and not each.why
        and each.exit_code in _ASKED_TO_END
    )
