"""Watches what bounds a namespace: its quotas, its queue and the nodes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from cnai_sdk.backends.kubernetes.api import Refused
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informer, Informers
from cnai_sdk.backends.kubernetes.room import Room, room_of
from cnai_sdk.backends.kubernetes.room_objects import (
    ClusterQueue,
    LocalQueue,
    Node,
    ResourceQuota,
)
from cnai_sdk.errors import InvalidRequest


class Surroundings:
    """The room of one namespace, as it is now; asked of the server by watches alone.

    Args:
        informers: those of the cluster.
        served: what the cluster has.
        namespace: which one.
    """

    def __init__(self, informers: Informers, served: Served, namespace: str) -> None:
        self._informers = informers
        get = informers.get
        here = f"/api/v1/namespaces/{namespace}"
        self._quotas: Informer[ResourceQuota] = get(f"{here}/resourcequotas", ResourceQuota)
        self._nodes: Informer[Node] = get("/api/v1/nodes", Node)
        self._queues: Informer[LocalQueue] | None = None
        self._cluster_queues: Informer[ClusterQueue] | None = None
        if served.kueue:
            kueue = f"/apis/kueue.x-k8s.io/{served.kueue}"
            queues = f"{kueue}/namespaces/{namespace}/localqueues"
            self._queues = get(queues, LocalQueue)
            self._cluster_queues = get(f"{kueue}/clusterqueues", ClusterQueue)

    async def room(self, queue: str) -> Room:
        """The room now.

        Args:
            queue: the queue that would admit; '' for none.
        """
        await asyncio.gather(*(each.synced() for each in self._all()))
        local = self._local(queue)
        return room_of(
            quotas=self._quotas.objects.values(),
            queue=local,
            cluster_queue=self._cluster_queue(local),
            nodes=self._nodes.objects.values(),
            unseen=[each.problem for each in self._all() if each.problem],
        )

    async def check_queue(self, name: str) -> None:
        """Refuse a queue that is known not to be there.

        Raises:
            InvalidRequest: with those that are there.
        """
        queues = self._queues
        if queues is None:
            return
        await queues.synced()
        if queues.problem or self._local(name) is not None:
            return
        with contextlib.suppress(Refused):  # one that was made a moment ago
            fresh = await self._informers.api.list(queues.path, type=LocalQueue)
            if any(queue.metadata.name == name for queue in fresh.items):
                return
        known = sorted(queue.metadata.name for queue in queues.objects.values())
        raise InvalidRequest(
            f"There is no queue {name!r} in this namespace.",
            why=f"There is {', '.join(known)}." if known else "It has none.",
            next_step=f'Write queue="{known[0]}".'
            if known
            else "Leave queue out, or ask the cluster's administrator for a LocalQueue.",
        )

    def _all(self) -> list[Informer[Any]]:
        kinds = (self._quotas, self._nodes, self._queues, self._cluster_queues)
        return [each for each in kinds if each is not None]

    def _local(self, name: str) -> LocalQueue | None:
        queues = self._queues.objects.values() if self._queues is not None and name else ()
        return next((queue for queue in queues if queue.metadata.name == name), None)

    def _cluster_queue(self, queue: LocalQueue | None) -> ClusterQueue | None:
        if queue is None or self._cluster_queues is None:
            return None
        wanted = queue.spec.cluster_queue
        every = self._cluster_queues.objects.values()
        return next((each for each in every if each.metadata.name == wanted), None)
