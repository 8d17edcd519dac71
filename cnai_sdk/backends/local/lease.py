"""What jobs hold of this machine, and whether there is room for one more."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cnai_sdk.backends.local.capacity import Capacity
from cnai_sdk.gpu.fraction import beside
from cnai_sdk.gpu.grant import GpuGrant
from cnai_sdk.gpu.mps import PIPES
from cnai_sdk.gpu.resolver import assign, free_shares, isolation_of
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.quota import Device, Holder, QuotaItem
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Granted

_TINY = 1e-9
_SEEN = 0.01
"""Of the memory, by how much another number looks different."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a job wants: so many workers, each with these resources."""

    workers: int
    resources: Resources


class Lease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job holds while it runs.

    Attributes:
        workers: how many.
        cpu: cores, of all workers together.
        cpus: per worker the cores that it is pinned to; empty when none is.
        threads: per worker, for BLAS and OpenMP.
        memory: bytes of all workers together; 0 when it was not asked for.
        gpus: per worker; empty when none was asked for.
    """

    workers: int
    cpu: float
    cpus: tuple[tuple[int, ...], ...] = ()
    threads: int = 1
    memory: int = 0
    gpus: tuple[GpuGrant, ...] = ()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A lease, and the name of the job that holds it."""

    name: str
    lease: Lease
    mine: bool = True


def grant(ask: Ask, capacity: Capacity, held: Sequence[Held]) -> Lease | str:
    """A lease when there is room now, otherwise what the job waits for.

    >>> machine = Capacity(cpus=(0, 1), cpu=2.0, memory=4 * 2**30, memory_available=2**31)
    >>> one = grant(Ask(workers=2, resources=Resources()), machine, [])
    >>> grant(Ask(workers=1, resources=Resources()), machine, [Held(name="digits", lease=one)])
    '1 more core; 2 of 2 are in use by digits'
    """
    resources, workers = ask.resources, ask.workers
    cpu = min(float(workers), capacity.cpu)
    if resources.cpu is not None:
        cpu = workers * resources.cpu
    memory = workers * (resources.memory or 0)
    waits = _waits_for_cpu(cpu, capacity, held) or _waits_for_memory(memory, capacity, held)
    if waits:
        return waits
    gpus: tuple[GpuGrant, ...] | str = ()
    if resources.wants_gpu:
        gpus = assign(
            resources,
            workers,
            capacity.gpus,
            granted=[g for h in held for g in h.lease.gpus],
            surroundings={PIPES: capacity.mps_pipes},
        )
    if isinstance(gpus, str):
        return gpus + _in_use([h for h in held if h.lease.gpus])
    return Lease(
        workers=workers,
        cpu=cpu,
        cpus=_pinned(resources.cpu, workers, capacity, held),
        threads=_threads(resources.cpu, workers, capacity),
        memory=memory,
        gpus=gpus,
    )


def _waits_for_cpu(cpu: float, capacity: Capacity, held: Sequence[Held]) -> str:
    used = sum(h.lease.cpu for h in held)
    missing = cpu - (capacity.cpu - used)
    if missing <= _TINY:
        return ""
    noun = "core" if missing <= 1 else "cores"
    of = f"{show_number(used)} of {show_number(capacity.cpu)} are"
    return f"{show_number(missing)} more {noun}; {of} in use{_by(held)}"


def _waits_for_memory(memory: int, capacity: Capacity, held: Sequence[Held]) -> str:
    if not memory:
        return ""
    holders = [h for h in held if h.lease.memory]
    reserved = sum(h.lease.memory for h in holders)
    missing = memory - (capacity.memory - reserved)
    if missing > 0:
        of = f"{show_bytes(reserved)} of {show_bytes(capacity.memory)} are"
        return f"{show_bytes(missing)} more memory; {of} reserved{_by(holders)}"
    missing = memory - capacity.memory_available
    if missing > 0:
        used = capacity.memory - capacity.memory_available
        return f"{show_bytes(missing)} more memory; {show_bytes(used)} are in use by all programs"
    return ""


def _in_use(held: Sequence[Held]) -> str:
    return f"; they are in use{_by(held)}" if held else ""


def _by(held: Sequence[Held]) -> str:
    names = [h.name for h in held if h.mine]
    others = len(held) - len(names)
    shown = names[:3] + ([f"{len(names) - 3} more"] if len(names) > 3 else [])
    shown += [f"{others} jobs of others" if others > 1 else "a job of another"] if others else []
    return f" by {', '.join(shown)}" if shown else ""


def _pinned(
    cpu: float | None, workers: int, capacity: Capacity, held: Sequence[Held]
) -> tuple[tuple[int, ...], ...]:
    if cpu is None or cpu != int(cpu):
        return ()
    each = int(cpu)
    users = dict.fromkeys(capacity.cpus, 0)
    for core in (c for h in held for cores in h.lease.cpus for c in cores):
        if core in users:
            users[core] += 1
    chosen = sorted(users, key=lambda core: (users[core], core))[: each * workers]
    if len(chosen) < each * workers:
        return ()
    return tuple(tuple(sorted(chosen[n * each : (n + 1) * each])) for n in range(workers))


def _threads(cpu: float | None, workers: int, capacity: Capacity) -> int:
    return max(1, int(cpu if cpu is not None else capacity.cpu // workers))


def lease_environment(
    lease: Lease, environment: dict[str, str] | None = None
) -> tuple[dict[str, str], ...]:
    """Per worker, the variables that show it its devices.

    A worker that was given none sees none, so that devices are counted truly.

    Args:
        environment: the worker's own; what it says to torch's allocator is kept beside the limit.
    """
    if not lease.gpus:
        return ({"CUDA_VISIBLE_DEVICES": ""},) * lease.workers
    return tuple(beside(environment or {}, each.environment) for each in lease.gpus)


def describe(lease: Lease, resources: Resources, workers: int) -> Granted:
    """What each worker got, and what holds it, for a person."""
    gpu = lease.gpus[0] if lease.gpus else None
    return Granted(
        asked=_asked(resources, workers),
        cpu=resources.cpu,
        memory=resources.memory,
        gpu=len(gpu.devices) * gpu.share if gpu else 0.0,
        gpu_memory=gpu.memory if gpu else None,
        gpu_granted=_devices_in_words(gpu) if gpu else "",
        isolation=isolation_of(gpu.mechanism) if gpu else "",
        how=_how(lease, resources),
        devices=tuple(",".join(g.devices) for g in lease.gpus),
    )


def _devices_in_words(gpu: GpuGrant) -> str:
    share = f"{show_number(100 * gpu.share)} % of " if gpu.share < 1 else ""
    each = " each" if len(gpu.devices) > 1 else ""
    kind = {"mig": "MIG slice", "whole": "whole GPU"}.get(gpu.mechanism, f"GPU by {gpu.mechanism}")
    return f"{len(gpu.devices)} × {share}{kind}, {show_bytes(gpu.memory)}{each}"


def _asked(resources: Resources, workers: int) -> str:
    words = ["1 worker" if workers == 1 else f"{workers} workers"]
    if resources.cpu is not None:
        words.append(f"cpu {show_number(resources.cpu)}")
    if resources.memory is not None:
        words.append(f"memory {show_bytes(resources.memory)}")
    if resources.gpu:
        words.append(f"gpu {show_number(resources.gpu)}")
    if resources.gpu_memory is not None:
        words.append(f"GPU memory {show_bytes(resources.gpu_memory)}")
    return ", ".join(words)


def _how(lease: Lease, resources: Resources) -> tuple[str, ...]:
    threads = f"{lease.threads} {'thread' if lease.threads == 1 else 'threads'} per worker"
    if lease.cpus:
        cpu = f"CPU: each worker is pinned to its own cores, with {threads}."
    else:
        cpu = f"CPU: {threads}; the cores are shared, and nothing else limits their use."
    memory = "Memory: not limited, since none was asked for."
    if resources.memory is not None:
        memory = f"Memory: a worker that exceeds {show_bytes(resources.memory)} is ended."
    gpu = [
        " ".join(part for part in ("GPU:", g.enforced, g.not_enforced, g.notice) if part)
        for g in lease.gpus[:1]
    ]
    return (cpu, memory, *gpu)


def quota_of(
    capacity: Capacity, held: Sequence[Held], others: Steady | None = None
) -> tuple[QuotaItem, ...]:
    """CPU, memory and GPUs: how much there is, how much of it is taken, and by whom.

    Args:
        others: what was told before of the memory that other programs use, which never stands
            still: a machine where nothing happens has the same quota at each look.
    """
    steady = others or Steady()
    reserved = sum(h.lease.memory for h in held)
    in_use = capacity.memory - capacity.memory_available
    items = [
        _item("cpu", capacity.cpu, [(h, h.lease.cpu) for h in held], label="CPU cores"),
        _item(
            "memory",
            capacity.memory,
            [(h, float(h.lease.memory)) for h in held],
            label="Memory",
            others=steady(max(in_use - reserved, 0), step=_SEEN * capacity.memory),
        ),
    ]
    usable = [d for d in capacity.gpus if d.parent or d.mechanism != "mig"]
    for model in dict.fromkeys((d.model, d.profile) for d in usable):
        devices = [d for d in usable if (d.model, d.profile) == model]
        ids = {d.id for d in devices}
        amounts = [
            (h, sum(g.share * len(ids & set(g.devices)) for g in h.lease.gpus)) for h in held
        ]
        label = f"GPU, {' '.join(word for word in model if word)}"
        items.append(_item("gpu", float(len(devices)), amounts, label=label))
    return tuple(items)


class Steady:
    """A number that wavers, told anew only when it has moved far enough to be seen.

    >>> steady = Steady()
    >>> [steady(value, step=10) for value in (100, 104, 96, 111, 108)]
    [100, 100, 100, 111, 111]
    """

    def __init__(self) -> None:
        self._told: float | None = None

    def __call__(self, value: float, *, step: float) -> float:
        """What is told of it now."""
        if self._told is None or abs(value - self._told) >= step:
            self._told = value
        return self._told


def _item(
    resource: str,
    limit: float,
    amounts: Sequence[tuple[Held, float]],
    *,
    label: str,
    others: float = 0.0,
) -> QuotaItem:
    return QuotaItem(
        resource=resource,
        limit=limit,
        used=sum(amount for _, amount in amounts),
        mine=sum(amount for h, amount in amounts if h.mine),
        others=others,
        holders=tuple(Holder(name=h.name, amount=a, mine=h.mine) for h, a in amounts if a),
        label=label,
    )


def devices_now(capacity: Capacity, held: Sequence[Held]) -> tuple[Device, ...]:
    """The devices, each with the share of it that is free."""
    free = free_shares(capacity.gpus, [g for h in held for g in h.lease.gpus])
    return tuple(
        msgspec.structs.replace(d, free=free[d.id], isolation=isolation_of(d.mechanism))
        for d in capacity.gpus
    )
