"""Reads one container's log to its end: run by run, over every cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from cnai_sdk.backends.kubernetes.api import Api, Missing, Refused
from cnai_sdk.backends.kubernetes.kept import Keeper
from cnai_sdk.backends.kubernetes.podlog import Batch, Place, PodLog
from cnai_sdk.backends.kubernetes.pulse import Pulse
from cnai_sdk.backends.kubernetes.sources import Source
from cnai_sdk.backends.kubernetes.streams import Streams, TurnOver
from cnai_sdk.errors import CnaiError

_IDLE = 90.0
"""Seconds without a byte after which a stream is opened anew: a dead connection looks the same."""

_ENDS_WITHIN = 5.0
"""Seconds that a stream may stay open when its container has ended."""

_STATE_COMES = 2.0
"""Seconds in which a container's new state follows the end of its log."""

_COUNTED_WITHIN = 10.0
"""Seconds in which a node says how many lines there are."""

_GIVES_UP_AFTER = 30.0
"""Seconds after the workload's end in which a node must answer."""

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_FORBIDDEN_PAUSE = 30.0


class Elsewhere(Exception):
    """The answer is not the log that was read before, or its start is gone."""


class Box:
    """One container, as its pod's states tell of it.

    Attributes:
        gone: whether its pod is no more.
        problem: why its log cannot be read now, or ''.
        missed: what of its log was gone before it could be read, or ''.
        refused: whether nobody lets this person read it.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.pulse = Pulse()
        self.gone = False
        self.problem = ""
        self.missed = ""
        self.refused = False
        self.over_since: float | None = None
        self.open: asyncio.Timeout | None = None

    def update(self, source: Source) -> None:
        """How it stands now."""
        ended = self.source.running and (not source.running or source.newest != self.source.newest)
        self.source = source
        self._changed(ended=ended)

    def leave(self) -> None:
        """Its pod is no more."""
        self.gone = True
        self._changed(ended=True)

    def end(self) -> None:
        """The workload has ended."""
        if self.over_since is None:
            self.over_since = asyncio.get_running_loop().time()
        self._changed(ended=False)

    def _changed(self, *, ended: bool) -> None:
        if ended and self.open is not None and not self.open.expired():
            self.open.reschedule(asyncio.get_running_loop().time() + _ENDS_WITHIN)
        self.pulse.beat()

    @property
    def given_up(self) -> bool:
        """Whether the workload ended so long ago that nothing comes any more."""
        now = asyncio.get_running_loop().time()
        return self.over_since is not None and now > self.over_since + _GIVES_UP_AFTER


class ContainerLog:
    """Reads the log of one container into what is kept.

    Args:
        box: the container.
        streams: how many logs may be open at once.
        told: called when something was written.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        keeper: Keeper,
        box: Box,
        *,
        streams: Streams,
        told: Callable[[], None],
    ) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/pods/{box.source.pod}/log"
        self._keeper = keeper
        self._box = box
        self._streams = streams
        self._told = told
        self._pause = 0.0
        self._accepted: int | None = None

    async def read_all(self) -> None:
        """Read every run of the container; returns when its pod is no more."""
        box = self._box
        run = 0
        while self._place(run).done:
            run += 1
        while True:
            newest = box.source.newest
            if newest is not None and run < newest - 1:
                for skipped in range(run, newest - 1):
                    self._leave_off(skipped)
                box.missed = f"Worker {box.source.rank} was started again before its log was read."
                run = newest - 1
            if newest is None or run > newest:
                if box.gone:
                    return
                await box.pulse.wait()
            elif box.gone or (box.problem and box.given_up):
                self._leave_off(run)
                run += 1
            elif await self._read(run):
                run += 1

    async def lines_now(self, run: int) -> int:
        """How many lines a run has printed by now; what is kept when nobody answers."""
        place = self._place(run)
        log = PodLog(place)
        try:
            async with (
                asyncio.timeout(_COUNTED_WITHIN),
                self._streams.turn(),
                self._api.stream(self._path, params=self._params(place)) as chunks,
            ):
                async for chunk in chunks:
                    place = log.feed(chunk).place
        except Refused as refusal:
            self._forbidden(refusal)
        except (CnaiError, TimeoutError, TurnOver):
            pass
        return place.lines

    # -- one answer ---------------------------------------------------------------------

    async def _read(self, run: int) -> bool:
        """Ask once; whether the run was read to its end."""
        box, source = self._box, self._box.source
        previous = source.newest is not None and run < source.newest
        follow = source.running and not previous
        before = self._place(run)
        log = PodLog(before)
        try:
            await self._take_all(log, run, previous=previous, follow=follow)
            self._check_found(log, run)
        except (TurnOver, TimeoutError):
            return False
        except Elsewhere:
            await self._look_elsewhere(run, source)
            return False
        except Missing:
            self._leave_off(run)
            return True
        except Refused as refusal:
            return await self._refused(refusal, run, previous=previous)
        except (CnaiError, OSError) as error:
            box.problem = error.what if isinstance(error, CnaiError) else str(error)
            await self._back_off()
            return False
        box.problem, box.refused = log.remark, False
        if self._place(run) != before:
            self._pause = 0.0
        elif not follow:
            self._take(run, log.finish())
            return True
        if follow and box.source == source and not await box.pulse.wait(_STATE_COMES):
            await self._back_off()
        return False

    async def _take_all(self, log: PodLog, run: int, *, previous: bool, follow: bool) -> None:
        params = self._params(self._place(run)) | ({"previous": "true"} if previous else {})
        params |= {"follow": "true"} if follow else {}
        now = asyncio.get_running_loop().time
        async with (
            self._streams.turn(),
            asyncio.timeout(_IDLE) as limit,
            self._api.stream(self._path, params=params) as chunks,
        ):
            self._box.open = limit if follow else None
            try:
                async for chunk in chunks:
                    if self._is_current(run, previous=previous):
                        limit.reschedule(now() + _IDLE)
                    self._take_new(log, run, log.feed(chunk))
                    await asyncio.sleep(0)  # a log that pours leaves room for the others
            finally:
                self._box.open = None

    def _is_current(self, run: int, *, previous: bool) -> bool:
        source = self._box.source
        return previous or (source.newest == run and not self._box.gone)

    def _params(self, place: Place) -> dict[str, str]:
        params = {"container": self._box.source.container, "timestamps": "true"}
        return params | ({"sinceTime": place.since} if place.since else {})

    def _take_new(self, log: PodLog, run: int, batch: Batch) -> None:
        if batch.lines or batch.frames or batch.place != self._place(run):
            self._check_found(log, run)
            self._take(run, batch)

    def _take(self, run: int, batch: Batch) -> None:
        source = self._box.source
        self._keeper.take(
            rank=source.rank,
            attempt=source.attempt + run,
            lines=batch.lines,
            frames=batch.frames,
            place=batch.place.text(source.name(run)),
        )
        self._told()

    def _place(self, run: int) -> Place:
        return Place.read(self._keeper.places().get(self._box.source.name(run)))

    # -- when it is not that simple --------------------------------------------------------

    def _check_found(self, log: PodLog, run: int) -> None:
        if not log.found and self._accepted != run:
            raise Elsewhere

    async def _look_elsewhere(self, run: int, source: Source) -> None:
        """The newest line that was read did not come again."""
        box = self._box
        if await self._has_changed(source):
            return
        place = self._place(run)
        if source.newest is not None and run < source.newest and await self._knows(place):
            # It was started again just before its log was opened: what was read is the newer
            # run's, and of this one nothing was read.
            self._move(place, run)
            return
        if run == source.newest and await self._knows(place, previous=True):
            return  # it was started again, and its state has not come yet
        self._accepted = run
        box.missed = (
            f"The node had put away a part of worker {source.rank}'s log before it was read."
        )

    async def _has_changed(self, source: Source) -> bool:
        while self._box.source == source and not self._box.gone:
            if not await self._box.pulse.wait(_STATE_COMES):
                return False
        return True

    async def _knows(self, place: Place, *, previous: bool = False) -> bool:
        """Whether the container's newest run has printed what was read, or the one before it."""
        log = PodLog(place)
        params = self._params(place) | ({"previous": "true"} if previous else {})
        try:
            async with self._streams.turn(), self._api.stream(self._path, params=params) as chunks:
                async for chunk in chunks:
                    log.feed(chunk)
        except (CnaiError, TurnOver):
            return False
        return log.found

    def _move(self, place: Place, run: int) -> None:
        self._take(run + 1, Batch(place=place))
        self._take(run, Batch(place=Place()))

    def _leave_off(self, run: int) -> None:
        """What was not read by now cannot be read any more."""
        place, source = self._place(run), self._box.source
        if not place.lines:
            self._box.missed = f"The log of worker {source.rank} went before it could be read."
        self._take(run, PodLog(place).finish(left=True))

    async def _refused(self, refusal: Refused, run: int, *, previous: bool) -> bool:
        box = self._box
        if refusal.status == 400 and previous:  # the node has removed it
            self._leave_off(run)
            return True
        box.problem = refusal.message or refusal.what
        if refusal.status == 400:  # it waits to be started
            await box.pulse.wait(_LONGEST_PAUSE)
        elif self._forbidden(refusal):
            self._told()
            await box.pulse.wait(_FORBIDDEN_PAUSE)
        else:
            await self._back_off()
        return False

    def _forbidden(self, refusal: Refused) -> bool:
        """Whether nobody lets this person read it; that is noted."""
        if refusal.status not in (401, 403):
            return False
        self._box.problem, self._box.refused = refusal.message or refusal.what, True
        return True

    async def _back_off(self) -> None:
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
