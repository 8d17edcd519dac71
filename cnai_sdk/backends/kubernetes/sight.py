"""What this person can see of the cluster's GPUs, and what a job gets of them.

Nodes, slices and classes are watched from the first time that anybody wants a GPU; quotas and
queues are those of the namespace's room. Where nodes are not visible, a pod that is only tried
tells whether HAMi's webhook is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from cnai_sdk.backends.kubernetes.api import Api, Refused, Unreachable
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informer, Informers
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.pods import borne
from cnai_sdk.backends.kubernetes.published import Published
from cnai_sdk.backends.kubernetes.rights import may
from cnai_sdk.backends.kubernetes.room import Room
from cnai_sdk.backends.kubernetes.room_keys import bare
from cnai_sdk.backends.kubernetes.room_nodes import may_take
from cnai_sdk.backends.kubernetes.room_objects import Node
from cnai_sdk.backends.kubernetes.seen_objects import DeviceClass, ResourceSlice, newest
from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.backends.kubernetes.surroundings import Surroundings
from cnai_sdk.backends.kubernetes.trying import tried_hami
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.gpu.cluster import profile
from cnai_sdk.gpu.cluster.offer import PodAsk
from cnai_sdk.gpu.cluster.resolver import BY_NAME, offers, resolve
from cnai_sdk.gpu.cluster.seen import EVERYTHING, GPU, Allowance, DeviceSeen, NodeSeen, Seen
from cnai_sdk.gpu.wish import check_wish
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import TrainSpec

_DRA = "/apis/resource.k8s.io/v1"
_NOT_TRIED = "Whether HAMi gives parts of GPUs could not be tried: a quota is used up now."


class Sight:
    """The GPUs of a cluster, as they can be seen from one namespace.

    Args:
        namespace: which one.
    """

    def __init__(
        self,
        api: Api,
        informers: Informers,
        served: Served,
        surroundings: Surroundings,
        published: Published,
        namespace: str,
    ) -> None:
        self._api = api
        self._informers = informers
        self._served = served
        self._surroundings = surroundings
        self._published = published
        self._namespace = namespace
        self._nodes: Informer[Node] | None = None
        self._slices: Informer[ResourceSlice] | None = None
        self._classes: Informer[DeviceClass] | None = None
        self._known: dict[str, tuple[Node, NodeSeen]] = {}
        self._published_devices: dict[str, tuple[ResourceSlice, tuple[DeviceSeen, ...]]] = {}
        self._hami: bool | None = None
        self._claims = False

    async def ask(self, spec: TrainSpec, queue: str) -> PodAsk | None:
        """What each worker's pod asks for; None for a job without a GPU.

        Args:
            queue: the queue that admits it, or ''.

        Raises:
            InvalidRequest: a wish that no cluster could grant.
            DoesNotFit: nothing here satisfies it; with what was seen, and the choices.
        """
        wish = spec.resources
        check_wish(wish, spec.workers)
        if not wish.wants_gpu:
            return None
        seen = await self.seen(queue, share=wish.gpu < 1)
        if seen.claimed and not await self._may_claim():
            seen = msgspec.structs.replace(seen, may_claim=False)
        return await asyncio.to_thread(resolve, wish, spec.workers, seen)

    async def devices(self, queue: str) -> tuple[Device, ...]:
        """What is on offer, one for each kind of device, slice or share."""
        seen = await self.seen(queue, share=True)
        return tuple(
            Device(
                id=offer.key or offer.mechanism,
                model=offer.model,
                memory=offer.memory,
                mechanism=offer.mechanism,
                profile=offer.profile,
                isolation=BY_NAME[offer.mechanism].isolation,
                enforced=BY_NAME[offer.mechanism].enforced,
                not_enforced=BY_NAME[offer.mechanism].not_enforced,
                count=offer.count,
                replicas=offer.replicas,
                found=offer.found,
            )
            for offer in offers(seen)
        )

    async def seen(self, queue: str, *, share: bool) -> Seen:
        """All that can be seen now.

        Args:
            share: whether a part of a card is wished for, so that who divides cards matters.
        """
        self._watch()
        watched = [w for w in (self._nodes, self._slices, self._classes) if w is not None]
        await asyncio.gather(*(each.synced() for each in watched))
        room, (told, problem) = await asyncio.gather(
            self._surroundings.room(queue), self._profile()
        )
        nodes, served = self._seen_nodes(), self._served
        kind = KINDS[served.operator] if served.operator else None
        hami: bool | None = False
        if share and nodes is None and told is None:
            hami = await self._is_hami()
        unseen = [problem] if problem else []
        unseen += [_NOT_TRIED] if hami is None else []
        return Seen(
            namespace=self._namespace,
            nodes=nodes,
            devices=self._seen_devices(nodes),
            classes=self._seen_classes(),
            dra=served.dra,
            kai=served.kai,
            hami=bool(hami),
            allowances=allowances(room),
            queue=queue,
            kai_queue="" if served.kueue else queue,
            queue_keys=queue_keys(room),
            profile=told,
            carries=kind.carries(served) if kind else EVERYTHING,
            kind=kind.kind if kind else "job",
            unseen=tuple(unseen),
        )

    def _watch(self) -> None:
        if self._nodes is not None:
            return
        get = self._informers.get
        self._nodes = get("/api/v1/nodes", Node)
        if self._served.dra:
            self._slices = get(f"{_DRA}/resourceslices", ResourceSlice)
            self._classes = get(f"{_DRA}/deviceclasses", DeviceClass)

    def _seen_nodes(self) -> tuple[NodeSeen, ...] | None:
        nodes = self._nodes
        if nodes is None or not nodes.listed:
            return None
        now: dict[str, tuple[Node, NodeSeen]] = {}
        for uid, node in nodes.objects.items():
            before = self._known.get(uid)
            now[uid] = before if before and before[0] is node else (node, node_seen(node))
        self._known = now
        return tuple(seen for node, seen in now.values() if takes_pods(node))

    def _seen_devices(self, nodes: Iterable[NodeSeen] | None) -> tuple[DeviceSeen, ...] | None:
        """Those that claims of ours can get: of a node, where it takes our pods."""
        if self._slices is None or not self._slices.listed:
            return None
        open_ = None if nodes is None else {"", *(node.name for node in nodes)}
        now: dict[str, tuple[ResourceSlice, tuple[DeviceSeen, ...]]] = {}
        for uid, each in self._slices.objects.items():
            before = self._published_devices.get(uid)
            now[uid] = before if before and before[0] is each else (each, tuple(each.seen()))
        self._published_devices = now
        return tuple(
            device
            for each in newest(each for each, _ in now.values())
            for device in now[each.metadata.uid][1]
            if open_ is None or device.node in open_
        )

    def _seen_classes(self) -> frozenset[str] | None:
        if self._classes is None or not self._classes.listed:
            return None
        return frozenset(each.metadata.name for each in self._classes.objects.values())

    async def _profile(self) -> tuple[profile.Profile | None, str]:
        """What the administrator says is on offer, and what is wrong with it."""
        data = await self._published.data(profile.NAME)
        text = (data or {}).get(profile.KEY, "")
        if not text.strip():
            return None, ""
        try:
            return profile.read_profile(text), ""
        except InvalidRequest as error:
            return None, f"{error.what} {error.why} The cluster was asked instead."

    async def _may_claim(self) -> bool:
        """Whether the template of a claim may be created; asked until it is so."""
        if not self._claims:
            group, where = "resource.k8s.io", self._namespace
            try:
                self._claims = await may(
                    self._api, "create", "resourceclaimtemplates", group=group, namespace=where
                )
            except Refused:
                return True  # who may not even ask is told when it is created
        return self._claims

    async def promised(self) -> frozenset[str]:
        """The keys of GPUs that the administrator offers, whether or not a node has them now."""
        told, _ = await self._profile()
        return frozenset(each.key for each in (told.offer if told is not None else ()) if each.key)

    async def _is_hami(self) -> bool | None:
        """Whether HAMi hands out GPUs in parts; None where a quota that is full hides it."""
        if self._hami is None:
            try:
                self._hami = await tried_hami(self._api, self._namespace)
            except (Refused, Unreachable):
                return False  # it may be allowed, or reachable, another time
        return self._hami


def node_seen(node: Node) -> NodeSeen:
    """A node, as the resolver reads it: with the devices that a pod gets there by asking."""
    amounts = (node.status.allocatable or {}).items()
    return NodeSeen(
        name=node.metadata.name,
        allocatable={
            key: int(quantity(n) or 0)
            for key, n in amounts
            if "/" in key and may_take(node, {"tolerations": borne([key])})
        },
        labels=node.metadata.labels or {},
        annotations=node.metadata.annotations or {},
    )


def takes_pods(node: Node) -> bool:
    """Whether our pods may ever run there; one that is only kept free for now is not gone."""
    return may_take(node, {"tolerations": borne(node.status.allocatable or ())})


def allowances(room: Room) -> dict[str, Allowance]:
    """What the quotas give of each key; of several the smallest. One with scopes may not count a
    job at all, and is looked at when the job is known."""
    found: dict[str, Allowance] = {}
    for each in room.quotas:
        for key, bound in each.bounds.items() if not each.scopes else ():
            plain = key if key.startswith("limits.") and key != f"limits.{GPU}" else bare(key)
            if plain not in found or bound.amount < found[plain].hard:
                found[plain] = Allowance(
                    key=key, hard=bound.amount, used=bound.used, quota=each.name
                )
    return found


def queue_keys(room: Room) -> frozenset[str] | None:
    """The resources that the queue has; of a queue behind which nothing is seen, those that it
    counts in the namespace."""
    if room.queue is None:
        return None
    if room.queue.groups is None:
        return _some(key for _, key in room.queue.own)
    return _some(key for group in room.queue.groups for key in group.covered)


def _some(keys: Iterable[str]) -> frozenset[str] | None:
    return frozenset(keys) or None
