"""What is said where no GPU of a cluster satisfies a wish: what was seen, and every choice."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.gpu.cluster.mig import slice_of
from cnai_sdk.gpu.cluster.offer import DIVIDED, Offer
from cnai_sdk.gpu.cluster.seen import EVERYTHING, GPU, Seen
from cnai_sdk.gpu.wish import asked
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.spec import Resources

ISOLATED = {
    "memory": "no memory isolation",
    "hardware": "not isolated by the hardware",
    "none": "",
}
_CARRIED = {
    "scheduler": "name a scheduler",
    "claims": "claim a device",
    "metadata": "label its pods",
    "affinity": "choose among nodes",
}
_SHOWN = 8
"""So many offers are said one by one."""

Would = Callable[[Resources, Seen], bool]


def carried(kind: str, missing: Iterable[str]) -> str:
    """What pods of a kind of job cannot say."""
    return f"a {kind} cannot {' or '.join(_CARRIED[each] for each in sorted(missing))}"


def check_contradiction(wish: Resources, offers: Sequence[Offer]) -> None:
    """Refuse a share and an amount of memory that no card here can satisfy together.

    Raises:
        InvalidRequest: with both as one.
    """
    largest = max((offer.card for offer in offers), default=0)
    if not (0 < wish.gpu < 1 and wish.gpu_memory and largest):
        return
    if wish.gpu_memory <= wish.gpu * largest * 1.05:
        return
    fits = min(1.0, -(-100 * wish.gpu_memory // largest) / 100)
    raise InvalidRequest(
        f"gpu={wish.gpu:g} and gpu_memory of {show_bytes(wish.gpu_memory)} contradict each other.",
        why=f"gpu={wish.gpu:g} of the largest device here is {show_bytes(wish.gpu * largest)}.",
        next_step=f"Write one of them: gpu_memory alone, or gpu={show_number(fits)}.",
    )


def nothing(
    wish: Resources,
    workers: int,
    seen: Seen,
    short: Sequence[tuple[Offer, str]],
    would: Would,
) -> DoesNotFit:
    """The refusal.

    Args:
        short: each offer, with why it is none.
        would: whether another wish, or the same with other eyes, would be granted.
    """
    place = f" in namespace {seen.namespace}" if seen.namespace else ""
    choices = list(_choices(wish, workers, seen, short, would))
    extra = _of_administrator(wish, seen, short)
    step = f"Options: {'; '.join(choices)}." if choices else ""
    return DoesNotFit(
        f"No GPU{' share' if wish.gpu < 1 else ''} satisfies {_wish(wish, workers, short)}{place}.",
        why=" ".join(part for part in (_seen(short), *_unseen(seen)) if part),
        next_step=" ".join(part for part in (step, extra) if part)
        or "Leave gpu out to train on the CPU, or ask the cluster's administrator for GPUs.",
    )


def _wish(wish: Resources, workers: int, short: Sequence[tuple[Offer, str]]) -> str:
    parts = []
    if wish.gpu:
        parts.append(asked(wish) + _in_bytes(wish, short))
    if wish.gpu_memory:
        parts.append(f"gpu_memory of {show_bytes(wish.gpu_memory)}")
    words = " and ".join(parts)
    if wish.gpu_model:
        words += f" of a {wish.gpu_model}"
    if wish.gpu < 1:
        words += f' with isolation="{wish.isolation}"'
    return f"{words} for each of {workers} workers" if workers > 1 else words


def _in_bytes(wish: Resources, short: Sequence[tuple[Offer, str]]) -> str:
    cards = {(offer.card, offer.model) for offer, _ in short if offer.card}
    if wish.gpu >= 1 or len(cards) != 1:
        return ""
    card, model = next(iter(cards))
    return f" ({show_bytes(wish.gpu * card)} of a {model or show_bytes(card)})"


def _seen(short: Sequence[tuple[Offer, str]]) -> str:
    if not short:
        return "No GPU is seen."
    words = [f"{offer.shown}: {why}" for offer, why in short[:_SHOWN]]
    more = f"; and {len(short) - _SHOWN} more" if len(short) > _SHOWN else ""
    return f"Seen: {'; '.join(dict.fromkeys(words))}{more}."


def _unseen(seen: Seen) -> Iterator[str]:
    hidden = [
        name
        for name, there in (("nodes", seen.nodes), ("ResourceSlices", seen.devices))
        if there is None and (name == "nodes" or seen.dra)
    ]
    if hidden and seen.profile is None:
        yield f"Not visible to you: {', '.join(hidden)}."
    yield from seen.unseen


def _choices(
    wish: Resources,
    workers: int,
    seen: Seen,
    short: Sequence[tuple[Offer, str]],
    would: Would,
) -> Iterator[str]:
    def like(**fields: Any) -> Resources:
        return msgspec.structs.replace(wish, **fields)

    if wish.gpu_model and would(like(gpu_model=None), seen):
        yield "leave gpu_model out"
    if wish.gpu < 1:
        sizes = sorted({_gib(offer) for offer, _ in short if _gib(offer)}, reverse=True)
        smaller = (s for s in sizes if not wish.gpu_memory or s * 2**30 < wish.gpu_memory)
        fits = (s for s in smaller if would(like(gpu=0.0, gpu_memory=s * 2**30), seen))
        if (size := next(fits, None)) is not None:
            yield f'gpu_memory="{size}Gi"'
        for isolation in ("memory", "none"):
            if wish.isolation != isolation and would(like(isolation=isolation), seen):
                yield f'isolation="{isolation}"'
                break
        one = like(gpu=1.0)
        if would(one, seen):
            yield f"gpu=1{_free(seen)}"
    else:
        yield from _fewer(wish, workers, seen, would)
    everything = msgspec.structs.replace(seen, carries=EVERYTHING)
    if seen.carries != EVERYTHING and would(wish, everything):
        yield 'cnai.use("kubernetes", operator="pytorchjob")'


def _fewer(wish: Resources, workers: int, seen: Seen, would: Would) -> Iterator[str]:
    """Fewer devices for each worker; whether more workers would do is not promised."""
    for count in range(min(int(wish.gpu) - 1, 16), 0, -1):
        if would(msgspec.structs.replace(wish, gpu=float(count)), seen):
            yield f"gpu={count}"
            return
    if wish.gpu_memory and would(msgspec.structs.replace(wish, gpu_memory=None), seen):
        yield "leave gpu_memory out"
    if workers > 1 or wish.gpu > 1:
        return
    for share, isolation in itertools.product((0.5, 0.25, 0.1), (wish.isolation, "none")):
        if would(msgspec.structs.replace(wish, gpu=share, isolation=isolation), seen):
            lower = f' with isolation="{isolation}"' if isolation != wish.isolation else ""
            yield f"gpu={share:g}{lower}"
            return


def _gib(offer: Offer) -> int:
    """What one could ask for of it, in whole GiB."""
    most = offer.card if offer.mechanism in DIVIDED else offer.memory
    return int(most / 2**30)


def _free(seen: Seen) -> str:
    allowance = seen.allowances.get(GPU)
    if allowance is None:
        return ""
    return f" (quota: {show_number(allowance.free)} of {show_number(allowance.hard)} free)"


def _of_administrator(wish: Resources, seen: Seen, short: Sequence[tuple[Offer, str]]) -> str:
    """The slice that would do, where a card could be cut."""
    if not wish.gpu + bool(wish.gpu_memory) > 0 or wish.gpu >= 1:
        return ""
    able = {
        offer.card
        for offer, _ in short
        if offer.card and (offer.profile or _could_be_cut(offer, seen))
    }
    for card in sorted(able):
        if profile := slice_of(wish.gpu_memory or 0, wish.gpu, card):
            return f"Administrator: create a {profile} slice."
    return ""


def _could_be_cut(offer: Offer, seen: Seen) -> bool:
    return any(
        node.labels.get("nvidia.com/mig.capable") == "true"
        and node.labels.get("nvidia.com/gpu.product", "") in offer.products
        for node in seen.nodes or ()
    )
