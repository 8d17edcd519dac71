"""The hub of one backend: watching, failing, coming back, resting."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from cnai_sdk.backends.base import Backend
from cnai_sdk.backends.memory.backend import MemoryBackend
from cnai_sdk.errors import BackendUnavailable
from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quota import Quota
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_sdk.model.stream import Change, Interruption, Snapshot, Update
from cnai_sdk.model.workload import Workload
from cnai_server_ext import hub as module
from cnai_server_ext.answers import Problem
from cnai_server_ext.hub import Hub
from cnai_server_ext.messages import Position
from cnai_server_ext.pace import Pace
from cnai_server_ext.rows import Rows

LOG = logging.getLogger(__name__)


class Reader:
    """Counts how often it was woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class Flaky(MemoryBackend):
    """A backend whose watch can be ended, refused, or begun anew under another epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.away: Exception | None = None  # raised by watch()
        self.epoch = ""
        self.silent = False
        self.watched = 0
        self.asked_for_quota = 0
        self.stirred = asyncio.Event()
        self._ended = asyncio.Event()

    def leave(self, error: Exception) -> None:
        self.away = error
        self._ended.set()

    def come_back(self) -> None:
        self.away = None
        self._ended = asyncio.Event()

    async def watch(self) -> AsyncIterator[Update]:
        self.watched += 1
        if self.away is not None:
            raise self.away
        if self.silent:
            await asyncio.Event().wait()
        updates = super().watch()
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            while True:
                step = asyncio.ensure_future(anext(updates))
                await asyncio.wait([step, ended], return_when=asyncio.FIRST_COMPLETED)
                if not step.done():
                    step.cancel()
                    assert self.away is not None
                    raise self.away
                update = step.result()
                if isinstance(update, Snapshot) and self.epoch:
                    update = Snapshot(epoch=self.epoch, seq=update.seq, workloads=update.workloads)
                yield update
        finally:
            ended.cancel()

    async def quota(self) -> Quota:
        self.asked_for_quota += 1
        return await super().quota()

    async def quota_stirs(self) -> None:
        await self.stirred.wait()
        self.stirred.clear()


class Interrupted(MemoryBackend):
    """Its watch goes on, and says when it hears nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: asyncio.Queue[Interruption | None] = asyncio.Queue()

    async def watch(self) -> AsyncIterator[Update]:
        updates = super().watch()
        snapshot = await anext(updates)
        yield snapshot
        while True:
            away = await self.steps.get()
            yield Change(epoch=snapshot.epoch, seq=snapshot.seq, interruption=away)


@pytest.fixture
async def backend() -> Flaky:
    return Flaky()


@pytest.fixture
async def hub(backend: Flaky) -> AsyncIterator[Hub]:
    pace = Pace(changes=0.01, quota=0.2, hub_rests=0.05)
    made = Hub("here", lambda: backend, pace=pace, log=LOG)
    yield made
    await made.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)


def running() -> list[str]:
    """What the tasks do that have not ended."""
    return [str(task.get_coro()) for task in asyncio.all_tasks()]


async def submit(backend: MemoryBackend, name: str = "digits") -> str:
    spec = TrainSpec(name=name, payload=Payload(entry=name))
    return (await backend.submit(spec, secrets={})).id


def phase(hub: Hub, id: str) -> Phase | None:
    entry = hub.rows.get(id)
    return entry.workload.phase if entry else None


async def test_nothing_is_watched_before_somebody_comes(hub: Hub, backend: Flaky) -> None:
    await asyncio.sleep(0)
    assert not hub.watching and backend.watched == 0


async def test_one_watch_serves_all_readers(hub: Hub, backend: Flaky) -> None:
    readers = [Reader() for _ in range(20)]
    for reader in readers:
        hub.join(reader)
    id = await submit(backend)
    await until(lambda: phase(hub, id))
    await until(lambda: all(reader.woken for reader in readers))
    assert backend.watched == 1


async def test_many_changes_wake_a_reader_a_few_times(hub: Hub, backend: Flaky) -> None:
    reader, id = Reader(), await submit(backend)
    backend.start(id)
    hub.join(reader)
    await until(lambda: phase(hub, id))
    before, began = reader.woken, asyncio.get_running_loop().time()
    for step in range(1_000):
        backend.report(id, step=step, loss=1.0)
        await asyncio.sleep(0)
    took = asyncio.get_running_loop().time() - began
    assert reader.woken - before <= 3 + took / 0.01


class TestFailing:
    async def test_a_watch_that_fails_is_the_sources_problem_and_is_tried_again(
        self, hub: Hub, backend: Flaky
    ) -> None:
        reader, id = Reader(), await submit(backend)
        hub.join(reader)
        await until(lambda: phase(hub, id))
        backend.leave(BackendUnavailable("Away.", why="Moved.", next_step="Wait."))
        await until(lambda: hub.source.problem)
        problem, since = hub.source.problem, hub.source.since
        assert problem is not None
        assert (problem.what, problem.why, problem.next_step) == ("Away.", "Moved.", "Wait.")
        assert since > 0 and len(hub.rows) == 1

        await until(lambda: backend.watched >= 3)
        assert hub.source.since == since
        backend.come_back()
        backend.start(id)
        await until(lambda: hub.source.problem is None)
        assert hub.source.since == 0 and phase(hub, id) is Phase.RUNNING

    async def test_a_watch_that_is_interrupted_is_a_problem_until_it_hears_again(self) -> None:
        backend = Interrupted()
        hub = Hub("here", lambda: backend, pace=Pace(changes=0.01), log=LOG)
        id = await submit(backend)
        hub.join(Reader())
        await until(lambda: phase(hub, id))
        backend.steps.put_nowait(Interruption(what="Away.", why="Moved.", next_step="Wait."))
        await until(lambda: hub.source.problem)
        assert hub.source.problem == Problem(what="Away.", why="Moved.", next_step="Wait.")
        assert hub.has_rows and hub.source.since > 0
        backend.steps.put_nowait(None)
        await until(lambda: hub.source.problem is None)
        assert hub.source.since == 0 and phase(hub, id)
        await hub.close()

    async def test_an_error_of_somebody_else_says_nothing_of_its_text(
        self, hub: Hub, backend: Flaky
    ) -> None:
        backend.leave(KeyError("the password of ada"))
        hub.join(Reader())
        await until(lambda: hub.source.problem)
        assert "ada" not in str(hub.source.problem)

    async def test_a_reader_who_comes_makes_it_try_at_once(
        self, hub: Hub, backend: Flaky, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_RETRY_FIRST", 3600.0)
        backend.leave(BackendUnavailable("Away."))
        hub.join(Reader())
        await until(lambda: hub.source.problem)
        backend.come_back()
        hub.join(Reader())
        await until(lambda: hub.source.problem is None)

    async def test_who_asks_once_is_told_the_problem(self, hub: Hub, backend: Flaky) -> None:
        backend.leave(BackendUnavailable("Away."))
        with pytest.raises(BackendUnavailable, match="Away"):
            await hub.current()

    async def test_another_epoch_is_told_as_what_is_different(
        self, hub: Hub, backend: Flaky
    ) -> None:
        kept, gone = await submit(backend, "kept"), await submit(backend, "gone")
        hub.join(Reader())
        await until(lambda: phase(hub, gone))
        before = Position(epoch=hub.rows.epoch, seq=hub.rows.seq)
        backend.leave(BackendUnavailable("Away."))
        await until(lambda: hub.source.problem)
        await backend.delete(gone)
        fresh = await submit(backend, "fresh")
        backend.epoch = "another"
        backend.come_back()
        await until(lambda: phase(hub, fresh))
        assert hub.rows.knows(before)
        changed, deleted = hub.rows.since(before.seq)
        assert fresh in [entry.workload.id for entry in changed] and deleted == [gone]
        assert phase(hub, kept) is Phase.QUEUED


class TestResting:
    async def test_it_rests_when_nobody_has_come_for_a_while_and_goes_on_where_it_was(
        self, hub: Hub, backend: Flaky
    ) -> None:
        reader, id = Reader(), await submit(backend)
        hub.join(reader)
        await until(lambda: phase(hub, id))
        before = Position(epoch=hub.rows.epoch, seq=hub.rows.seq)
        hub.leave(reader)
        await until(lambda: not hub.watching)
        backend.start(id)
        hub.join(reader)
        assert not hub.has_rows  # not those of before
        await until(lambda: hub.has_rows)
        assert hub.rows.knows(before) and phase(hub, id) is Phase.RUNNING

    async def test_one_question_wakes_it_for_a_while(self, hub: Hub, backend: Flaky) -> None:
        id = await submit(backend)
        assert [row.workload.id for row in await hub.current()] == [id]
        await until(lambda: not hub.watching)

    async def test_it_does_not_rest_before_who_asked_is_answered(self) -> None:
        backend = Flaky()
        hub = Hub("here", lambda: backend, pace=Pace(hub_rests=0.0), log=LOG)
        id = await submit(backend)
        assert [row.workload.id for row in await hub.current()] == [id]
        await until(lambda: not hub.watching)
        await hub.close()

    async def test_a_question_that_is_not_answered_in_time_is_no_empty_list(self) -> None:
        backend = Flaky()
        backend.silent = True
        pace = Pace(first_answer=0.05)
        hub = Hub("here", lambda: backend, pace=pace, log=LOG)
        with pytest.raises(BackendUnavailable, match="has not answered yet"):
            await hub.current()
        await hub.close()

    async def test_the_quota_is_only_looked_at_while_somebody_is_there(
        self, hub: Hub, backend: Flaky
    ) -> None:
        reader = Reader()
        hub.join(reader)
        await until(lambda: backend.asked_for_quota >= 3)
        hub.leave(reader)
        await until(lambda: not hub.watching)
        await until(lambda: not any("Hub." in name for name in running()))

    async def test_the_quota_is_looked_at_when_it_has_stirred_and_not_before(self) -> None:
        backend = Flaky()
        hub = Hub("here", lambda: backend, pace=Pace(quota=3600), log=LOG)
        reader = Reader()
        hub.join(reader)
        await until(lambda: hub.quota is not None)
        await until(lambda: "Hub._measure" in str(running()))
        asked = backend.asked_for_quota
        backend.stirred.set()
        await until(lambda: backend.asked_for_quota == asked + 1)
        await hub.close()


class TestTheVerdictOfAFailure:
    async def test_that_could_not_be_made_is_made_when_somebody_looks_again(
        self, hub: Hub, backend: Flaky, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = asyncio.Event()

        async def events(id: str) -> Any:
            refused.set()
            raise BackendUnavailable("The events cannot be read now.", next_step="Wait.")

        monkeypatch.setattr(backend, "events", events)
        id, reader = await submit(backend), Reader()
        hub.join(reader)
        await until(lambda: phase(hub, id))
        backend.start(id)
        backend.fail(id, reason="WorkerFailed", message="ValueError in worker 0")
        await refused.wait()
        assert short(hub, id) == ""
        monkeypatch.undo()
        await until(lambda: not hub.judging.locked())
        hub.look(reader, [id])
        await until(lambda: short(hub, id))

    async def test_is_made_anew_when_more_is_known_of_its_end(
        self, hub: Hub, backend: Flaky, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[str] = []

        async def diagnose(_: Backend, workload: Workload) -> Diagnosis:
            made.append(workload.message)
            return Diagnosis(id="X", happened=workload.message, short=workload.message)

        monkeypatch.setattr("cnai_server_ext.enrich.diagnose_workload", diagnose)
        reader = Reader()
        hub.join(reader)
        await until(lambda: hub.has_rows)
        failed = replace(_workload("a", message="failed"), phase=Phase.FAILED)
        for message in ("failed", "failed", "evicted from the node"):
            hub.rows.put([replace(failed, message=message)])
            hub.look(reader, ["a"])
            await until(functools.partial(is_short, hub, message))
        assert made == ["failed", "evicted from the node"]


def is_short(hub: Hub, words: str) -> bool:
    return short(hub, "a") == words


def short(hub: Hub, id: str) -> str:
    entry = hub.rows.get(id)
    return entry.short if entry else ""


def _workload(id: str, *, message: str = "", created: float = 0.0) -> Workload:
    return Workload(
        id=id,
        name=id,
        kind=Kind.TRAIN,
        phase=Phase.QUEUED,
        backend="memory",
        message=message,
        created=created,
    )


class TestRows:
    def test_since_gives_each_once_as_it_is_now(self) -> None:
        rows = Rows()
        rows.put([_workload("a"), _workload("b"), _workload("c")])
        seq = rows.seq
        rows.put([_workload("a", message="1"), _workload("b", message="1")])
        rows.put([_workload("a", message="2")])
        changed, gone = rows.since(seq)
        assert [(e.workload.id, e.workload.message) for e in changed] == [("b", "1"), ("a", "2")]
        assert gone == []

    def test_what_is_as_it_was_is_no_change(self) -> None:
        rows = Rows()
        rows.replace([_workload("a"), _workload("b")])
        seq = rows.seq
        assert rows.replace([_workload("b"), _workload("a")]) == []
        assert rows.seq == seq

    def test_one_that_was_deleted_and_is_back_is_not_gone(self) -> None:
        rows = Rows()
        rows.put([_workload("a")])
        seq = rows.seq
        rows.remove(["a"])
        rows.put([_workload("a")])
        changed, gone = rows.since(seq)
        assert [entry.workload.id for entry in changed] == ["a"] and gone == []

    def test_who_was_away_for_longer_than_deleted_ids_are_kept_needs_everything(self) -> None:
        rows = Rows(deleted_kept=2)
        rows.put([_workload(id) for id in "abcd"])
        at = Position(epoch=rows.epoch, seq=rows.seq)
        rows.remove(["a", "b"])
        assert rows.knows(at)
        rows.remove(["c"])
        assert not rows.knows(at)
        assert rows.knows(Position(epoch=rows.epoch, seq=rows.seq))

    def test_it_is_encoded_once(self) -> None:
        rows = Rows()
        rows.put([_workload("a")])
        entry = rows.get("a")
        assert entry is not None and entry.encoded() is entry.encoded()
        before = entry.encoded()
        rows.tell("a", short="out of memory")
        assert entry.encoded() != before

    def test_half_a_surrogate_pair_in_a_name_does_not_break_the_stream(self) -> None:
        rows = Rows()
        rows.put([_workload("a", message="\ud800")])
        entry = rows.get("a")
        assert entry is not None and b"\\ud800" in entry.encoded()

    def test_the_verdict_of_a_failure_does_not_outlive_it(self) -> None:
        rows = Rows()
        failed = replace(_workload("a"), phase=Phase.FAILED)
        rows.put([failed])
        rows.tell("a", short="out of memory")
        rows.put([replace(failed, message="still")])
        entry = rows.get("a")
        assert entry is not None and entry.short == "out of memory"
        rows.put([_workload("a")])
        assert entry.short == ""


class TestUnknownErrors:
    async def test_a_backend_that_cannot_be_made_is_the_sources_problem(self) -> None:
        def broken() -> MemoryBackend:
            raise KeyError("/home/ada")

        hub = Hub("here", broken, pace=Pace(), log=LOG)
        with pytest.raises(BackendUnavailable) as refused:
            hub.backend()
        assert "ada" not in str(refused.value)
        await hub.close()
