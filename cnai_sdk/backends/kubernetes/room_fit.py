"""Whether a wish fits into a room: now, later and after how long, or never and why; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cnai_sdk.backends.forecast import forecast, never
from cnai_sdk.backends.kubernetes.room import Bound, Bucket, Room
from cnai_sdk.backends.kubernetes.room_claims import Claim, waiting_in
from cnai_sdk.backends.kubernetes.room_idle import Idle, asked_of
from cnai_sdk.backends.kubernetes.room_keys import (
    DEVICES,
    argument,
    bare,
    named,
    noun,
    shown,
    writer,
)
from cnai_sdk.backends.kubernetes.room_wish import Wish, numbers, with_defaults
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.model.quota import Fit, Unsure

_TINY = 1e-9
Held = Mapping[Bucket, float]


def check(wish: Wish, room: Room) -> None:
    """Refuse what can never be given, with the number that it is above.

    Raises:
        DoesNotFit: larger than a node, a range, a quota or a queue will ever give.
    """
    _check_nodes(wish, room)
    _check_ranges(wish, room)
    if key := room.lacking(with_defaults(wish, room.ranges)):
        assert room.queue is not None
        raise DoesNotFit(
            f"The queue {room.queue.name} has no {noun(key)}.",
            why="A queue admits only what it has a quota of.",
            next_step=f"Leave {argument(key)} out, or name another queue: queue=.",
        )
    bounds = room.bounds()
    ways = room.ways(with_defaults(wish, room.ranges))
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


def _first_over(way: Held, bounds: Mapping[Bucket, Bound]) -> tuple[Bucket, float] | None:
    return next(((b, a) for b, a in way.items() if a > bounds[b].most + _TINY), None)


def _too_much(
    wish: Wish, bucket: Bucket, total: float, bounds: Mapping[Bucket, Bound]
) -> DoesNotFit:
    key, most = bare(bucket.key), bounds[bucket].most
    each = total / max(wish.workers, 1)
    what, write = argument(key), writer(key)
    if what == "workers":
        return DoesNotFit(
            f"{_workers(wish.workers)} make {shown(key, total)} {noun(key)}, and {bucket.source} "
            f"gives {shown(key, most)}.",
            why="It is a bound of this namespace, whoever uses it.",
            next_step="Write fewer workers, or ask for a larger quota.",
        )
    less = f"Write {what}={write(most / wish.workers)} or less, or fewer workers"
    if what == "gpu" and most < 1:
        less = f"Leave {what} out"
    return DoesNotFit(
        f"{_workers(wish.workers)} with {what}={shown(key, each)} ask for {shown(key, total)} "
        f"{noun(key)}, and {bucket.source} gives {shown(key, most)}.",
        why="It is a bound of this namespace, whoever uses it.",
        next_step=f"{less}; or ask for a larger quota.",
    )


def _check_nodes(wish: Wish, room: Room) -> None:
    if not room.nodes:
        return
    asks = [asked_of(wish.requests, node) for node in room.nodes]
    for key, each in wish.requests.items():
        largest = max(node.get(key, 0.0) for node in room.nodes)
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
        for node, those in zip(room.nodes, asks, strict=True)
    ):
        every = " and ".join(f"{shown(k, a)} {noun(k)}" for k, a in wish.requests.items())
        raise DoesNotFit(
            f"No node has {every} together.",
            why="One worker runs on one node.",
            next_step="Ask for less of one of them.",
        )


def _check_ranges(wish: Wish, room: Room) -> None:
    """What a LimitRange refuses; it sees requests and limits of each container, or of the pod."""
    for found in room.ranges:
        for each in found.spec.limits or ():
            if each.type not in ("Container", "Pod"):
                continue
            for key, most in numbers(each.max).items():
                asked = wish.limits.get(key, wish.requests.get(key))
                if asked is not None and asked > most + _TINY:
                    raise _out_of_range(found.metadata.name, key, asked, most, "most")
            for key, least in numbers(each.min).items():
                asked = wish.requests.get(key)
                if asked is not None and asked < least - _TINY:
                    raise _out_of_range(found.metadata.name, key, asked, least, "least")


def _out_of_range(name: str, key: str, asked: float, bound: float, which: str) -> DoesNotFit:
    what = argument(key)
    return DoesNotFit(
        f"One worker with {what}={shown(key, asked)} is not allowed in this namespace.",
        why=f"Its LimitRange {name} allows at {which} {shown(key, bound)} a worker.",
        next_step=f"Write {what}={writer(key)(bound)}"
        f"{' or less' if which == 'most' else ' or more'}.",
    )


def fit(
    wish: Wish,
    room: Room,
    claims: Sequence[Claim] = (),
    *,
    now: float,
    count: int = 1,
    idle: Idle | None = None,
    gpu: bool = False,
) -> Fit:
    """Whether it would run now, later or never.

    Args:
        claims: those of the namespace; a queue may say a moment later what they hold.
        now: Unix seconds.
        count: how many such jobs.
        idle: what the nodes have left; looked at where nothing else bounds what is asked for.
        gpu: whether a GPU, or a part of one, was wished for, by whatever key.
    """
    try:
        check(wish, room)
    except DoesNotFit as error:
        return never(error, count)
    whole = with_defaults(wish, room.ranges)
    base, running = _base(room, claims)
    queue = room.queue.name if room.queue is not None else ""
    line = waiting_in(claims, queue) if queue else [claim for claim in claims if claim.waits]
    told = room.queue.waiting if room.queue is not None else 0
    waiting = max(told, len(line))
    if room.queue is not None and room.queue.stopped:
        return Fit(answer="waits", why=room.queue.stopped, position=waiting + 1, count=count)

    left = _left(base, (each for each, _ in running))

    def start(ask: Wish) -> Held | None:
        way = next((way for way in room.ways(ask) if _first_short(way, left) is None), None)
        for bucket, amount in (way or {}).items():
            left[bucket] -= amount
        return way

    def end(held: Held) -> None:
        for bucket, amount in held.items():
            if bucket in left:
                left[bucket] += amount

    idle = idle if unbounded(wish, room) else None
    unsure: Unsure = idle.doubt(whole, gpu=gpu) if idle is not None else ""
    most = idle.workers(whole) // whole.workers if idle is not None and idle.known else count
    blocked = bool(waiting and room.queue is not None and room.queue.strict)
    fitting = 0
    while not blocked and fitting < min(count, most) and start(whole) is not None:
        fitting += 1
    if fitting == count:
        return Fit(answer="now", count=count, now=count, unsure=unsure)
    if idle is not None and fitting == most and not blocked:
        why = idle.why(whole, count)
        position = waiting + 1
        return Fit(
            answer="waits", why=why, position=position, count=count, now=fitting, unsure=unsure
        )
    why = _why(whole, room, left, waiting)
    seconds = None
    if waiting == len(line):  # otherwise some of those before it are not known
        seconds = forecast(
            whole,
            running=[(each, None if ends is None else ends - now) for each, ends in running],
            ahead=[(with_defaults(c.wish, room.ranges), c.lasts) for c in line],
            start=start,
            end=end,
        )
    return Fit(
        answer="waits",
        why=why,
        position=waiting + 1,
        seconds=seconds,
        count=count,
        now=fitting,
        unsure=unsure,
    )


def unbounded(wish: Wish, room: Room) -> bool:
    """Whether it asks for something that no quota and no queue bounds, so that the nodes decide."""
    whole = with_defaults(wish, room.ranges)
    asks = {key for key, amount in whole.requests.items() if amount and named(key) is not None}
    asks |= {f"{name}{DEVICES}" for name in whole.claims}
    return any(asks - {bare(bucket.key) for bucket in way} for way in room.ways(whole))


def _base(
    room: Room, claims: Iterable[Claim]
) -> tuple[dict[Bucket, float], list[tuple[Held, float | None]]]:
    """What would be free without those that are known, and what these hold until when."""
    running: list[tuple[Held, float | None]] = [
        (claim.charged(room), claim.ends) for claim in claims if not claim.waits
    ]
    base: dict[Bucket, float] = {}
    for bucket, bound in room.bounds().items():
        known = sum(held.get(bucket, 0.0) for held, _ in running)
        # What the server counts may lag behind what is known to run.
        base[bucket] = bound.free + min(bound.used, known)
    return base, running


def _left(base: Mapping[Bucket, float], held: Iterable[Held]) -> dict[Bucket, float]:
    left = dict(base)
    for each in held:
        for bucket, amount in each.items():
            if bucket in left:
                left[bucket] -= amount
    return left


def _first_short(way: Held, left: Mapping[Bucket, float]) -> Bucket | None:
    return next((b for b, a in way.items() if a > left[b] + _TINY), None)


def _why(wish: Wish, room: Room, left: Mapping[Bucket, float], waiting: int) -> str:
    bounds = room.bounds()
    for way in room.ways(wish):
        bucket = _first_short(way, left)
        if bucket is not None:
            key = bare(bucket.key)
            most = bounds[bucket].most
            kind = f" ({bucket.flavor})" if _several(room, key) else ""
            free = f"{shown(key, max(left[bucket], 0.0))} of {shown(key, most)}"
            return f"{free} {noun(key)}{kind} are free in {bucket.source}"
    name = room.queue.name if room.queue is not None else ""
    return f"{waiting} wait in the queue {name} before it" if name else ""


def _several(room: Room, key: str) -> bool:
    return room.queue is not None and len(list(room.queue.flavors(key))) > 1


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"
