"""Places in line: as Kueue tells them, or by its own order where it may not be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from cnai_sdk.backends.kubernetes.api import Api, Refused
from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.backends.kubernetes.objects import holds
from cnai_sdk.backends.kubernetes.queue_objects import PendingWorkloads, QueueWorkload
from cnai_sdk.errors import CnaiError

_VERSIONS = ("v1beta2", "v1beta1")
_ASK_AGAIN = 1.0


def in_line(queue: QueueWorkload | None) -> bool:
    """Whether a queue's workload waits for its turn."""
    if queue is None or queue.spec.active is False:
        return False
    conditions = queue.status.conditions
    return not (holds(conditions, "QuotaReserved") or holds(conditions, "Finished"))


def by_order(jobs: Iterable[Job]) -> dict[str, int]:
    """Job uid to place, from 1: higher priority first, then who came first."""
    waiting = [job for job in jobs if in_line(job.queue)]
    return {job.uid: place for place, job in enumerate(sorted(waiting, key=_turn), start=1)}


def _turn(job: Job) -> tuple[int, float, float, str]:
    assert job.queue is not None
    queue = job.queue
    requeued = holds(queue.status.conditions, "Requeued")
    came = queue.metadata.created
    if requeued is not None and requeued.time is not None:
        came = max(came, requeued.time)
    return (-(queue.spec.priority or 0), came, job.asked.created or came, queue.metadata.name)


class Visibility:
    """Kueue's own answer to who is where in line.

    Attributes:
        usable: False once it turned out that it is not served, or not allowed.
    """

    def __init__(self, api: Api, namespace: str) -> None:
        self.usable = True
        self._api = api
        self._namespace = namespace
        self._version = _VERSIONS[0]

    async def ask(self, queue: str) -> dict[str, int] | None:
        """Name of a queue's workload to its place, from 1; None when there is no answer."""
        for version in dict.fromkeys((self._version, *_VERSIONS)):
            path = f"/apis/visibility.kueue.x-k8s.io/{version}/namespaces/{self._namespace}"
            try:
                line = await self._api.get(
                    f"{path}/localqueues/{queue}/pendingworkloads", type=PendingWorkloads
                )
            except Refused as error:
                if error.status in (401, 403):
                    self.usable = False
                    return None
                continue
            except CnaiError:
                return None
            self._version = version
            return {
                each.metadata.name: each.position_in_local_queue + 1 for each in line.items or ()
            }
        self.usable = False
        return None


class Lines:
    """The place in line of every job that waits in a queue of the namespace.

    Args:
        waiting: the jobs of a local queue.
        moved: called with the uids of jobs whose place is another one.
    """

    def __init__(
        self,
        visibility: Visibility,
        *,
        waiting: Callable[[str], Iterable[Job]],
        moved: Callable[[Iterable[str]], None],
    ) -> None:
        self._visibility = visibility
        self._waiting = waiting
        self._moved = moved
        self._places: dict[str, int] = {}
        self._touched: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stale: set[str] = set()

    def place(self, job: Job) -> int | None:
        """A job's place, from 1, where it is known and the job waits."""
        return self._places.get(job.uid) if in_line(job.queue) else None

    def touch(self, queue: QueueWorkload) -> None:
        """Something has changed in a line."""
        self._touched.add(queue.spec.queue_name)

    def refresh(self) -> None:
        """Place the jobs of the lines that were touched; at once, or when Kueue has answered."""
        touched, self._touched = self._touched, set()
        for queue in touched:
            if not any(in_line(job.queue) for job in self._waiting(queue)):
                continue
            if self._visibility.usable:
                self._stale.add(queue)
                if queue not in self._tasks:
                    asking = self._ask_while_stale(queue)
                    self._tasks[queue] = asyncio.get_running_loop().create_task(asking)
            else:
                self._put(queue, by_order(self._waiting(queue)))

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_while_stale(self, queue: str) -> None:
        """Ask for a line at once, and after each pause in which it has changed."""
        try:
            again = True  # a queue may learn of a change after we do
            while (queue in self._stale or again) and self._visibility.usable:
                again = queue in self._stale
                self._stale.discard(queue)
                await self._ask(queue)
                await asyncio.sleep(_ASK_AGAIN)
        finally:
            self._stale.discard(queue)
            del self._tasks[queue]

    async def _ask(self, queue: str) -> None:
        told = await self._visibility.ask(queue)
        jobs = list(self._waiting(queue))
        if told is None:
            self._put(queue, by_order(jobs))
            return
        names = {job.uid: job.queue.metadata.name for job in jobs if job.queue is not None}
        self._put(queue, {uid: told[name] for uid, name in names.items() if name in told})

    def _put(self, queue: str, places: Mapping[str, int]) -> None:
        moved = []
        for job in self._waiting(queue):
            if self._places.get(job.uid) != places.get(job.uid):
                self._places.pop(job.uid, None)
                if job.uid in places:
                    self._places[job.uid] = places[job.uid]
                moved.append(job.uid)
        self._moved(moved)
