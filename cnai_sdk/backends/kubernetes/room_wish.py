"""What jobs ask of a namespace, as its quotas and queues count it; pure.

Belongs here: amounts by the cluster's own keys, from pods as they are or as they will be made.
Never here: how much there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.objects import PodSpec, ResourceRequirements, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.room_keys import DEVICES, bare
from cnai_sdk.backends.kubernetes.room_objects import Amounts, LimitRange, ScopeMatch
from cnai_sdk.backends.kubernetes.standing_asked import quantity

COUNTED = {"PyTorchJob": "pytorchjobs.kubeflow.org", "TrainJob": "trainjobs.trainer.kubeflow.org"}
"""Kinds of job objects, and what a quota of objects calls them."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """So many pods alike.

    Attributes:
        requests, limits: of one pod, by the cluster's keys.
        claims: devices of one pod by DeviceClass.
        priority: the pods' priority class, or ''.
        counted: what a quota of objects calls the job, or ''.
        pod: the spec of one pod as it will be made, where that is known: it says on which nodes.
    """

    workers: int = 1
    requests: Mapping[str, float] = {}
    limits: Mapping[str, float] = {}
    claims: Mapping[str, float] = {}
    priority: str = ""
    ends_by_itself: bool = False
    counted: str = ""
    pod: Mapping[str, Any] = {}

    @property
    def pinned(self) -> bool:
        """Whether it runs on nodes of some kinds only."""
        return bool(self.pod.get("nodeSelector") or self.pod.get("affinity"))

    @property
    def all(self) -> dict[str, float]:
        """Of all pods together, as a queue counts it: requests."""
        return {key: amount * self.workers for key, amount in self.requests.items()}

    def charged(self, key: str) -> float:
        """What a quota's key counts of it.

        >>> one = Wish(workers=2, requests={"nvidia.com/gpu": 1.0}, limits={"nvidia.com/gpu": 1.0})
        >>> one.charged("requests.nvidia.com/gpu"), one.charged("pods"), one.charged("limits.cpu")
        (2.0, 2.0, 0.0)
        """
        if key in ("pods", "count/pods"):
            return float(self.workers)
        if key.startswith("count/"):
            return 1.0 if key.removeprefix("count/") == self.counted else 0.0
        if key.endswith(DEVICES):
            return self.claims.get(key.removesuffix(DEVICES), 0.0) * self.workers
        of = self.limits if key.startswith("limits.") else self.requests
        return of.get(bare(key), 0.0) * self.workers

    def matches(self, scopes: Iterable[ScopeMatch]) -> bool:
        """Whether a quota of these scopes counts its pods."""
        return all(self._in(each) for each in scopes)

    def _in(self, scope: ScopeMatch) -> bool:
        sized = {k for of in (self.requests, self.limits) for k, amount in of.items() if amount}
        effort = not sized & {"cpu", "memory"}
        match scope.scope_name:
            case "Terminating":
                return self.ends_by_itself
            case "NotTerminating":
                return not self.ends_by_itself
            case "BestEffort":
                return effort
            case "NotBestEffort":
                return not effort
            case "PriorityClass":
                return _selects(scope, self.priority)
        return False


def _selects(scope: ScopeMatch, priority: str) -> bool:
    values = scope.values or ()
    match scope.operator:
        case "In":
            return priority in values
        case "NotIn":
            return priority not in values
        case "DoesNotExist":
            return not priority
    return bool(priority)


def wish_of_manifest(
    pod: Mapping[str, Any], *, workers: int, kind: str, claims: Mapping[str, float] | None = None
) -> Wish:
    """What a job will ask for, from the pod that it will make.

    Args:
        kind: of the job object.
        claims: devices of one pod by DeviceClass, which a pod names by a template only.
    """
    spec = msgspec.convert(pod["spec"], PodSpec)
    found = _wish(spec, workers=workers, kind=kind, claims=claims)
    return msgspec.structs.replace(found, pod=pod["spec"])


def wish_of_pod(spec: PodSpec) -> Wish:
    """What one pod asks for."""
    return _wish(spec, workers=1, kind="")


def wish_of_job(job: TrainingObject) -> Wish:
    """What a job asks for, whoever made it; its pods are taken to be alike."""
    trainer = job.spec.trainer
    if job.spec.pytorch_replica_specs:
        found = [
            _wish(
                each.template.spec, workers=1 if each.replicas is None else each.replicas, kind=""
            )
            for each in job.spec.pytorch_replica_specs.values()
        ]
        return _joined(found, COUNTED.get(job.kind, ""))
    needs = trainer.resources_per_node if trainer is not None else None
    requests, limits = amounts_of(needs)
    workers = (trainer.num_nodes if trainer is not None else None) or 1
    return Wish(
        workers=workers, requests=requests, limits=limits, counted=COUNTED.get(job.kind, "")
    )


def wish_of_queued(queued: QueueWorkload) -> Wish:
    """What a workload of any kind in a queue asks for."""
    sets = queued.spec.pod_sets or ()
    return _joined([_wish(s.template.spec, workers=s.count, kind="") for s in sets], "")


def _joined(wishes: Iterable[Wish], counted: str) -> Wish:
    """Pods that are not alike, as the mean of them: quotas count all of them together."""
    those = list(wishes)
    count = sum(each.workers for each in those)
    if not count:
        return Wish(workers=0, counted=counted)
    return Wish(
        workers=count,
        requests=_mean(((each.requests, each.workers) for each in those), count),
        limits=_mean(((each.limits, each.workers) for each in those), count),
        priority=those[0].priority,
        ends_by_itself=those[0].ends_by_itself,
        counted=counted,
    )


def _mean(parts: Iterable[tuple[Mapping[str, float], int]], count: int) -> dict[str, float]:
    total: dict[str, float] = {}
    for amounts, times in parts:
        for key, amount in amounts.items():
            total[key] = total.get(key, 0.0) + amount * times
    return {key: amount / count for key, amount in total.items()}


def _wish(
    spec: PodSpec, *, workers: int, kind: str, claims: Mapping[str, float] | None = None
) -> Wish:
    requests: dict[str, float] = {}
    limits: dict[str, float] = {}
    for container in spec.containers or ():
        for total, part in zip((requests, limits), amounts_of(container.resources), strict=True):
            for key, amount in part.items():
                total[key] = total.get(key, 0.0) + amount
    return Wish(
        workers=workers,
        requests=requests,
        limits=limits,
        claims=claims or {},
        priority=spec.priority_class_name,
        ends_by_itself=spec.active_deadline_seconds is not None,
        counted=COUNTED.get(kind, ""),
    )


def amounts_of(
    needs: ResourceRequirements | None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Requests and limits; what has a limit only is requested as much."""
    limits = numbers(needs.limits if needs else None)
    return limits | numbers(needs.requests if needs else None), limits


def numbers(amounts: Amounts | None) -> dict[str, float]:
    """Quantities as numbers; what is none is left out."""
    read = {key: quantity(value) for key, value in (amounts or {}).items()}
    return {key: value for key, value in read.items() if value is not None}


def with_defaults(wish: Wish, ranges: Iterable[LimitRange]) -> Wish:
    """The wish as the API server fills it in where nothing was asked for."""
    requests, limits = dict(wish.requests), dict(wish.limits)
    for each in (r for found in ranges for r in found.spec.limits or () if r.type == "Container"):
        for key, amount in numbers(each.default).items():
            limits.setdefault(key, amount)
        for key, amount in numbers(each.default_request).items():
            requests.setdefault(key, amount)
    for key, amount in limits.items():
        requests.setdefault(key, amount)
    return msgspec.structs.replace(wish, requests=requests, limits=limits)
