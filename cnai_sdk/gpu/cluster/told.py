"""The offers of an administrator's profile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cnai_sdk.gpu.cluster.offer import DIVIDED, Offer
from cnai_sdk.gpu.cluster.profile import Profile, Told
from cnai_sdk.model.quantity import parse_memory

FOUND = "the administrator's profile"


def offers_of(profile: Profile) -> Iterator[Offer]:
    """All of them, as written."""
    return (_offer(each) for each in profile.offer)


def _offer(told: Told) -> Offer:
    memory = parse_memory(told.memory) if told.memory else 0
    card = parse_memory(told.card) if told.card else 0
    if told.mechanism in (*DIVIDED, "whole", "dra"):
        memory = card = memory or card
    slot = memory // told.replicas if told.replicas > 1 else memory
    if told.mechanism in ("mps", "time-slicing"):
        card = card or memory
        slot = memory if card != memory else slot
    named = re.search(r"/mig-(\d+g\.\d+gb(?:\.me)?)$", told.key)
    return Offer(
        mechanism=told.mechanism,
        key=told.key,
        model=told.model,
        products=(told.product,) if told.product else (),
        profile=told.profile or (named[1].replace(".me", "+me") if named else ""),
        memory=slot,
        card=card,
        share=slot / card if card else 1 / told.replicas,
        count=told.count or None,
        largest=told.per_node or None,
        replicas=told.replicas,
        queue=told.queue,
        found=FOUND,
    )
