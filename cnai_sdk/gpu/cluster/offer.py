"""What a cluster offers, what a pod asks for to get it, and how a mechanism does both."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from cnai_sdk.gpu.cluster.seen import Seen
from cnai_sdk.gpu.cluster.short import SIZE_UNSEEN, TOO_SMALL, Short
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.spec import Resources

MIB = 2**20
PRODUCT = "nvidia.com/gpu.product"

Place = Mapping[str, tuple[str, ...]]
"""Labels of a node, each with the values that will do; '' for a label that must not be there."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of device, slice or share, on all nodes that have it.

    Attributes:
        mechanism: the name of what makes it.
        key: the resource that a pod asks for, or a DeviceClass.
        model: for a person; '' when it cannot be seen.
        nodes: the names of those that have it; none where they are not visible.
        products: values of the label nvidia.com/gpu.product, where it is told and nodes are not.
        profile: of a MIG slice.
        memory: bytes of one; of the card where that is divided freely; 0 when it cannot be seen.
        card: bytes of the whole card; 0 when it cannot be seen.
        share: how much of a card one is, where that is known without its memory.
        count, largest: how many in all and on one node; None when it cannot be seen.
        replicas: how many share a card; 0 when it cannot be seen.
        queue: that it needs, of KAI.
        unit: MiB that one unit of a memory key stands for.
        found: how it was found, for a person.
    """

    mechanism: str
    key: str
    model: str = ""
    nodes: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    profile: str = ""
    memory: int = 0
    card: int = 0
    share: float = 1.0
    count: int | None = None
    largest: int | None = None
    replicas: int = 1
    queue: str = ""
    unit: int = 1
    found: str = ""

    @property
    def shown(self) -> str:
        """Shortly, for a person: 'MIG 1g.10gb of NVIDIA A100 (9.5 GiB)'."""
        of = self.model or "a GPU"
        size = f" ({show_bytes(self.memory)})" if self.memory else ""
        if self.mechanism in ("whole", "dra"):
            return f"a whole {self.model or 'GPU'}{size}"
        if self.mechanism in ("mig", "dra-mig"):
            return f"MIG{f' {self.profile}' if self.profile else ''} of {of}{size}"
        part = f"1/{self.replicas}" if self.replicas > 1 else "a part"
        part += f" of MIG {self.profile}" if self.profile else ""
        return f"{part} of {of}{size} by {MAKERS[self.mechanism]}"


MAKERS: Mapping[str, str] = {
    "hami": "HAMi",
    "volcano-vgpu": "Volcano",
    "mps": "MPS",
    "dra-shared": "DRA",
    "kai": "KAI",
    "time-slicing": "time-slicing",
}
"""What makes parts of a card, besides the hardware."""


class PodAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker's pod asks for, and what it gets for it.

    Attributes:
        limits: extended resources, requests and limits alike.
        labels, annotations: of the pod.
        scheduler: its schedulerName, or ''.
        environment: what its container is told.
        places: it has to run on a node that is like one of these; empty for anywhere.
        claim: the spec of a ResourceClaim, or None.
        devices: by DeviceClass, how many the claim is for.
        count: how many devices.
        share: of each of them, where that is known.
        memory: bytes on each of them, 0 when it cannot be seen.
        model: that was taken; '' when it cannot be seen.
        quota_key: what it is charged to.
        waste: bytes, or shares of a card, more than asked; for the choice among offers.
    """

    mechanism: str
    isolation: Isolation
    limits: dict[str, str] = {}
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    scheduler: str = ""
    environment: dict[str, str] = {}
    places: tuple[Place, ...] = ()
    claim: dict[str, Any] | None = None
    devices: dict[str, int] = {}
    count: int = 1
    share: float = 1.0
    memory: int = 0
    model: str = ""
    profile: str = ""
    quota_key: str = ""
    found: str = ""
    enforced: str = ""
    not_enforced: str = ""
    notices: tuple[str, ...] = ()
    waste: float = 0.0

    @property
    def granted(self) -> str:
        """In words: '1 × MIG 3g.40gb of NVIDIA A100-SXM4-80GB, 39.2 GiB'."""
        size = f", {show_bytes(self.memory)}" if self.memory else ""
        if self.mechanism in MAKERS:
            of = (
                f"{show_number(100 * self.share)} % of {self.model or 'a GPU'}"
                if self.share
                else (f"a part of {self.model or 'a GPU'}")
            )
            return f"{of}{size}, by {MAKERS[self.mechanism]}"
        what = "whole GPU" if self.mechanism in ("whole", "dra") else f"MIG {self.profile}".strip()
        of = f" of {self.model}" if self.model else ""
        return f"{self.count} × {what}{of}{size}" + (" each" if size and self.count > 1 else "")


DIVIDED = frozenset({"hami", "volcano-vgpu", "kai", "dra-shared"})
"""Mechanisms that cut a card as the wish says, without fixed sizes."""


class Mechanism(Protocol):
    """A way in which clusters hand out GPUs.

    Attributes:
        names: the mechanisms of its offers.
        rank: lower is better, where several could satisfy a wish.
        isolation: what holds between those on one card.
        needs: what the job's pods have to carry, of `seen.EVERYTHING`.
    """

    names: tuple[str, ...]
    rank: int
    isolation: Isolation
    needs: frozenset[str]
    enforced: str
    not_enforced: str

    def find(self, seen: Seen) -> Iterable[Offer]:
        """What there is of it."""

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """What a pod asks for to get the wish from this offer, or why that falls short."""


def least(wish: Resources, offer: Offer) -> int | Short:
    """Bytes that satisfy a share and an amount of memory, or why that is not known."""
    by_share = 0
    if wish.gpu:
        if not offer.card:
            return SIZE_UNSEEN
        by_share = int(wish.gpu * offer.card)
    return max(by_share, wish.gpu_memory or 0)


def share_of(wish: Resources, offer: Offer) -> float | Short:
    """The part of a card that satisfies a share and an amount of memory, up to a hundredth."""
    by_memory = 0.0
    if wish.gpu_memory:
        if not offer.card:
            return SIZE_UNSEEN
        by_memory = wish.gpu_memory / offer.card
    share = math.ceil(round(100 * max(wish.gpu, by_memory), 6)) / 100
    return share if share <= 1 else TOO_SMALL


def made(mechanism: Mechanism, offer: Offer, **fields: Any) -> PodAsk:
    """A PodAsk with what the mechanism and the offer say of it."""
    common: dict[str, Any] = {
        "mechanism": offer.mechanism,
        "isolation": mechanism.isolation,
        "model": offer.model,
        "profile": offer.profile,
        "found": offer.found,
        "enforced": mechanism.enforced,
        "not_enforced": mechanism.not_enforced,
        "quota_key": f"requests.{offer.key}",
    }
    return PodAsk(**(common | fields))


def spoken(product: str) -> str:
    """A model's name from the label of a node, without what the device plugin adds to it.

    >>> spoken("NVIDIA-A100-SXM4-80GB-SHARED"), spoken("NVIDIA-H100-80GB-HBM3-MIG-1g.10gb")
    ('NVIDIA A100-SXM4-80GB', 'NVIDIA H100-80GB-HBM3')
    """
    plain = product.removesuffix("-SHARED").partition("-MIG-")[0]
    return plain.replace("-", " ", 1) if plain.startswith("NVIDIA-") else plain


def grouped(offers: Iterable[Offer]) -> list[Offer]:
    """Offers of several nodes that are alike, as one with their sums."""
    found: dict[tuple[Any, ...], list[Offer]] = {}
    for each in offers:
        kind = (each.mechanism, each.key, each.model, each.profile, each.unit)
        key = (*kind, each.memory, each.card, each.replicas)
        found.setdefault(key, []).append(each)
    return [_sum(alike) for alike in found.values()]


def _sum(alike: Sequence[Offer]) -> Offer:
    counts = [each.count for each in alike if each.count is not None]
    return msgspec.structs.replace(
        alike[0],
        nodes=tuple(dict.fromkeys(itertools.chain.from_iterable(each.nodes for each in alike))),
        count=sum(counts) if counts else None,
        largest=max(counts) if counts else None,
    )
