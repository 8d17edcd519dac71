"""One follower for each workload whose log somebody wants; told of pods by the mirror."""

from __future__ import annotations

import asyncio
import functools

from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.following import Follower
from cnai_sdk.backends.kubernetes.kept import AT_HAND, Kept
from cnai_sdk.backends.kubernetes.mirror import Mirror
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.backends.kubernetes.standing_pods import rank_of
from cnai_sdk.backends.kubernetes.streams import Streams
from cnai_sdk.model.stream import Update


class Followers:
    """The followers of one namespace.

    Args:
        mirror: tells of pods, and asks whether all that they printed is kept.
        kept: where logs go.
        namespace: of the pods.
    """

    def __init__(self, mirror: Mirror, api: Api, kept: Kept, namespace: str) -> None:
        self._mirror = mirror
        self._api = api
        self._kept = kept
        self._namespace = namespace
        self._streams = Streams()
        self._by_id: dict[str, Follower] = {}
        self._heeding: asyncio.Task[None] | None = None
        mirror.listen_to_pods(self._saw)
        mirror.settled = self._is_settled

    def of(self, id: str) -> Follower:
        """The follower of a workload, made when it is first asked for."""
        if self._heeding is None:
            self._heeding = asyncio.create_task(self._heed_ends())
        found = self._by_id.get(id)
        if found is None:
            self._let_go()
            job = self._mirror.job(id)
            master = job is not None and job.asked.master
            found = Follower(
                self._api,
                self._namespace,
                self._kept.keeper(id),
                self._mirror.pods(id),
                rank_of=functools.partial(rank_of, master=master),
                streams=self._streams,
            )
            self._by_id[id] = found
        workload = self._mirror.get(id)
        if workload is not None and workload.phase.ended:
            found.end()
        return found

    def that_reads(self, id: str) -> Follower | None:
        """The follower of a workload that is followed or has ended, or None."""
        workload = self._mirror.get(id)
        ended = workload is not None and workload.phase.ended
        return self.of(id) if ended or id in self._by_id else None

    def begin(self, id: str) -> None:
        """Read the logs of a workload while it runs, so that they are kept."""
        self.of(id).start()

    def heed(self, update: Update) -> None:
        """Somebody watches: what runs is followed, so that its numbers and its log are there."""
        for workload in update.workloads:
            if workload.managed and not workload.phase.ended and workload.id not in self._by_id:
                self.begin(workload.id)

    async def _heed_ends(self) -> None:
        async for update in self._mirror.watch():
            for workload in update.workloads:
                if workload.phase.ended and workload.id in self._by_id:
                    self._by_id[workload.id].end()  # no pod of it comes any more

    async def forget(self, id: str) -> None:
        """A workload that was deleted; return when nothing of it is being read any more."""
        found = self._by_id.pop(id, None)
        if found is not None:
            await found.forget()

    def _let_go(self) -> None:
        """Keep few of those that have ended; one is made anew when it is asked for."""
        resting = [id for id, each in self._by_id.items() if each.rests]
        for id in resting[:-AT_HAND]:
            del self._by_id[id]

    async def close(self) -> None:
        """Stop reading; what is kept stays."""
        if self._heeding is not None:
            self._heeding.cancel()
            await asyncio.gather(self._heeding, return_exceptions=True)
        followers, self._by_id = list(self._by_id.values()), {}
        await asyncio.gather(*(each.close() for each in followers))

    def _saw(self, id: str, verb: str, pod: Pod) -> None:
        found = self._by_id.get(id)
        if found is None:
            return
        found.saw(pod)
        if verb == "DELETED":
            found.lost(pod.metadata.uid)

    def _is_settled(self, id: str) -> bool:
        found = self._by_id.get(id)
        return found is None or found.settled
