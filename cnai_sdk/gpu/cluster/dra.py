"""Devices by Dynamic Resource Allocation, from NVIDIA's driver: whole, MIG, or a shared device.

What a pod asks for: a ResourceClaim, made from a template beside the job. What is enforced: a whole
device and a MIG slice by the hardware; of a shared device the scheduler counts the memory, and
nothing holds anybody to it, so torch in the worker is told to keep to its part.
How it shows: ResourceSlices; without them, the quota's keys of a DeviceClass.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from cnai_sdk.gpu import slices
from cnai_sdk.gpu.cluster.mig import slice_for
from cnai_sdk.gpu.cluster.offer import MIB, Offer, PodAsk, made, share_of
from cnai_sdk.gpu.cluster.seen import CLASS_KEY, DeviceSeen, Seen
from cnai_sdk.gpu.cluster.short import SIZES_UNSEEN, Short, no_claims
from cnai_sdk.gpu.cluster.whole import short
from cnai_sdk.gpu.fraction import torch_limit
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.spec import Resources

DRIVER = "gpu.nvidia.com"
WHOLE, SLICE = "gpu.nvidia.com", "mig.nvidia.com"
_FOUND = "ResourceSlices"
_CUT = f"{_FOUND}, with so many of them at most, as others are cut from the same cards"


class DraMig:
    """Slices made by the hardware, claimed by their profile."""

    names: tuple[str, ...] = ("dra-mig",)
    rank = 1
    isolation: Isolation = "hardware"
    needs = frozenset({"claims"})
    enforced = "The hardware holds memory, compute and faults to the slice."
    not_enforced = ""

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per profile and model."""
        cards = {d.product: d.memory for d in seen.devices or () if d.type == "gpu"}
        company = frozenset(d.profile for d in seen.devices or () if d.type == "mig")
        for offer in _found(seen, "mig", "dra-mig", SLICE):
            if not offer.profile:
                yield offer
                continue
            share = slices.share(offer.profile, offer.model, company)
            card = cards.get(offer.model) or int(offer.memory / share)
            yield _with(offer, card=card, share=share)

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """One slice of that profile and model."""
        if not offer.profile:
            return _permitted(_unseen_slice(self, wish, offer), seen)
        claim = _claim(offer.key, _is("profile", offer.profile), _is("productName", offer.model))
        found = slice_for(
            self,
            wish,
            offer,
            claim=claim,
            devices={offer.key: 1},
            quota_key=_key(offer),
        )
        return _permitted(found, seen)


class Dra:
    """Whole devices, claimed."""

    names: tuple[str, ...] = ("dra",)
    rank = 10
    isolation: Isolation = "hardware"
    needs = frozenset({"claims"})
    enforced = "The scheduler gives the device to one pod alone."
    not_enforced = ""

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per model."""
        for offer in _found(seen, "gpu", "dra", WHOLE, shared=False):
            yield _with(offer, card=offer.memory)

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """One or more of a model."""
        count = max(int(wish.gpu), 1)
        if (why := short(wish, offer, count)) is not None:
            return why
        tests = [_is("productName", offer.model)] if offer.model else []
        found = made(
            self,
            offer,
            claim=_claim(offer.key, *tests, count=count),
            devices={offer.key: count},
            count=count,
            memory=offer.memory,
            quota_key=_key(offer),
            waste=float(offer.memory),
        )
        return _permitted(found, seen)


class DraShared:
    """A part of a device whose driver lets claims share it."""

    names: tuple[str, ...] = ("dra-shared",)
    rank = 4
    isolation: Isolation = "none"
    needs = frozenset({"claims"})
    enforced = "The scheduler counts the memory, and torch refuses to allocate beyond it."
    not_enforced = (
        "Neither memory nor compute is divided by the device, and a fault in one pod can end the "
        "others on it."
    )

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per model."""
        for offer in _found(seen, "gpu", "dra-shared", WHOLE, shared=True):
            yield _with(offer, card=offer.memory)

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """So much of the device's memory."""
        share = share_of(wish, offer)
        if isinstance(share, Short):
            return share
        memory = math.ceil(max(wish.gpu * offer.card, wish.gpu_memory or 0) / MIB)
        claim = _claim(offer.key, _is("productName", offer.model))
        exactly = claim["devices"]["requests"][0]["exactly"]
        exactly["capacity"] = {"requests": {"memory": f"{memory}Mi"}}
        found = made(
            self,
            offer,
            claim=claim,
            devices={offer.key: 1},
            environment=torch_limit(share),
            share=share,
            memory=memory * MIB,
            quota_key=_key(offer),
        )
        return _permitted(found, seen)


def _found(
    seen: Seen, type: str, mechanism: str, key: str, *, shared: bool | None = None
) -> Iterator[Offer]:
    if not seen.dra or (seen.classes is not None and key not in seen.classes):
        return
    if seen.devices is None:
        if f"{key}{CLASS_KEY}" in seen.keys and not shared:
            yield Offer(mechanism=mechanism, key=key, found=seen.told)
        return
    alike: dict[tuple[str, str, int], list[DeviceSeen]] = defaultdict(list)
    for each in seen.devices:
        if each.type == type and each.driver == DRIVER and shared in (None, each.shared):
            alike[each.product, each.profile, each.memory].append(each)
    for (product, profile, memory), devices in alike.items():
        yield Offer(
            mechanism=mechanism,
            key=key,
            model=product,
            profile=profile,
            memory=memory,
            count=len(devices),
            largest=_largest(devices),
            found=_CUT if any(each.cut for each in devices) else _FOUND,
        )


def _largest(devices: Iterable[DeviceSeen]) -> int:
    counts: dict[str, int] = defaultdict(int)
    for each in devices:
        counts[each.node] += 1
    return max(counts.values())


def _with(offer: Offer, **fields: Any) -> Offer:
    return msgspec.structs.replace(offer, **fields)


def _unseen_slice(mechanism: DraMig, wish: Resources, offer: Offer) -> PodAsk | Short:
    """The scheduler sees the slices when the person does not: it is told how much is needed."""
    if wish.gpu or not wish.gpu_memory:
        return SIZES_UNSEEN
    memory = math.ceil(wish.gpu_memory / MIB)
    test = f"device.capacity['{DRIVER}'].memory.compareTo(quantity('{memory}Mi')) >= 0"
    return made(
        mechanism,
        offer,
        claim=_claim(offer.key, test),
        devices={offer.key: 1},
        memory=memory * MIB,
        quota_key=_key(offer),
        notices=("Which slice it is cannot be seen by you: it has at least that much memory.",),
    )


def _permitted(found: PodAsk | Short, seen: Seen) -> PodAsk | Short:
    """What would do, unless the template that a claim is made from may not be created."""
    return found if seen.may_claim or isinstance(found, Short) else no_claims(seen.namespace)


def _claim(device_class: str, *tests: str, count: int = 1) -> dict[str, Any]:
    """The spec of a claim, of what Kueue understands too: one request, `exactly`."""
    exactly: dict[str, Any] = {"deviceClassName": device_class}
    if count > 1:
        exactly["count"] = count
    if tests:
        exactly["selectors"] = [{"cel": {"expression": test}} for test in tests]
    return {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}}


def _is(attribute: str, value: str) -> str:
    """A test in CEL; the value is quoted, since a driver may name a product as it likes."""
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"device.attributes['{DRIVER}'].{attribute} == '{quoted}'"


def _key(offer: Offer) -> str:
    return f"{offer.key}{CLASS_KEY}"
