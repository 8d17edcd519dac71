"""What was asked for: told by our own annotations, or read from somebody else's job.

Whoever may write a job writes its annotations too, so they are claims: how many workers there are
says the job itself, and what no call could have asked for counts as not being said.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
from typing import Annotated, Any, TypeVar

import msgspec

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.objects import Container, PodSpec, TrainingObject
from cnai_sdk.model.spec import AMOUNT, LONGEST, MOST, Origin, Resources
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
_MEMORY = 2**60
_YEAR_10000 = 253402300800
_TEXT = 1000
_MANY = 100
_QUANTITY = re.compile(r"([+-]?[\d.]+)(?:[eE]([+-]?\d+))?([A-Za-z]*)")


_N = TypeVar("_N", int, float)


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
    """The part of a TrainSpec that a job's standing shows, or that says whether it is one."""

    name: str = ""
    display_name: str = ""
    workers: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 1
    resources: Resources = Resources()
    timeout: Annotated[float, msgspec.Meta(gt=0, lt=LONGEST)] | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 0
    origin: Origin = Origin()
    labels: dict[str, str] = {}


def asked(obj: TrainingObject) -> Asked:
    """What a job asks for. An annotation that cannot be read counts as not being there."""
    meta = obj.metadata
    id = meta.label(naming.ID)
    told = _told(meta.annotation(naming.SPEC)) if id else None
    queue = meta.label(naming.QUEUE)
    if told is None:
        return _somebodys(obj, id=id, queue=queue)
    created = _time(meta.annotation(naming.CREATED))
    return Asked(
        id=id,
        name=meta.label(naming.NAME) or meta.name,
        base=_short(meta.annotation(naming.BASE) or told.name),
        display_name=_short(meta.annotation(naming.DISPLAY_NAME) or told.display_name),
        workers=_workers(obj),
        master=_has_master(obj),
        resources=_possible(told.resources),
        timeout=told.timeout,
        retries=told.retries,
        origin=_origin(told.origin),
        labels={_short(name): _short(each) for name, each in [*told.labels.items()][:_MANY]},
        granted=_granted(meta.annotation(naming.GRANTED)),
        notices=_texts(_decoded(meta.annotation(naming.NOTICES), tuple[str, ...], ())),
        stopped=_time(meta.annotation(naming.STOPPED)),
        attempt=int(_number(meta.annotation(naming.ATTEMPT), most=MOST) or 0),
        created=created if created and abs(created - meta.created) < 60 else None,
        queue=queue,
    )


@functools.lru_cache(maxsize=2048)
def _told(text: str) -> _Told | None:
    found: _Told | None = _decoded(text, _Told, None)
    return found


def _decoded(text: str, type: Any, otherwise: Any) -> Any:
    with contextlib.suppress(msgspec.DecodeError, RecursionError, ValueError, OverflowError):
        return msgspec.json.decode(text, type=type) if text else otherwise
    return otherwise


def _number(text: str, *, most: float) -> float | None:
    with contextlib.suppress(ValueError):
        number = float(text) if text else -1.0
        return number if 0 <= number <= most else None  # nan is neither
    return None


def _time(text: str) -> float | None:
    """Unix seconds that a calendar has."""
    return _number(text, most=_YEAR_10000 - 1)


def _short(text: str) -> str:
    return text[:_TEXT]


def _texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_short, texts[:_MANY]))


def _origin(told: Origin) -> Origin:
    return Origin(
        notebook=_short(told.notebook),
        cell=_short(told.cell),
        user=_short(told.user),
        sdk=_short(told.sdk),
    )


def _granted(text: str) -> Granted | None:
    told: Granted | None = _decoded(text, Granted, None)
    if told is None:
        return None
    return Granted(
        asked=_short(told.asked),
        cpu=_below(told.cpu, AMOUNT),
        memory=_below(told.memory, _MEMORY),
        gpu=_below(told.gpu, AMOUNT) or 0.0,
        gpu_memory=_below(told.gpu_memory, _MEMORY),
        gpu_granted=_short(told.gpu_granted),
        isolation=_short(told.isolation),
        how=_texts(told.how),
        devices=tuple(map(_short, told.devices[:MOST])),
        quota_key=_short(told.quota_key),
    )


def _possible(told: Resources) -> Resources:
    """As much of it as a call can ask for."""
    return msgspec.structs.replace(
        told,
        cpu=_below(told.cpu, AMOUNT),
        memory=_below(told.memory, _MEMORY),
        gpu=_below(told.gpu, AMOUNT) or 0.0,
        gpu_memory=_below(told.gpu_memory, _MEMORY),
        gpu_model=_short(told.gpu_model) if told.gpu_model is not None else None,
    )


def _below(amount: _N | None, most: float) -> _N | None:
    return amount if amount is not None and 0 < amount < most else None


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
        timeout=_below(float(spec.deadline), LONGEST) if spec.deadline else None,
        retries=min(max(spec.run_policy.backoff_limit or 0, 0), MOST),
        queue=queue,
    )


def _has_master(obj: TrainingObject) -> bool:
    return "Master" in (obj.spec.pytorch_replica_specs or ())


def _workers(obj: TrainingObject) -> int:
    replicas = obj.spec.pytorch_replica_specs
    if replicas:
        counts = [1 if each.replicas is None else each.replicas for each in replicas.values()]
        found = sum(max(count, 0) for count in counts)
    else:
        trainer = obj.spec.trainer
        found = (trainer.num_nodes if trainer else None) or 1
    return min(max(found, 1), MOST)


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
    found = Resources(
        cpu=values.get("cpu"),
        memory=None if memory is None else int(memory),
        gpu=sum(value or 0.0 for name, value in values.items() if name.endswith("/gpu")),
    )
    return _possible(found)


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
