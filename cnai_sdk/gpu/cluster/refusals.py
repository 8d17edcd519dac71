"""What is said where no GPU of a cluster satisfies a wish: why, and every choice as code."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu import slices
from cnai_sdk.gpu.cluster.offer import DIVIDED, Offer
from cnai_sdk.gpu.cluster.seen import EVERYTHING, GPU, Seen
from cnai_sdk.gpu.cluster.short import ONLY_PARTS, Short
from cnai_sdk.gpu.wish import code
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.spec import Resources

_SHOWN = 4
"""So many of one kind are named one by one."""

_SOME = 10
"""GiB that are proposed where no size can be seen."""

_Short = Sequence[tuple[Offer, Short]]
Would = Callable[[Resources, Seen], bool]


def nothing(wish: Resources, workers: int, seen: Seen, short: _Short, would: Would) -> DoesNotFit:
    """The refusal.

    Args:
        short: each offer, with why it is none.
        would: whether another wish, or the same with other eyes, would be granted.
    """
    what = "No GPU gives" if short else "There is no GPU for"
    each = f" to each of {workers} workers" if workers > 1 else ""
    place = f" in namespace {seen.namespace}" if seen.namespace else ""
    return DoesNotFit(
        f"{what} {code(wish)}{_in_bytes(wish, short)}{each}{place}.",
        why=" ".join((*_reasons(short), *_unseen(seen, short))),
        next_step=" ".join(_steps(wish, workers, seen, short, would)),
    )


def _in_bytes(wish: Resources, short: _Short) -> str:
    cards = {(offer.card, offer.model) for offer, _ in short if offer.card}
    if wish.gpu >= 1 or not wish.gpu or len(cards) != 1:
        return ""
    card, model = next(iter(cards))
    return f" ({show_bytes(wish.gpu * card)} of {model or show_bytes(card)})"


def _reasons(short: _Short) -> Iterator[str]:
    """A sentence for each reason, and what falls short by it."""
    alike: dict[Short, list[Offer]] = {}
    for offer, why in short:
        alike.setdefault(why, []).append(offer)
    if len(alike) > 1:
        alike.pop(ONLY_PARTS, None)  # what is said of whole ones tells more
    for why, found in alike.items():
        largest = sorted(found, key=lambda each: -each.memory)
        names = list(dict.fromkeys((why.models and o.model) or o.shown for o in largest))
        if len(names) > _SHOWN + 1:
            names[_SHOWN:] = [f"{len(names) - _SHOWN} more"]
        yield why.sentence(names)


def _unseen(seen: Seen, short: _Short) -> Iterator[str]:
    hidden = [
        name
        for name, there in (("nodes", seen.nodes), ("ResourceSlices", seen.devices))
        if there is None and (name == "nodes" or seen.dra)
    ]
    if not short:
        yield "No node has one." if seen.nodes is not None else f"The {seen.told} names none."
    if hidden and seen.profile is None:
        yield f"You may not list {' or '.join(hidden)}, which would tell more."
    yield from seen.unseen


def _steps(wish: Resources, workers: int, seen: Seen, short: _Short, would: Would) -> Iterator[str]:
    choices = list(_choices(wish, workers, seen, short, would))
    if choices:
        yield f"Write {'one of these: ' if len(choices) > 1 else ''}{'; '.join(choices)}."
    everything = msgspec.structs.replace(seen, carries=EVERYTHING)
    carried = seen.carries != EVERYTHING and would(wish, everything)
    if carried:
        way = 'cnai.use("kubernetes", operator="pytorchjob")'
        yield f"{'Or write' if choices else 'Write'} {way} first."
    others = list(dict.fromkeys(why.step for _, why in short if why.step))
    if not others and (cut := _could_be_made(wish, seen, short)):
        others = [f"Whoever runs the cluster could make a MIG slice {cut}."]
    yield from others
    if not (choices or carried or others):
        yield "Leave gpu out to train on the CPU, or ask whoever runs the cluster for GPUs."


def _choices(
    wish: Resources, workers: int, seen: Seen, short: _Short, would: Would
) -> Iterator[str]:
    def like(**fields: Any) -> Resources:
        return msgspec.structs.replace(wish, **fields)

    if wish.gpu_model and would(like(gpu_model=None), seen):
        yield code(like(gpu_model=None))
    if wish.gpu >= 1:
        yield from _fewer(wish, workers, seen, would)
        return
    sizes = sorted({_gib(offer) for offer, _ in short if _gib(offer)}, reverse=True) or [_SOME]
    smaller = [s * 2**30 for s in sizes if not wish.gpu_memory or s * 2**30 < wish.gpu_memory]
    amounts = (like(gpu=0.0, gpu_memory=size) for size in smaller)
    other = (like(isolation=isolation) for isolation in ("memory", "none"))
    for some in (amounts, (each for each in other if each != wish)):
        if (found := next((each for each in some if would(each, seen)), None)) is not None:
            yield code(found)
    one = like(gpu=1.0)
    if would(one, seen):
        yield f"{code(one)}{_free(seen)}"


def _fewer(wish: Resources, workers: int, seen: Seen, would: Would) -> Iterator[str]:
    """Fewer devices for each worker; whether more workers would do is not promised."""
    counts = (
        msgspec.structs.replace(wish, gpu=float(count))
        for count in range(min(int(wish.gpu) - 1, 16), 0, -1)
    )
    any_memory = msgspec.structs.replace(wish, gpu_memory=None)
    shares = (
        msgspec.structs.replace(wish, gpu=share, isolation=isolation)
        for share, isolation in itertools.product((0.5, 0.25, 0.1), (wish.isolation, "none"))
        if workers == 1 and wish.gpu == 1
    )
    for some in (counts, iter([any_memory] if wish.gpu_memory else []), shares):
        if (found := next((each for each in some if would(each, seen)), None)) is not None:
            yield code(found)
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


def _could_be_made(wish: Resources, seen: Seen, short: _Short) -> str:
    """The profile of a slice that would do, where a card could be cut."""
    if wish.gpu >= 1:
        return ""
    able = {
        (offer.card, offer.model)
        for offer, _ in short
        if offer.card and (offer.profile or _could_be_cut(offer, seen))
    }
    profiles = (slices.to_be_cut(wish.gpu_memory or 0, wish.gpu, *card) for card in sorted(able))
    return next((profile for profile in profiles if profile), "")


def _could_be_cut(offer: Offer, seen: Seen) -> bool:
    return any(
        node.labels.get("nvidia.com/mig.capable") == "true"
        and node.labels.get("nvidia.com/gpu.product", "") in offer.products
        for node in seen.nodes or ()
    )
