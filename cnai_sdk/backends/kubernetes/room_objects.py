"""What says how much there is: quotas, queues and nodes, with the fields that are read."""

from __future__ import annotations

import msgspec

from cnai_sdk.backends.kubernetes.objects import Meta

Amounts = dict[str, str | int | float]


class Hard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The limits and the use of a ResourceQuota."""

    hard: Amounts | None = None
    used: Amounts | None = None


class ResourceQuota(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a namespace may ask for in all."""

    metadata: Meta = Meta()
    status: Hard = Hard()


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What pods may use of a node."""

    allocatable: Amounts | None = None


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Whether a node takes pods."""

    unschedulable: bool | None = None


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A machine of the cluster."""

    metadata: Meta = Meta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class FlavorQuota(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How much of one resource a flavor has for a queue."""

    name: str = ""
    nominal_quota: str | int | float = 0


class Flavor(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One kind of machine, for a queue."""

    name: str = ""
    resources: list[FlavorQuota] | None = None


class ResourceGroup(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The flavors that a queue has for some resources."""

    flavors: list[Flavor] | None = None


class ClusterQueueSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a queue of the cluster has."""

    resource_groups: list[ResourceGroup] | None = None
    cohort: str = ""
    cohort_name: str = ""


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


class LocalQueue(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A queue of the namespace."""

    metadata: Meta = Meta()
    spec: LocalQueueSpec = LocalQueueSpec()
    status: QueueStatus = QueueStatus()
