"""What was asked for: told by our own annotations, or read from somebody else's job."""

from __future__ import annotations

import contextlib
import functools
import math
import re
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.objects import Container, PodSpec, TrainingObject
from cnai_sdk.model.spec import Origin, Resources
from cnai_sdk.model.workload import Granted

_SUFFIXES = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_QUANTITY = re.compile(r"([+-]?[\d.]+)(?:[eE]([+-]?\d+))?([A-Za-z]*)")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a job asks for, whoever made it.

    Attributes:
        managed: False when the SDK did not make it.
        master: whether worker 0 is a PyTorchJob's Master.
        stopped: Unix seconds at which a person asked it to stop, or None.
        created: Unix seconds at which its maker made it, finer than the server's clock tells.
        queue: the queue that it was put in, or ''.
    """

    id: str
    name: str
    base: str
    workers: int
    managed: bool = True
    master: bool = False
    display_name: str = ""
    resources: Resources = Resources()
    timeout: float | None = None
    retries: int = 0
    origin: Origin = Origin()
    labels: dict[str, str] = {}
    granted: Granted | None = None
    notices: tuple[str, ...] = ()
    stopped: float | None = None
    attempt: int = 0
    created: float | None = None
    queue: str = ""


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a TrainSpec that a job's standing shows."""

    name: str = ""
    display_name: str = ""
    workers: int = 1
    resources: Resources = Resources()
    timeout: float | None = None
    retries: int = 0
    origin: Origin = Origin()
    labels: dict[str, str] = {}
    packages: tuple[str, ...] = ()


def asked(obj: TrainingObject) -> Asked:
    """What a job asks for. An annotation that cannot be read counts as not being there."""
    meta = obj.metadata
    id = meta.label(naming.ID)
    told = _told(meta.annotation(naming.SPEC)) if id else None
    queue = meta.label(naming.QUEUE)
    if told is None:
        return _somebodys(obj, id=id, queue=queue)
    created = _number(meta.annotation(naming.CREATED))
    return Asked(
        id=id,
        name=meta.label(naming.NAME) or meta.name,
        base=meta.annotation(naming.BASE) or told.name,
        display_name=meta.annotation(naming.DISPLAY_NAME) or told.display_name,
        workers=told.workers,
        master=_has_master(obj),
        resources=told.resources,
        timeout=told.timeout,
        retries=told.retries,
        origin=told.origin,
        labels=told.labels,
        granted=_decoded(meta.annotation(naming.GRANTED), Granted, None),
        notices=_decoded(meta.annotation(naming.NOTICES), tuple[str, ...], ()),
        stopped=_number(meta.annotation(naming.STOPPED)),
        attempt=int(_number(meta.annotation(naming.ATTEMPT)) or 0),
        created=created if created and abs(created - meta.created) < 60 else None,
        queue=queue,
    )


@functools.lru_cache(maxsize=2048)
def _told(text: str) -> _Told | None:
    found: _Told | None = _decoded(text, _Told, None)
    return found


def _decoded(text: str, type: Any, otherwise: Any) -> Any:
    with contextlib.suppress(msgspec.DecodeError, RecursionError):
        return msgspec.json.decode(text, type=type) if text else otherwise
    return otherwise


def _number(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(text) if text else None
    return None


def _somebodys(obj: TrainingObject, *, id: str, queue: str) -> Asked:
    """A job that the SDK did not make, or whose annotations somebody removed."""
    meta, spec = obj.metadata, obj.spec
    return Asked(
        id=id or meta.uid,
        name=meta.name,
        base=meta.name,
        managed=False,
        master=_has_master(obj),
        workers=_workers(obj),
        resources=_resources(obj),
        timeout=float(spec.deadline) if spec.deadline else None,
        retries=spec.run_policy.backoff_limit or 0,
        queue=queue,
    )


def _has_master(obj: TrainingObject) -> bool:
    return "Master" in (obj.spec.pytorch_replica_specs or ())


def _workers(obj: TrainingObject) -> int:
    replicas = obj.spec.pytorch_replica_specs
    if replicas:
        return sum(1 if each.replicas is None else each.replicas for each in replicas.values())
    trainer = obj.spec.trainer
    return (trainer.num_nodes if trainer else None) or 1


def _resources(obj: TrainingObject) -> Resources:
    trainer, replicas = obj.spec.trainer, obj.spec.pytorch_replica_specs or {}
    if trainer is not None and trainer.resources_per_node is not None:
        needs = trainer.resources_per_node
        return resources_of(dict(needs.requests or {}) | dict(needs.limits or {}))
    for each in replicas.values():
        found = _of_template(each.template.spec)
        if found is not None:
            return found
    return Resources()


def _of_template(spec: PodSpec) -> Resources | None:
    main: Container | None = next(iter(spec.containers or ()), None)
    if main is None:
        return None
    return resources_of(dict(main.resources.requests or {}) | dict(main.resources.limits or {}))


def resources_of(amounts: dict[str, str | int | float]) -> Resources:
    """A container's resources as ours.

    >>> asked = resources_of({"cpu": "500m", "memory": "2Gi", "nvidia.com/gpu": "1"})
    >>> asked.cpu, asked.memory, asked.gpu
    (0.5, 2147483648, 1.0)
    """
    values = {name: quantity(value) for name, value in amounts.items()}
    memory = values.get("memory")
    return Resources(
        cpu=values.get("cpu"),
        memory=None if memory is None else int(memory),
        gpu=sum(value or 0.0 for name, value in values.items() if name.endswith("/gpu")),
    )


def quantity(value: str | int | float) -> float | None:
    """The amount that a Kubernetes quantity stands for, or None for one that is none.

    >>> quantity("1.5Gi"), quantity("100m"), quantity("2e3"), quantity(4)
    (1610612736.0, 0.1, 2000.0, 4.0)
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None or match[3] not in _SUFFIXES:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        amount = float(match[1]) * 10.0 ** int(match[2] or 0) * _SUFFIXES[match[3]]
        return amount if math.isfinite(amount) else None
    return None
