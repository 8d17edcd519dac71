"""What a pod says of one worker: its rank, how far it is, and how it ended.

The same facts stand for a pod that runs and for one that is gone: they are small, and kept when
the pod goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.objects import (
    ContainerStatus,
    Pod,
    Terminated,
    holds,
    seconds,
)
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import MOST

_REPLICA_TYPE = "training.kubeflow.org/replica-type"
_REPLICA_INDEX = "training.kubeflow.org/replica-index"
_COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
_STEP = "trainer.kubeflow.org/trainjob-ancestor-step"
_JOBS_OF_SET = "jobset.sigs.k8s.io/replicatedjob-name"
_RESTARTS_OF_SET = "jobset.sigs.k8s.io/restart-attempt"
_MAIN = tuple(naming.CONTAINER.values())
_ORDINARY_WAITS = ("", "PodInitializing", "ContainerCreating")
_SIGNALS = range(129, 160)
_MOST = 4096


class PodFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of one worker.

    Attributes:
        rank: None for a pod that is no worker, such as one that fetches data.
        attempt: how often the operator had started the worker again before.
        phase: Queued until a node was found, Starting until the worker itself runs.
        why: the cluster's own word for how it stands ('Unschedulable', 'OOMKilled'), or ''.
        said: the cluster's own sentence to it.
        container: which container `why` is about, when it is not the worker's own.
        exit_code: how the worker ended; negative is the number of a signal.
        end: what the worker wrote as its last message.
        ready: whether it runs and says that it is ready.
        leaving: whether it was told to end.
        gone: whether the object is no more.
        deleted: whether it was told to end while nothing was wrong with any worker.
    """

    uid: str
    name: str
    rank: int | None = None
    attempt: int = 0
    phase: Phase = Phase.QUEUED
    why: str = ""
    said: str = ""
    container: str = ""
    node: str = ""
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    end: str = ""
    ready: bool = False
    leaving: bool = False
    gone: bool = False
    deleted: bool = False

    @property
    def failed(self) -> bool:
        """Whether this run of the worker came to a bad end."""
        return self.phase is Phase.FAILED

    @property
    def told(self) -> int | None:
        """Which attempt it was by the worker's own count, which has its container's restarts in it,
        or None before it has said so."""
        told = self.document.get("attempt")
        return told if isinstance(told, int) and 0 <= told <= MOST else None

    @property
    def final(self) -> bool:
        """Whether the worker has given up: if its container is started again, it runs nothing."""
        return self.failed and self.document.get("final") is True

    @property
    def document(self) -> dict[str, Any]:
        """What the worker's last message holds when it is one of ours; else nothing."""
        try:
            found = json.loads(self.end) if self.end.startswith("{") else {}
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def exit_code(code: int) -> int:
    """A container's exit code as a process's: a signal is negative.

    >>> exit_code(137), exit_code(3), exit_code(255)
    (-9, 3, 255)
    """
    return 128 - code if code in _SIGNALS else code


def rank_of(pod: Pod, *, master: bool) -> int | None:
    """The worker's rank, or None for a pod that is none.

    Args:
        master: whether the job has a Master, which is then worker 0.
    """
    meta = pod.metadata
    if meta.label(naming.ROLE) not in ("", naming.WORKER):
        return None
    kind, index = meta.label(_REPLICA_TYPE).lower(), meta.label(_REPLICA_INDEX)
    if kind:
        number = count_of(index) or 0
        return number + 1 if master and kind == "worker" else number
    step = meta.label(_STEP)
    if step and step != "trainer":
        return None
    if meta.label(_JOBS_OF_SET).endswith("-initializer"):
        return None
    index = meta.label(_COMPLETION_INDEX)
    return count_of(index)


def count_of(label: str) -> int | None:
    """A label's number; whoever makes a pod writes its labels, so it may be none."""
    number = int(label) if label.isdecimal() and len(label) < 10 else MOST
    return number if number < MOST else None


def facts_of(pod: Pod, *, master: bool, gone: bool = False) -> PodFacts:
    """What is known of one worker from its pod.

    Args:
        gone: the object was deleted, and this is the last that was seen of it.
    """
    meta, status = pod.metadata, pod.status
    main = _main(pod)
    ended = main.state.terminated if main else None
    running = main.state.running if main else None
    phase, why, said, container = _stands(pod, main)
    restarts = _runs_before(main) if main else 0
    of_set = meta.label(_RESTARTS_OF_SET)
    started = ended.started_at if ended else running.started_at if running else None
    if gone and not phase.ended:
        phase, why, said = _lost(pod, why, said)
    ended_at = seconds(ended.finished_at) if ended else None
    if phase.ended and ended_at is None:
        ended_at = _last_change(pod)
    return PodFacts(
        uid=meta.uid,
        name=meta.name,
        rank=rank_of(pod, master=master),
        attempt=restarts + (count_of(of_set) or 0),
        phase=phase,
        why=why,
        said=said[:_MOST],
        container=container,
        node=pod.spec.node_name,
        created=meta.created,
        started=seconds(started) or None,
        ended=ended_at,
        exit_code=exit_code(ended.exit_code) if ended and _ran(ended) else None,
        end=ended.message[:_MOST] if ended else "",
        ready=bool(running) and holds(status.conditions, "Ready") is not None,
        leaving=meta.deletion_timestamp is not None,
        gone=gone,
    )


def before_restart(pod: Pod, *, master: bool) -> PodFacts | None:
    """How the worker's container ended before it was started again in the same pod, or None."""
    main = _main(pod)
    ended = main.last_state.terminated if main else None
    if main is None or ended is None:
        return None
    facts = facts_of(pod, master=master)
    return msgspec.structs.replace(
        facts,
        attempt=max(facts.attempt - 1, 0),
        phase=Phase.FAILED if ended.exit_code else Phase.SUCCEEDED,
        why=_word(ended),
        said="",
        container="",
        started=seconds(ended.started_at),
        ended=seconds(ended.finished_at),
        exit_code=exit_code(ended.exit_code) if _ran(ended) else None,
        end=ended.message[:_MOST],
        ready=False,
    )


def _runs_before(main: ContainerStatus) -> int:
    """How many runs of the container there were before the one that its state is about. One that
    waits to be started again is about the next: its restarts count the ones that began."""
    ended_and_waits = main.state.waiting is not None and main.last_state.terminated is not None
    return main.restart_count + ended_and_waits


def _main(pod: Pod) -> ContainerStatus | None:
    """The worker's own container, not what a mesh or an operator put beside it."""
    statuses = pod.status.container_statuses or ()
    asked = pod.spec.containers or ()
    names = [*_MAIN, *(each.name for each in asked[:1])]
    for name in names:
        for status in statuses:
            if status.name == name:
                return status
    return statuses[0] if statuses else None


def _stands(pod: Pod, main: ContainerStatus | None) -> tuple[Phase, str, str, str]:
    """Phase, the cluster's word and sentence for it, and the container concerned."""
    status = pod.status
    ended = main.state.terminated if main else None
    if status.phase == "Succeeded":
        return Phase.SUCCEEDED, "", "", ""
    if status.phase == "Failed":
        return (Phase.FAILED, *_failure(pod, ended))
    if ended is not None:  # the container has ended, and the pod's own phase follows
        bad = ended.exit_code != 0
        why = _disruption(pod) or (_word(ended), "")
        return (Phase.FAILED if bad else Phase.SUCCEEDED, *(why if bad else ("", "")), "")
    if main is not None and main.state.running is not None:
        return (Phase.RUNNING, *(_disruption(pod) or ("", "")), "")
    unscheduled = _unscheduled(pod)
    if unscheduled is not None:
        return (Phase.QUEUED, *unscheduled, "")
    return (Phase.STARTING, *_starting(pod, main))


def _unscheduled(pod: Pod) -> tuple[str, str] | None:
    for each in pod.status.conditions or ():
        if each.type == "PodScheduled" and not each.true:
            return each.reason or "Unschedulable", each.message
    return None if pod.spec.node_name else ("", "")


def _starting(pod: Pod, main: ContainerStatus | None) -> tuple[str, str, str]:
    """What the worker's container waits for: an earlier one, its image, its configuration."""
    for status in pod.status.init_container_statuses or ():
        ended, waiting = status.state.terminated, status.state.waiting
        if ended is not None and ended.exit_code == 0:
            continue
        if ended is not None:
            return _word(ended), ended.message, status.name
        if waiting is not None and waiting.reason not in _ORDINARY_WAITS:
            return waiting.reason, waiting.message, status.name
        if status.state.running is not None:
            return "Initializing", "", status.name
        return "", "", status.name
    waiting = main.state.waiting if main else None
    if waiting is None:
        return "", "", ""
    known = "" if waiting.reason in _ORDINARY_WAITS else waiting.reason
    return known, waiting.message, ""


def _failure(pod: Pod, ended: Terminated | None) -> tuple[str, str, str]:
    """What the node says first, then what the container says, then a failed init container."""
    status = pod.status
    if status.reason and status.reason != "Error":
        return status.reason, status.message, ""
    disruption = _disruption(pod)
    if disruption is not None:
        return (*disruption, "")
    for each in status.init_container_statuses or ():
        bad = each.state.terminated
        if bad is not None and bad.exit_code != 0 and ended is None:
            return _word(bad), bad.message, each.name
    if ended is None:
        return "", status.message, ""
    return _word(ended), "" if _ran(ended) else ended.message, ""


def _disruption(pod: Pod) -> tuple[str, str] | None:
    found = holds(pod.status.conditions, "DisruptionTarget")
    return (found.reason, found.message) if found else None


def _lost(pod: Pod, why: str, said: str) -> tuple[Phase, str, str]:
    """A pod that went before it had ended: who took it, if anything says so."""
    disruption = _disruption(pod)
    if disruption is not None:
        return (Phase.FAILED, *disruption)
    return Phase.STOPPED, why or "Deleted", said


def _word(ended: Terminated) -> str:
    return "" if ended.reason in ("Error", "Completed") else ended.reason


def _ran(ended: Terminated) -> bool:
    """False where the container's program was never started."""
    return ended.reason not in ("StartError", "ContainerCannotRun", "ContainerStatusUnknown")


def _last_change(pod: Pod) -> float | None:
    times = [each.time for each in pod.status.conditions or () if each.time is not None]
    return max(times, default=None)


# -- many of them ------------------------------------------------------------------


def latest(facts: Iterable[PodFacts]) -> dict[int, PodFacts]:
    """The newest run of each rank."""
    return {rank: _with_cause(runs) for rank, runs in runs_of(facts).items()}


def _with_cause(runs: list[PodFacts]) -> PodFacts:
    """The newest run. One that only says again that its worker was killed names what killed it, and
    for one that ended before it began stands the one that somebody deleted."""
    last = runs[-1]
    if last.gone and last.started is None and len(runs) > 1 and runs[-2].deleted:
        return runs[-2]
    if not last.final or last.why:
        return last
    killed = (each for each in reversed(runs[:-1]) if each.uid == last.uid and each.failed)
    why = next((each.why for each in killed), "")
    return msgspec.structs.replace(last, why=why) if why else last


def runs_of(facts: Iterable[PodFacts]) -> dict[int, list[PodFacts]]:
    """Every run of each rank, oldest first."""
    found: dict[int, list[PodFacts]] = {}
    for each in sorted(facts, key=_age):
        if each.rank is not None:
            runs = found.setdefault(each.rank, [])
            # What a node starts again after a worker has given up runs nothing.
            if not any(run.final and run.uid == each.uid for run in runs):
                runs.append(each)
    return found


def attempts_of(facts: Iterable[PodFacts]) -> int:
    """How often the workers were started again: by their own count, by the operator's, or runs
    that failed."""
    most = 0
    for runs in runs_of(facts).values():
        told = {each.uid: each.told for each in runs if each.told is not None}
        silent = [each for each in runs if each.uid not in told]
        failed = sum(1 for each in silent if each.failed and each is not runs[-1])
        most = max(most, failed, *told.values(), *(each.attempt for each in silent))
    return most


def given_up(facts: Iterable[PodFacts]) -> bool:
    """Whether a worker of the newest pods runs no more, whatever its node and operator still do."""
    facts = list(facts)
    newest = {each.uid for each in latest(facts).values()}
    return any(each.final and each.uid in newest for each in facts)


def _age(each: PodFacts) -> tuple[float, int, bool, float]:
    """By time; of two pods of the same second, the one that is gone or has ended came first."""
    return (each.created, each.attempt, not each.gone, each.ended or float("inf"))


def job_names(name: str) -> list[str]:
    """Names that a job can have whose operator made an object of this name.

    >>> job_names("digits-worker-0"), job_names("digits-node-0-1-x7k2p")[0]
    (['digits'], 'digits-node-0')
    """
    parts = name.split("-")
    return ["-".join(parts[:end]) for end in range(len(parts) - 2, 0, -1)]
