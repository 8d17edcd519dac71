"""What a queue says of the jobs in it: Kueue's Workloads and its lines, v1beta1 and v1beta2."""

from __future__ import annotations

import msgspec

from cnai_sdk.backends.kubernetes.objects import Condition, Meta, PodTemplate


class Assigned(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a queue gave to one kind of a workload's pods, in all; flavors by resource."""

    name: str = ""
    flavors: dict[str, str] | None = None
    resource_usage: dict[str, str | int | float] | None = None


class Admission(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Where a queue let it in."""

    cluster_queue: str = ""
    pod_set_assignments: list[Assigned] | None = None


class AdmissionCheck(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a queue asks beyond quota."""

    name: str = ""
    state: str = ""
    message: str = ""


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How a queue's workload stands."""

    conditions: list[Condition] | None = None
    admission: Admission | None = None
    admission_checks: list[AdmissionCheck] | None = None


class PodSet(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Pods of one kind, all alike."""

    name: str = ""
    count: int = 1
    template: PodTemplate = PodTemplate()


class QueueSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a queue's workload asks for."""

    queue_name: str = ""
    pod_sets: list[PodSet] | None = None
    maximum_execution_time_seconds: int | None = None
    active: bool | None = None
    priority: int | None = None


class QueueWorkload(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A Workload of Kueue, v1beta1 or v1beta2: one job in a line."""

    metadata: Meta = Meta()
    spec: QueueSpec = QueueSpec()
    status: QueueStatus = QueueStatus()


class Pending(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One job in a line, as Kueue's visibility API answers."""

    metadata: Meta = Meta()
    local_queue_name: str = ""
    position_in_cluster_queue: int = 0
    position_in_local_queue: int = 0


class PendingWorkloads(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The line of one queue, from its head."""

    items: list[Pending] | None = None
