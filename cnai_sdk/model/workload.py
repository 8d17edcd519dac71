"""How a workload stands: one frozen value for every kind, streamed to card, panel and terminal."""

from __future__ import annotations

import msgspec

from cnai_sdk.model.metric import Number
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Origin, Resources


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far it is: `done` of `total` `unit`s; a total of None is an unknown length.

    Attributes:
        since: Unix seconds from which its pace is measured; 0 when there is none to measure yet.
        begun: how much was done then: a run that goes on from a checkpoint has not done all of it.
    """

    done: float
    total: float | None = None
    unit: str = ""
    since: float = 0.0
    begun: float = 0.0

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1, or None when the length is unknown."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total else None

    def left(self, now: float) -> float | None:
        """Seconds until it is done, at the pace since it began; None when that is not known.

        Args:
            now: Unix seconds.

        >>> Progress(done=10, total=40, since=100.0, begun=8).left(101.0)
        15.0
        """
        made = self.done - self.begun
        if not self.total or not self.since or made <= 0:
            return None
        return max((now - self.since) * (self.total - self.done) / made, 0.0)


class Replica(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One worker.

    Attributes:
        cpu: cores in use, as sampled; None when not known.
        memory: bytes in use, as sampled; None when not known.
        exit_code: how it ended; negative is the number of a signal.
        metrics: the last values that this rank reported.
    """

    rank: int
    phase: Phase = Phase.QUEUED
    cpu: float | None = None
    memory: int | None = None
    exit_code: int | None = None
    message: str = ""
    metrics: dict[str, Number] = {}


class Queued(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Its place in line: position from 1, and what it waits for."""

    position: int
    waits_for: str = ""


class Granted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What each worker really got, and how.

    Attributes:
        asked: the request in words.
        cpu, memory, gpu: what was granted per worker; None means no limit.
        gpu_granted: the devices in words, such as '1 × MIG 3g.40gb of NVIDIA A100'.
        isolation: what holds between those who share them: 'hardware', 'memory' or 'none'.
        how: one sentence per resource: what is enforced, by what, and what is not.
        devices: identifiers of the GPU devices or slices, per rank.
        quota_key: what it is charged to, such as 'requests.nvidia.com/gpu'.
    """

    asked: str = ""
    cpu: float | None = None
    memory: int | None = None
    gpu: float = 0.0
    gpu_memory: int | None = None
    gpu_granted: str = ""
    isolation: str = ""
    how: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    quota_key: str = ""


class Workload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a workload stands.

    Attributes:
        id: unique on its backend, for ever.
        name: unique among the workloads that exist on its backend.
        base: the name without the number added to a later run of the same name.
        place: 'this machine', or where on a cluster.
        message: what is known beyond the phase, in one sentence.
        reason: one CamelCase word behind the phase ('Timeout', 'WorkerFailed'), or ''.
        created, started, ended: Unix seconds.
        metrics: the last values that rank 0 reported.
        attempt: 0 for the first run.
        notices: what the SDK told its writer at the call, such as shared cores.
        managed: False when the SDK did not make it; then it is read-only.
        host, boot: the machine and its boot, for a store that several machines share.
        seq: its place in the backend's sequence of changes.
    """

    id: str
    name: str
    kind: Kind
    phase: Phase
    backend: str
    base: str = ""
    display_name: str = ""
    place: str = ""
    message: str = ""
    reason: str = ""
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    replicas: tuple[Replica, ...] = ()
    progress: Progress | None = None
    metrics: dict[str, Number] = {}
    resources: Resources = Resources()
    granted: Granted | None = None
    queued: Queued | None = None
    attempt: int = 0
    retries: int = 0
    timeout: float | None = None
    origin: Origin = Origin()
    labels: dict[str, str] = {}
    notices: tuple[str, ...] = ()
    managed: bool = True
    suspended: bool = False
    host: str = ""
    boot: str = ""
    seq: int = 0

    @property
    def shown(self) -> str:
        """The name for a person."""
        return self.display_name or self.name
