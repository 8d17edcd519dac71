"""The offers of an administrator's profile."""

from __future__ import annotations

from collections.abc import Iterator

from cnai_sdk.gpu import slices
from cnai_sdk.gpu.cluster.mig import card_of, profile_of
from cnai_sdk.gpu.cluster.offer import DIVIDED, Offer
from cnai_sdk.gpu.cluster.profile import Profile, Told
from cnai_sdk.model.quantity import parse_memory

FOUND = "the administrator's profile"


def offers_of(profile: Profile) -> Iterator[Offer]:
    """All of them, as written."""
    company = frozenset(filter(None, map(_profile, profile.offer)))
    return (_offer(each, company) for each in profile.offer)


def _offer(told: Told, company: frozenset[str]) -> Offer:
    memory = parse_memory(told.memory) if told.memory else 0
    card = parse_memory(told.card) if told.card else 0
    share, slice_ = 1.0, _profile(told)
    if told.mechanism in (*DIVIDED, "whole", "dra"):
        memory = card = memory or card
    elif told.mechanism in ("mps", "time-slicing"):
        share = 1 / told.replicas
        memory, card = memory or card // told.replicas, card or memory * told.replicas
    elif slice_:
        model = told.model or told.product
        share = memory / card if memory and card else slices.share(slice_, model, company)
        card = card or card_of(model, memory, share)
    return Offer(
        mechanism=told.mechanism,
        key=told.key,
        model=told.model,
        products=(told.product,) if told.product else (),
        profile=slice_,
        memory=memory,
        card=card,
        share=share,
        count=told.count or None,
        largest=told.per_node or None,
        replicas=told.replicas,
        queue=told.queue,
        found=FOUND,
    )


def _profile(told: Told) -> str:
    return told.profile or profile_of(told.key)
