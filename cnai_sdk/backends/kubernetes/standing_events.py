"""What happened to a job, oldest first: the cluster's events, and what conditions and pods tell.

The words for what workers did are the same as on this machine, since verdicts are found by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from cnai_sdk.backends.kubernetes.objects import KubeEvent, holds
from cnai_sdk.backends.kubernetes.standing import standing
from cnai_sdk.backends.kubernetes.standing_asked import Asked
from cnai_sdk.backends.kubernetes.standing_denials import ownerless
from cnai_sdk.backends.kubernetes.standing_failure import cause_of
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts, runs_of
from cnai_sdk.backends.kubernetes.standing_seen import Context, Seen
from cnai_sdk.model.event import LOG_INCOMPLETE, Event, exit_words
from cnai_sdk.model.phase import Phase

_NOISE = frozenset(
    {
        *("ExitedWithCode", "SuccessfulCreateService", "SuccessfulDeleteService"),
        *("SuccessfulCreatePod", "SuccessfulDeletePod", "SuccessfulCreate", "SuccessfulDelete"),
        *("Created", "UpdatedWorkload", "JobTerminated", "SandboxChanged", "Suspended"),
        *("PyTorchJobSucceeded", "PyTorchJobFailed", "PyTorchJobRunning"),
    }
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_LONGEST = 1000


def happened(seen: Seen, *, context: Context, kept: Mapping[str, Event]) -> dict[str, Event]:
    """What happened, under keys that say which event it is; unsorted.

    Args:
        kept: what was learned earlier, and may be gone from the cluster.
    """
    wanted = seen.asked
    return {**kept, **_told(seen), **_of_workers(seen, wanted), **_of_job(seen, wanted, context)}


def incomplete(missing: str, told: Mapping[str, Event]) -> Event:
    """The log lacks something; that was so at the last of what was told."""
    when = max((each.time for each in told.values()), default=0.0)
    return Event(reason=LOG_INCOMPLETE, message=missing, warning=True, time=when)


def in_order(events: Mapping[str, Event], *, ended: bool) -> list[Event]:
    """Events oldest first and numbered, equal ones said once, the end last.

    Args:
        ended: whether the end was told already; an end that was not is left out.
    """
    merged: dict[tuple[str, str, int | None, str], Event] = {}
    for key, each in sorted(events.items(), key=_turn):
        own = "" if key.startswith(_SAID) else key
        if key != _END:
            merged.setdefault((each.reason, _once(each.message), each.rank, own), each)
    found = list(merged.values())
    if ended and _END in events:
        found.append(events[_END])
    now, numbered = 0.0, []
    for n, each in enumerate(found, start=1):
        now = max(now, each.time)
        numbered.append(msgspec.structs.replace(each, seq=n, time=now))
    return numbered


def _turn(item: tuple[str, Event]) -> float:
    """When it happened. Most clocks tell whole seconds: what ends then, ends after the rest."""
    key, each = item
    if key == _MADE:
        return float("-inf")
    if each.time != int(each.time):
        return each.time
    return each.time + (_LATE if key.startswith(_ENDS) else _HALF)


_MADE, _END = "made", "end"
_SAID = "event "
_ENDS = ("exit ", "again ", "cause")
_HALF, _LATE = 0.5, 0.999
_TIMES = re.compile(r" \(\d+ times\)$")


def _once(message: str) -> str:
    return _TIMES.sub("", message)


# -- what the cluster said ---------------------------------------------------------------


def _told(seen: Seen) -> dict[str, Event]:
    ranks = {each.uid: each.rank for each in seen.facts}
    merged: dict[tuple[str, str, int | None], list[KubeEvent]] = {}
    for each in seen.events:
        if each.reason in _NOISE or not each.reason or ownerless(each.message):
            continue
        rank = ranks.get(each.involved_object.uid)
        merged.setdefault((_reason(each), each.message, rank), []).append(each)
    return {
        f"{_SAID}{group[0].metadata.uid or group[0].metadata.name}": _one(reason, rank, group)
        for (reason, _, rank), group in merged.items()
    }


def _one(reason: str, rank: int | None, group: list[KubeEvent]) -> Event:
    times = sum(each.times for each in group)
    message = " ".join(group[0].message.split())[:_LONGEST]
    return Event(
        reason=reason,
        message=f"{message} ({times} times)" if times > 1 else message,
        warning=group[0].type == "Warning",
        rank=rank,
        time=min(each.first for each in group),
    )


def _reason(each: KubeEvent) -> str:
    """One word; a node's 'Failed' would read as the job's own end."""
    if each.reason == "Failed":
        pull = "pull image" in each.message or "ErrImage" in each.message
        return "ImagePullFailed" if pull else "ContainerFailed"
    if each.reason in ("Succeeded", "Stopped"):
        return f"Container{each.reason}"
    found = _WORD.match(each.reason)
    word = found[0] if found else "Event"
    return word[0].upper() + word[1:]


# -- what workers did ----------------------------------------------------------------------


def _of_workers(seen: Seen, wanted: Asked) -> dict[str, Event]:
    found: dict[str, Event] = {}
    for rank, runs in runs_of(seen.facts).items():
        for nth, each in enumerate(runs):
            key = f"{each.uid} {each.attempt}"
            if each.phase.ended and each.exit_code is not None:
                found[f"exit {key}"] = _exit(each, rank)
            if each.failed and nth + 1 < len(runs):
                found.setdefault(f"again {nth}", _again(each, wanted, seen))
    return found


def _exit(each: PodFacts, rank: int) -> Event:
    assert each.exit_code is not None
    return Event(
        reason="WorkerExited",
        message=exit_words(each.exit_code),
        rank=rank,
        exit_code=each.exit_code,
        time=each.ended or each.created,
    )


def _again(each: PodFacts, wanted: Asked, seen: Seen) -> Event:
    cause = cause_of(each, wanted, {})
    return Event(
        reason="Retrying", message=cause.message, warning=True, time=each.ended or each.created
    )


# -- what became of the job -----------------------------------------------------------------


def _of_job(seen: Seen, wanted: Asked, context: Context) -> dict[str, Event]:
    created = wanted.created or seen.obj.metadata.created
    found = {_MADE: Event(reason="Submitted", message="The job was made", time=created)}
    if seen.queue is not None:
        admitted = holds(seen.queue.status.conditions, "Admitted")
        if admitted is not None:
            found[f"admitted {admitted.last_transition_time}"] = Event(
                reason="Admitted", message=admitted.message, time=admitted.time or created
            )
    if wanted.stopped is not None:
        found["stop"] = Event(
            reason="StopRequested", message="Asked to stop by you", time=wanted.stopped
        )
    stands = standing(seen, wanted, context)
    if not stands.phase.ended:
        return found
    when = stands.ended or created
    if stands.phase is Phase.FAILED:
        reason = "TimedOut" if stands.reason == "Timeout" else stands.reason
        found["cause"] = Event(
            reason=reason if _WORD.fullmatch(reason) else "WorkerFailed",
            message=stands.message,
            warning=True,
            rank=stands.rank,
            exit_code=stands.exit_code,
            time=when,
        )
    found[_END] = Event(
        reason=stands.phase.value,
        message=stands.message,
        warning=stands.phase is Phase.FAILED,
        time=when,
    )
    return found


def worth_keeping(seen: Seen) -> dict[str, Event]:
    """What the cluster forgets within the hour; the rest is told anew by what is still there."""
    return _told(seen)
