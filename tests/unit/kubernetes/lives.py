"""Lives of jobs as a real API server told them, and jobs made up for what cannot be recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.heard import Heard
from cnai_sdk.backends.kubernetes.mirror_index import Index, Job
from cnai_sdk.backends.kubernetes.objects import KubeEvent, Pod, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.standing import workload
from cnai_sdk.backends.kubernetes.standing_events import happened, in_order
from cnai_sdk.backends.kubernetes.standing_seen import Context, Seen
from cnai_sdk.model.event import Event
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload

RECORDED = Path(__file__).parent / "recorded"
NOTHING_HEARD = Heard()
CONTEXT = Context(place="test / team-a")
Told = tuple[str, dict[str, Any]]


def life(name: str) -> list[Told]:
    """What the watches said of one recorded job, in order."""
    lines = (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [tuple(json.loads(line)) for line in lines]


def take(index: Index, verb: str, obj: dict[str, Any]) -> set[str]:
    """Hand one object to the index, as a watch does."""
    gone = verb == "DELETED"
    match obj["kind"]:
        case "PyTorchJob" | "TrainJob":
            job = msgspec.convert(obj, TrainingObject)
            if gone:
                index.drop_job(job.metadata.uid)
                return set()
            return index.put_job(job)
        case "Pod":
            pod = msgspec.convert(obj, Pod)
            return index.drop_pod(pod) if gone else index.put_pod(pod)
        case "Workload":
            queue = msgspec.convert(obj, QueueWorkload)
            return index.drop_queue(queue) if gone else index.put_queue(queue)
        case _:
            return set() if gone else index.put_event(msgspec.convert(obj, KubeEvent))


def seen(job: Job, *, position: int | None = None) -> Seen:
    """All that is known of a job."""
    return Seen(
        obj=job.obj,
        asked=job.asked,
        facts=tuple(job.facts.values()),
        events=tuple(job.events.values()),
        queue=job.queue,
        position=position,
    )


def stands(
    job: Job,
    *,
    context: Context = CONTEXT,
    position: int | None = None,
    heard: Heard = NOTHING_HEARD,
) -> Workload:
    """How a job stands."""
    known = msgspec.structs.replace(seen(job, position=position), heard=heard)
    return workload(known, context=context)


def events_of(job: Job) -> list[Event]:
    """What happened to a job."""
    told = happened(seen(job), context=CONTEXT, kept={})
    return in_order(told, ended=stands(job).phase.ended)


def replayed(told: Iterable[Told]) -> tuple[Job, list[Workload]]:
    """The job after all that, and how it stood each time that something was said."""
    index, states = Index(), list[Workload]()
    for verb, obj in told:
        states += [stands(index.jobs[uid]) for uid in take(index, verb, obj)]
    (job,) = index.jobs.values()
    return job, states


def last(name: str) -> Workload:
    """How a recorded job stood in the end."""
    return stands(replayed(life(name))[0])


def phases(states: Iterable[Workload]) -> list[Phase]:
    """The phases, each once for as long as it lasted."""
    found: list[Phase] = []
    for state in states:
        if found[-1:] != [state.phase]:
            found.append(state.phase)
    return found


# -- made up -------------------------------------------------------------------------------


def time(second: float) -> str:
    """A time as the API writes it, so many seconds after the job was made."""
    return f"2026-11-21T09:{30 + int(second) // 60:02}:{int(second) % 60:02}Z"


def a_job(workers: int = 2, **more: Any) -> dict[str, Any]:
    """A PyTorchJob that somebody made at second 0; `more` are its spec's and status' fields."""
    replicas = {"Master": {"replicas": 1, "template": _template()}}
    if workers > 1:
        replicas["Worker"] = {"replicas": workers - 1, "template": _template()}
    policy = more.pop("policy", {})
    conditions = [{"type": kind, **fields} for kind, fields in more.pop("conditions", {}).items()]
    for each in conditions:
        each.setdefault("status", "True")
        each.setdefault("lastTransitionTime", time(60))
    return {
        "kind": "PyTorchJob",
        "apiVersion": "kubeflow.org/v1",
        "metadata": {
            "name": "digits",
            "uid": "j1",
            "resourceVersion": "1",
            "creationTimestamp": time(0),
            "labels": more.pop("labels", {}),
            "annotations": more.pop("annotations", {}),
        },
        "spec": {"runPolicy": policy, "pytorchReplicaSpecs": replicas},
        "status": {"conditions": conditions, **more},
    }


def _template() -> dict[str, Any]:
    resources = {"limits": {"memory": "256Mi", "cpu": "500m"}}
    return {"spec": {"containers": [{"name": "pytorch", "resources": resources}]}}


def a_pod(rank: int, phase: str = "Running", *, uid: str = "", **more: Any) -> dict[str, Any]:
    """A worker's pod.

    Args:
        more: state, last, restarts, reason, message, conditions, init and what else a pod has.
    """
    kind, index = ("master", 0) if rank == 0 else ("worker", rank - 1)
    status = {"name": "pytorch", "state": more.pop("state", {}), "ready": phase == "Running"}
    status |= {"lastState": more.pop("last", {}), "restartCount": more.pop("restarts", 0)}
    conditions = [{"type": kind, **fields} for kind, fields in more.pop("conditions", {}).items()]
    for each in conditions:
        each.setdefault("status", "True")
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"digits-{kind}-{index}",
            "uid": uid or f"p{rank}",
            "creationTimestamp": time(more.pop("created", 1)),
            "labels": {
                "training.kubeflow.org/job-name": "digits",
                "training.kubeflow.org/replica-type": kind,
                "training.kubeflow.org/replica-index": str(index),
            },
            "ownerReferences": [
                {"kind": "PyTorchJob", "name": "digits", "uid": "j1", "controller": True}
            ],
        },
        "spec": {"nodeName": more.pop("node", "node-a"), "containers": [{"name": "pytorch"}]},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "initContainerStatuses": more.pop("init", []),
            "containerStatuses": [status],
            **more,
        },
    }


def running(rank: int, *, since: float = 2, **more: Any) -> dict[str, Any]:
    """A worker that runs."""
    return a_pod(rank, state={"running": {"startedAt": time(since)}}, **more)


def ended(
    rank: int, code: int, *, at: float = 50, reason: str = "", end: str = "", **more: Any
) -> dict[str, Any]:
    """A worker whose container has ended."""
    told = {"exitCode": code, "reason": reason or ("Error" if code else "Completed")}
    told |= {"startedAt": time(2), "finishedAt": time(at), "message": end}
    return a_pod(rank, "Failed" if code else "Succeeded", state={"terminated": told}, **more)


def waiting(rank: int, reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    """A worker that has a node and does not run."""
    return a_pod(rank, "Pending", state={"waiting": {"reason": reason, "message": message}}, **more)


def unscheduled(rank: int, message: str, **more: Any) -> dict[str, Any]:
    """A worker that has no node."""
    why = {"status": "False", "reason": "Unschedulable", "message": message}
    return a_pod(rank, "Pending", node="", conditions={"PodScheduled": why}, **more)


def an_event(
    reason: str, message: str, *, about: tuple[str, str, str] = ("PyTorchJob", "digits", "j1"),
    uid: str = "e1", at: float = 5, times: int = 1, type: str = "Warning",
) -> dict[str, Any]:  # fmt: skip
    """An event about (kind, name, uid)."""
    kind, name, owner = about
    return {
        "kind": "Event",
        "metadata": {"name": f"digits.{uid}", "uid": uid, "creationTimestamp": time(at)},
        "involvedObject": {"kind": kind, "name": name, "uid": owner},
        "reason": reason,
        "message": message,
        "type": type,
        "count": times,
        "firstTimestamp": time(at),
        "lastTimestamp": time(at + times - 1),
    }


def joined(*objects: dict[str, Any], gone: Iterable[dict[str, Any]] = ()) -> Job:
    """The one job of these objects, after some of them were deleted."""
    told: Iterator[Told] = iter(
        [*(("ADDED", each) for each in objects), *(("DELETED", each) for each in gone)]
    )
    return replayed(told)[0]
