"""Slots of a card that NVIDIA's Multi-Process Service divides, by the device plugin.

What a pod asks for: one nvidia.com/gpu, or nvidia.com/gpu.shared where it was renamed. What is
enforced: memory and an upper limit of compute, by the daemon; a fault can end the neighbours.
How it shows: the label nvidia.com/gpu.sharing-strategy=mps, and replicas.
"""

from __future__ import annotations

from collections.abc import Iterator

from cnai_sdk.gpu import slices
from cnai_sdk.gpu.cluster import labels
from cnai_sdk.gpu.cluster.mig import card_of
from cnai_sdk.gpu.cluster.offer import Offer, PodAsk, grouped, least, made, spoken
from cnai_sdk.gpu.cluster.seen import GPU, NodeSeen, Seen
from cnai_sdk.gpu.cluster.short import TOO_SMALL, Short
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.spec import Resources


class Mps:
    """Equal slots, memory held by the daemon."""

    names: tuple[str, ...] = ("mps",)
    rank = 3
    isolation: Isolation = "memory"
    needs: frozenset[str] = frozenset()
    enforced = "The MPS daemon caps the memory and the share of the multiprocessors."
    not_enforced = "A fault in one pod can end the others on the device."

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per model and number of slots."""
        yield from slots(seen, "mps")

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """One slot: the device plugin may refuse more than one of a shared device."""
        wanted = least(wish, offer)
        if isinstance(wanted, Short):
            return wanted
        if wanted > offer.memory:
            return TOO_SMALL
        return made(
            self,
            offer,
            limits={offer.key: "1"},
            share=round(offer.share, 4),
            memory=offer.memory,
            waste=float(offer.memory - wanted),
        )


def slots(seen: Seen, strategy: str) -> list[Offer]:
    """Equal parts of cards that the device plugin shares in one of its two ways.

    A slot has the card's memory divided by the number of slots; the label tells the card's.
    Where all cards are cut into slices alike, it is a slice that is divided, and the label tells
    that.
    """
    return grouped(
        _slot(node, key, strategy, seen.found("labels and allocatable"))
        for key in (GPU, labels.SHARED)
        for node in seen.having(key)
        if _shared(key, labels.sharing(node)) == strategy and not labels.is_hami(node)
    )


def _slot(node: NodeSeen, key: str, strategy: str, found: str) -> Offer:
    by = max(labels.replicas(node), 1)
    memory, profile = labels.memory(node), labels.sliced(node)
    model = spoken(labels.product(node))
    part = slices.share(profile, model) if profile else 1.0
    return Offer(
        mechanism=strategy,
        key=key,
        model=model,
        nodes=(node.name,),
        profile=profile,
        memory=memory // by,
        card=card_of(model, memory, part) if profile and memory else memory,
        share=part / by,
        count=node.allocatable[key],
        replicas=by,
        found=found,
    )


def _shared(key: str, told: str) -> str:
    """The renamed key is shared whatever a label says."""
    return "time-slicing" if key == labels.SHARED and told == "none" else told
