"""What the nodes have left for workers of one kind: who runs there is counted where it may be read.

Where no quota and no queue bounds what a job asks for, only this says whether it would start.
Belongs here: which nodes take a pod, and how much is left on them; pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.objects import Container, Meta
from cnai_sdk.backends.kubernetes.room_keys import is_gpu, named, noun, shown
from cnai_sdk.backends.kubernetes.room_objects import Amounts, Node, Taint
from cnai_sdk.backends.kubernetes.room_wish import Wish, amounts_of, numbers
from cnai_sdk.model.quota import Unsure

HAVING_A_NODE = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""Which pods hold something of a node."""

_TINY = 1e-9
_MOST = 1000
_FORBIDS = ("NoSchedule", "NoExecute")


class InitContainer(Container, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A container that runs before the others, or beside them when it is restarted for ever."""

    restart_policy: str = ""


class RunningSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a pod holds, and where."""

    node_name: str = ""
    containers: list[Container] | None = None
    init_containers: list[InitContainer] | None = None
    overhead: Amounts | None = None


class Running(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A pod that has a node, of whatever namespace."""

    metadata: Meta = Meta()
    spec: RunningSpec = RunningSpec()

    @property
    def holds(self) -> dict[str, float]:
        """What the scheduler counts of it: the larger of its start and of its run."""
        run = numbers(self.spec.overhead)
        start: dict[str, float] = {}
        for each in self.spec.containers or ():
            _add(run, amounts_of(each.resources)[0])
        beside: dict[str, float] = {}
        for first in self.spec.init_containers or ():
            own = amounts_of(first.resources)[0]
            if first.restart_policy == "Always":
                _add(beside, own)
                continue
            for key, amount in own.items():
                start[key] = max(start.get(key, 0.0), amount + beside.get(key, 0.0))
        _add(run, beside)
        return {key: max(run.get(key, 0.0), start.get(key, 0.0)) for key in run | start}


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes that take a pod.

    Attributes:
        nodes: what each has left; all that it gives to pods where `counted` is False.
        known: False where nodes are not visible at all.
        counted: whether those who run there were counted.
    """

    nodes: tuple[Mapping[str, float], ...] = ()
    known: bool = True
    counted: bool = True

    def doubt(self, wish: Wish, *, gpu: bool) -> Unsure:
        """What is not known of a wish: '' for nothing; see `Fit.unsure`.

        Args:
            gpu: whether a GPU, or a part of one, was wished for, by whatever key.
        """
        if not self.known:
            return "nodes"
        hidden = gpu and not any(map(is_gpu, wish.requests))  # claims, and schedulers' own shares
        missing = any(
            is_gpu(key) and not any(key in node for node in self.nodes) for key in wish.requests
        )
        return "idle" if not self.counted or hidden or missing else ""

    def workers(self, wish: Wish) -> int:
        """How many workers like this have room on them together, up to a thousand on each."""
        return sum(_times(wish.requests, node) for node in self.nodes)

    def why(self, wish: Wish, count: int) -> str:
        """Why so many such jobs have no room, for a sentence."""
        if not self.nodes:
            return "no node takes such a worker, by its taints and labels"
        room, asked = self.workers(wish), wish.workers * count
        if room:
            now = "have room for" if self.counted else "are large enough for"
            return f"the nodes {now} {room} of {asked} workers at a time"
        idle = " idle" if self.counted else ""
        asked_there = [asked_of(wish.requests, node) for node in self.nodes]
        for key, each in _asked(wish.requests).items():
            if not any(key in those for those in asked_there):
                continue
            largest = max(node.get(key, 0.0) for node in self.nodes)
            if each > largest + _TINY:
                return (
                    f"a worker needs {shown(key, each)}, and no node that takes it has more than "
                    f"{shown(key, max(largest, 0.0))} {noun(key)}{idle}"
                )
        return f"no node that takes it has all of it{idle} together"


def idle(
    nodes: Iterable[Node] | None, running: Iterable[Running] | None, pod: Mapping[str, Any]
) -> Idle:
    """What is left for a pod.

    Args:
        nodes: those of the cluster, or None when they are not visible.
        running: the pods of all namespaces, or None when they may not be read.
        pod: the spec of the pod, as it will be made.
    """
    if nodes is None:
        return Idle(known=False, counted=False)
    taken: dict[str, dict[str, float]] = {}
    for each in running or ():
        _add(taken.setdefault(each.spec.node_name, {"pods": 0.0}), each.holds | {"pods": 1.0})
    fitting = [node for node in nodes if takes(node, pod)]
    left = []
    for node in fitting:
        held = taken.get(node.metadata.name, {})
        gives = numbers(node.status.allocatable)
        left.append({key: amount - held.get(key, 0.0) for key, amount in gives.items()})
    return Idle(nodes=tuple(left), counted=running is not None)


def takes(node: Node, pod: Mapping[str, Any]) -> bool:
    """Whether a node takes a pod, by its taints and by the labels that the pod names."""
    if node.spec.unschedulable:
        return False
    borne = {each.get("key", "") for each in pod.get("tolerations") or ()}
    if any(_keeps_off(taint, borne) for taint in node.spec.taints or ()):
        return False
    labels = node.metadata.labels or {}
    wanted: Mapping[str, str] = pod.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    affinity = (pod.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms")
    return terms is None or any(
        all(labels.get(each["key"]) in each["values"] for each in term["matchExpressions"])
        for term in terms
    )


def _keeps_off(taint: Taint, borne: set[str]) -> bool:
    return taint.effect in _FORBIDS and taint.key not in borne


def _asked(requests: Mapping[str, float]) -> dict[str, float]:
    return {key: each for key, each in requests.items() if each > 0 and named(key) is not None}


def asked_of(requests: Mapping[str, float], node: Mapping[str, float]) -> dict[str, float]:
    """What of a worker a node counts: HAMi counts the memory of cards itself, which no node names.

    >>> asked_of({"nvidia.com/gpu": 1.0, "nvidia.com/gpumem": 10240.0}, {"nvidia.com/gpu": 20.0})
    {'nvidia.com/gpu': 1.0}
    """
    asked = _asked(requests)
    gpus = {key for key in asked if is_gpu(key)}
    elsewhere = {key for key in gpus if key not in node} if gpus & node.keys() else set()
    return {key: each for key, each in asked.items() if key not in elsewhere}


def _times(requests: Mapping[str, float], node: Mapping[str, float]) -> int:
    """How often a worker fits on a node."""
    one = {"pods": 1.0} if "pods" in node else {}
    times = (
        math.floor((node.get(key, 0.0) + _TINY) / each)
        for key, each in (asked_of(requests, node) | one).items()
    )
    return max(min(times, default=_MOST), 0)


def _add(total: dict[str, float], part: Mapping[str, float]) -> None:
    for key, amount in part.items():
        total[key] = total.get(key, 0.0) + amount
