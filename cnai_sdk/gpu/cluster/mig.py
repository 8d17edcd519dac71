"""Slices that an administrator has cut with MIG, in both strategies of the device plugin.

What a pod asks for: nvidia.com/mig-<profile> (mixed), or nvidia.com/gpu on a node whose every
device is a slice (single). What is enforced: memory, compute and faults, by the hardware.
How it shows: the key mig-…, or a product that ends in -MIG-<profile>; memory by label.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from cnai_sdk.gpu import slices
from cnai_sdk.gpu.cluster import labels
from cnai_sdk.gpu.cluster.offer import (
    MIB,
    Mechanism,
    Offer,
    PodAsk,
    grouped,
    made,
    spoken,
)
from cnai_sdk.gpu.cluster.seen import GPU, NodeSeen, Seen
from cnai_sdk.gpu.cluster.short import LESS_COMPUTE, TOO_SMALL, Short
from cnai_sdk.gpu.wish import SLACK, Isolation
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.spec import Resources

_KEY = re.compile(r"nvidia\.com/mig-(\d+g\.\d+gb[a-z.-]*)")
_LEAST = 0.87
"""A slice has at least this much of the number in its name, in GiB: a 1g.18gb has 16 GiB."""


class Mig:
    """Slices made by the hardware."""

    names: tuple[str, ...] = ("mig",)
    rank = 1
    isolation: Isolation = "hardware"
    needs: frozenset[str] = frozenset()
    enforced = "The hardware holds memory, compute and faults to the slice."
    not_enforced = ""

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per profile and model."""
        if seen.nodes is None:
            yield from _by_keys(seen)
            return
        yield from grouped(each for node in seen.nodes for each in _of_node(node, seen))

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """One slice, when it has the memory and, for a share, the compute."""
        return slice_for(self, wish, offer, limits={offer.key: "1"})


def _of_node(node: NodeSeen, seen: Seen) -> Iterator[Offer]:
    model = spoken(labels.product(node))
    for key, count in node.allocatable.items():
        profile = profile_of(key)
        if profile and count > 0 and labels.sharing(node, key) == "none":
            memory = labels.memory(node, key)
            yield Offer(
                mechanism="mig",
                key=key,
                model=model,
                nodes=(node.name,),
                profile=profile,
                memory=memory or at_least(profile),
                card=labels.memory(node),
                share=slices.share(profile, model, profiles(node.allocatable)),
                count=count,
                found=seen.found("labels and allocatable"),
            )
    profile = labels.sliced(node)
    if profile and node.allocatable.get(GPU, 0) > 0 and labels.sharing(node) == "none":
        share = slices.share(profile, model)
        memory = labels.memory(node) or at_least(profile)
        yield Offer(
            mechanism="mig",
            key=GPU,
            model=model,
            nodes=(node.name,),
            profile=profile,
            memory=memory,
            card=card_of(model, memory, share),
            share=share,
            count=node.allocatable[GPU],
            found=seen.found("labels and allocatable"),
        )


def card_of(model: str, memory: int, share: float) -> int:
    """Where only a slice's memory is told, the card's is in its name, or follows."""
    named = re.search(r"(\d+)GB", model)
    return int(named[1]) * 1024 * MIB if named else int(memory / share)


def profile_of(key: str) -> str:
    """The profile that a key is about, or ''.

    >>> profile_of("nvidia.com/mig-1g.10gb.me"), profile_of("nvidia.com/mig-1g.10gb.shared")
    ('1g.10gb+me', '')
    """
    match = _KEY.fullmatch(key)
    if not match or match[1].endswith(".shared"):
        return ""
    return re.sub(r"(?<=gb)\.", "+", match[1])


def profiles(keys: Iterable[str]) -> frozenset[str]:
    """All profiles that keys are about."""
    return frozenset(filter(None, map(profile_of, keys)))


def _by_keys(seen: Seen) -> Iterator[Offer]:
    for key in sorted(seen.keys):
        if profile := profile_of(key):
            yield Offer(
                mechanism="mig",
                key=key,
                profile=profile,
                memory=at_least(profile),
                share=slices.share(profile, company=profiles(seen.keys)),
                found=seen.told,
            )


def slice_for(mechanism: Mechanism, wish: Resources, offer: Offer, **fields: Any) -> PodAsk | Short:
    """One slice, whichever way a pod asks for it."""
    wanted = wish.gpu_memory or 0
    if wish.gpu and offer.card:
        wanted = max(wanted, int(wish.gpu * offer.card))
    if offer.memory < wanted * (1 - SLACK):
        return TOO_SMALL
    if wish.gpu and not offer.card and offer.share < wish.gpu * (1 - SLACK):
        return TOO_SMALL
    has, of = slices.compute(offer.profile), slices.slices(offer.profile, offer.model)
    if wish.gpu and has < math.floor(round(of * wish.gpu, 6)):
        return LESS_COMPUTE
    notices = []
    if offer.memory < wanted:
        notices.append(
            f"The MIG slice {offer.profile} has {show_bytes(offer.memory)}, a little less than "
            f"{show_bytes(wanted)}."
        )
    if wish.gpu and has / of < wish.gpu - 1e-9:
        notices.append(
            f"It has {has} of the card's {of} compute slices ({show_number(100 * has / of)} %): "
            "with MIG a share is one of memory."
        )
    share = offer.memory / offer.card if offer.card else offer.share
    return made(
        mechanism,
        offer,
        share=round(min(share, 1.0), 4),
        memory=offer.memory,
        notices=tuple(notices),
        waste=float(offer.memory - wanted),
        **fields,
    )


def at_least(profile: str) -> int:
    """Bytes that a slice surely has, by its name alone.

    >>> at_least("1g.10gb") // 2**20
    8908
    """
    return int(_LEAST * slices.size(profile) * 1024) * MIB
