"""Slices that an administrator has cut with MIG, in both strategies of the device plugin.

What a pod asks for: nvidia.com/mig-<profile> (mixed), or nvidia.com/gpu on a node whose every
device is a slice (single). What is enforced: memory, compute and faults, by the hardware.
How it shows: the key mig-…, or a product that ends in -MIG-<profile>; memory by label.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

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
from cnai_sdk.gpu.mig import compute_slices
from cnai_sdk.gpu.wish import SLACK, Isolation
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.spec import Resources

_KEY = re.compile(r"nvidia\.com/mig-(\d+g\.\d+gb(?:\.me)?)")
_EIGHTHS = {2: 2, 3: 4, 4: 4, 7: 8}
"""Compute slices to eighths of the memory. One compute slice comes with an eighth or with two."""

CARDS: dict[str, tuple[str, ...]] = {
    "A30": ("1g.6gb", "2g.12gb", "4g.24gb"),
    "40 GB": ("1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"),
    "80 GB": ("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"),
    "141 GB": ("1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"),
    "180 GB": ("1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"),
}
"""The profiles that cards of a size can be cut into, as NVIDIA's MIG guide lists them."""

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
    for key, count in node.allocatable.items():
        match = _KEY.fullmatch(key)
        if match and count > 0 and labels.sharing(node, key) == "none":
            memory = labels.memory(node, key)
            profile = match[1].replace(".me", "+me")
            yield Offer(
                mechanism="mig",
                key=key,
                model=spoken(labels.product(node)),
                products=labels.products(node),
                profile=profile,
                memory=memory or at_least(profile),
                card=labels.memory(node),
                share=share_by_name(profile, seen.device_keys),
                count=count,
                found=seen.found("labels and allocatable"),
            )
    profile = labels.sliced(node)
    if profile and node.allocatable.get(GPU, 0) > 0 and labels.sharing(node) == "none":
        share = share_by_name(profile, frozenset(), labels.product(node))
        memory = labels.memory(node) or at_least(profile)
        yield Offer(
            mechanism="mig",
            key=GPU,
            model=spoken(labels.product(node)),
            products=labels.products(node),
            profile=profile,
            memory=memory,
            card=_card(node, memory, share),
            share=share,
            count=node.allocatable[GPU],
            found=seen.found("labels and allocatable"),
        )


def _card(node: NodeSeen, memory: int, share: float) -> int:
    """In the single strategy the label is about a slice; the card is named, or follows."""
    named = re.search(r"(\d+)GB", labels.product(node))
    return int(named[1]) * 1024 * MIB if named else int(memory / share)


def _by_keys(seen: Seen) -> Iterator[Offer]:
    for key in sorted(seen.keys):
        if match := _KEY.fullmatch(key):
            profile = match[1].replace(".me", "+me")
            share = share_by_name(profile, seen.keys)
            yield Offer(
                mechanism="mig",
                key=key,
                profile=profile,
                memory=at_least(profile),
                share=share,
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
    slices, sevenths = compute_slices(offer.profile), _sevenths(offer.profile)
    if wish.gpu and slices < math.floor(round(sevenths * wish.gpu, 6)):
        return LESS_COMPUTE
    notices = []
    if offer.memory < wanted:
        notices.append(
            f"The MIG slice {offer.profile} has {show_bytes(offer.memory)}, a little less than "
            f"{show_bytes(wanted)}."
        )
    if wish.gpu and slices / sevenths < wish.gpu - 1e-9:
        notices.append(
            f"It has {slices} of the card's {sevenths} compute slices "
            f"({show_number(100 * slices / sevenths)} %): with MIG a share is one of memory."
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
    match = re.match(r"\d+g\.(\d+)gb", profile)
    return int(_LEAST * int(match[1]) * 1024) * MIB if match else 0


def share_by_name(profile: str, keys: frozenset[str], product: str = "") -> float:
    """The part of a card's memory that a slice surely has, by its name and its company.

    A 1g.10gb is a quarter of a 40 GB card and an eighth of one with 80 GB: what else there is tells
    which. The smaller part is taken where nothing does.

    >>> share_by_name("1g.10gb", frozenset())
    0.125
    >>> share_by_name("1g.10gb", frozenset({"nvidia.com/mig-3g.20gb"}))
    0.25
    """
    plain = profile.removesuffix("+me")
    slices = compute_slices(plain)
    if plain in CARDS["A30"]:
        return slices / 4
    if slices != 1:
        return _EIGHTHS.get(slices, slices) / 8
    cards = [card for card, profiles in CARDS.items() if plain in profiles]
    company = {match[1] for key in keys if (match := _KEY.fullmatch(key))}
    alike = [c for c in cards if company & (set(CARDS[c]) - {plain, "1g.10gb"})]
    named = [c for c in cards if c.replace(" ", "") in product]
    parts = [_part(plain, card) for card in named or alike or cards]
    return min(parts, default=1 / 8)


def _part(profile: str, card: str) -> float:
    ones = [each for each in CARDS[card] if each.startswith("1g.")]
    return (1 + ones.index(profile)) / 8


def _sevenths(profile: str) -> int:
    """Compute slices of the whole card: seven, but four on an A30."""
    return 4 if profile.removesuffix("+me") in CARDS["A30"] else 7


def slice_of(memory: int, share: float, card: int) -> str:
    """The smallest profile that an administrator could make, on a card of that size, or ''.

    >>> slice_of(0, 0.3, 80 * 2**30)
    '3g.40gb'
    """
    sizes = {int(re.findall(r"\d+", profiles[-1])[1]): profiles for profiles in CARDS.values()}
    near = min(sizes, key=lambda size: abs(size * 1024 * MIB - card))
    wanted = max(memory, int(share * card))
    for profile in sizes[near][:-1]:  # the last is the whole card
        named = int(re.findall(r"\d+", profile)[1]) * 1024 * MIB
        slices = compute_slices(profile)
        if named >= wanted and slices >= math.floor(_sevenths(profile) * share):
            return profile
    return ""
