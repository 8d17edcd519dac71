"""ResourceSlices and DeviceClasses, with the fields that are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

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


class Device(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One device of a slice."""

    name: str = ""
    attributes: dict[str, Attribute] | None = None
    capacity: dict[str, Capacity] | None = None
    allow_multiple_allocations: bool | None = None
    node_name: str = ""


class SliceSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a driver publishes at once."""

    driver: str = ""
    node_name: str = ""
    devices: list[Device] | None = None


class ResourceSlice(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A part of the devices of a node, resource.k8s.io/v1."""

    metadata: Meta = Meta()
    spec: SliceSpec = SliceSpec()

    def seen(self) -> Iterator[DeviceSeen]:
        """Its devices, as the resolver reads them."""
        for each in self.spec.devices or ():
            said, has = each.attributes or {}, each.capacity or {}
            yield DeviceSeen(
                name=each.name,
                driver=self.spec.driver,
                node=self.spec.node_name or each.node_name,
                type=_text(said, "type", self.spec.driver),
                product=_text(said, "productName", self.spec.driver),
                profile=_text(said, "profile", self.spec.driver),
                memory=int(quantity(_of(has, "memory", self.spec.driver, Capacity()).value) or 0),
                shared=bool(each.allow_multiple_allocations),
            )


class DeviceClass(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A kind of device that may be claimed."""

    metadata: Meta = Meta()


def _text(said: dict[str, Attribute], name: str, driver: str) -> str:
    return _of(said, name, driver, Attribute()).string


def _of(found: dict[str, T], name: str, driver: str, otherwise: T) -> T:
    """A driver may write its own domain before a name, or leave it out."""
    return found.get(name) or found.get(f"{driver}/{name}") or otherwise
