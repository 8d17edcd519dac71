"""The workloads as they stand, with a number for every change, for any number of watchers."""

from __future__ import annotations

import bisect
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable

import msgspec

from cnai_sdk.backends.kubernetes.pulse import Pulse
from cnai_sdk.backends.kubernetes.refusals import Refused, Unreachable
from cnai_sdk.errors import BackendUnavailable, CnaiError
from cnai_sdk.model.stream import Change, Interruption, Snapshot, Update
from cnai_sdk.model.workload import Workload


class Stream:
    """What a watch yields. A watcher that is slow gets what it missed as one change.

    Attributes:
        epoch: another one with every process, since numbers are its own.
        seq: the number of the last change.
        interruption: why nothing new is heard now, or None.
        failure: why nothing will ever be heard again, or None; whoever asks is told so.
    """

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(8)
        self.seq = 0
        self.interruption: Interruption | None = None
        self.failure: CnaiError | None = None
        self._now: OrderedDict[str, Workload] = OrderedDict()
        self._gone: list[tuple[int, str]] = []
        self._pulse = Pulse()

    def get(self, id: str) -> Workload | None:
        """A workload as it was told last."""
        self._check()
        return self._now.get(id)

    def all(self) -> list[Workload]:
        """All of them, newest first."""
        self._check()
        return sorted(self._now.values(), key=lambda w: (w.created, w.id), reverse=True)

    def put(self, workload: Workload) -> Workload:
        """A workload as it stands now; nothing is told when nothing has changed."""
        before = self._now.get(workload.id)
        if before is not None and msgspec.structs.replace(workload, seq=before.seq) == before:
            return before
        self.seq += 1
        workload = msgspec.structs.replace(workload, seq=self.seq)
        self._now[workload.id] = workload
        self._now.move_to_end(workload.id)
        self._pulse.beat()
        return workload

    def drop(self, id: str) -> None:
        """A workload is no more."""
        if self._now.pop(id, None) is not None:
            self.seq += 1
            self._gone.append((self.seq, id))
            self._pulse.beat()

    def interrupt(self, why: Interruption | None) -> None:
        """Tell that nothing new is heard from now on; None that it is again."""
        if why != self.interruption:
            self.interruption = why
            self._pulse.beat()

    def fail(self, error: CnaiError) -> None:
        """Nothing is told from now on: raise that wherever somebody asks or waits."""
        self.failure = error
        self._pulse.beat()

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def watch(self) -> AsyncIterator[Update]:
        """A snapshot, then changes, until the iterator is closed."""
        seen, told = self.seq, self.interruption
        every = tuple(self.all())
        yield Snapshot(epoch=self.epoch, seq=seen, workloads=every, interruption=told)
        while True:
            while self.seq == seen and self.interruption == told and self.failure is None:
                await self._pulse.wait()
            self._check()
            change = self._since(seen)
            seen, told = change.seq, change.interruption
            yield change

    def _since(self, seq: int) -> Change:
        start = bisect.bisect_right(self._gone, seq, key=lambda entry: entry[0])
        deleted = (id for _, id in self._gone[start:] if id not in self._now)
        return Change(
            epoch=self.epoch,
            seq=self.seq,
            workloads=tuple(self._changed(seq)),
            deleted=tuple(deleted),
            interruption=self.interruption,
        )

    def _changed(self, seq: int) -> Iterable[Workload]:
        found: list[Workload] = []
        for workload in reversed(self._now.values()):
            if workload.seq <= seq:
                break
            found.append(workload)
        return reversed(found)


def broken(place: str, error: Exception) -> BackendUnavailable:
    """What is said once a mirror cannot go on."""
    return BackendUnavailable(
        f"What runs in {place} cannot be told.",
        why=f"Reading what the cluster lists broke down: {type(error).__name__}: {error}"[:500],
        next_step="Try again. If it stays so: cnai doctor, and report it with the log of this "
        "program.",
    )


def interruption(refusals: Iterable[CnaiError | None]) -> Interruption | None:
    """Why no job is heard of now: the cluster is away, or knows this person no longer."""
    for error in refusals:
        away = isinstance(error, Unreachable) or (
            isinstance(error, Refused) and (error.status == 401 or error.status >= 500)
        )
        if error is not None and away:
            return Interruption(what=error.what, why=error.why, next_step=error.next_step)
    return None


def unlisted(place: str, refusals: Iterable[CnaiError | None]) -> BackendUnavailable:
    """What is said to who asks for jobs where no kind of them can be listed."""
    error = next(each for each in refusals if each is not None)
    return BackendUnavailable(
        f"The jobs of {place} cannot be listed.", why=error.why, next_step=error.next_step
    )
