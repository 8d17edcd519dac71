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
from cnai_sdk.gpu.cluster.registered import cards
from cnai_sdk.gpu.cluster.seen import GPU, Seen
from cnai_sdk.gpu.cluster.short import SIZE_UNSEEN, Short, not_carried
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.spec import Resources

MEMORY, PERCENT, CORES = f"{GPU}mem", f"{GPU}mem-percentage", f"{GPU}cores"
_MODEL, _OTHERS = "nvidia.com/use-gputype", "nvidia.com/nouse-gputype"


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
                nodes=(node.name,),
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
        models = _cards(seen)
        annotations = annotated(wish, offer, seen, models)
        if isinstance(annotations, Short):
            return annotations
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
            annotations=annotations,
            model=offer.model if annotations or len(models) < 2 else "",
            share=round(share, 4),
            memory=mebi * MIB,
            quota_key=_charged(seen),
            notices=tuple(_notices(wish, offer, share, mebi * MIB)),
        )


def _percent(share: float) -> int:
    return max(1, math.ceil(round(100 * share, 6)))


def _notices(wish: Resources, offer: Offer, share: float, memory: int) -> Iterator[str]:
    if not share:
        yield f"Its compute is not divided: only {show_bytes(memory)} was asked for."
    if wish.gpu_model and not offer.model:
        yield f"HAMi takes any card that has {wish.gpu_model} in its name."


def _cards(seen: Seen) -> frozenset[str]:
    """The models of all cards that HAMi hands out."""
    return frozenset(
        card.model for node in seen.nodes or () for card in cards(node.annotations.get(HAMI, ""))
    )


def annotated(
    wish: Resources, offer: Offer, seen: Seen, models: frozenset[str]
) -> dict[str, str] | Short:
    """What keeps a pod to the cards of one model: the amounts are those of that model.

    The scheduler looks for these words in the names of its cards. One that has more to its name,
    an L40S where an L4 was meant, is ruled out by its own.

    Args:
        models: of all cards that are handed out in this way.
    """
    word = _word(offer.model) or wish.gpu_model or ""
    if "metadata" not in seen.carries:
        free = not wish.gpu_model and (len(models) < 2 or not wish.gpu)
        return {} if free else not_carried(seen.kind, ("metadata",))
    if not word:
        return {}
    short = word.upper()
    longer = sorted(each for each in map(_word, models) if short in each.upper() != short)
    return {_MODEL: word} | ({_OTHERS: ",".join(longer)} if longer and offer.model else {})


def _word(model: str) -> str:
    return model.removeprefix("NVIDIA ")


def _charged(seen: Seen) -> str:
    for key in (MEMORY, f"limits.{MEMORY}"):
        if key in seen.allowances:
            return seen.allowances[key].key
    return f"requests.{GPU}"
