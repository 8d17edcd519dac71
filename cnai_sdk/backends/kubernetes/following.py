"""Reads the logs of a workload's pods into what is kept of it, while they run.

One process of a machine reads, the others read what it writes; when it ends, another goes on from
the same line. A log that ends early, because the API server or a node restarted, is asked for
again. A run of a container is read to its end before the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.containerlog import Box, ContainerLog
from cnai_sdk.backends.kubernetes.kept import Keeper
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.backends.kubernetes.podlog import Place
from cnai_sdk.backends.kubernetes.pulse import Pulse
from cnai_sdk.backends.kubernetes.sources import sources_of
from cnai_sdk.backends.kubernetes.streams import Streams

_TRY_TO_LEAD = 1.0
_CATCHES_UP_WITHIN = 30.0


class Follower:
    """Follows one workload. It is told of pods by `saw` and `lost`, and asks for none itself.

    Args:
        api: the cluster.
        namespace: of the pods.
        keeper: what is kept of the workload.
        pods: those that are known by now.
        rank_of: the worker that a pod is, or None for one whose log is not wanted.
        streams: what all followers of this process share.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        keeper: Keeper,
        pods: Iterable[Pod] = (),
        *,
        rank_of: Callable[[Pod], int | None],
        streams: Streams,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._keeper = keeper
        self._rank_of = rank_of
        self._streams = streams
        self._boxes: dict[tuple[str, str], Box] = {}
        self._readers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._pods = Pulse()
        self._written = Pulse()
        self._over = False
        self._forgotten = False
        self._attends = False
        self._unwritable = ""
        self._task: asyncio.Task[None] | None = None
        for pod in pods:
            self.saw(pod)

    # -- what it is told ---------------------------------------------------------------

    def start(self) -> None:
        """Begin to read, in the loop that runs now; again when it had ended before everything was
        read."""
        if self._task is not None and not self._task.done():
            return
        for box in self._boxes.values():
            box.refused = False  # the right to read it may have been given since
        if not (self.finished and (self._task is not None or self._forgotten)):
            self._task = asyncio.create_task(self._run())

    def saw(self, pod: Pod) -> None:
        """How a pod of the workload stands now."""
        rank = self._rank_of(pod)
        if rank is None:
            return
        for source in sources_of(pod, rank=rank):
            box = self._boxes.get(source.key)
            if box is None:
                self._boxes[source.key] = Box(source)
            else:
                box.update(source)
        self._wake()

    def lost(self, uid: str) -> None:
        """A pod is no more."""
        for (owner, _), box in self._boxes.items():
            if owner == uid:
                box.leave()
        self._wake()

    def end(self) -> None:
        """The workload has ended: no pod comes any more."""
        self._over = True
        for box in self._boxes.values():
            box.end()
        self._wake()

    async def forget(self) -> None:
        """The workload was deleted: who reads its log has all that there is."""
        self._forgotten = True
        await self.close()
        self._wake()

    def _wake(self) -> None:
        self._pods.beat()
        self._written.beat()

    # -- how far it is -----------------------------------------------------------------

    @property
    def problem(self) -> str:
        """Why a log cannot be read now, or ''."""
        found = (box.problem for box in self._boxes.values() if box.problem)
        return self._unwritable or next(found, "")

    @property
    def refusal(self) -> str:
        """Why nobody lets this person read or keep a log, or ''."""
        found = (box.problem for box in self._boxes.values() if box.refused)
        return self._unwritable or next(found, "")

    @property
    def missed(self) -> str:
        """What of the logs was gone before it could be read, or ''."""
        return next((box.missed for box in self._boxes.values() if box.missed), "")

    @property
    def settled(self) -> bool:
        """Whether all that the pods have printed and this person may read is kept, and none of
        them goes on."""
        places = self._keeper.places()
        return all(self._is_settled(box, places) for box in self._boxes.values())

    def _is_settled(self, box: Box, places: dict[str, str]) -> bool:
        newest = box.source.newest
        if newest is None:
            return box.gone or self._over or box.source.over
        ended = box.gone or not box.source.running
        kept = Place.read(places.get(box.source.name(newest))).done
        return ended and (kept or box.refused)

    @property
    def finished(self) -> bool:
        """Whether the workload has ended, and all of its log that may be read is kept; or nothing
        is to be kept of it any more."""
        return self._forgotten or (self._over and self.settled)

    @property
    def rests(self) -> bool:
        """Whether the workload has ended, and nothing of it is being read."""
        return self._over and (self._task is None or self._task.done())

    async def changed(self, timeout: float | None = None) -> None:
        """Return when something may have changed in how far it is."""
        await self._written.wait(timeout)

    async def catch_up(self, *, within: float = _CATCHES_UP_WITHIN) -> bool:
        """Return when all that the pods have printed by now is kept; False when it is not."""
        self.start()
        waits = [self._catch_up(box) for box in list(self._boxes.values())]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                return all(await asyncio.gather(*waits))
        return False

    async def _catch_up(self, box: Box) -> bool:
        newest, lines = box.source.newest, None
        if newest is None:
            return True
        if box.source.running and not box.gone:
            lines = await self._reader(box).lines_now(newest)
        while not (place := self._place(box, newest)).done:
            if lines is not None and place.lines >= lines:
                return True
            if box.refused or self._unwritable or self._forgotten:
                return False
            await self._written.wait(_TRY_TO_LEAD)
        return True

    def _place(self, box: Box, run: int) -> Place:
        return Place.read(self._keeper.places().get(box.source.name(run)))

    async def close(self) -> None:
        """Stop reading; another process may go on."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    # -- the work ------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._boxes:  # a job that waits in line costs no open file
                if self._over:
                    return
                await self._pods.wait()
            while not await self._lead():
                if self.finished:
                    return
                await self._pods.wait(_TRY_TO_LEAD)
            while not self.finished:
                for key, box in self._boxes.items():
                    if key not in self._readers:
                        reading = self._reader(box).read_all()
                        self._readers[key] = asyncio.create_task(reading)
                await self._pods.wait()
        finally:
            for task in self._readers.values():
                task.cancel()
            await asyncio.gather(*self._readers.values(), return_exceptions=True)
            self._readers.clear()
            self._keeper.ignore()
            self._keeper.release()
            self._wake()

    async def _lead(self) -> bool:
        """Become the one that reads the pods; until then hear what another process writes."""
        try:
            leads = await self._keeper.lead_soon()
            if leads:
                self._keeper.ignore()
            elif not self._attends:
                self._keeper.attend(self._wake)
            self._attends, self._unwritable = not leads, ""
        except OSError as error:
            self._unwritable = f"What the workers print cannot be kept: {error}"
            return False
        return leads

    def _reader(self, box: Box) -> ContainerLog:
        return ContainerLog(
            self._api,
            self._namespace,
            self._keeper,
            box,
            streams=self._streams,
            told=self._told,
        )

    def _told(self) -> None:
        self._written.beat()
        if self._over:
            self._pods.beat()
