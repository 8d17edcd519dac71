"""`cnai/api/stream`: what a page is told, by a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.memory.backend import MemoryBackend
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_server_ext.answers import Problem
from cnai_server_ext.messages import (
    Ack,
    Beat,
    Close,
    Follow,
    Hello,
    JobUpdate,
    LogPiece,
    Look,
    NotDone,
    Open,
    Position,
    QuotaChange,
    RowsChange,
    RowsSnapshot,
    ServingChanged,
    SourceChanged,
    Unfollow,
)
from tests.server.made import MADE

from .conftest import Connect
from .page import until

Submit = Callable[..., str]


@pytest.fixture
def jp_server_config(memory: MemoryBackend) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"backends": {"local": "tests.server.made:first"}, "beat_every": 0.3},
    }


@pytest.fixture
def submit(memory: MemoryBackend, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Submit:
    """Create a workload, and give its id."""

    def submitted(name: str = "digits", **fields: Any) -> str:
        spec = TrainSpec(name=name, payload=Payload(entry=name), **fields)
        return jp_asyncio_loop.run_until_complete(memory.submit(spec, secrets={})).id

    return submitted


def choose_kubernetes(home: Path) -> None:
    """As a terminal does for the notebooks to come."""
    file = home / "config" / "cnai" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('backend = "kubernetes"\n')


class TestBeginning:
    def test_it_says_hello_with_the_sources_and_what_serves(self, connect: Connect) -> None:
        page = connect()
        page.start()
        hello = page.hear(Hello)
        assert page.heard == [hello]
        assert [source.id for source in hello.sources] == ["local"]
        assert (hello.serving.backend, hello.serving.why) == ("local", "default")
        assert (hello.protocol, hello.beat, hello.rest_after) == (1, 0.3, 300.0)

    def test_then_a_snapshot_newest_first_then_changes(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        first, second = submit("first"), submit("second")
        page = connect()
        page.start()
        snapshot = page.hear(RowsSnapshot)
        assert [row.workload.id for row in snapshot.rows] == [second, first]
        memory.start(first)
        change = page.hear(RowsChange)
        assert page.rows()[first].workload.phase is Phase.RUNNING
        assert change.epoch == snapshot.epoch and change.seq > snapshot.seq

    def test_what_is_deleted_is_told_by_its_id(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        page.start()
        page.hear(RowsSnapshot)
        page.wait(memory.delete(id))
        assert page.hear(RowsChange).deleted == (id,)

    def test_the_place_is_told_with_what_it_can_do(self, connect: Connect) -> None:
        page = connect()
        page.start()
        source = page.hear(SourceChanged).source
        assert (source.name, source.place, source.suspend) == ("memory", "memory", True)
        assert source.kinds == ("serve", "train")

    def test_in_silence_it_says_that_it_is_there(self, connect: Connect) -> None:
        page = connect()
        page.start()
        assert page.hear(Beat).now <= page.hear(Beat).now

    def test_a_page_that_does_not_start_hears_nothing(self, connect: Connect) -> None:
        assert connect().silent(0.5)


class TestComingBack:
    def test_a_page_that_comes_back_is_told_what_it_missed_and_no_more(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        kept, gone = submit("kept"), submit("gone")
        page = connect()
        page.start()
        before = page.hear(RowsSnapshot)
        page.close()
        fresh = submit("fresh")
        page.wait(memory.delete(gone))
        again = connect()
        again.start(local=Position(epoch=before.epoch, seq=before.seq))
        change = again.hear(RowsChange)
        assert not any(isinstance(message, RowsSnapshot) for message in again.heard)
        assert [row.workload.id for row in change.rows] == [fresh]
        assert change.deleted == (gone,)
        assert kept not in str(change)

    def test_a_page_that_missed_nothing_is_told_nothing(
        self, connect: Connect, submit: Submit
    ) -> None:
        submit()
        page = connect()
        page.start()
        before = page.hear(RowsSnapshot)
        again = connect()
        again.start(local=Position(epoch=before.epoch, seq=before.seq))
        again.hear(Beat)
        assert not any(isinstance(m, RowsSnapshot | RowsChange) for m in again.heard)

    @pytest.mark.parametrize("seq", [-1, 10**15])
    def test_a_position_that_cannot_be_is_answered_with_everything(
        self, connect: Connect, submit: Submit, seq: int
    ) -> None:
        submit()
        page = connect()
        page.start()
        epoch = page.hear(RowsSnapshot).epoch
        again = connect()
        again.start(local=Position(epoch=epoch, seq=seq))
        assert len(again.hear(RowsSnapshot).rows) == 1

    def test_after_a_restart_of_the_server_everything_is_told_anew(
        self, connect: Connect, submit: Submit
    ) -> None:
        submit()
        page = connect()
        page.start(local=Position(epoch="of the server before", seq=1))
        assert len(page.hear(RowsSnapshot).rows) == 1

    def test_a_second_start_is_refused(self, connect: Connect) -> None:
        page = connect()
        page.start()
        page.start()
        assert page.hear(NotDone).problem.what == "The page has started already."


class TestRows:
    def test_a_failure_while_somebody_is_there_gets_its_short_verdict(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        page.start()
        page.hear(RowsSnapshot)
        memory.start(id)
        page.hear(RowsChange)
        memory.print_line(id, "torch.OutOfMemoryError: CUDA out of memory.")
        memory.fail(id, exit_code=1)
        change = page.hear(RowsChange, lambda change: any(row.short for row in change.rows))
        assert 0 < len(change.rows[0].short) <= 32

    def test_an_older_failure_gets_it_when_it_is_looked_at(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        id = submit()
        memory.start(id)
        memory.fail(id, exit_code=1)
        page = connect()
        page.start()
        assert page.hear(RowsSnapshot).rows[0].short == ""
        page.say(Look(source="local", ids=(id,)))
        assert page.hear(RowsChange).rows[0].short

    def test_a_row_that_is_looked_at_has_the_last_values_of_its_metric(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        page.start()
        page.hear(RowsSnapshot)
        page.say(Look(source="local", ids=(id,)))
        for step in range(30):
            memory.report(id, step=step, loss=9.0, accuracy=step / 100)
        spark = page.hear(RowsChange, lambda c: c.rows[0].spark != ()).rows[0].spark
        assert spark == tuple(step / 100 for step in range(6, 30))

    def test_after_a_retry_a_row_draws_the_run_that_is_on(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit(retries=1)
        memory.start(id)
        memory.report(id, step=0, accuracy=0.5)
        page.start()
        page.hear(RowsSnapshot)
        page.say(Look(source="local", ids=(id,)))
        page.hear(RowsChange, lambda c: c.rows[0].spark == (0.5,))
        memory.fail(id)
        memory.start(id)
        memory.report(id, step=0, accuracy=0.1)
        assert page.hear(RowsChange, lambda c: c.rows[0].spark != (0.5,)).rows[0].spark == (0.1,)

    def test_the_quota_is_told_when_it_is_another(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        page.start()
        assert page.hear(QuotaChange).quota.items[0].used == 0
        memory.start(id)
        assert page.hear(QuotaChange).quota.items[0].used == 1

    def test_a_switch_of_the_backend_is_told(
        self, connect: Connect, jp_serverapp: Any, own_home: Path
    ) -> None:
        page = connect()
        page.start()
        page.hear(RowsSnapshot)
        choose_kubernetes(own_home)
        assert page.hear(ServingChanged).serving.backend == "kubernetes"

    def test_a_switch_while_a_page_comes_is_told(self, connect: Connect, own_home: Path) -> None:
        page = connect()
        choose_kubernetes(own_home)
        page.start()
        assert page.hear(ServingChanged).serving.backend == "kubernetes"


class TestOneJob:
    def test_an_opened_job_comes_whole_then_what_is_new_then_whole_at_its_end(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        memory.report(id, step=1, accuracy=0.5)
        page.start()
        page.say(Open(source="local", id=id))
        first = page.hear(JobUpdate)
        assert first.whole and [m.step for m in first.job.metrics] == [1]
        events = len(first.job.events)

        memory.report(id, step=2, accuracy=0.6)
        second = page.hear(JobUpdate)
        assert not second.whole
        assert [m.step for m in second.job.metrics] == [2] and second.job.events == ()

        memory.write(id, "model.pt", b"weights")
        memory.finish(id, result={"accuracy": 0.6})
        last = page.hear(JobUpdate, lambda update: update.whole)
        assert [m.step for m in last.job.metrics] == [1, 2]
        assert len(last.job.events) > events
        assert last.job.result == '{"accuracy": 0.6}'
        assert [file.path for file in last.job.outputs] == ["model.pt"]

    def test_a_failed_one_comes_with_its_verdict(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        memory.fail(id, exit_code=-9)
        page.start()
        page.say(Open(source="local", id=id))
        diagnosis = page.hear(JobUpdate).job.diagnosis
        assert diagnosis is not None and diagnosis.happened

    def test_a_closed_one_is_told_no_more(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        page.start()
        page.say(Open(source="local", id=id))
        page.hear(JobUpdate)
        page.say(Close(source="local", id=id), Open(source="local", id="nothing"))
        page.hear(NotDone)  # it has heard both
        memory.report(id, step=1, accuracy=0.5)
        page.hear(RowsChange)
        page.hear(Beat)
        assert sum(isinstance(message, JobUpdate) for message in page.heard) == 1

    def test_one_that_is_deleted_while_it_is_open_is_said_to_be_gone(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        page.start()
        page.say(Open(source="local", id=id))
        page.hear(JobUpdate)
        page.wait(memory.delete(id))
        refused = page.hear(NotDone)
        assert (refused.source, refused.id) == ("local", id)

    @pytest.mark.parametrize("source", ["local", "elsewhere"])
    def test_one_that_does_not_exist_is_refused(self, connect: Connect, source: str) -> None:
        page = connect()
        page.start()
        page.say(Open(source=source, id="nothing"))
        refused = page.hear(NotDone)
        assert (refused.source, refused.id) == (source, "nothing")
        assert refused.problem.next_step

    def test_a_page_may_not_open_any_number(self, connect: Connect, submit: Submit) -> None:
        page = connect()
        ids = [submit(f"job-{number}") for number in range(17)]
        page.start()
        page.say(*(Open(source="local", id=id) for id in ids))
        refused = page.hear(NotDone)
        assert refused.id == ids[-1] and refused.problem.what.startswith("16 jobs are open")

    def test_an_error_that_nobody_knows_is_told_without_its_text(
        self,
        connect: Connect,
        submit: Submit,
        memory: MemoryBackend,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        page, id = connect(), submit()

        async def broken(id: str, **_: object) -> None:
            raise KeyError("/home/ada")

        monkeypatch.setattr(memory, "metrics", broken)
        page.start()
        page.say(Open(source="local", id=id))
        refused = page.hear(NotDone)
        assert refused.id == id and "ada" not in str(refused)


class TestLogs:
    def test_a_followed_log_comes_in_pieces_until_its_end(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        for number in range(2_500):
            memory.print_line(id, f"line {number}")
        page.start()
        page.say(Follow(source="local", id=id, channel="a"))
        pieces = page.log("a", 3)
        assert [len(piece.lines) for piece in pieces] == [1000, 1000, 500]
        memory.print_line(id, "the last")
        memory.finish(id)
        pieces += page.log("a")
        texts = [line.text for piece in pieces for line in piece.lines]
        assert texts == [*(f"line {number}" for number in range(2_500)), "the last"]
        assert [piece.number for piece in pieces] == list(range(1, len(pieces) + 1))

    def test_no_piece_comes_before_the_one_before_was_acknowledged(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        for number in range(3_000):
            memory.print_line(id, f"line {number}")
        page.start()
        page.say(Follow(source="local", id=id, channel="a"))
        page.hear(LogPiece)
        page.say(Ack(channel="a", number=7))  # not what was sent
        page.hear(Beat)
        page.hear(Beat)
        assert sum(isinstance(message, LogPiece) for message in page.heard) == 1
        page.say(Ack(channel="a", number=1))
        assert page.hear(LogPiece).number == 2

    def test_it_can_begin_near_the_end_or_after_a_line(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit(workers=2)
        memory.start(id)
        for number in range(1, 101):
            memory.print_line(id, f"line {number}", rank=number % 2)
        memory.finish(id)
        page.start()
        page.say(Follow(source="local", id=id, channel="tail", tail=3))
        page.say(Follow(source="local", id=id, channel="after", after=98, rank=0))
        assert [x.text for x in page.log("tail", 1)[0].lines] == ["line 98", "line 99", "line 100"]
        page.say(Follow(source="local", id=id, channel="rank", after=98, rank=0))
        assert [x.text for p in page.log("rank") for x in p.lines] == ["line 100"]

    def test_long_lines_make_small_pieces(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        for _ in range(20):
            memory.print_line(id, "x" * 60_000)
        memory.finish(id)
        page.start()
        page.say(Follow(source="local", id=id, channel="a"))
        sizes = [sum(len(line.text) for line in piece.lines) for piece in page.log("a")]
        assert sum(sizes) == 20 * 60_000 and max(sizes) <= 256 * 2**10

    def test_after_unfollow_nothing_more_comes_and_the_name_is_free(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        page, id = connect(), submit()
        memory.start(id)
        memory.print_line(id, "one")
        page.start()
        page.say(Follow(source="local", id=id, channel="a"))
        page.log("a", 1)
        page.say(Follow(source="local", id=id, channel="a"))
        assert "in use" in page.hear(NotDone).problem.what
        page.say(Unfollow(channel="a"), Follow(source="local", id=id, channel="a"))
        assert page.hear(LogPiece).number == 1

    def test_a_log_that_does_not_exist_is_refused_by_its_channel(self, connect: Connect) -> None:
        page = connect()
        page.start()
        page.say(Follow(source="local", id="nothing", channel="a"))
        assert page.hear(NotDone).channel == "a"


class TestPlaces:
    """Several backends, of which some cannot be watched."""

    @pytest.fixture
    def jp_server_config(self, memory: MemoryBackend) -> dict[str, Any]:
        MADE["second"] = MemoryBackend()
        backends = {
            "local": "tests.server.made:first",
            "other": "tests.server.made:second",
            "away": "tests.server.made:broken",
            "misspelt": "tests.server.made:nothing",
        }
        return {
            "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
            "CnaiServerApp": {"backends": backends},
        }

    def test_each_has_its_rows(self, connect: Connect, submit: Submit) -> None:
        page, id = connect(), submit()
        page.start()
        snapshots = page.hear(RowsSnapshot), page.hear(RowsSnapshot)
        known = {each.source: [row.workload.id for row in each.rows] for each in snapshots}
        assert known == {"local": [id], "other": []}

    def test_one_that_cannot_be_watched_says_why_and_the_others_go_on(
        self, connect: Connect
    ) -> None:
        page = connect()
        page.start()
        problems: dict[str, Problem | None] = {}
        while len(problems) < 2:
            source = page.hear(SourceChanged, lambda m: m.source.problem is not None).source
            problems[source.id] = source.problem
        assert problems["away"] is not None
        assert problems["away"].what == "The cluster cannot be reached."
        assert problems["misspelt"] is not None
        assert "'tests.server.made:nothing'" in problems["misspelt"].what


class TestGoingAway:
    def test_nothing_is_left_of_a_page_that_has_gone(
        self,
        connect: Connect,
        submit: Submit,
        memory: MemoryBackend,
        jp_serverapp: Any,
        jp_asyncio_loop: asyncio.AbstractEventLoop,
    ) -> None:
        keeper, id = connect(), submit()
        memory.start(id)
        memory.print_line(id, "one")
        keeper.start()
        keeper.hear(QuotaChange)
        before = asyncio.all_tasks(jp_asyncio_loop)
        page = connect()
        page.start()
        page.say(Open(source="local", id=id), Follow(source="local", id=id, channel="a"))
        page.hear(LogPiece)
        assert jp_serverapp.web_app.settings["cnai"].hub("local").readers == 2
        page.close()
        hub = jp_serverapp.web_app.settings["cnai"].hub("local")
        until(jp_asyncio_loop, lambda: hub.readers == 1)

        def left() -> list[str]:
            tasks = map(repr, asyncio.all_tasks(jp_asyncio_loop) - before)
            return [task for task in tasks if "cnai_server_ext" in task]

        until(jp_asyncio_loop, lambda: not left())

    def test_twenty_pages_are_told_the_same(
        self, connect: Connect, submit: Submit, memory: MemoryBackend
    ) -> None:
        ids = [submit(f"job-{number}") for number in range(5)]
        pages = [connect() for _ in range(20)]
        for page in pages:
            page.start()
        for page in pages:
            page.hear(RowsSnapshot)
        for id in ids:
            memory.start(id)
            memory.report(id, step=1, accuracy=0.5)
        for page in pages:
            while any(row.workload.phase is not Phase.RUNNING for row in page.rows().values()):
                page.hear(RowsChange)
        assert all(page.rows().keys() == set(ids) for page in pages)

    def test_a_server_that_stops_says_so(self, connect: Connect, jp_serverapp: Any) -> None:
        page = connect()
        page.start()
        page.hear(RowsSnapshot)
        page.wait(jp_serverapp.web_app.settings["cnai"].close())
        assert page.closed() == 1001


def test_a_page_is_nobodys_activity(
    connect: Connect, submit: Submit, memory: MemoryBackend, jp_serverapp: Any
) -> None:
    page, id = connect(), submit()
    page.start()
    page.hear(RowsSnapshot)
    before = jp_serverapp.web_app.last_activity()
    memory.start(id)
    page.say(Open(source="local", id=id), Look(source="local", ids=(id,)))
    page.hear(JobUpdate)
    page.hear(Beat)
    assert jp_serverapp.web_app.last_activity() == before
