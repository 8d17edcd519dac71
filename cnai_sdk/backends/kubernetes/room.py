"""How much there is in a namespace: its quotas, its ranges, its queue, the nodes; pure.

Every bound is a bucket with an amount, so that whether something fits is one question, whoever set
the bound. Belongs here: numbers from objects. Never here: requests, and sentences.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from cnai_sdk.backends.kubernetes.room_kueue import Group, QueueRoom
from cnai_sdk.backends.kubernetes.room_nodes import Machine, machines_of
from cnai_sdk.backends.kubernetes.room_objects import (
    LimitRange,
    Node,
    ResourceQuota,
    ScopeMatch,
    VolcanoQueue,
)
from cnai_sdk.backends.kubernetes.room_wish import Wish, numbers


class Bucket(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What may be used of one resource in one place.

    Attributes:
        source: what sets it, such as 'the quota team-a'.
        key: of the resource, as the source names it.
        flavor: which kind of machine of a queue, or ''.
    """

    source: str
    key: str
    flavor: str = ""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """How large a bucket is.

    Attributes:
        amount: its own size; `most` is with what could be borrowed.
        used: what is held of it, by whomever, and `free` what is left.
        hidden: whether there may be more of it than can be seen; then `free` is the least.
    """

    amount: float
    most: float
    used: float = 0.0
    free: float = 0.0
    borrowed: float = 0.0
    lendable: float = 0.0
    hidden: bool = False


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A quota of the namespace."""

    name: str
    scopes: tuple[ScopeMatch, ...]
    bounds: Mapping[str, Bound]

    @property
    def source(self) -> str:
        """What it is called in a sentence."""
        return f"the quota {self.name}"


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds the workloads of a namespace.

    Attributes:
        quotas: all of its ResourceQuotas.
        ranges: what one container or pod may ask for.
        queue: Kueue's queue that admits, or None.
        volcano: Volcano's queue that admits, with its bounds by key, or None.
        nodes: those of the cluster; empty when they are not seen.
        unseen: what could not be read, a sentence each.
        offered: where none was chosen, the queues of Kueue that the namespace has.
        promised: GPUs' keys that the administrator offers, whether or not a node has them now.
    """

    quotas: tuple[Counted, ...] = ()
    ranges: tuple[LimitRange, ...] = ()
    queue: QueueRoom | None = None
    volcano: VolcanoQueue | None = None
    nodes: tuple[Machine, ...] = ()
    unseen: tuple[str, ...] = ()
    offered: tuple[QueueRoom, ...] = ()
    promised: frozenset[str] = frozenset()

    @property
    def hidden(self) -> bool:
        """Whether a queue admits, and what it has may not be seen."""
        return self.queue is not None and self.queue.groups is None

    @property
    def stopped(self) -> str:
        """Why nothing is admitted now, or ''."""
        if self.queue is not None:
            return self.queue.stopped
        if self.volcano is not None and self.volcano.status.state not in ("", "Open"):
            return f"the queue {self.volcano.metadata.name} is {self.volcano.status.state.lower()}"
        return ""

    def bounds(self) -> dict[Bucket, Bound]:
        """Every bucket of the namespace."""
        found: dict[Bucket, Bound] = {}
        for quota in self.quotas:
            for key, bound in quota.bounds.items():
                found[Bucket(source=quota.source, key=key)] = bound
        if self.queue is not None:
            source = f"the queue {self.queue.name}"
            for group in self.queue.groups or ():
                for flavor in group.flavors:
                    for key, share in flavor.shares.items():
                        found[Bucket(source=source, key=key, flavor=flavor.name)] = Bound(
                            amount=share.nominal,
                            most=share.most,
                            used=share.used,
                            free=share.free,
                            borrowed=share.borrowed,
                            lendable=share.lendable,
                            hidden=share.hidden,
                        )
        if self.volcano is not None:
            found |= _of_volcano(self.volcano)
        return found

    def ways(self, wish: Wish) -> list[dict[Bucket, float]]:
        """Each way in which a wish can be charged; empty when the queue has no place for it."""
        fixed = self.fixed(wish)
        return [fixed | way for way in self.queued(wish)]

    def fixed(self, wish: Wish) -> dict[Bucket, float]:
        """What quotas count of a wish, whatever a queue gives."""
        fixed: dict[Bucket, float] = {}
        for quota in self.quotas:
            if wish.matches(quota.scopes):
                for key in quota.bounds:
                    if amount := wish.charged(key):
                        fixed[Bucket(source=quota.source, key=key)] = amount
        if self.volcano is not None:
            for bucket in _of_volcano(self.volcano):
                if amount := wish.charged(bucket.key):
                    fixed[bucket] = amount
        return fixed

    def queued(self, wish: Wish) -> Iterator[dict[Bucket, float]]:
        """Each way in which Kueue's queue can give it flavors; an empty one without a queue."""
        groups = (self.queue.groups if self.queue is not None else None) or ()
        choices = [list(ways) for ways in self._of_groups(groups, wish)]
        for chosen in itertools.product(*choices):
            yield {bucket: amount for way in chosen for bucket, amount in way.items()}

    def _of_groups(
        self, groups: Iterable[Group], wish: Wish
    ) -> Iterator[Iterator[dict[Bucket, float]]]:
        """For each group of which it asks for something, what each flavor would give."""
        asks = {key: amount for key, amount in wish.all.items() if amount}
        source = f"the queue {self.queue.name}" if self.queue is not None else ""
        for group in groups:
            pods = {"pods": float(wish.workers)} if "pods" in group.covered else {}
            here = {key: asks[key] for key in group.covered if key in asks} | pods
            if here:
                yield (
                    {Bucket(source=source, key=k, flavor=f.name): a for k, a in here.items()}
                    for f in group.flavors
                    if here.keys() <= f.shares.keys()
                )

    def lacking(self, wish: Wish) -> str:
        """A resource that its queue does not have at all, or ''."""
        if self.queue is None or self.queue.groups is None:
            return ""
        covered = {key for group in self.queue.groups for key in group.covered}
        return next((key for key, amount in wish.all.items() if amount and key not in covered), "")


def room_of(
    *,
    quotas: Iterable[ResourceQuota],
    ranges: Iterable[LimitRange] = (),
    queue: QueueRoom | None = None,
    volcano: VolcanoQueue | None = None,
    nodes: Iterable[Node] = (),
    unseen: Sequence[str] = (),
    offered: Sequence[QueueRoom] = (),
) -> Room:
    """The room of a namespace, from what can be read of it."""
    return Room(
        quotas=tuple(sorted((_counted(each) for each in quotas), key=lambda quota: quota.name)),
        ranges=tuple(ranges),
        queue=queue,
        volcano=volcano,
        nodes=machines_of(nodes),
        unseen=tuple(unseen),
        offered=tuple(offered),
    )


def _counted(quota: ResourceQuota) -> Counted:
    hard, used = numbers(quota.status.hard or quota.spec.hard), numbers(quota.status.used)
    selector = quota.spec.scope_selector
    scopes = [ScopeMatch(scope_name=name) for name in quota.spec.scopes or ()]
    return Counted(
        name=quota.metadata.name,
        scopes=(*scopes, *((selector.match_expressions if selector else None) or ())),
        bounds={key: _bound(amount, used.get(key, 0.0)) for key, amount in hard.items()},
    )


def _bound(amount: float, used: float) -> Bound:
    used = max(used, 0.0)
    return Bound(amount=amount, most=amount, used=used, free=max(amount - used, 0.0))


def _of_volcano(queue: VolcanoQueue) -> dict[Bucket, Bound]:
    """What a queue may use at most; what it names no capability of is bounded by the nodes."""
    allocated = numbers(queue.status.allocated)
    source = f"the queue {queue.metadata.name}"
    return {
        Bucket(source=source, key=key): _bound(amount, allocated.get(key, 0.0))
        for key, amount in numbers(queue.spec.capability).items()
    }
