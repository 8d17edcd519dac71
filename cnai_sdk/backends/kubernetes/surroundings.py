"""Watches what bounds a namespace: its quotas and ranges, its queues, the nodes, and other pods."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from cnai_sdk.backends.kubernetes.api import Missing, Refused
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informer, Informers, Object, T
from cnai_sdk.backends.kubernetes.mirror_paths import OTHER_PODS, paths_of
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.room import Room, room_of
from cnai_sdk.backends.kubernetes.room_idle import HAVING_A_NODE, Idle, Running, idle
from cnai_sdk.backends.kubernetes.room_kueue import QueueRoom, queue_rooms
from cnai_sdk.backends.kubernetes.room_objects import (
    ClusterQueue,
    Cohort,
    LimitRange,
    LocalQueue,
    Node,
    ResourceQuota,
    VolcanoQueue,
)
from cnai_sdk.errors import CnaiError, InvalidRequest

Q = TypeVar("Q", LocalQueue, VolcanoQueue)

_WITHOUT = {
    "resourcequotas": "what the namespace may use in all",
    "limitranges": "what one worker may ask for",
    "nodes": "how large a worker may be, and which GPUs there are beyond the quotas",
    "localqueues": "which queues the namespace has",
    "clusterqueues": "what the queue has in all, and what others use of it",
    "cohorts": "what a cohort has beside its queues",
    "queues": "what the queue has in all",
    "workloads": "who else waits in the queue",
    "pods": "which other pods use the quota",
}
"""What is not known without a kind of object."""

_APART = 1.0
_WITHIN = 5.0
_REFUSED_FOR = 300.0
"""Seconds for which a list of all pods is the last, in which one comes, and for which a refusal
holds."""

_DEFAULT = "default"
"""The queue of jobs that name none: Kueue's where the namespace has one so named, and Volcano's."""


class Surroundings:
    """The room of one namespace, as it is now; asked of the server by watches alone.

    Who runs on the nodes is the exception: all pods of a cluster are too many to be watched for
    one question, so they are listed when it is asked.

    Args:
        informers: those of the cluster.
        served: what the cluster has.
        namespace: which one.
    """

    def __init__(self, informers: Informers, served: Served, namespace: str) -> None:
        self._informers = informers
        self._all: list[Informer[Any]] = []
        self._counting = asyncio.Lock()
        self._counted: tuple[float, Sequence[Running] | None] = (-_APART, None)
        self._stirred = False
        self._refused_until = 0.0
        self._kueue_at = f"/apis/kueue.x-k8s.io/{served.kueue}"
        self._other_queues = served.kai  # a name may be one of its queues, which are not watched
        here = f"/api/v1/namespaces/{namespace}"
        self._quotas = self._watch(f"{here}/resourcequotas", ResourceQuota)
        self._ranges = self._watch(f"{here}/limitranges", LimitRange)
        self._nodes = self._watch("/api/v1/nodes", Node)
        self._pods = self._watch(f"{here}/pods", Pod, {"labelSelector": OTHER_PODS})
        self._queues: Informer[LocalQueue] | None = None
        self._cluster_queues: Informer[ClusterQueue] | None = None
        self._cohorts: Informer[Cohort] | None = None
        self._queued: Informer[QueueWorkload] | None = None
        self._volcano: Informer[VolcanoQueue] | None = None
        if served.kueue:
            kueue = self._kueue_at
            self._queues = self._watch(f"{kueue}/namespaces/{namespace}/localqueues", LocalQueue)
            self._cluster_queues = self._watch(f"{kueue}/clusterqueues", ClusterQueue)
            self._cohorts = self._watch(f"{kueue}/cohorts", Cohort)
            self._queued = self._watch(paths_of(served, namespace)["workloads"], QueueWorkload)
        elif served.volcano and served.operator == "pytorchjob":  # a TrainJob names none
            path = "/apis/scheduling.volcano.sh/v1beta1/queues"
            self._volcano = self._watch(path, VolcanoQueue)

        self._pods.listen(lambda verb, pod: self.stir())

    def stir(self) -> None:
        """Somebody runs or ends here: who runs on the nodes is not as it was listed."""
        self._stirred = True

    def _watch(self, path: str, type: type[T], params: dict[str, str] | None = None) -> Informer[T]:
        found = self._informers.get(path, type, params=params)
        self._all.append(found)
        return found

    def listen(self, stirred: Callable[[], None]) -> Callable[[], None]:
        """Call when anything of it has changed; returns what ends it."""

        def changed(verb: str, each: Object) -> None:
            stirred()

        ends = [each.listen(changed) for each in self._all]
        ends += [each.heed(stirred) for each in self._all]

        def end() -> None:
            for each in ends:
                each()

        return end

    async def room(self, queue: str) -> Room:
        """The room now.

        Args:
            queue: the queue that would admit; '' for none.
        """
        await asyncio.gather(*(each.synced() for each in self._all))
        local = self._local(queue or _DEFAULT)
        found = next(iter(self._kueue([local] if local is not None else [])), None)
        return room_of(
            quotas=self._quotas.objects.values(),
            ranges=self._ranges.objects.values(),
            queue=found,
            volcano=self._of_volcano(queue),
            nodes=self._nodes.objects.values(),
            unseen=self._unseen(found),
            offered=() if queue or found is not None else self._offered(),
        )

    async def idle(self, pod: Mapping[str, Any]) -> Idle:
        """What the nodes have left for a pod.

        Args:
            pod: its spec, as it will be made.
        """
        await self._nodes.synced()
        if self._nodes.problem:
            return idle(None, None, pod)
        return idle(self._nodes.objects.values(), await self._running(), pod)

    async def _running(self) -> Sequence[Running] | None:
        """The pods of all namespaces that have a node, as they were within the last second, and
        after what this namespace has told; None where they may not be read, or do not come in
        time."""
        asked = time.monotonic()
        async with self._counting:
            begun, found = self._counted
            if begun >= asked:  # for somebody who asked at the same time
                return found
            if asked < self._refused_until:
                return None
            left = begun + _APART - time.monotonic()
            if left > 0 and not self._stirred:
                return found
            await asyncio.sleep(left)
            begun, self._stirred = time.monotonic(), False
            self._counted = begun, await self._list_running()
            return self._counted[1]

    async def _list_running(self) -> Sequence[Running] | None:
        try:
            async with asyncio.timeout(_WITHIN):
                listed = await self._informers.api.list(
                    "/api/v1/pods", params={"fieldSelector": HAVING_A_NODE}, type=Running
                )
        except Refused as error:
            if error.status == HTTPStatus.FORBIDDEN:
                self._refused_until = time.monotonic() + _REFUSED_FOR
            return None
        except (CnaiError, TimeoutError):  # it does not answer, or not as a server of pods does
            return None
        return listed.items

    @property
    def queued(self) -> Sequence[QueueWorkload]:
        """Kueue's workloads of the namespace, of whatever kind."""
        return tuple(self._queued.objects.values()) if self._queued is not None else ()

    @property
    def other_pods(self) -> Sequence[Pod]:
        """Pods of the namespace that belong to no training job."""
        return tuple(self._pods.objects.values())

    async def check_queue(self, name: str) -> None:
        """Refuse a queue that is known not to be there.

        Raises:
            InvalidRequest: with those that are there.
        """
        if self._queues is not None:
            here = ("in this namespace", "The namespace has no queues.", "a LocalQueue")
            await self._check_listed(name, self._queues, LocalQueue, *here)
        elif self._volcano is not None and not self._other_queues:
            there = ("of Volcano", "Volcano has no queues.", "one")
            await self._check_listed(name, self._volcano, VolcanoQueue, *there)

    async def check_priority(self, name: str) -> list[str]:
        """Refuse a priority class of Kueue's that is not there: its jobs would wait for ever.

        Raises:
            InvalidRequest: with those that are there. Who may not look is told so.
        """
        path = f"{self._kueue_at}/workloadpriorityclasses"
        try:
            await self._informers.api.get(f"{path}/{name}")
        except Refused as error:
            if not isinstance(error, Missing):
                return [
                    f"Whether the queues of this cluster have the priority class {name} could not "
                    "be looked up; a job of one that they do not have waits for ever."
                ]
            if f'"{name}" not found' not in error.message:
                return []  # this Kueue has none
            known = await self._names(path)
            raise InvalidRequest(
                f"The queues of this cluster have no priority class {name}.",
                why=f"A TrainJob's priority is a WorkloadPriorityClass of Kueue: {known}.",
                next_step="Leave priority out, or name one that there is; the cluster's "
                "administrator can make it.",
            ) from error
        return []

    async def _names(self, path: str) -> str:
        with contextlib.suppress(Refused):
            found = await self._informers.api.list(path)
            names = sorted(each["metadata"]["name"] for each in found.items)
            return f"there is {', '.join(names)}" if names else "there is none"
        return "you may not list them"

    async def _check_listed(
        self, name: str, queues: Informer[Q], type: type[Q], where: str, none: str, what: str
    ) -> None:
        await queues.synced()
        if queues.problem or _named(name, queues.objects.values()) is not None:
            return
        with contextlib.suppress(Refused):  # one that was made a moment ago
            fresh = await self._informers.api.list(queues.path, type=type)
            if _named(name, fresh.items) is not None:
                return
        known = sorted(queue.metadata.name for queue in queues.objects.values())
        raise InvalidRequest(
            f"There is no queue {name!r} {where}.",
            why=f"There is {', '.join(known)}." if known else none,
            next_step=f'Write queue="{known[0]}".'
            if known
            else f"Leave queue= out, or ask the cluster's administrator for {what}.",
        )

    def _local(self, name: str) -> LocalQueue | None:
        return _named(name, self._queues.objects.values()) if self._queues is not None else None

    def _kueue(self, queues: Iterable[LocalQueue]) -> list[QueueRoom]:
        if self._cluster_queues is None or self._cohorts is None:
            return []
        # A Kueue that serves no cohorts has none that could lend.
        hidden = self._cohorts.problem and not self._cohorts.problem.endswith("not served")
        cohorts = None if hidden else self._cohorts.objects.values()
        return queue_rooms(queues, self._cluster_queues.objects.values(), cohorts)

    def _offered(self) -> list[QueueRoom]:
        """The queues of the namespace, for somebody who has chosen none."""
        queues = self._queues.objects.values() if self._queues is not None else ()
        return sorted(self._kueue(queues), key=lambda each: each.name)

    def _of_volcano(self, name: str) -> VolcanoQueue | None:
        queues = self._volcano.objects.values() if self._volcano is not None else ()
        return _named(name or _DEFAULT, queues)

    def _unseen(self, queue: QueueRoom | None) -> list[str]:
        """What is not known here; only what would tell something."""
        told = []
        for each in self._all:
            what, _, why = each.problem.partition(": ")
            if not what or (what == "cohorts" and (why == "not served" or queue is None)):
                continue
            if what == "clusterqueues" and queue is None:
                continue
            reason = "not visible to you" if why == "not allowed" else f"not known ({why})"
            missing = _WITHOUT.get(what, what)
            told.append(f"{missing[:1].upper()}{missing[1:]}: {reason}, for want of {what}.")
        return told


def _named(name: str, queues: Iterable[Q]) -> Q | None:
    return next((queue for queue in queues if queue.metadata.name == name), None)
