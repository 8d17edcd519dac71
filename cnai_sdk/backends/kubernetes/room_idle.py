"""What the nodes have left for workers of one kind: who runs there is counted where it may be read.

A quota sets nothing aside: where no queue says what is left, only this tells whether a job would
start.
Belongs here: what runs on nodes, and how much is left on them; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.objects import Container, Meta, ResourceRequirements
from cnai_sdk.backends.kubernetes.room_keys import is_gpu, noun, shown
from cnai_sdk.backends.kubernetes.room_nodes import asked_by, asked_of, takes, times
from cnai_sdk.backends.kubernetes.room_objects import Amounts, Node
from cnai_sdk.backends.kubernetes.room_wish import Wish, amounts_of, numbers
from cnai_sdk.model.quota import Unsure

HAVING_A_NODE = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""Which pods hold something of a node."""

_TINY = 1e-9
_GIB = 2**30


class InitContainer(Container, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A container that runs before the others, or beside them when it is restarted for ever."""

    restart_policy: str = ""


class RunningSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a pod holds, and where."""

    node_name: str = ""
    containers: list[Container] | None = None
    init_containers: list[InitContainer] | None = None
    overhead: Amounts | None = None
    resources: ResourceRequirements = ResourceRequirements()


class Running(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A pod that has a node, of whatever namespace."""

    metadata: Meta = Meta()
    spec: RunningSpec = RunningSpec()

    @property
    def holds(self) -> dict[str, float]:
        """What the scheduler counts of it: the larger of its start and of its run, or what it says
        of itself as a whole; with what its sandbox costs."""
        run: dict[str, float] = {}
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
        held = {key: max(run.get(key, 0.0), start.get(key, 0.0)) for key in run | start}
        held |= amounts_of(self.spec.resources)[0]
        _add(held, numbers(self.spec.overhead))
        return held


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
        return sum(times(wish.requests, node) for node in self.nodes)

    def in_part(self, wish: Wish) -> str:
        """Why only some workers of a job start, which then wait for the rest; '' where that is not
        so, for a sentence."""
        room = self.workers(wish)
        if not 0 < room < wish.workers:
            return ""
        wait = "waits" if room == 1 else "wait"
        now = "have room for" if self.counted else "are large enough for"
        return (
            f"{room} of {wish.workers} workers can start, and {wait} for the rest: "
            f"the nodes {now} {room} at a time"
        )

    def instead(self, wish: Wish) -> str:
        """What to write, so that all workers of a job start."""
        room, size = self.workers(wish), self._memory(wish)
        if size:
            return f'Write workers={room}, or memory="{size}Gi": of that size all have room.'
        return f"Write workers={room}, or ask for less for each worker."

    def _memory(self, wish: Wish) -> int:
        """The most GiB that each worker could have; 0 where less memory is not enough."""
        whole = wish.requests.get("memory", 0.0)
        first: Mapping[str, Any] = next(iter(wish.pod.get("containers") or ()), {})
        said = msgspec.convert(first.get("resources") or {}, ResourceRequirements)
        own = min(amounts_of(said)[0].get("memory", whole), whole)
        fits, too_much = 0, int(own // _GIB) + 1
        while too_much - fits > 1:
            size = (fits + too_much) // 2
            less = {**wish.requests, "memory": whole - own + size * _GIB}
            if sum(times(less, node) for node in self.nodes) >= wish.workers:
                fits = size
            else:
                too_much = size
        return fits

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
        for key, each in asked_by(wish.requests).items():
            if not any(key in those for those in asked_there):
                continue
            largest = max(node.get(key, 0.0) for node in self.nodes)
            if each > largest + _TINY:
                return (
                    f"a worker needs {shown(key, each)}, and no node that takes it has more than "
                    f"{shown(key, max(largest, 0.0))} {noun(key, largest)}{idle}"
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


def _add(total: dict[str, float], part: Mapping[str, float]) -> None:
    for key, amount in part.items():
        total[key] = total.get(key, 0.0) + amount
