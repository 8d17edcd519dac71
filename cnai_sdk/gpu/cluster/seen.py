"""What one person can see of a cluster's GPUs: the resolver's whole input."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import msgspec

from cnai_sdk.gpu.cluster.profile import Profile

GPU = "nvidia.com/gpu"
OTHERS = ("amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe")
"""Devices of other makers; only an administrator's profile offers them."""

CLASS_KEY = ".deviceclass.resource.k8s.io/devices"
"""How the quota's key of a DeviceClass ends; it counts devices, whatever their memory."""

EVERYTHING = frozenset({"scheduler", "claims", "metadata", "affinity"})
"""What the pods of a job can carry at the most."""


class NodeSeen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A node that takes pods.

    Attributes:
        allocatable: of its devices, by resource key.
    """

    name: str
    allocatable: Mapping[str, int] = {}
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class DeviceSeen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device of a ResourceSlice.

    Attributes:
        driver: what attributes and capacities are qualified by.
        type: 'gpu' or 'mig'.
        memory: bytes.
        shared: several claims may have a part of it each.
        cut: it is made of what others of its card are made of, too, so that not all can be had.
    """

    name: str
    driver: str
    node: str = ""
    type: str = "gpu"
    product: str = ""
    profile: str = ""
    memory: int = 0
    shared: bool = False
    cut: bool = False


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What a quota gives of one key.

    Attributes:
        key: as the quota has it, such as 'requests.nvidia.com/gpu'.
    """

    key: str
    hard: float
    used: float = 0.0
    quota: str = ""

    @property
    def free(self) -> float:
        """What is left."""
        return max(self.hard - self.used, 0.0)


class Seen(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What can be seen of a cluster from one namespace.

    Attributes:
        nodes: those that take pods; None when nodes may not be read.
        devices: of the ResourceSlices; None when those may not be read.
        classes: the names of the DeviceClasses; None when those may not be read.
        dra: resource.k8s.io/v1 is served.
        kai, hami: the scheduler is here, as far as the API tells; of HAMi the answer to a
            pod that was tried.
        allowances: what quotas of the namespace give, by resource key without 'requests.'.
        queue: the queue that admits, or ''.
        kai_queue: the queue of KAI that was named, or ''.
        queue_keys: the resources that this queue has; None without a queue, or when it is not told.
        profile: what the administrator says is on offer.
        carries: what the pods of the job's kind can carry, of `EVERYTHING`.
        may_claim: what devices are claimed by may be created in the namespace.
        kind: the kind of job, for sentences.
        unseen: what could not be read, a sentence each.
    """

    namespace: str = ""
    nodes: tuple[NodeSeen, ...] | None = None
    devices: tuple[DeviceSeen, ...] | None = None
    classes: frozenset[str] | None = None
    dra: bool = False
    kai: bool = False
    hami: bool = False
    allowances: Mapping[str, Allowance] = {}
    queue: str = ""
    kai_queue: str = ""
    queue_keys: frozenset[str] | None = None
    profile: Profile | None = None
    carries: frozenset[str] = EVERYTHING
    may_claim: bool = True
    kind: str = "job"
    unseen: tuple[str, ...] = ()

    @functools.cached_property
    def keys(self) -> frozenset[str]:
        """Resource keys that quotas and the queue speak of: all that many people can see."""
        return frozenset(self.allowances) | (self.queue_keys or frozenset())

    @property
    def claimed(self) -> bool:
        """Whether anything here is given by claims, as far as it can be seen."""
        told = self.profile.offer if self.profile is not None else ()
        return (
            bool(self.devices)
            or any(key.endswith(CLASS_KEY) for key in self.keys)
            or any(each.mechanism.startswith("dra") for each in told)
        )

    def having(self, key: str) -> Iterator[NodeSeen]:
        """The nodes with devices of a key.

        Labels alone never count: they stay when a device plugin goes, and anybody who may label
        nodes can write them.
        """
        return (node for node in self.nodes or () if node.allocatable.get(key, 0) > 0)

    def found(self, of: str) -> str:
        """How something was found, for a person.

        >>> Seen(nodes=()).found("labels"), Seen(namespace="team-a").found("labels")
        ('labels of the nodes', 'quota and queue of team-a')
        """
        return f"{of} of the nodes" if self.nodes is not None else self.told

    @property
    def told(self) -> str:
        """Where the keys come from that can be seen without the nodes."""
        both = [w for w, there in (("quota", self.allowances), ("queue", self.queue_keys)) if there]
        return f"{' and '.join(both) or 'quota and queue'} of {self.namespace or 'the namespace'}"
