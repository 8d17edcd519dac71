"""Whole GPUs, by the device plugin.

What a pod asks for: nvidia.com/gpu. What is enforced: no other pod has the device.
How it shows: the key, on nodes whose labels tell of neither sharing nor slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from cnai_sdk.gpu.cluster import labels
from cnai_sdk.gpu.cluster.offer import Offer, PodAsk, grouped, made, spoken
from cnai_sdk.gpu.cluster.seen import GPU, Seen
from cnai_sdk.gpu.cluster.short import SIZE_UNSEEN, TOO_SMALL, Short, at_most
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.spec import Resources

_UNSEEN = "Whether other pods share these devices cannot be seen by you."


class Whole:
    """Devices for one pod alone."""

    names: tuple[str, ...] = ("whole",)
    rank = 9
    isolation: Isolation = "hardware"
    needs: frozenset[str] = frozenset()
    enforced = "The node's device plugin gives a device to one pod at a time."
    not_enforced = ""

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per model; without a right to read nodes, the key alone."""
        if seen.nodes is None:
            if GPU in seen.keys or not seen.keys:
                found = seen.told if seen.keys else "assumed, since nothing can be seen"
                yield Offer(mechanism="whole", key=GPU, found=found)
            return
        yield from grouped(
            Offer(
                mechanism="whole",
                key=GPU,
                model=spoken(labels.product(node)),
                nodes=(node.name,),
                memory=labels.memory(node),
                card=labels.memory(node),
                count=node.allocatable[GPU],
                found=seen.found("labels and allocatable"),
            )
            for node in seen.having(GPU)
            if labels.sharing(node) == "none"
            and not labels.sliced(node)
            and not labels.is_hami(node)
        )

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """One or more devices. For a share it is all of one, where rounding up is allowed."""
        count = max(int(wish.gpu), 1)
        if (why := short(wish, offer, count)) is not None:
            return why
        unseen = (_UNSEEN,) if seen.nodes is None and seen.profile is None else ()
        return made(
            self,
            offer,
            limits={offer.key: str(count)},
            count=count,
            memory=offer.memory,
            notices=unseen,
            waste=float(offer.memory),
        )


def short(wish: Resources, offer: Offer, count: int) -> Short | None:
    """Why so many whole devices cannot satisfy a wish, or None when they can."""
    if offer.largest is not None and count > offer.largest:
        return at_most(offer.largest)
    if wish.gpu_memory:
        if not offer.memory:
            return SIZE_UNSEEN
        if wish.gpu_memory > offer.memory:
            return TOO_SMALL
    return None


def together(offers: Sequence[Offer]) -> list[Offer]:
    """Whole devices of every model as one offer, for a wish that names no model."""
    whole = [each for each in offers if each.mechanism == "whole"]
    if len(whole) < 2 or not all(each.nodes for each in whole):
        return list(offers)
    models = dict.fromkeys(each.model for each in whole)
    known = [each.memory for each in whole]
    largest = [each.largest for each in whole if each.largest is not None]
    joined = msgspec.structs.replace(
        whole[0],
        model=" or ".join(models) if all(models) else "",
        nodes=tuple(dict.fromkeys(name for each in whole for name in each.nodes)),
        memory=min(known) if all(known) else 0,
        card=min(known) if all(known) else 0,
        count=sum(each.count or 0 for each in whole),
        largest=max(largest) if largest else None,
    )
    return [joined, *(each for each in offers if each.mechanism != "whole")]
