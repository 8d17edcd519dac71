"""How much a queue of Kueue has, what it may borrow, and what is left of it; pure.

Quotas form a tree: a ClusterQueue may be in a cohort, and a cohort in another. What a node does not
keep for itself (its lending limit) belongs to all of its cohort, up to each one's borrowing limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from cnai_sdk.backends.kubernetes.objects import condition
from cnai_sdk.backends.kubernetes.room_objects import (
    ClusterQueue,
    Cohort,
    LocalQueue,
    QueueStatus,
    Requirement,
    ResourceGroup,
    Selector,
)
from cnai_sdk.backends.kubernetes.standing_asked import quantity

_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace has; its others are not read."""

Kind = tuple[str, str]
"""A flavor and a resource's key."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue has of one resource in one flavor.

    Attributes:
        nominal: its own quota.
        used: what is reserved through it, and of that `borrowed` from its cohort.
        free: what it could still reserve now, with what its cohort would lend.
        most: what it could reserve if nobody else used anything; infinite where that is not known.
        hidden: whether its cohort may have more than can be seen, so that `free` is the least.
    """

    nominal: float
    used: float = 0.0
    borrowed: float = 0.0
    free: float = 0.0
    most: float = 0.0
    hidden: bool = False

    @property
    def lendable(self) -> float:
        """How much of what is free is the cohort's."""
        return max(self.free - max(self.nominal - self.used, 0.0), 0.0)


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of machine of a queue, by the key of each resource."""

    name: str
    shares: Mapping[str, Share]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Resources for which a job's pods take one flavor together."""

    covered: tuple[str, ...]
    flavors: tuple[Flavor, ...]


class QueueRoom(msgspec.Struct, frozen=True, kw_only=True):
    """The queue that admits the jobs of a namespace.

    Attributes:
        name: of the namespace's queue; `behind` it is one of the cluster.
        groups: None when what it has is not visible.
        waiting: how many wait, in all namespaces; None when that is not visible.
        pending: how many of this namespace wait.
        own: what the namespace has reserved, by flavor and key.
        strict: whether nobody passes the first of the line.
        stopped: why it admits nothing, or ''.
        doubtful: whether it takes this namespace hangs on labels that are not read.
    """

    name: str
    behind: str = ""
    groups: tuple[Group, ...] | None = None
    waiting: int | None = None
    pending: int = 0
    own: Mapping[Kind, float] = {}
    strict: bool = False
    stopped: str = ""
    doubtful: bool = False

    def flavors(self, key: str) -> Iterator[tuple[str, Share]]:
        """What it has of a resource, by flavor."""
        for group in self.groups or ():
            for flavor in group.flavors:
                if key in flavor.shares:
                    yield flavor.name, flavor.shares[key]


def queue_rooms(
    queues: Iterable[LocalQueue],
    every: Iterable[ClusterQueue],
    cohorts: Iterable[Cohort] | None = (),
) -> list[QueueRoom]:
    """What the queues of a namespace have.

    Args:
        every: the ClusterQueues of the cluster; none when they may not be read.
        cohorts: its Cohorts; those that are only named by queues need no object. None when they may
            not be read.
    """
    behind = {each.metadata.name: each for each in every}
    nodes = _tree(behind.values(), cohorts or (), hidden=cohorts is None)
    return [_room(each, behind.get(each.spec.cluster_queue), nodes) for each in queues]


def queue_room(
    queue: LocalQueue, every: Iterable[ClusterQueue], cohorts: Iterable[Cohort] | None = ()
) -> QueueRoom:
    """What one queue of a namespace has; see `queue_rooms`."""
    return queue_rooms([queue], every, cohorts)[0]


def _room(
    queue: LocalQueue, behind: ClusterQueue | None, nodes: Mapping[tuple[str, str], _Node]
) -> QueueRoom:
    own = _reserved(queue.status)
    if behind is None:
        return QueueRoom(
            name=queue.metadata.name,
            behind=queue.spec.cluster_queue,
            pending=queue.status.pending_workloads,
            own=own,
            stopped=_stopped(queue, None),
        )
    node = nodes["queue", behind.metadata.name]
    return QueueRoom(
        name=queue.metadata.name,
        behind=behind.metadata.name,
        groups=tuple(_group(group, node) for group in behind.spec.resource_groups or ()),
        waiting=behind.status.pending_workloads,
        pending=queue.status.pending_workloads,
        own=own,
        strict=behind.spec.queueing_strategy == "StrictFIFO",
        stopped=_stopped(queue, behind),
        doubtful=_chooses(behind.spec.namespace_selector, queue.metadata.namespace) is None,
    )


def _stopped(queue: LocalQueue, behind: ClusterQueue | None) -> str:
    for each, what in ((queue, "queue"), (behind, "cluster's queue")):
        if each is None:
            continue
        if (each.spec.stop_policy or "None") != "None":
            return f"the {what} {each.metadata.name} is paused"
        active = condition(each.status.conditions, "Active")
        if active is not None and active.status == "False":
            return f"the {what} {each.metadata.name} admits nothing: {active.message}"
    if behind is not None:
        selector, namespace = behind.spec.namespace_selector, queue.metadata.namespace
        if _chooses(selector, namespace) is False:
            return f"the cluster's queue {behind.metadata.name} takes no jobs of this namespace"
    return ""


def _chooses(selector: Selector | None, namespace: str) -> bool | None:
    """Whether a namespace is chosen; None when that hangs on labels that are not known."""
    if selector is None:
        return False
    told = [
        Requirement(key=key, operator="In", values=[value])
        for key, value in (selector.match_labels or {}).items()
    ]
    told += selector.match_expressions or []
    answers = [_holds(each, namespace) for each in told]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(wanted: Requirement, namespace: str) -> bool | None:
    if wanted.key != _NAME or not namespace:
        return None
    match wanted.operator:
        case "In":
            return namespace in (wanted.values or ())
        case "NotIn":
            return namespace not in (wanted.values or ())
        case "DoesNotExist":
            return False
    return True


def _group(group: ResourceGroup, node: _Node) -> Group:
    flavors = [
        Flavor(
            name=flavor.name,
            shares={each.name: node.share((flavor.name, each.name)) for each in of or ()},
        )
        for flavor in group.flavors or ()
        for of in (flavor.resources,)
    ]
    covered = group.covered_resources or dict.fromkeys(k for f in flavors for k in f.shares)
    return Group(covered=tuple(covered), flavors=tuple(flavors))


# -- the tree ---------------------------------------------------------------------------


@dataclass
class _Quota:
    nominal: float
    borrowing: float | None
    lending: float | None


@dataclass
class _Node:
    """A queue or a cohort."""

    quotas: Mapping[Kind, _Quota] = field(default_factory=dict)
    used: Mapping[Kind, float] = field(default_factory=dict)
    parent: _Node | None = None
    children: list[_Node] = field(default_factory=list)
    hidden: bool = False  # whether what is above it is not all visible

    def share(self, kind: Kind) -> Share:
        """What it has of one resource in one flavor."""
        quota = self.quotas[kind]
        used = self.used.get(kind, 0.0)
        most = self.most(kind)
        if self.hidden:
            more = math.inf if quota.borrowing is None else quota.borrowing
            most = self.subtree(kind) + more
        return Share(
            nominal=quota.nominal,
            used=used,
            borrowed=max(used - quota.nominal, 0.0),
            free=max(self.free(kind), 0.0),
            most=most,
            hidden=self.hidden and most > self.subtree(kind),
        )

    def subtree(self, kind: Kind) -> float:
        """Its own quota, and what its children lend."""
        quota = self.quotas.get(kind)
        own = quota.nominal if quota else 0.0
        return own + sum(each.subtree(kind) - each.kept(kind) for each in self.children)

    def kept(self, kind: Kind) -> float:
        """What it does not lend."""
        quota = self.quotas.get(kind)
        if quota is None or quota.lending is None:
            return 0.0
        return max(self.subtree(kind) - quota.lending, 0.0)

    def usage(self, kind: Kind) -> float:
        """What it uses, or what its children use beyond what they keep for themselves."""
        if not self.children:
            return self.used.get(kind, 0.0)
        return sum(max(each.usage(kind) - each.kept(kind), 0.0) for each in self.children)

    def free(self, kind: Kind) -> float:
        """What could still be reserved through it; below 0 when more is used than there is."""
        subtree, used, kept = self.subtree(kind), self.usage(kind), self.kept(kind)
        if self.parent is None:
            return subtree - used
        above = self.parent.free(kind)
        quota = self.quotas.get(kind)
        if quota is not None and quota.borrowing is not None:
            shared = subtree - kept - max(used - kept, 0.0)
            above = min(above, shared + quota.borrowing)
        return max(kept - used, 0.0) + above

    def most(self, kind: Kind) -> float:
        """What could be reserved through it in all."""
        subtree = self.subtree(kind)
        if self.parent is None:
            return subtree
        most = self.kept(kind) + self.parent.most(kind)
        quota = self.quotas.get(kind)
        if quota is not None and quota.borrowing is not None:
            most = min(most, subtree + quota.borrowing)
        return most


def _tree(
    queues: Iterable[ClusterQueue], cohorts: Iterable[Cohort], *, hidden: bool
) -> Mapping[tuple[str, str], _Node]:
    nodes: dict[tuple[str, str], _Node] = {}
    above: dict[tuple[str, str], str] = {}
    for cohort in cohorts:
        key = "cohort", cohort.metadata.name
        nodes[key] = _Node(quotas=_quotas(cohort.spec.resource_groups))
        above[key] = cohort.spec.parent_name
    for queue in queues:
        key = "queue", queue.metadata.name
        groups = queue.spec.resource_groups
        nodes[key] = _Node(quotas=_quotas(groups), used=_reserved(queue.status))
        above[key] = queue.spec.cohort_name or queue.spec.cohort
        nodes[key].hidden = hidden and bool(above[key])
    for key, parent in above.items():
        if parent and not _leads_back(key, above):
            node = nodes.setdefault(("cohort", parent), _Node())
            nodes[key].parent = node
            node.children.append(nodes[key])
    return nodes


def _leads_back(key: tuple[str, str], above: Mapping[tuple[str, str], str]) -> bool:
    """Whether somebody made cohorts that are each in the other; Kueue lets none of them lend."""
    seen = {key}
    while parent := above.get(key, ""):
        key = "cohort", parent
        if key in seen:
            return True
        seen.add(key)
    return False


def _quotas(groups: Sequence[ResourceGroup] | None) -> dict[Kind, _Quota]:
    return {
        (flavor.name, each.name): _Quota(
            nominal=quantity(each.nominal_quota) or 0.0,
            borrowing=_limit(each.borrowing_limit),
            lending=_limit(each.lending_limit),
        )
        for group in groups or ()
        for flavor in group.flavors or ()
        for each in flavor.resources or ()
    }


def _limit(value: str | int | float | None) -> float | None:
    return None if value is None else quantity(value)


def _reserved(status: QueueStatus) -> dict[Kind, float]:
    return {
        (flavor.name, each.name): quantity(each.total) or 0.0
        for flavor in status.flavors_reservation or ()
        for each in flavor.resources or ()
    }
