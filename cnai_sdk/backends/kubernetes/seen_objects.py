"""ResourceSlices and DeviceClasses, with the fields that are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from cnai_sdk.backends.kubernetes.objects import Meta
from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.gpu.cluster.seen import DeviceSeen

T = TypeVar("T")


class Attribute(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A text that a driver says of a device; it has other types too, which are not read."""

    string: str = ""


class Capacity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How much of something a device has."""

    value: str | int | float = 0


class DeviceTaint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What keeps claims off a device."""

    effect: str = ""


class Device(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One device of a slice."""

    name: str = ""
    attributes: dict[str, Attribute] | None = None
    capacity: dict[str, Capacity] | None = None
    allow_multiple_allocations: bool | None = None
    node_name: str = ""
    consumes_counters: list[Any] | None = None
    taints: list[DeviceTaint] | None = None

    @property
    def kept_free(self) -> bool:
        """Whether no claim of ours gets it."""
        return any(each.effect in ("NoSchedule", "NoExecute") for each in self.taints or ())


class Pool(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Slices that a driver publishes together; a newer generation stands for all older ones."""

    name: str = ""
    generation: int = 0


class SliceSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a driver publishes at once."""

    driver: str = ""
    node_name: str = ""
    pool: Pool = Pool()
    devices: list[Device] | None = None


class ResourceSlice(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A part of the devices of a node, resource.k8s.io/v1."""

    metadata: Meta = Meta()
    spec: SliceSpec = SliceSpec()

    def seen(self) -> Iterator[DeviceSeen]:
        """Its devices, as the resolver reads them."""
        for each in self.spec.devices or ():
            if each.kept_free:
                continue
            said, has = each.attributes or {}, each.capacity or {}
            memory = _of(has, "memory", self.spec.driver, Capacity())
            yield DeviceSeen(
                name=each.name,
                driver=self.spec.driver,
                node=self.spec.node_name or each.node_name,
                type=_text(said, "type", self.spec.driver),
                product=_text(said, "productName", self.spec.driver),
                profile=_text(said, "profile", self.spec.driver),
                memory=max(int(quantity(memory.value) or 0), 0),
                shared=bool(each.allow_multiple_allocations),
                cut=bool(each.consumes_counters),
            )


def newest(slices: Iterable[ResourceSlice]) -> Iterator[ResourceSlice]:
    """Those of the newest generation of their pools: while a driver writes them anew, the old ones
    are there too."""
    found = list(slices)
    latest: dict[tuple[str, str], int] = {}
    for each in found:
        pool = (each.spec.driver, each.spec.pool.name)
        latest[pool] = max(latest.get(pool, 0), each.spec.pool.generation)
    return (
        each
        for each in found
        if each.spec.pool.generation == latest[each.spec.driver, each.spec.pool.name]
    )


class DeviceClass(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A kind of device that may be claimed."""

    metadata: Meta = Meta()


def _text(said: dict[str, Attribute], name: str, driver: str) -> str:
    return _of(said, name, driver, Attribute()).string


def _of(found: dict[str, T], name: str, driver: str, otherwise: T) -> T:
    """A driver may write its own domain before a name, or leave it out."""
    return found.get(name) or found.get(f"{driver}/{name}") or otherwise
