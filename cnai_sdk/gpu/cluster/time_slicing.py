"""Turns on a card, by the device plugin.

What a pod asks for: one nvidia.com/gpu, or nvidia.com/gpu.shared where it was renamed. What is
enforced: nothing; torch in the worker is told to keep to its part of the memory.
How it shows: the label nvidia.com/gpu.sharing-strategy=time-slicing, and replicas.
"""

from __future__ import annotations

from collections.abc import Iterator

from cnai_sdk.gpu.cluster.labels import SHARED
from cnai_sdk.gpu.cluster.mps import slots
from cnai_sdk.gpu.cluster.offer import Offer, PodAsk, least, made
from cnai_sdk.gpu.cluster.seen import Seen
from cnai_sdk.gpu.cluster.short import SIZE_UNSEEN, TOO_SMALL, Short
from cnai_sdk.gpu.fraction import torch_limit
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.spec import Resources

_UNSEEN = "How many pods share a card cannot be seen by you; torch is told to keep to the share."


class TimeSlicing:
    """Equal turns, and nothing that holds anybody to them."""

    names: tuple[str, ...] = ("time-slicing",)
    rank = 6
    isolation: Isolation = "none"
    needs: frozenset[str] = frozenset()
    enforced = "Torch refuses to allocate beyond the share."
    not_enforced = (
        "Neither memory nor compute is divided by the device, and a fault in one pod can end the "
        "others on it."
    )

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per model and number of turns."""
        if seen.nodes is None:
            if SHARED in seen.keys:
                yield Offer(mechanism="time-slicing", key=SHARED, replicas=0, found=seen.told)
            return
        yield from slots(seen, "time-slicing")

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """One turn: the device plugin may refuse more than one of a shared device."""
        notices: tuple[str, ...] = ()
        if not offer.replicas:
            if not wish.gpu or wish.gpu_memory:
                return SIZE_UNSEEN
            share = part = wish.gpu
            memory, notices, waste = 0, (_UNSEEN,), 0.0
        else:
            wanted = least(wish, offer)
            if isinstance(wanted, Short):
                return wanted
            if wanted > offer.memory:
                return TOO_SMALL
            share, part, memory = offer.share, 1 / offer.replicas, offer.memory
            waste = float(offer.memory - wanted)
        return made(
            self,
            offer,
            limits={offer.key: "1"},
            environment=torch_limit(round(part, 4)),
            share=round(share, 4),
            memory=memory,
            notices=notices,
            waste=waste,
        )
