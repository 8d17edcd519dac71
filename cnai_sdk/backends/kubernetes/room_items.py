"""What may be used in a namespace, what is used, and by whom, for a person; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cnai_sdk.backends.kubernetes.room import Bound, Bucket, Room
from cnai_sdk.backends.kubernetes.room_claims import Claim, waiting_in
from cnai_sdk.backends.kubernetes.room_keys import bare, is_gpu, named
from cnai_sdk.backends.kubernetes.room_kueue import QueueRoom
from cnai_sdk.backends.kubernetes.room_wish import numbers
from cnai_sdk.model.quota import Holder, Line, QuotaItem

_ALWAYS = ("cpu", "memory")
_FIRST = ("cpu", "memory", "nvidia.com/gpu")
_NODES = "the nodes"


class _Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """What one number is made of: the buckets of one resource, or of one kind of it."""

    key: str
    flavor: str
    buckets: dict[Bucket, Bound]


def items(room: Room, claims: Sequence[Claim]) -> tuple[QuotaItem, ...]:
    """Every resource that is bounded here, and cores and memory in any case."""
    charged = [(claim, claim.charged(room)) for claim in claims]
    return tuple(_item(room, gauge, charged) for gauge in _gauges(room))


def lines(room: Room, claims: Sequence[Claim]) -> tuple[Line, ...]:
    """The queue that admits here; where none was chosen, those that could be."""
    if room.queue is not None:
        return (_kueue(room.queue, claims),)
    if room.offered:
        return tuple(
            msgspec.structs.replace(_kueue(each, claims), chosen=False, items=_has(each))
            for each in room.offered
        )
    if room.volcano is not None:
        name, status = room.volcano.metadata.name, room.volcano.status
        return (Line(name=name, waiting=status.pending, stopped=room.stopped),)
    return ()


def _kueue(queue: QueueRoom, claims: Sequence[Claim]) -> Line:
    here = waiting_in(claims, queue.name)
    return Line(
        name=queue.name,
        waiting=None if queue.waiting is None else max(queue.waiting, len(here)),
        mine=tuple(_holder(claim, 1.0) for claim in here),
        stopped=queue.stopped,
    )


def _has(queue: QueueRoom) -> tuple[QuotaItem, ...]:
    """What a queue has of each resource, in all its flavors; without limits what is not visible."""
    found: dict[str, tuple[float | None, float]] = {}
    for (_, key), amount in queue.own.items() if queue.groups is None else ():
        found[key] = None, found.get(key, (None, 0.0))[1] + amount
    for group in queue.groups or ():
        for key in group.covered:
            shares = [share for _, share in queue.flavors(key)]
            found[key] = sum(s.nominal for s in shares), sum(s.used for s in shares)
    order = {key: n for n, key in enumerate(_FIRST)}
    return tuple(
        QuotaItem(
            resource=known.resource,
            label=known.label,
            unit=known.unit,
            limit=None if limit is None else limit * known.size,
            used=used * known.size,
            source=f"the queue {queue.name}",
            key=key,
        )
        for key, (limit, used) in sorted(found.items(), key=lambda e: (order.get(e[0], 9), e[0]))
        if (known := named(key)) is not None
    )


def _gauges(room: Room) -> list[_Gauge]:
    """GPUs one for each flavor of a queue, everything else one for each resource.

    What has no name here, such as a queue's licenses, bounds jobs and is no gauge.
    """
    bounds = {b: bound for b, bound in room.bounds().items() if named(bare(b.key)) is not None}
    keys = {bare(bucket.key): None for bucket in bounds}
    keys |= dict.fromkeys(_ALWAYS)
    keys |= dict.fromkeys([*_ranged(room), *_own(room)])
    keys |= {key: None for gives in _open(room) for key, a in gives.items() if a and is_gpu(key)}
    order = {key: n for n, key in enumerate(_FIRST)}
    found = []
    for key in sorted(keys, key=lambda k: (order.get(k, 9 if is_gpu(k) else 99), k)):
        here = {b: bound for b, bound in bounds.items() if bare(b.key) == key}
        flavors = list(dict.fromkeys(b.flavor for b in here if b.flavor))
        if is_gpu(key) and len(flavors) > 1:
            kinds = ["", *flavors] if any(not b.flavor for b in here) else flavors
            for kind in kinds:
                own = {b: bound for b, bound in here.items() if b.flavor == kind}
                found.append(_Gauge(key=key, flavor=kind, buckets=own))
        else:
            found.append(_Gauge(key=key, flavor="", buckets=here))
    return found


def _open(room: Room) -> list[Mapping[str, float]]:
    """What the nodes give that take pods now."""
    return [machine.gives for machine in room.nodes if machine.open]


def _own(room: Room) -> dict[str, float]:
    """What the namespace has reserved by a queue whose own quota is not visible."""
    found: dict[str, float] = {}
    if room.queue is not None and room.queue.groups is None:
        for (_, key), amount in room.queue.own.items():
            found[key] = found.get(key, 0.0) + amount
    return {key: amount for key, amount in found.items() if named(key) is not None}


def _ranged(room: Room) -> Iterable[str]:
    for found in room.ranges:
        for each in found.spec.limits or ():
            if each.type in ("Container", "Pod"):
                yield from (k for k in {**(each.min or {}), **(each.max or {})} if named(k))


def _item(
    room: Room, gauge: _Gauge, charged: Sequence[tuple[Claim, dict[Bucket, float]]]
) -> QuotaItem:
    known = named(gauge.key)
    assert known is not None
    size = known.size
    source, buckets, bound = _tightest(room, gauge)
    holding = [(c, _of(c, held, gauge, buckets)) for c, held in charged if not c.waits]
    waiting = [(c, _of(c, held, gauge, buckets)) for c, held in charged if c.waits]
    mine = sum(amount for claim, amount in holding if claim.mine)
    told = bound.used if bound else _own(room).get(gauge.key, 0.0)
    used = max(told, sum(amount for _, amount in holding))
    if not source and told and room.queue is not None:
        source = f"the queue {room.queue.name}"
    least, most = _range(room, gauge.key)
    label = f"{known.label}, {gauge.flavor}" if gauge.flavor else known.label
    if source == _NODES:
        label = _of_cards(room, gauge.key) or label
    return QuotaItem(
        resource=known.resource,
        limit=None if bound is None else bound.amount * size,
        used=used * size,
        mine=mine * size,
        queued=sum(amount for _, amount in waiting) * size,
        borrowed=bound.borrowed * size if bound else 0.0,
        lendable=bound.lendable * size if bound else 0.0,
        least=None if least is None else least * size,
        most=None if most is None else most * size,
        holders=tuple(_holder(c, a * size) for c, a in holding if a),
        waiting=tuple(_holder(c, a * size) for c, a in waiting if a),
        label=label,
        unit=known.unit,
        source=source,
        key=next(iter(buckets)).key if buckets else "",
    )


def _tightest(room: Room, gauge: _Gauge) -> tuple[str, list[Bucket], Bound | None]:
    """Of all that bounds it what has the least left, a queue's flavors counted together; else the
    nodes."""
    by_source: dict[tuple[str, str], list[Bucket]] = {}
    for bucket in gauge.buckets:
        by_source.setdefault((bucket.source, bucket.key), []).append(bucket)
    sums = [
        (source, those, _sum([gauge.buckets[b] for b in those]))
        for (source, _), those in by_source.items()
    ]
    if sums:
        return min(sums, key=lambda each: (each[2].free, each[2].amount))
    total = sum(gives.get(gauge.key, 0.0) for gives in _open(room))
    if total and is_gpu(gauge.key):
        return _NODES, [], Bound(amount=total, most=total, free=total)
    return "", [], None


def _of_cards(room: Room, key: str) -> str:
    """What nodes list under the key of whole GPUs, where some of it are parts of cards; else ''."""
    if key != _FIRST[-1]:
        return ""
    divided = {m.divides(key) for m in room.nodes if m.open and m.gives.get(key)}
    if divided == {True}:
        return "GPU shares"
    return "GPUs and GPU shares" if True in divided else ""


def _sum(bounds: Sequence[Bound]) -> Bound:
    return Bound(
        amount=sum(b.amount for b in bounds),
        most=sum(b.most for b in bounds),
        used=sum(b.used for b in bounds),
        free=sum(b.free for b in bounds),
        borrowed=sum(b.borrowed for b in bounds),
        lendable=sum(b.lendable for b in bounds),
    )


def _of(claim: Claim, held: dict[Bucket, float], gauge: _Gauge, buckets: Sequence[Bucket]) -> float:
    """How much of a gauge's number is this one's."""
    if not buckets:
        return claim.wish.charged(gauge.key) if claim.pods or claim.waits else 0.0
    return sum(held.get(bucket, 0.0) for bucket in buckets)


def _range(room: Room, key: str) -> tuple[float | None, float | None]:
    ranges = [
        each
        for found in room.ranges
        for each in found.spec.limits or ()
        if each.type in ("Container", "Pod")
    ]
    least = [numbers(each.min)[key] for each in ranges if key in (each.min or {})]
    most = [numbers(each.max)[key] for each in ranges if key in (each.max or {})]
    return max(least, default=None), min(most, default=None)


def _holder(claim: Claim, amount: float) -> Holder:
    return Holder(
        id=claim.id,
        name=claim.name,
        amount=amount,
        mine=claim.mine,
        position=claim.position,
        ends=claim.ends,
    )
