"""From a wish for GPUs to what each worker's pod asks for, by the best that a cluster has.

The rules: what isolation was asked for is never lowered; a share is rounded up only, and the
smallest waste wins; what a quota, a queue or the kind of job cannot give is left out; a share
becomes a whole GPU only where the administrator allows it; where nothing fits, everything that was
seen and every choice is said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from cnai_sdk.gpu.cluster import refusals, told
from cnai_sdk.gpu.cluster.dra import Dra, DraMig, DraShared
from cnai_sdk.gpu.cluster.hami import Hami
from cnai_sdk.gpu.cluster.kai import Kai
from cnai_sdk.gpu.cluster.mig import Mig
from cnai_sdk.gpu.cluster.mps import Mps
from cnai_sdk.gpu.cluster.offer import Mechanism, Offer, PodAsk
from cnai_sdk.gpu.cluster.places import Ground, is_plain
from cnai_sdk.gpu.cluster.seen import Seen
from cnai_sdk.gpu.cluster.short import (
    MODEL_UNSEEN,
    NOT_TOLD_APART,
    ONLY_PARTS,
    ONLY_WHOLE,
    WHETHER_UNSEEN,
    Short,
    not_carried,
    not_in_queue,
    not_isolated,
    other_model,
    over_quota,
)
from cnai_sdk.gpu.cluster.time_slicing import TimeSlicing
from cnai_sdk.gpu.cluster.volcano import Volcano
from cnai_sdk.gpu.cluster.whole import Whole, together
from cnai_sdk.gpu.wish import ISOLATIONS, check_contradiction, check_wish, meant
from cnai_sdk.model.spec import Resources

MECHANISMS: tuple[Mechanism, ...] = (
    Mig(), DraMig(), Hami(), Volcano(), Mps(), DraShared(), Kai(), TimeSlicing(), Whole(), Dra(),
)  # fmt: skip
BY_NAME = {name: mechanism for mechanism in MECHANISMS for name in mechanism.names}
WHOLE = ("whole", "dra")
ALL_OF_ONE = ("hami", "volcano-vgpu")
"""Mechanisms whose parts may be all of a card, memory and cores."""

_Tried = list[tuple[Offer, PodAsk | Short]]


def offers(seen: Seen) -> tuple[Offer, ...]:
    """All that is on offer, best first: as the administrator says, or as it can be seen."""
    if seen.profile is not None and seen.profile.offer:
        found = list(told.offers_of(seen.profile))
        return tuple(sorted(found, key=lambda each: BY_NAME[each.mechanism].rank))
    return tuple(offer for mechanism in MECHANISMS for offer in mechanism.find(seen))


def resolve(wish: Resources, workers: int, seen: Seen) -> PodAsk:
    """What each worker's pod asks for.

    Raises:
        InvalidRequest: a wish that no cluster could grant.
        DoesNotFit: nothing here satisfies it; with what was seen, and the choices.
    """
    check_wish(wish, workers)
    there = offers(seen)
    check_contradiction(wish, max((offer.card for offer in there), default=0))
    ground = Ground(seen)
    tried = _tried(wish, workers, seen, there, ground)
    fitting = [(offer, answer) for offer, answer in tried if isinstance(answer, PodAsk)]
    if fitting:
        return _chosen(wish, fitting)
    short = [(offer, answer) for offer, answer in tried if isinstance(answer, Short)]

    def would(other: Resources, sight: Seen) -> bool:
        return _some(_tried(other, workers, sight, there, ground))

    raise refusals.nothing(wish, workers, seen, short, would)


def _tried(
    wish: Resources, workers: int, seen: Seen, there: Sequence[Offer], ground: Ground
) -> _Tried:
    """Each offer, with what a pod would ask for, or why it falls short."""
    models = meant(wish.gpu_model, (offer.model for offer in there))

    def answers(every: Sequence[Offer]) -> _Tried:
        return [(o, _answer(wish, workers, seen, o, models, ground)) for o in every]

    if wish.gpu_model or (wish.gpu < 1 and not _rounds_up(seen)):
        return answers(there)
    least = (wish.gpu_memory or 0) if wish.gpu >= 1 else 0
    large = [o for o in there if o.mechanism != "whole" or o.memory >= least]
    joined = answers(together(large if any(o.mechanism == "whole" for o in large) else there))
    if _some(joined):
        return joined
    alone = answers(there)
    return alone if _some(alone) else joined


def _some(tried: _Tried) -> bool:
    return any(isinstance(answer, PodAsk) for _, answer in tried)


def _rounds_up(seen: Seen) -> bool:
    return seen.profile is not None and seen.profile.round_up


def _answer(
    wish: Resources,
    workers: int,
    seen: Seen,
    offer: Offer,
    models: Collection[str],
    ground: Ground,
) -> PodAsk | Short:
    mechanism, whole = BY_NAME[offer.mechanism], offer.mechanism in WHOLE
    if wish.gpu_model and offer.model not in models:
        if offer.model:
            return other_model(wish.gpu_model)
        if offer.mechanism != "hami":
            return MODEL_UNSEEN
    if wish.gpu >= 1 and not whole and (wish.gpu > 1 or offer.mechanism not in ALL_OF_ONE):
        return ONLY_PARTS
    if whole and wish.gpu < 1 and not _rounds_up(seen):
        return ONLY_WHOLE if seen.nodes is not None or offer.model else WHETHER_UNSEEN
    if ISOLATIONS.index(mechanism.isolation) > ISOLATIONS.index(wish.isolation):
        return not_isolated(wish.isolation)
    if missing := mechanism.needs - seen.carries:
        return not_carried(seen.kind, missing)
    ask = mechanism.ask(wish, offer, seen)
    if not isinstance(ask, Short):
        ask = _allowed(ask, workers, seen)
    return ask if isinstance(ask, Short) else _placed(wish, seen, offer, ask, ground)


def _placed(
    wish: Resources, seen: Seen, offer: Offer, ask: PodAsk, ground: Ground
) -> PodAsk | Short:
    """The ask, kept on the nodes of its offer where its key is also something else."""
    places = ground.of(offer, named=bool(wish.gpu_model))
    if places is None:
        return NOT_TOLD_APART
    if "affinity" not in seen.carries and not is_plain(places):
        return not_carried(seen.kind, ("affinity",))
    return msgspec.structs.replace(ask, places=places)


def _allowed(ask: PodAsk, workers: int, seen: Seen) -> PodAsk | Short:
    """The ask, when the quotas and the queue of the namespace could ever give it."""
    amounts = {key: float(amount) for key, amount in ask.limits.items()}
    if ask.devices:
        amounts[ask.quota_key] = float(sum(ask.devices.values()))
    for key, amount in amounts.items():
        allowance = seen.allowances.get(key)
        if allowance is not None and allowance.hard < amount * workers:
            return over_quota(allowance.quota, allowance.hard, key)
        if seen.queue_keys is not None and key not in seen.queue_keys and key in ask.limits:
            return not_in_queue(seen.queue, key)
    return ask


def _chosen(wish: Resources, fitting: Sequence[tuple[Offer, PodAsk]]) -> PodAsk:
    """The best, and of those the one that wastes least."""
    offer, ask = min(fitting, key=lambda pair: _order(wish, *pair))
    models = list(dict.fromkeys(o.model for o, _ in fitting if o.model))
    notice = ""
    if not wish.gpu_model and " or " in offer.model:
        notice = f"The GPU may be a {offer.model}: gpu_model= names one."
    elif not wish.gpu_model and len(models) > 1 and ask.model:
        others = ", ".join(model for model in models if model != ask.model)
        notice = f"{ask.model} was taken; gpu_model= names another: {others}."
    return msgspec.structs.replace(ask, notices=(*ask.notices, notice)) if notice else ask


def _order(wish: Resources, offer: Offer, ask: PodAsk) -> tuple[float, ...]:
    free = -(offer.count or 0)
    parts = wish.gpu >= 1 and offer.mechanism not in WHOLE
    rank = BY_NAME[offer.mechanism].rank
    return (parts, rank, not offer.memory, ask.waste, offer.memory, free)
