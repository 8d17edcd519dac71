"""Parts of a card that Volcano's vGPU plugin cuts, in software.

What a pod asks for: schedulerName volcano, volcano.sh/vgpu-number, vgpu-memory (in units of the
plugin's factor) and vgpu-cores (%), and an annotation that names the model. What is enforced:
memory and cores, by a library in the pod.
How it shows: the allocatable keys, and the annotation volcano.sh/node-vgpu-register.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from cnai_sdk.gpu.cluster import labels
from cnai_sdk.gpu.cluster.hami import annotated
from cnai_sdk.gpu.cluster.offer import MIB, Offer, PodAsk, grouped, made, share_of
from cnai_sdk.gpu.cluster.registered import Card, cards
from cnai_sdk.gpu.cluster.seen import NodeSeen, Seen
from cnai_sdk.gpu.cluster.short import SIZE_UNSEEN, Short
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.spec import Resources

NUMBER, MEMORY, CORES = (f"volcano.sh/vgpu-{what}" for what in ("number", "memory", "cores"))
SCHEDULER, QUEUE = "volcano", "scheduling.volcano.sh/queue-name"
_REGISTERED = "volcano.sh/node-vgpu-register"


class Volcano:
    """A part of any size, held in software."""

    names: tuple[str, ...] = ("volcano-vgpu",)
    rank = 2
    isolation: Isolation = "memory"
    needs = frozenset({"scheduler", "metadata"})
    enforced = "A library in the pod holds its processes to their memory and share of the cores."
    not_enforced = "It is software: a fault in one pod can end the others on the device."

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per model and factor."""
        if seen.nodes is None:
            if NUMBER in seen.keys:
                yield Offer(mechanism="volcano-vgpu", key=NUMBER, unit=0, found=seen.told)
            return
        yield from grouped(
            Offer(
                mechanism="volcano-vgpu",
                key=NUMBER,
                model=card.model,
                nodes=(node.name,),
                memory=size,
                card=size,
                count=1,
                unit=unit,
                found=seen.found("annotations"),
            )
            for node in seen.having(NUMBER)
            for card, size, unit in _sized(node)
        )

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """One part of one card."""
        part = share_of(wish, offer)
        if isinstance(part, Short):
            return part
        if not offer.card:
            return SIZE_UNSEEN
        models = frozenset(
            card.model
            for node in seen.having(NUMBER)
            for card in cards(node.annotations.get(_REGISTERED, ""))
        )
        model = annotated(wish, offer, seen, models)
        if isinstance(model, Short):
            return model
        memory = max(wish.gpu * offer.card, float(wish.gpu_memory or 0))
        units = math.ceil(round(memory / MIB / offer.unit, 6))
        return made(
            self,
            offer,
            limits={
                NUMBER: "1",
                MEMORY: str(units),
                CORES: str(math.ceil(round(100 * memory / offer.card, 6))),
            },
            annotations=model,
            scheduler=SCHEDULER,
            share=round(memory / offer.card, 4),
            memory=units * offer.unit * MIB,
        )


def _sized(node: NodeSeen) -> Iterator[tuple[Card, int, int]]:
    """The node's cards, each with its bytes and with the MiB behind one unit.

    The plugin registered MiB until 2024, and units since then. A node that counts no memory, as one
    does whose units are too many for its kubelet, has no part to give.
    """
    units = node.allocatable.get(MEMORY, 0)
    found = cards(node.annotations.get(_REGISTERED, ""))
    if not found or not units:
        return
    unit = max(1, round(sum(card.memory for card in found) / MIB / units))
    told, largest = labels.memory(node), max(card.memory for card in found)
    if unit == 1 and told > largest:
        unit = round(told / largest)
        yield from ((card, card.memory * unit, unit) for card in found)
    else:
        yield from ((card, card.memory, unit) for card in found)
