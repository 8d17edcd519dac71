"""The cluster's objects, with the fields that are read and nothing else.

A field that is not named here is skipped while an answer is decoded, so that ten thousand pods, or
jobs that carry their payload, cost what is needed of them. Servers send null for an empty list now
and then: every list may be None.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


def seconds(time: str | None) -> float | None:
    """Unix seconds of a time as the API writes it, or None for none or one that is not a time.

    >>> seconds("1970-01-01T00:01:00Z"), seconds("1970-01-01T00:00:01.500000Z"), seconds(None)
    (60.0, 1.5, None)
    """
    if not time:
        return None
    try:
        told = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


class Owner(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Whom an object belongs to."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Meta(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What every object says of itself. Times are the API's own text; see `seconds`."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None

    @property
    def created(self) -> float:
        """Unix seconds."""
        return seconds(self.creation_timestamp) or 0.0

    def label(self, name: str) -> str:
        """A label's value, or ''."""
        return (self.labels or {}).get(name, "")

    def annotation(self, name: str) -> str:
        """An annotation's value, or ''."""
        return (self.annotations or {}).get(name, "")

    @property
    def owner(self) -> Owner | None:
        """The controller that made the object, or None."""
        owners = self.owner_references or ()
        return next((each for each in owners if each.controller), None)


class Condition(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One condition of a job, a pod or a queue's workload."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    last_update_time: str | None = None

    @property
    def true(self) -> bool:
        """Whether it holds."""
        return self.status == "True"

    @property
    def time(self) -> float | None:
        """Unix seconds at which it came to hold, or ceased to."""
        return seconds(self.last_transition_time)


def condition(conditions: list[Condition] | None, type: str) -> Condition | None:
    """The condition of that type, whatever its status, or None."""
    return next((each for each in conditions or () if each.type == type), None)


def holds(conditions: list[Condition] | None, type: str) -> Condition | None:
    """The condition of that type when it is true, or None."""
    found = condition(conditions, type)
    return found if found is not None and found.true else None


# -- pods ------------------------------------------------------------------------


class Waiting(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Running(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Since when a container runs."""

    started_at: str | None = None


class Terminated(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How a container ended."""

    exit_code: int = 0
    signal: int | None = None
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """At most one of the three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How one container stands, and how it ended the last time."""

    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class ResourceRequirements(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a container asks for and may use, as quantities."""

    requests: dict[str, str | int | float] | None = None
    limits: dict[str, str | int | float] | None = None


class Container(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A container as it was asked for."""

    name: str = ""
    image: str = ""
    resources: ResourceRequirements = ResourceRequirements()


class PodSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A pod as it was asked for."""

    containers: list[Container] | None = None
    node_name: str = ""
    restart_policy: str = ""
    priority_class_name: str = ""
    active_deadline_seconds: int | None = None


class PodStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How a pod stands, as its node and the scheduler say."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: str | None = None
    conditions: list[Condition] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ended(self) -> bool:
        """Whether it has ended, so that no quota counts it any more."""
        return self.status.phase in ("Succeeded", "Failed")


# -- events ----------------------------------------------------------------------


class Involved(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What an event is about."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class Series(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How often a newer component has said it."""

    count: int = 0
    last_observed_time: str | None = None


class KubeEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A core/v1 Event."""

    metadata: Meta = Meta()
    involved_object: Involved = Involved()
    reason: str = ""
    message: str = ""
    type: str = ""
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: Series | None = None

    @property
    def first(self) -> float:
        """Unix seconds at which it was said first."""
        told = seconds(self.first_timestamp) or seconds(self.event_time)
        return told or self.metadata.created

    @property
    def last(self) -> float:
        """Unix seconds at which it was said last."""
        again = self.series.last_observed_time if self.series else None
        return seconds(again) or seconds(self.last_timestamp) or self.first

    @property
    def times(self) -> int:
        """How often it was said."""
        return max(self.count or 1, self.series.count if self.series else 1)


# -- jobs ------------------------------------------------------------------------


class PodTemplate(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a job's pods are made from."""

    spec: PodSpec = PodSpec()


class ReplicaSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One kind of replica of a PyTorchJob."""

    replicas: int | None = None
    restart_policy: str = ""
    template: PodTemplate = PodTemplate()


class RunPolicy(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """When a PyTorchJob runs and how it ends."""

    suspend: bool | None = None
    active_deadline_seconds: int | None = None
    backoff_limit: int | None = None


class Trainer(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The workers of a TrainJob."""

    image: str | None = None
    num_nodes: int | None = None
    resources_per_node: ResourceRequirements | None = None


class TrainingSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What is read of a PyTorchJob's spec and of a TrainJob's; the other's fields are empty."""

    run_policy: RunPolicy = RunPolicy()
    pytorch_replica_specs: dict[str, ReplicaSpec] | None = None
    trainer: Trainer | None = None
    suspend: bool | None = None
    active_deadline_seconds: int | None = None

    @property
    def suspended(self) -> bool:
        """Whether the job is told not to run, by a person or by a queue."""
        return bool(self.suspend or self.run_policy.suspend)

    @property
    def deadline(self) -> int | None:
        """Seconds after which the operator ends it, or None."""
        return self.active_deadline_seconds or self.run_policy.active_deadline_seconds


class ReplicaStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How many pods of one kind are how far, of a PyTorchJob."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0


class JobStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How many jobs of one kind are how far, of a TrainJob."""

    name: str = ""
    ready: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    active: int | None = None
    suspended: int | None = None


class TrainingStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What the operator says."""

    conditions: list[Condition] | None = None
    replica_statuses: dict[str, ReplicaStatus] | None = None
    jobs_status: list[JobStatus] | None = None
    start_time: str | None = None
    completion_time: str | None = None


class TrainingObject(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A PyTorchJob (kubeflow.org/v1) or a TrainJob (trainer.kubeflow.org/v1alpha1)."""

    kind: str = ""
    api_version: str = ""
    metadata: Meta = Meta()
    spec: TrainingSpec = TrainingSpec()
    status: TrainingStatus = TrainingStatus()
