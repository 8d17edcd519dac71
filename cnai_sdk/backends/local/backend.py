"""The protocol over folders, index and supervisors of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from cnai_sdk.backends.base import Capabilities
from cnai_sdk.backends.forecast import never
from cnai_sdk.backends.local import control, tree, turns
from cnai_sdk.backends.local.fitting import fit, wish_of
from cnai_sdk.backends.local.folder import JobFolder
from cnai_sdk.backends.local.host import this_host
from cnai_sdk.backends.local.index import Index
from cnai_sdk.backends.local.machine import (
    Ask,
    LocalMachine,
    Steady,
    devices_now,
    quota_of,
    validate,
)
from cnai_sdk.backends.local.reaper import look_after
from cnai_sdk.backends.local.submitting import Submitter, only_train
from cnai_sdk.backends.record.changes import changes
from cnai_sdk.backends.record.journal import Journal
from cnai_sdk.backends.record.logreader import LogReader, tail_start
from cnai_sdk.config import Config, runtime_dir
from cnai_sdk.errors import BackendUnavailable, CnaiError, InvalidRequest, NotFound, Unsupported
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quota import Device, Fit, Quota, QuotaItem
from cnai_sdk.model.spec import Spec, TrainSpec
from cnai_sdk.model.stream import Change, Snapshot, Update
from cnai_sdk.model.workload import Queued, Workload

_LOOK_AGAIN = 2.0
_ANSWERS_WITHIN = 3.0
_ENDS_WITHIN = 30.0
_SETTLE = 0.02
_READ = 256 * 2**10  # a reader who pauses holds the lines of one
_REMEMBERED = 64


class LocalBackend:
    """Workloads as processes on this machine.

    Args:
        config: where the store is and how much it keeps.
    """

    name = "local"

    def __init__(self, config: Config) -> None:
        if sys.platform != "linux":
            raise Unsupported(
                f"Jobs on this machine need Linux; this is {sys.platform}.",
                next_step='Use WSL2 or a Linux machine, or cnai.use("kubernetes").',
            )
        self._config = config
        self._index = Index(config.home)
        self._sockets = runtime_dir()
        self._host = this_host()
        self._machine = LocalMachine()
        self._submitter = Submitter(config, self._index, self._sockets, self._host, self._machine)
        self._metrics: dict[str, Journal[Metric]] = {}
        self._others = Steady()

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            kinds=frozenset({Kind.TRAIN}),
            outputs_as_folder=True,
            environment_inherited=True,
            place="this machine",
        )

    async def check_place(self) -> None:
        return  # whoever asks is on this machine

    def warm_up(self) -> None:
        """Start the warm template in the background, if it is not there."""
        self._submitter.launcher.warm_up(os.environ)

    # -- making ------------------------------------------------------------------

    async def submit(self, spec: Spec, *, secrets: Mapping[str, str]) -> Workload:
        return await asyncio.to_thread(self._submitter.submit, spec, dict(secrets))

    async def fits(self, spec: Spec, *, count: int = 1) -> Fit:
        return await asyncio.to_thread(self._fits, only_train(spec), count)

    def _fits(self, spec: TrainSpec, count: int) -> Fit:
        capacity = self._machine.capacity(gpus=spec.resources.wants_gpu)
        try:
            validate(spec.resources, spec.workers, capacity)
        except CnaiError as error:
            return never(error, count)
        return fit(spec, capacity, self._index, self._host.is_mine, count)

    # -- looking -----------------------------------------------------------------

    async def get(self, id: str) -> Workload:
        return await asyncio.to_thread(lambda: self._true(self._index.get(id)))

    async def list(self) -> Sequence[Workload]:
        return await asyncio.to_thread(self._list)

    def _list(self) -> Sequence[Workload]:
        found = [look_after(self._index, self._host, w) for w in self._index.all()]
        return self._with_places(found)

    def _true(self, workload: Workload) -> Workload:
        return self._with_places([look_after(self._index, self._host, workload)])[0]

    def _with_places(self, workloads: Sequence[Workload]) -> Sequence[Workload]:
        if not any(w.phase is Phase.QUEUED for w in workloads):
            return workloads
        places = turns.places(self._index, self._host.is_mine)
        return [_in_line(w, places.get(w.id)) for w in workloads]

    async def spec(self, id: str) -> Spec:
        return await asyncio.to_thread(lambda: self._folder(id).spec())

    def _folder(self, id: str) -> JobFolder:
        self._index.get(id)
        return self._index.folder(id)

    async def watch(self) -> AsyncIterator[Update]:
        async with changes(self._config.home, settle=_SETTLE) as signal:
            epoch, seq = await asyncio.to_thread(self._index.epoch_and_seq)
            yield Snapshot(epoch=epoch, seq=seq, workloads=tuple(await self.list()))
            looked = time.monotonic()
            while True:
                await signal.wait(_LOOK_AGAIN)
                unwritten: Sequence[Workload] = ()
                if time.monotonic() - looked >= _LOOK_AGAIN:
                    unwritten = await asyncio.to_thread(self._look_after_all)
                    looked = time.monotonic()
                now, _ = await asyncio.to_thread(self._index.epoch_and_seq)
                newest, found, gone = await asyncio.to_thread(self._index.since, seq)
                if now != epoch:
                    epoch, seq = now, newest
                    yield Snapshot(epoch=epoch, seq=seq, workloads=tuple(await self.list()))
                elif newest > seq:
                    seq = newest
                    shown = tuple(await asyncio.to_thread(self._with_places, found))
                    yield Change(epoch=epoch, seq=seq, workloads=shown, deleted=tuple(gone))
                if unwritten:
                    yield Change(epoch=epoch, seq=seq, workloads=tuple(unwritten))

    def _look_after_all(self) -> Sequence[Workload]:
        """Those that have ended while the index could not say so, as on a full disk."""
        found = [look_after(self._index, self._host, w) for w in self._index.active()]
        ended = [w for w in found if w.phase.ended]
        active = {w.id for w in self._index.active()} if ended else set()
        return [w for w in ended if w.id in active]

    async def logs(
        self,
        id: str,
        *,
        rank: int | None = None,
        after: int = 0,
        before: int | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[Sequence[LogLine]]:
        folder = await asyncio.to_thread(self._folder, id)
        if tail is not None:
            found = await asyncio.to_thread(tail_start, folder.log, tail, rank=rank, before=before)
            after = max(after, found)
        reader = LogReader(folder.log, rank=rank, after=after, before=before)
        if not follow:
            while lines := await asyncio.to_thread(reader.read, _READ):
                yield lines
            return
        async with changes(folder.log, folder.root) as signal:
            while True:
                ended = await asyncio.to_thread(self._is_over, id, folder)
                while lines := await asyncio.to_thread(reader.read, _READ):
                    yield lines
                if ended:
                    return
                await signal.wait(_LOOK_AGAIN)

    def _is_over(self, id: str, folder: JobFolder) -> bool:
        if folder.ended() is not None or not folder.root.exists():
            return True
        return not folder.is_held() and self._true(self._index.get(id)).phase.ended

    async def metrics(self, id: str, *, since: int = 0) -> Sequence[Metric]:
        return await asyncio.to_thread(self._read_metrics, id, since)

    def _read_metrics(self, id: str, since: int) -> Sequence[Metric]:
        self._index.get(id)
        journal = self._metrics.pop(id, None) or self._index.folder(id).metrics
        self._metrics[id] = journal
        while len(self._metrics) > _REMEMBERED:
            self._metrics.pop(next(iter(self._metrics)), None)
        known = journal.all()
        return known[since:] if since else known

    async def events(self, id: str) -> Sequence[Event]:
        return await asyncio.to_thread(lambda: self._folder(id).events())

    async def result(self, id: str) -> bytes | None:
        def read() -> bytes | None:
            with contextlib.suppress(FileNotFoundError):
                return self._folder(id).result.read_bytes()
            return None

        return await asyncio.to_thread(read)

    async def outputs(self, id: str) -> Sequence[OutputFile]:
        return await asyncio.to_thread(lambda: _files(self._folder(id).outputs))

    async def read(self, id: str, path: str) -> bytes:
        return await asyncio.to_thread(self._read, id, path)

    def _read(self, id: str, path: str) -> bytes:
        root = self._folder(id).outputs.resolve()
        target = None if "\0" in path else (root / path).resolve()
        if target is None or not target.is_relative_to(root):
            raise InvalidRequest(
                f"{path!r} is not inside the job's outputs.",
                next_step="job.outputs lists the files that can be read.",
            )
        if not target.is_file():  # a pipe would keep its reader waiting
            raise NotFound(
                f"The job wrote no file {path!r}.", next_step="job.outputs lists its files."
            )
        return target.read_bytes()

    async def folder(self, id: str) -> str | None:
        return str((await asyncio.to_thread(self._folder, id)).outputs)

    # -- ending ------------------------------------------------------------------

    async def suspend(self, id: str) -> None:
        await asyncio.to_thread(self._index.get, id)
        raise Unsupported(
            "A job on this machine cannot be suspended.",
            next_step="Stop it. A rerun begins from the start; what it wrote is in job.outputs.",
        )

    async def resume(self, id: str) -> None:
        await self.suspend(id)

    async def stop(self, id: str) -> None:
        await asyncio.to_thread(self._stop, id)

    def _stop(self, id: str) -> None:
        workload = self._true(self._index.get(id))
        if workload.phase.ended:
            return
        if not self._host.is_mine(workload.host, workload.boot):
            raise Unsupported(
                f"{workload.name} runs on another machine, {workload.host}.",
                next_step=f"Stop it there: cnai stop {workload.name}",
            )
        folder = self._index.folder(id)
        ways: tuple[Callable[[], bool], ...] = (
            lambda: control.ask(folder.socket(), {"do": "stop", "by": "you"}),
            lambda: tree.ask_root_to_end(folder.mark),  # its socket's folder may be gone
        )
        for ask in ways:
            deadline = time.monotonic() + _ANSWERS_WITHIN
            while time.monotonic() < deadline:
                if ask() or self._true(self._index.get(id)).phase.ended:
                    return
                time.sleep(0.05)
        raise BackendUnavailable(
            f"{workload.name} does not answer, so it was not stopped.",
            next_step="Try again; cnai doctor says what works on this machine.",
        )

    async def delete(self, id: str) -> None:
        with contextlib.suppress(NotFound):
            await self.stop(id)
            await asyncio.to_thread(self._delete, id)

    def _delete(self, id: str) -> None:
        folder = self._index.folder(id)
        deadline = time.monotonic() + _ENDS_WITHIN
        while folder.is_held() and folder.ended() is None:
            if time.monotonic() > deadline:
                raise BackendUnavailable(
                    f"The job {id} was asked to stop and has not ended, so it was not deleted.",
                    next_step="Delete it again in a moment.",
                )
            time.sleep(0.02)
        self._index.delete(id)
        folder.remove()
        self._metrics.pop(id, None)

    # -- the machine ---------------------------------------------------------------

    async def quota(self) -> Quota:
        def work() -> Quota:
            held, waiting = self._turns()
            items = quota_of(self._machine.capacity(), turns.as_held(held), self._others)
            wishes = [wish for turn in waiting if (wish := wish_of(self._index, turn)) is not None]
            items = tuple(_with_queued(item, [ask for ask, _ in wishes]) for item in items)
            return Quota(backend=self.name, place="this machine", items=items)

        return await asyncio.to_thread(work)

    async def quota_stirs(self) -> None:
        await asyncio.Event().wait()  # what other programs use is found by looking only

    async def devices(self) -> Sequence[Device]:
        return await asyncio.to_thread(
            lambda: devices_now(self._machine.capacity(), turns.as_held(self._turns()[0]))
        )

    def _turns(self) -> tuple[Sequence[turns.Turn], Sequence[turns.Turn]]:
        return self._index.transact(lambda db: turns.held_and_waiting(db, self._host.is_mine))

    async def address(self, id: str) -> str:
        await asyncio.to_thread(self._index.get, id)
        raise Unsupported("A training job has no address.", next_step="job.outputs has its files.")

    async def close(self) -> None:
        await asyncio.to_thread(self._index.close)


def _with_queued(item: QuotaItem, waiting: Sequence[Ask]) -> QuotaItem:
    """The item with what those who wait have asked for."""
    total = 0.0
    for ask in waiting:
        asked = ask.resources
        each = {"cpu": asked.cpu or 1.0, "memory": asked.memory or 0, "gpu": asked.gpu}
        total += ask.workers * float(each.get(item.resource, 0.0))
    return msgspec.structs.replace(item, queued=total)


def _in_line(workload: Workload, place: Queued | None) -> Workload:
    """With its place as it is now; the first in line knows itself what it waits for."""
    if place is None or place.position == 1 or workload.phase is not Phase.QUEUED:
        return workload
    message = f"{place.position - 1} before it; waits for {place.waits_for}"
    return msgspec.structs.replace(workload, queued=place, message=message)


def _files(root: Path) -> list[OutputFile]:
    """What the workers wrote: no links, so not the data that was given to them."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(d for d in folders if not os.path.islink(os.path.join(folder, d)))
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink() and path.is_file():
                relative = path.relative_to(root).as_posix()
                found.append(OutputFile(path=relative, size=path.stat().st_size))
    return found
