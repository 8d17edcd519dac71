"""What says how much there is: quotas, queues and nodes, with the fields that are read."""

from __future__ import annotations

import msgspec

from cnai_sdk.backends.kubernetes.objects import Condition, Meta

Amounts = dict[str, str | int | float]


class Hard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The limits and the use of a ResourceQuota."""

    hard: Amounts | None = None
    used: Amounts | None = None


class ScopeMatch(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One condition on the pods that a quota counts."""

    scope_name: str = ""
    operator: str = "Exists"
    values: list[str] | None = None


class ScopeSelector(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """All conditions of a quota."""

    match_expressions: list[ScopeMatch] | None = None


class QuotaSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Which pods a quota counts."""

    hard: Amounts | None = None
    scopes: list[str] | None = None
    scope_selector: ScopeSelector | None = None


class ResourceQuota(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a namespace may ask for in all."""

    metadata: Meta = Meta()
    spec: QuotaSpec = QuotaSpec()
    status: Hard = Hard()


class Range(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What one container, or one pod, may ask for, and gets when it asks for nothing."""

    type: str = ""
    min: Amounts | None = None
    max: Amounts | None = None
    default: Amounts | None = None
    default_request: Amounts | None = None


class RangeSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The ranges of a LimitRange."""

    limits: list[Range] | None = None


class LimitRange(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What each container or pod of a namespace may ask for."""

    metadata: Meta = Meta()
    spec: RangeSpec = RangeSpec()


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What pods may use of a node."""

    allocatable: Amounts | None = None


class Taint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What keeps pods off a node that do not bear it."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Whether a node takes pods."""

    unschedulable: bool | None = None
    taints: list[Taint] | None = None


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A machine of the cluster."""

    metadata: Meta = Meta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class FlavorQuota(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How much of one resource a flavor has for a queue."""

    name: str = ""
    nominal_quota: str | int | float = 0
    borrowing_limit: str | int | float | None = None
    lending_limit: str | int | float | None = None


class Flavor(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One kind of machine, for a queue."""

    name: str = ""
    resources: list[FlavorQuota] | None = None


class ResourceGroup(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The flavors that a queue has for some resources."""

    covered_resources: list[str] | None = None
    flavors: list[Flavor] | None = None


class Requirement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a selector wants of one label."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class Selector(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Which labels are chosen; an empty one chooses all."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[Requirement] | None = None


class ClusterQueueSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a queue of the cluster has; its cohort is `cohort` in v1beta1.

    Without a selector of namespaces it takes jobs of none.
    """

    resource_groups: list[ResourceGroup] | None = None
    namespace_selector: Selector | None = None
    cohort: str = ""
    cohort_name: str = ""
    queueing_strategy: str = ""
    stop_policy: str | None = None


class Reserved(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How much of one resource is held."""

    name: str = ""
    total: str | int | float = 0
    borrowed: str | int | float = 0


class FlavorReserved(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How much of one flavor is held."""

    name: str = ""
    resources: list[Reserved] | None = None


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How full a queue is."""

    conditions: list[Condition] | None = None
    flavors_reservation: list[FlavorReserved] | None = None
    pending_workloads: int = 0


class ClusterQueue(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A queue of the cluster, with its quota."""

    metadata: Meta = Meta()
    spec: ClusterQueueSpec = ClusterQueueSpec()
    status: QueueStatus = QueueStatus()


class LocalQueueSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Which queue of the cluster a queue of the namespace leads to."""

    cluster_queue: str = ""
    stop_policy: str | None = None


class LocalQueue(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A queue of the namespace."""

    metadata: Meta = Meta()
    spec: LocalQueueSpec = LocalQueueSpec()
    status: QueueStatus = QueueStatus()


class CohortSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a cohort has beside what its queues bring, and the cohort that it is in."""

    parent_name: str = ""
    resource_groups: list[ResourceGroup] | None = None


class Cohort(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Queues that lend to each other."""

    metadata: Meta = Meta()
    spec: CohortSpec = CohortSpec()


class VolcanoSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a queue of Volcano may use, and what it is given back when others have it."""

    capability: Amounts | None = None
    deserved: Amounts | None = None


class VolcanoStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How full a queue of Volcano is; its counts are of pod groups."""

    state: str = ""
    allocated: Amounts | None = None
    pending: int = 0
    inqueue: int = 0


class VolcanoQueue(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A queue of Volcano (scheduling.volcano.sh/v1beta1)."""

    metadata: Meta = Meta()
    spec: VolcanoSpec = VolcanoSpec()
    status: VolcanoStatus = VolcanoStatus()
