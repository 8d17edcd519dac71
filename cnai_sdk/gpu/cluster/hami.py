"""Parts of a card that HAMi cuts in software, to 1 MiB and 1 %.

What a pod asks for: limits nvidia.com/gpu: 1, nvidia.com/gpumem (MiB) and nvidia.com/gpucores (%);
HAMi's webhook gives the pod its scheduler. What is enforced: memory and cores, by a library that is
loaded into the pod's processes.
How it shows: the annotation hami.io/node-nvidia-register; without nodes, the quota's keys, or what
the webhook does with a pod that is only tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from cnai_sdk.gpu.cluster.labels import HAMI
from cnai_sdk.gpu.cluster.offer import MIB, Offer, PodAsk, grouped, made, share_of
from cnai_sdk.gpu.cluster.registered import cards, only_on
from cnai_sdk.gpu.cluster.seen import GPU, Seen
from cnai_sdk.gpu.cluster.short import SIZE_UNSEEN, Short
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.spec import Resources

MEMORY, PERCENT, CORES = f"{GPU}mem", f"{GPU}mem-percentage", f"{GPU}cores"


class Hami:
    """A part of any size, held in software."""

    names: tuple[str, ...] = ("hami",)
    rank = 2
    isolation: Isolation = "memory"
    needs: frozenset[str] = frozenset()
    enforced = "HAMi's library holds the pod's processes to their memory and share of the cores."
    not_enforced = "It is software: a fault in one pod can end the others on the device."

    def find(self, seen: Seen) -> Iterator[Offer]:
        """Per model."""
        if seen.nodes is None:
            if seen.hami or seen.keys & {MEMORY, PERCENT, f"limits.{MEMORY}"}:
                found = "a pod that was tried" if seen.hami else seen.told
                yield Offer(mechanism="hami", key=GPU, found=found)
            return
        yield from grouped(
            Offer(
                mechanism="hami",
                key=GPU,
                model=card.model,
                memory=card.memory,
                card=card.memory,
                count=1,
                found=seen.found("annotations"),
            )
            for node in seen.having(GPU)
            if HAMI in node.annotations
            for card in cards(node.annotations[HAMI])
        )

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """Both amounts are said: without memory HAMi would reserve all of the cores."""
        limits = {GPU: "1"}
        memory = share = 0.0
        if offer.card:
            part = share_of(wish, offer)
            if isinstance(part, Short):
                return part
            memory = max(wish.gpu * offer.card, float(wish.gpu_memory or 0))
            share = memory / offer.card
        elif wish.gpu and wish.gpu_memory:
            return SIZE_UNSEEN
        else:
            share, memory = wish.gpu, float(wish.gpu_memory or 0)
        mebi = math.ceil(round(memory / MIB, 6))
        limits |= {MEMORY: str(mebi)} if mebi else {PERCENT: str(_percent(share))}
        if share:
            limits[CORES] = str(_percent(share))
        return made(
            self,
            offer,
            limits=limits,
            annotations=only_on(offer.model, wish),
            share=round(share, 4),
            memory=mebi * MIB,
            quota_key=_charged(seen),
            notices=()
            if share
            else (f"Its compute is not divided: only {show_bytes(mebi * MIB)} was asked for.",),
        )


def _percent(share: float) -> int:
    return max(1, math.ceil(round(100 * share, 6)))


def _charged(seen: Seen) -> str:
    for key in (MEMORY, f"limits.{MEMORY}"):
        if key in seen.allowances:
            return seen.allowances[key].key
    return f"requests.{GPU}"
