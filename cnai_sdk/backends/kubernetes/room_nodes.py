"""Which nodes take a worker, and how much of it each counts; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.room_keys import is_gpu, named
from cnai_sdk.backends.kubernetes.room_objects import Node, Taint
from cnai_sdk.backends.kubernetes.room_wish import numbers
from cnai_sdk.gpu.cluster import labels
from cnai_sdk.gpu.cluster.seen import NodeSeen

_TINY = 1e-9
_MOST = 1000
_FORBIDS = ("NoSchedule", "NoExecute")
_UNWELL = "node.kubernetes.io/"
"""How taints begin that go by themselves when a node is well again."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A node, and what it gives to pods in all."""

    node: Node
    gives: Mapping[str, float]

    @property
    def open(self) -> bool:
        """Whether it takes pods at all now."""
        return not self.node.spec.unschedulable

    def divides(self, key: str) -> bool:
        """Whether what it lists under a GPU's key are parts of cards, several of each."""
        meta = self.node.metadata
        seen = NodeSeen(
            name=meta.name, labels=meta.labels or {}, annotations=meta.annotations or {}
        )
        return labels.is_hami(seen) or labels.sharing(seen, key) != "none"


def machines_of(nodes: Iterable[Node]) -> tuple[Machine, ...]:
    """The nodes of a cluster."""
    return tuple(Machine(node=node, gives=numbers(node.status.allocatable)) for node in nodes)


def takes(node: Node, pod: Mapping[str, Any]) -> bool:
    """Whether a node takes a pod now, by its taints and by the labels that the pod names."""
    taints = node.spec.taints or ()
    return not node.spec.unschedulable and _lets_in(node, taints, pod)


def may_take(node: Node, pod: Mapping[str, Any]) -> bool:
    """Whether it would, once it is well and nobody keeps all pods off it."""
    lasting = (each for each in node.spec.taints or () if not each.key.startswith(_UNWELL))
    return _lets_in(node, lasting, pod)


def _lets_in(node: Node, taints: Iterable[Taint], pod: Mapping[str, Any]) -> bool:
    borne = pod.get("tolerations") or ()
    if any(t.effect in _FORBIDS and not any(_bears(b, t) for b in borne) for t in taints):
        return False
    labels_here = node.metadata.labels or {}
    wanted: Mapping[str, str] = pod.get("nodeSelector") or {}
    if any(labels_here.get(key) != value for key, value in wanted.items()):
        return False
    affinity = (pod.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms")
    return terms is None or any(
        all(labels_here.get(e["key"]) in e.get("values", (None,)) for e in term["matchExpressions"])
        for term in terms
    )


def _bears(toleration: Mapping[str, str], taint: Taint) -> bool:
    key, effect = toleration.get("key", ""), toleration.get("effect", "")
    exists = toleration.get("operator", "Equal") == "Exists"
    return (
        key in ("", taint.key)
        and effect in ("", taint.effect)
        and (exists or toleration.get("value", "") == taint.value)
    )


def asked_by(requests: Mapping[str, float]) -> dict[str, float]:
    """What of a worker nodes count."""
    return {key: each for key, each in requests.items() if each > 0 and named(key) is not None}


def asked_of(requests: Mapping[str, float], node: Mapping[str, float]) -> dict[str, float]:
    """What of a worker a node counts: HAMi counts the memory of cards itself, which no node names.

    >>> asked_of({"nvidia.com/gpu": 1.0, "nvidia.com/gpumem": 10240.0}, {"nvidia.com/gpu": 20.0})
    {'nvidia.com/gpu': 1.0}
    """
    asked = asked_by(requests)
    gpus = {key for key in asked if is_gpu(key)}
    elsewhere = {key for key in gpus if key not in node} if gpus & node.keys() else set()
    return {key: each for key, each in asked.items() if key not in elsewhere}


def times(requests: Mapping[str, float], node: Mapping[str, float]) -> int:
    """How often a worker fits on what a node has, up to a thousand."""
    one = {"pods": 1.0} if "pods" in node else {}
    found = (
        math.floor((node.get(key, 0.0) + _TINY) / each)
        for key, each in (asked_of(requests, node) | one).items()
    )
    return max(min(found, default=_MOST), 0)
