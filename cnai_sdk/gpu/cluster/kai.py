"""Fractions that the KAI scheduler books, on cards that the device plugin shows whole.

What a pod asks for: schedulerName kai-scheduler, a queue's label, and the annotation gpu-fraction
(two decimals) or gpu-memory (MiB); no nvidia.com/gpu. What is enforced: nothing by default; torch
in the worker is told to keep to its part.
How it shows: the API queues.scheduling.run.ai.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from cnai_sdk.gpu.cluster.offer import MIB, Offer, PodAsk, made, share_of
from cnai_sdk.gpu.cluster.seen import Seen
from cnai_sdk.gpu.cluster.short import NO_QUEUE, Short, fraction_at_most
from cnai_sdk.gpu.cluster.whole import Whole
from cnai_sdk.gpu.fraction import torch_limit
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.spec import Resources

SCHEDULER, QUEUE = "kai-scheduler", "kai.scheduler/queue"
_MOST = 0.99


class Kai:
    """A booked fraction, and nothing that holds anybody to it."""

    names: tuple[str, ...] = ("kai",)
    rank = 5
    isolation: Isolation = "none"
    needs = frozenset({"scheduler", "metadata"})
    enforced = "KAI books the fraction, and torch refuses to allocate beyond it."
    not_enforced = (
        "Neither memory nor compute is divided by the device, and a fault in one pod can end the "
        "others on it."
    )

    def find(self, seen: Seen) -> Iterator[Offer]:
        """The whole cards, per model."""
        if not seen.kai:
            return
        if seen.nodes is None:
            yield Offer(mechanism="kai", key="", found="the API queues.scheduling.run.ai")
            return
        for card in Whole().find(seen):
            yield Offer(
                mechanism="kai",
                key="",
                model=card.model,
                nodes=card.nodes,
                memory=card.memory,
                card=card.card,
                count=card.count,
                found="the API queues.scheduling.run.ai, and labels of the nodes",
            )

    def ask(self, wish: Resources, offer: Offer, seen: Seen) -> PodAsk | Short:
        """A fraction up to a hundredth; memory alone where the card's size cannot be seen."""
        queue = seen.kai_queue or offer.queue
        if not queue:
            return NO_QUEUE
        annotations: dict[str, str]
        environment: dict[str, str] = {}
        if wish.gpu or offer.card:
            share = share_of(wish, offer)
            if isinstance(share, Short):
                return share
            if share > _MOST:
                return fraction_at_most(_MOST)
            annotations = {"gpu-fraction": f"{share:.2f}"}
            environment = torch_limit(share)
            memory = int(share * offer.card)
        else:
            share = 0.0
            mebi = math.ceil((wish.gpu_memory or 0) / MIB)
            annotations, memory = {"gpu-memory": str(mebi)}, mebi * MIB
        return made(
            self,
            offer,
            labels={QUEUE: queue},
            annotations=annotations,
            scheduler=SCHEDULER,
            environment=environment,
            share=share,
            memory=memory,
            quota_key=f"KAI queue {queue}",
            notices=()
            if share
            else ("The size of the card cannot be seen by you, so torch is not held to its part.",),
        )
