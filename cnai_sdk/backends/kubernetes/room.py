"""How much there is in a namespace: its ResourceQuota, its Kueue queue, the nodes; pure.

Belongs here: numbers from objects, and whether a wish fits into them. Never here: requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cnai_sdk.backends.kubernetes.room_objects import (
    Amounts,
    ClusterQueue,
    LocalQueue,
    Node,
    ResourceQuota,
)
from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.quota import Device, Fit, Holder, QuotaItem
from cnai_sdk.model.spec import Resources, TrainSpec
from cnai_sdk.model.workload import Workload

RESOURCES = ("cpu", "memory", "gpu")
_GPU = "nvidia.com/gpu"
_KEYS = {"cpu": "cpu", "memory": "memory", "gpu": _GPU}
_TINY = 1e-9


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One bound of one resource.

    Attributes:
        amount: in all; `used` of it are held, by whomever.
        what: what sets it, such as 'the quota team-a'.
    """

    amount: float
    used: float
    what: str


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds the workloads of a namespace.

    Attributes:
        limits: resource to all that bounds it, whoever set it.
        largest: resource to what the largest node gives one pod; empty when nodes are not seen.
        gpus: how many the nodes have; None when nodes are not seen.
        devices: those of them of which the nodes tell what they are.
        waiting: how many are in the line of the queue.
        queue: the queue that admits, or ''.
        unseen: what could not be read, a sentence each.
    """

    limits: Mapping[str, tuple[Limit, ...]] = {}
    largest: Mapping[str, float] = {}
    gpus: float | None = None
    devices: tuple[Device, ...] = ()
    waiting: int = 0
    queue: str = ""
    unseen: tuple[str, ...] = ()


def room_of(
    *,
    quotas: Iterable[ResourceQuota],
    queue: LocalQueue | None,
    cluster_queue: ClusterQueue | None,
    nodes: Iterable[Node],
    unseen: Sequence[str] = (),
) -> Room:
    """The room of a namespace, from what can be read of it."""
    limits: dict[str, list[Limit]] = {name: [] for name in RESOURCES}
    for quota in quotas:
        for name in RESOURCES:
            found = _of_quota(quota, _KEYS[name])
            if found is not None:
                limits[name].append(found)
    if cluster_queue is not None:
        for name in RESOURCES:
            found = _of_queue(cluster_queue, _KEYS[name])
            if found is not None:
                limits[name].append(found)
    ready = [node for node in nodes if not node.spec.unschedulable]
    gpus = sum(_amount(node.status.allocatable or {}, _GPU) for node in ready) if ready else None
    hidden = ["gpu"] if gpus is None and not limits["gpu"] else []
    return Room(
        limits={name: tuple(each) for name, each in limits.items()},
        largest=_largest(ready),
        gpus=gpus,
        devices=tuple(device for node in ready for device in _devices(node)),
        waiting=_pending(queue, cluster_queue),
        queue="" if queue is None else queue.metadata.name,
        unseen=(*unseen, *hidden),
    )


def _of_quota(quota: ResourceQuota, key: str) -> Limit | None:
    hard, used = quota.status.hard or {}, quota.status.used or {}
    found = [name for name in (f"requests.{key}", key, f"limits.{key}") if name in hard]
    if not found:
        return None
    least = min(found, key=lambda name: _amount(hard, name))
    what = f"the quota {quota.metadata.name}"
    return Limit(amount=_amount(hard, least), used=_amount(used, least), what=what)


def _of_queue(queue: ClusterQueue, key: str) -> Limit | None:
    groups = queue.spec.resource_groups or ()
    nominal = [
        quantity(each.nominal_quota) or 0.0
        for group in groups
        for flavor in group.flavors or ()
        for each in flavor.resources or ()
        if each.name == key
    ]
    if not nominal:
        return None
    held = sum(
        quantity(each.total) or 0.0
        for flavor in queue.status.flavors_reservation or ()
        for each in flavor.resources or ()
        if each.name == key
    )
    return Limit(amount=sum(nominal), used=held, what=f"the queue {queue.metadata.name}")


def _pending(queue: LocalQueue | None, cluster_queue: ClusterQueue | None) -> int:
    if cluster_queue is not None:
        return cluster_queue.status.pending_workloads
    return 0 if queue is None else queue.status.pending_workloads


def _largest(nodes: Sequence[Node]) -> dict[str, float]:
    if not nodes:
        return {}
    return {
        name: max(_amount(node.status.allocatable or {}, key) for node in nodes)
        for name, key in _KEYS.items()
    }


def _devices(node: Node) -> list[Device]:
    """Whole GPUs, where the node's labels name the model and its memory (GPU Feature Discovery)."""
    labels = node.metadata.labels or {}
    memory = labels.get(f"{_GPU}.memory", "")
    count = int(_amount(node.status.allocatable or {}, _GPU))
    if not memory.isdigit() or int(memory) == 0:
        return []
    model = labels.get(f"{_GPU}.product", "").replace("-", " ") or "NVIDIA GPU"
    return [
        Device(
            id=f"{node.metadata.name}/{index}",
            model=model,
            memory=int(memory) * 2**20,
            index=index,
            enforced="the node's device plugin gives a GPU to one pod at a time",
        )
        for index in range(count)
    ]


def _amount(amounts: Amounts, key: str) -> float:
    return quantity(amounts.get(key, 0)) or 0.0


# -- what may be used -------------------------------------------------------------


def items(room: Room, workloads: Iterable[Workload]) -> tuple[QuotaItem, ...]:
    """What may be used, what is used, and by whom."""
    known = [w for w in workloads if not w.phase.ended]
    found = []
    for name in RESOURCES:
        limits = room.limits.get(name, ())
        tightest = min(limits, key=lambda limit: limit.amount, default=None)
        if tightest is None and name == "gpu":
            if not room.gpus:
                continue
            tightest = Limit(amount=room.gpus, used=0.0, what="the nodes")
        holding = [(w, _asked(w, name)) for w in known if _holds(w)]
        queued = sum(_asked(w, name) for w in known if not _holds(w) and w.managed)
        used = sum(amount for _, amount in holding)
        limit = None if tightest is None else max(tightest.amount, used)
        found.append(
            QuotaItem(
                resource=name,
                limit=limit,
                used=used,
                mine=sum(amount for w, amount in holding if w.managed),
                others=max(tightest.used - used, 0.0) if tightest else 0.0,
                queued=queued,
                holders=tuple(
                    Holder(name=w.name, amount=amount, mine=w.managed)
                    for w, amount in holding
                    if amount
                ),
                label="GPU" if name == "gpu" else "",
            )
        )
    return tuple(found)


def _holds(workload: Workload) -> bool:
    waits = workload.phase is Phase.QUEUED or workload.queued is not None
    return not waits and not workload.suspended


def _asked(workload: Workload, name: str) -> float:
    granted, asked = workload.granted, workload.resources
    each = getattr(granted, name, None) if granted is not None else None
    amount = each if each is not None else getattr(asked, name)
    return float(amount or 0.0) * max(len(workload.replicas), 1)


# -- whether a wish fits ----------------------------------------------------------


def check(spec: TrainSpec, resources: Resources, room: Room) -> None:
    """Refuse what can never be given, with the number that it is above.

    Args:
        resources: what each worker will ask for, defaults included.

    Raises:
        DoesNotFit: larger than a node, a quota or a queue will ever give.
    """
    for name in RESOURCES:
        each = float(getattr(resources, name) or 0.0)
        if not each:
            continue
        largest = room.largest.get(name)
        if largest is not None and each > largest + _TINY:
            raise DoesNotFit(
                f"One worker with {name}={_shown(name, each)} is larger than any node.",
                why=f"The largest gives {_shown(name, largest)}."
                if largest
                else f"No node of this cluster has a {'GPU' if name == 'gpu' else name}.",
                next_step=f"Write {name}={_written(name, largest)} or less."
                if largest
                else f"Leave {name} out, or ask the cluster's administrator for such nodes.",
            )
        total = each * spec.workers
        for limit in room.limits.get(name, ()):
            if total > limit.amount + _TINY:
                raise DoesNotFit(
                    f"{_workers(spec.workers)} with {name}={_shown(name, each)} ask for "
                    f"{_shown(name, total)}, and {limit.what} gives {_shown(name, limit.amount)}.",
                    why="It is a bound of this namespace, whoever uses it.",
                    next_step=f"Write {name}={_written(name, limit.amount / spec.workers)} or "
                    "less, or fewer workers; or ask for a larger quota.",
                )


def fit(
    spec: TrainSpec, resources: Resources, room: Room, workloads: Sequence[Workload] = ()
) -> Fit:
    """Whether it would run now, later or never.

    Args:
        workloads: those of the namespace; a queue may say a moment later what they hold.
    """
    try:
        check(spec, resources, room)
    except DoesNotFit as error:
        return Fit(answer="never", why=f"{error.what} {error.why}".strip())
    wish = Counter(
        {name: float(getattr(resources, name) or 0.0) * spec.workers for name in RESOURCES}
    )
    held = [w for w in workloads if not w.phase.ended and _holds(w)]
    waiting = max(room.waiting, sum(w.queued is not None for w in workloads))
    for name, amount in wish.items():
        known = sum(_asked(w, name) for w in held)
        for limit in room.limits.get(name, ()):
            free = max(limit.amount - max(limit.used, known), 0.0)
            if amount and amount > free + _TINY:
                why = (
                    f"{_shown(name, free)} of {_shown(name, limit.amount)} {_noun(name)} are free "
                    f"in {limit.what}"
                )
                return Fit(answer="waits", why=why, position=waiting + 1)
    if room.queue and waiting:
        return Fit(
            answer="waits",
            why=f"{waiting} wait in the queue {room.queue} before it",
            position=waiting + 1,
        )
    return Fit(answer="now")


def _noun(name: str) -> str:
    return {"cpu": "cores", "memory": "of memory", "gpu": "GPUs"}[name]


def _shown(name: str, amount: float) -> str:
    return show_bytes(int(amount)) if name == "memory" else show_number(amount)


def _written(name: str, amount: float) -> str:
    if name == "memory":
        mebi = int(amount) // 2**20
        return f'"{mebi // 1024}Gi"' if mebi >= 1024 and mebi % 1024 == 0 else f'"{mebi}Mi"'
    return show_number(int(amount) if name == "gpu" else amount)


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"
