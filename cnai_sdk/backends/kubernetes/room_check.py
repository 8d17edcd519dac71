"""What can never be given in a room, refused with the number that it is above; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from cnai_sdk.backends.kubernetes.room import Bound, Bucket, Counted, Room
from cnai_sdk.backends.kubernetes.room_keys import argument, bare, noun, shown, writer
from cnai_sdk.backends.kubernetes.room_nodes import asked_of
from cnai_sdk.backends.kubernetes.room_wish import Wish, numbers, with_defaults
from cnai_sdk.errors import DoesNotFit

_TINY = 1e-9
_SIZES = ("cpu", "memory")
_USUAL = {"cpu": 1.0, "memory": 4 * 2.0**30}
"""What is proposed to somebody who named none."""

Held = Mapping[Bucket, float]


def check(wish: Wish, room: Room) -> None:
    """Refuse what can never be given, with the number that it is above.

    Raises:
        DoesNotFit: larger than a node, a range, a quota or a queue will ever give.
    """
    whole = with_defaults(wish, room.ranges)
    _check_nodes(wish, room)
    _check_ranges(wish, whole, room)
    if key := room.lacking(whole):
        assert room.queue is not None
        raise DoesNotFit(
            f"The queue {room.queue.name} has no {noun(key)}.",
            why="A queue admits only what it has a quota of.",
            next_step=f"Leave {argument(key)} out, or name another queue: queue=.",
        )
    bounds = room.bounds()
    ways = room.ways(whole)
    over = [_first_over(way, bounds) for way in ways]
    if over and all(each is not None for each in over):
        worst = over[0]
        assert worst is not None
        raise _too_much(wish, *worst, bounds)
    if not ways:
        assert room.queue is not None
        raise DoesNotFit(
            f"The queue {room.queue.name} has no kind of machine with all that is asked for.",
            why="A worker's resources come from one kind together.",
            next_step="Ask for less in one job, or name another queue: queue=.",
        )
    _check_demands(whole, room)


def _first_over(way: Held, bounds: Mapping[Bucket, Bound]) -> tuple[Bucket, float] | None:
    return next(((b, a) for b, a in way.items() if a > bounds[b].most + _TINY), None)


def _too_much(
    wish: Wish, bucket: Bucket, total: float, bounds: Mapping[Bucket, Bound]
) -> DoesNotFit:
    key, most = bare(bucket.key), bounds[bucket].most
    each = total / max(wish.workers, 1)
    what, write = argument(key), writer(key)
    if what == "workers":
        many, source = total > 1 + _TINY, bucket.source[:1].upper() + bucket.source[1:]
        makes = f"{_workers(wish.workers)} make" if many else "a job makes"
        return DoesNotFit(
            f"{source} gives {shown(key, most)} {noun(key, most)}, and {makes} "
            f"{shown(key, total)}.",
            why="It is a bound of this namespace, whoever uses it.",
            next_step=f"{'Write fewer workers, or ask' if many else 'Ask'} for a larger quota.",
        )
    asks = "asks" if wish.workers == 1 else "ask"
    less = f"Write {what}={write(most / wish.workers)} or less, or fewer workers"
    if what == "gpu" and most < 1:
        less = f"Leave {what} out"
    return DoesNotFit(
        f"{_workers(wish.workers)} with {what}={shown(key, each)} {asks} for {shown(key, total)} "
        f"{noun(key, total)}, and {bucket.source} gives {shown(key, most)}.",
        why="It is a bound of this namespace, whoever uses it.",
        next_step=f"{less}; or ask for a larger quota.",
    )


# -- nodes ------------------------------------------------------------------------------


def _check_nodes(wish: Wish, room: Room) -> None:
    """What no node ever holds, however empty, well and open to pods it were."""
    if not room.nodes or room.promised & wish.requests.keys():
        return
    nodes = [machine.gives for machine in room.nodes]
    asks = [asked_of(wish.requests, node) for node in nodes]
    for key, each in wish.requests.items():
        largest = max(node.get(key, 0.0) for node in nodes)
        if each <= largest + _TINY or not any(key in those for those in asks):
            continue
        what = argument(key)
        raise DoesNotFit(
            f"One worker with {what}={shown(key, each)} is larger than any node.",
            why=f"The largest gives {shown(key, largest)}."
            if largest
            else f"No node of this cluster has {noun(key)}.",
            next_step=f"Write {what}={writer(key)(largest)} or less."
            if largest
            else f"Leave {what} out, or ask the cluster's administrator for such nodes.",
        )
    if not any(
        all(each <= node.get(key, 0.0) + _TINY for key, each in those.items())
        for node, those in zip(nodes, asks, strict=True)
    ):
        every = " and ".join(f"{shown(k, a)} {noun(k, a)}" for k, a in wish.requests.items())
        raise DoesNotFit(
            f"No node has {every} together.",
            why="One worker runs on one node.",
            next_step="Ask for less of one of them.",
        )


# -- what has to be named ----------------------------------------------------------------


def _check_ranges(wish: Wish, whole: Wish, room: Room) -> None:
    """What a LimitRange refuses; it sees requests and limits of each container, or of the pod.

    Who asks for nothing gets the range's own amounts for a container, and for a pod there are none.
    """
    for found in room.ranges:
        name = found.metadata.name
        for each in found.spec.limits or ():
            if each.type not in ("Container", "Pod"):
                continue
            of = whole if each.type == "Pod" else wish
            for key, most in numbers(each.max).items():
                asked = of.limits.get(key, of.requests.get(key))
                if asked is None and each.type == "Pod" and key in _SIZES:
                    raise _has_to_be_named(f"The LimitRange {name}", {key: most})
                if asked is not None and asked > most + _TINY:
                    raise _out_of_range(name, key, asked, most, "most")
            for key, least in numbers(each.min).items():
                asked = of.requests.get(key)
                if asked is None and each.type == "Pod" and key in _SIZES:
                    raise _has_to_be_named(f"The LimitRange {name}", {key: least})
                if asked is not None and asked < least - _TINY:
                    raise _out_of_range(name, key, asked, least, "least")


def _out_of_range(name: str, key: str, asked: float, bound: float, which: str) -> DoesNotFit:
    what = argument(key)
    return DoesNotFit(
        f"One worker with {what}={shown(key, asked)} is not allowed in this namespace.",
        why=f"Its LimitRange {name} allows at {which} {shown(key, bound)} a worker.",
        next_step=f"Write {what}={writer(key)(bound)}"
        f"{' or less' if which == 'most' else ' or more'}.",
    )


def _check_demands(whole: Wish, room: Room) -> None:
    """A quota of cores or memory takes no pod that does not say how much it wants of them."""
    for quota in room.quotas:
        if whole.matches(quota.scopes) and (missing := _unsaid(whole, quota)):
            raise _has_to_be_named(f"The quota {quota.name}", missing)


def _unsaid(whole: Wish, quota: Counted) -> dict[str, float]:
    """What a quota wants to be named, and as much as is proposed."""
    found: dict[str, float] = {}
    for key, bound in quota.bounds.items():
        plain = bare(key)
        of = whole.limits if key.startswith("limits.") else whole.requests
        if plain in _SIZES and plain not in of:
            each = min(_USUAL[plain], bound.most / max(whole.workers, 1)) or _USUAL[plain]
            found[plain] = min(each, found.get(plain, math.inf))
    return {key: found[key] for key in _SIZES if key in found}


def _has_to_be_named(who: str, missing: Mapping[str, float]) -> DoesNotFit:
    names = _both(missing, lambda key, _: "how many cores" if key == "cpu" else "how much memory")
    return DoesNotFit(
        f"{who} of this namespace takes no worker that does not say {names} it wants.",
        why="It counts that, and nothing was asked for.",
        next_step=f"Write {_both(missing, lambda key, most: f'{key}={writer(key)(most)}')}, "
        "or what it needs.",
    )


def _both(amounts: Mapping[str, float], write: Callable[[str, float], str]) -> str:
    return " and ".join(write(key, amount) for key, amount in amounts.items())


def too_much_by_server(quota: str, over: Iterable[tuple[str, float, float]]) -> DoesNotFit | None:
    """What a server's quota will never give, by its own words: key, what is wanted, what is given;
    None when it gives it, once there is room."""
    for key, wanted, most in over:
        if wanted > most + _TINY:
            plain = bare(key)
            return DoesNotFit(
                f"This job asks for {shown(plain, wanted)} {noun(plain, wanted)}, and the quota "
                f"{quota} gives {shown(plain, most)}.",
                why="It is a bound of this namespace, whoever uses it. Nothing was created.",
                next_step=f"Ask for less in one job ({argument(plain)}=), or ask for a larger "
                "quota.",
            )
    return None


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"
