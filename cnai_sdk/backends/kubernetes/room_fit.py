"""Whether a wish fits into a room: now, later and after how long, or never and why; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cnai_sdk.backends.forecast import forecast, never
from cnai_sdk.backends.kubernetes.room import Bound, Bucket, Room
from cnai_sdk.backends.kubernetes.room_check import check
from cnai_sdk.backends.kubernetes.room_claims import Claim, waiting_in
from cnai_sdk.backends.kubernetes.room_idle import Idle
from cnai_sdk.backends.kubernetes.room_keys import DEVICES, bare, is_gpu, named, noun, shown
from cnai_sdk.backends.kubernetes.room_nodes import may_take
from cnai_sdk.backends.kubernetes.room_wish import Wish, with_defaults
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.model.quota import Fit, Unsure

_TINY = 1e-9
Held = Mapping[Bucket, float]


def fit(
    wish: Wish,
    room: Room,
    claims: Sequence[Claim] = (),
    *,
    now: float,
    count: int = 1,
    idle: Idle | None = None,
    gpu: bool = False,
    together: bool = True,
) -> Fit:
    """Whether it would run now, later or never.

    Args:
        claims: those of the namespace; a queue may say a moment later what they hold.
        now: Unix seconds.
        count: how many such jobs.
        idle: what the nodes have left; looked at where no queue says what is left.
        gpu: whether a GPU, or a part of one, was wished for, by whatever key.
        together: whether something starts all workers of a job or none, as a queue does.
    """
    try:
        check(wish, room)
    except DoesNotFit as error:
        return never(error, count)
    whole = with_defaults(wish, room.ranges)
    line = _line(room, claims)
    waiting = _waiting(room, line)
    place = None if room.hidden or wish.priority else waiting + 1
    if room.stopped:
        return Fit(answer="waits", why=room.stopped, position=place, count=count)
    left = _Left(room, claims, now)
    alone = left.copy()
    rest = [claim for claim in line if not left.start_claim(claim)]
    unknown = room.hidden or waiting > len(line)
    blocked = waiting > 0 and _strict(room) and (unknown or bool(rest))
    blocked = blocked or (room.hidden and waiting > 0)
    idle = _idle(idle, whole, room, gpu=gpu)
    empty = _empty(whole, room)
    ceiling = min(_times(idle, whole, count), _times(empty, whole, count))
    unsure = left.doubt(whole, count)
    fitting = 0
    while not blocked and fitting < min(count, ceiling) and left.start(whole) is not None:
        fitting += 1
    unsure = unsure or left.lent() or (idle.doubt(whole, gpu=gpu) if idle is not None else "")
    told = Fit(answer="waits", position=place, count=count, now=fitting, unsure=unsure)
    if fitting == count:
        return Fit(answer="now", count=count, now=count, unsure=unsure)
    if fitting == ceiling and not blocked:
        short = empty if idle is None or _times(empty, whole, count) < count else idle
        queued = together or room.queue is not None or room.volcano is not None
        if short and not queued and (part := short.in_part(whole)):
            step = short.instead(whole)
            return msgspec.structs.replace(told, why=part, next_step=step, position=None)
        return msgspec.structs.replace(told, why=short.why(whole, count) if short else "")
    before = blocked or (not fitting and alone.start(whole) is not None)
    why = _before(room, wish, waiting) if before else left.why(whole)
    return msgspec.structs.replace(
        told,
        why=why or _before(room, wish, waiting),
        seconds=None if unknown else left.forecast(whole, rest),  # somebody before it is not known
    )


def unbounded(wish: Wish, room: Room, *, gpu: bool = False) -> bool:
    """Whether it asks for something that no queue sets aside for it, so that the nodes decide.

    A quota sets nothing aside: it says what may be asked for, and not that a node has it.
    """
    if room.queue is None or room.queue.groups is None:
        return True
    whole = with_defaults(wish, room.ranges)
    asks = {key for key, amount in whole.requests.items() if amount and named(key) is not None}
    asks |= {f"{name}{DEVICES}" for name in whole.claims}
    if gpu and not any(map(is_gpu, asks)):
        return True
    return any(asks - {bucket.key for bucket in way} for way in room.queued(whole))


def _idle(idle: Idle | None, whole: Wish, room: Room, *, gpu: bool) -> Idle | None:
    if idle is None or not unbounded(whole, room, gpu=gpu):
        return None
    promised = room.promised & whole.requests.keys()
    if any(not any(node.get(key) for node in idle.nodes) for key in promised):
        return Idle(known=False, counted=False)  # its nodes come when somebody asks for them
    return idle


def _empty(whole: Wish, room: Room) -> Idle | None:
    """The nodes as if nobody used them, and those that are not well now were; None where that tells
    nothing."""
    if not room.nodes or room.promised & whole.requests.keys():
        return None
    # A queue's flavors may bear taints that the pod does not.
    nodes = [m for m in room.nodes if room.queue is not None or may_take(m.node, whole.pod)]
    return Idle(nodes=tuple(machine.gives for machine in nodes), counted=False)


def _times(nodes: Idle | None, whole: Wish, count: int) -> int:
    """How many of so many such jobs have room on nodes, as far as that is known."""
    if nodes is None or not nodes.known or not whole.workers:
        return count
    return min(nodes.workers(whole) // whole.workers, count)


# -- who is before it -------------------------------------------------------------------


def _line(room: Room, claims: Sequence[Claim]) -> list[Claim]:
    """Those of the namespace who wait before it, from the head."""
    if room.queue is not None:
        return waiting_in(claims, room.queue.name)
    return [claim for claim in claims if claim.waits]


def _waiting(room: Room, line: Sequence[Claim]) -> int:
    told = 0
    if room.queue is not None:
        told = room.queue.pending if room.queue.waiting is None else room.queue.waiting
    return max(told, len(line))


def _strict(room: Room) -> bool:
    return room.queue is not None and room.queue.strict


def _before(room: Room, wish: Wish, waiting: int) -> str:
    if not waiting:
        return ""
    where = f" in the queue {room.queue.name}" if room.queue is not None else ""
    wait = f"{'waits' if waiting == 1 else 'wait'}{where}"
    if room.hidden:
        return f"{waiting} of this namespace {wait}, and what it has cannot be seen"
    turn = "" if wish.priority else " before it"
    return f"{waiting} {wait}{turn}"


# -- what is left -----------------------------------------------------------------------


class _Left:
    """What is left of each bucket, while jobs are tried one after another."""

    def __init__(self, room: Room, claims: Iterable[Claim], now: float) -> None:
        self._room = room
        self._bounds = room.bounds()
        self._running: list[tuple[Held, float | None]] = [
            (claim.charged(room), None if claim.ends is None else claim.ends - now)
            for claim in claims
            if not claim.waits
        ]
        self._left = _base(self._bounds, [held for held, _ in self._running])
        self._taken: dict[Bucket, float] = {}

    def copy(self) -> _Left:
        """As it is now, to try something else."""
        other = object.__new__(_Left)
        other._room, other._bounds = self._room, self._bounds
        other._running, other._left = list(self._running), dict(self._left)
        other._taken = dict(self._taken)
        return other

    def start(self, whole: Wish) -> Held | None:
        """Take what one needs; None when there is too little of something."""
        ways = self._room.ways(whole)
        way = next((way for way in ways if self._first_short(way) is None), None)
        for bucket, amount in (way or {}).items():
            self._left[bucket] -= amount
            self._taken[bucket] = self._taken.get(bucket, 0.0) + amount
        return way

    def start_claim(self, claim: Claim) -> bool:
        """Let one who waits take what it needs, for as long as it may run."""
        held = self.start(with_defaults(claim.wish, self._room.ranges))
        if held is not None:
            self._running.append((held, claim.lasts))
        return held is not None

    def doubt(self, whole: Wish, count: int) -> Unsure:
        """What is not known of the queue that admits, before anything is taken."""
        queue = self._room.queue
        if queue is None:
            return ""
        ways = list(self._room.queued(whole)) if whole.pinned else []
        # Which flavor has the cards of the model that it is pinned to is not known.
        other = len(ways) > 1 and any(
            amount * count > self._left[bucket] + _TINY
            for way in ways
            for bucket, amount in way.items()
        )
        return "nodes" if other or queue.doubtful or queue.groups is None else ""

    def lent(self) -> Unsure:
        """Whether what was taken is more than a cohort is seen to lend."""
        for bucket, amount in self._taken.items():
            bound = self._bounds[bucket]
            if bound.hidden and amount > bound.free + _TINY:
                return "nodes"
        return ""

    def why(self, whole: Wish) -> str:
        """What there is too little of, for a sentence."""
        for way in self._room.ways(whole):
            bucket = self._first_short(way)
            if bucket is not None:
                key = bare(bucket.key)
                kind = f" ({bucket.flavor})" if self._several(key) else ""
                free = max(self._left[bucket], 0.0)
                most = self._bounds[bucket].most
                what = f"{shown(key, most)} {noun(key, most)}{kind}"
                verb = "is" if most == 1 else "are"
                return f"{shown(key, free)} of {what} {verb} free in {bucket.source}"
        return ""

    def forecast(self, whole: Wish, ahead: Iterable[Claim]) -> float | None:
        """Seconds until it starts, at most; None when that cannot be known."""
        ranges = self._room.ranges
        return forecast(
            whole,
            running=self._running,
            ahead=[(with_defaults(each.wish, ranges), each.lasts) for each in ahead],
            start=self.start,
            end=self._end,
        )

    def _end(self, held: Held) -> None:
        for bucket, amount in held.items():
            if bucket in self._left:
                self._left[bucket] += amount

    def _first_short(self, way: Held) -> Bucket | None:
        return next((b for b, a in way.items() if a > self._left[b] + _TINY), None)

    def _several(self, key: str) -> bool:
        queue = self._room.queue
        return queue is not None and len(list(queue.flavors(key))) > 1


def _base(bounds: Mapping[Bucket, Bound], running: Sequence[Held]) -> dict[Bucket, float]:
    """What is left beside those that are known; what the server counts may lag behind them."""
    left: dict[Bucket, float] = {}
    for bucket, bound in bounds.items():
        known = sum(held.get(bucket, 0.0) for held in running)
        free = bound.most - bound.used if bound.hidden else bound.free
        left[bucket] = free + min(bound.used, known) - known
    return left
