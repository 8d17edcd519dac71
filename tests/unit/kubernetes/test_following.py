"""Following pods' logs over a network that cuts: nothing lost, nothing twice, and it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnai_sdk.backends.kubernetes import containerlog
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.backends.kubernetes.reading import logs, missing
from cnai_sdk.backends.record.logbook import LogWriter
from tests.unit.kubernetes.node import Job, serving

WITHIN = 30.0


pytestmark = pytest.mark.usefixtures("impatient")


async def test_lines_come_while_the_pod_runs_and_following_ends_with_it(job: Job) -> None:
    job.node.pod("a-0")
    job.tell()
    job.node.print("a-0", b"one")
    assert await job.until(1) == ["one"]
    following = asyncio.create_task(job.lines(follow=True))
    job.node.print("a-0", b"two", b"three")
    assert await job.until(3) == ["one", "two", "three"]
    assert not following.done()
    assert await job.to_the_end() == ["one", "two", "three"]
    assert await following == ["one", "two", "three"]


async def test_following_waits_for_a_pod_that_is_not_there_yet(job: Job) -> None:
    following = asyncio.create_task(job.lines(follow=True))
    await asyncio.sleep(0)
    job.node.pod("a-0")
    job.node.print("a-0", b"here")
    job.tell()
    await job.to_the_end()
    assert await following == ["here"]


async def test_the_times_are_the_pods(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"one", b"two", apart=1_500_000_000)
    job.tell()
    await job.to_the_end()
    batches = logs(job.keeper, job.follower)
    times = [line.time async for batch in batches for line in batch]
    assert times == [1_800_000_001.5, 1_800_000_003.0]


CUTS = st.lists(st.one_of(st.integers(0, 60), st.integers(0, 400)), min_size=1, max_size=8)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=CUTS, politely=st.booleans(), apart=st.sampled_from([0, 1, 10**6, 10**9]))
def test_nothing_is_lost_or_repeated_wherever_streams_are_cut(
    cuts: list[int],
    politely: bool,
    apart: int,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(containerlog, "_FIRST_PAUSE", 0.001)

    async def work() -> None:
        async with serving() as (node, api):
            job = Job(node, api, tmp_path_factory.mktemp("kept"))
            node.cut = lambda number: cuts[number - 1] if number <= len(cuts) else None
            node.politely = politely
            node.pod("a-0")
            job.tell()
            frame = b'\x1ecnai {"metrics":{"loss":%d},"time":1}'
            texts = [b"line %d" % n for n in range(9)]
            for n, text in enumerate(texts):
                node.print("a-0", text, frame % n, apart=apart)
            job.follower.start()
            assert await job.to_the_end() == [text.decode() for text in texts]
            values = [metric.values["loss"] for metric in job.keeper.metrics.all()]
            assert values == list(range(9))
            assert [metric.seq for metric in job.keeper.metrics.all()] == list(range(1, 10))
            await job.follower.close()

    asyncio.run(work())


async def test_a_read_without_following_has_all_that_was_printed_by_then(job: Job) -> None:
    job.node.pod("a-0")
    job.node.pod("a-1")
    job.tell()
    for n in range(1, 4):
        job.node.print("a-0", b"first %d" % n)
        job.node.print("a-1", b"second %d" % n)
        found = await job.lines()
        assert len(found) == 2 * n
        assert await job.lines(rank=1) == [f"second {m}" for m in range(1, n + 1)]


async def test_tail_after_and_before_work_on_what_is_kept(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", *(b"line %d" % n for n in range(1, 10)))
    job.tell()
    assert await job.lines(tail=2) == ["line 8", "line 9"]
    assert await job.lines(after=7) == ["line 8", "line 9"]
    assert await job.lines(before=3) == ["line 1", "line 2"]
    assert await job.lines(before=8, tail=1) == ["line 7"]
    assert await job.lines(tail=0) == []


async def test_the_run_before_a_restart_is_read_to_its_end_first(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"first run", b"fails")
    job.node.again("a-0")
    job.node.print("a-0", b"second run")
    job.tell()
    assert await job.to_the_end() == ["first run", "fails", "second run"]


async def test_a_restart_while_following_loses_nothing(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"first run")
    job.tell()
    await job.until(1)
    job.node.print("a-0", b"fails")
    job.node.again("a-0")
    job.node.print("a-0", b"second run")
    job.tell()
    assert await job.until(3) == ["first run", "fails", "second run"]
    attempts = {asked.get("previous") for asked in job.node.asked}
    assert "true" in attempts
    assert await job.to_the_end() == ["first run", "fails", "second run"]


async def test_a_run_that_nobody_read_in_time_is_said_also_later(job: Job, tmp_path: Path) -> None:
    job.node.pod("a-0")
    for _ in range(2):  # a node keeps the run before the present one, and no older ones
        job.node.print("a-0", b"unheard")
        job.node.again("a-0")
    job.node.print("a-0", b"third run")
    job.tell()
    assert await job.to_the_end() == ["unheard", "third run"]
    told = missing(job.keeper, job.follower, ran=True, outputs="")
    assert told.startswith("Worker 0 was started again before its log was read. With outputs= ")
    await job.follower.close()
    later = Job(job.node, job.api, tmp_path)
    later.follower.end()
    told = missing(later.keeper, later.follower, ran=True, outputs="pvc://c/d")
    assert told.startswith("What a worker printed went before it could be read. Each worker's log")


async def test_a_restart_that_was_told_late_mixes_no_runs_up(job: Job) -> None:
    job.node.pod("a-0")
    known = job.node.state("a-0")
    job.node.print("a-0", b"first run")
    job.node.again("a-0")
    job.node.print("a-0", b"second run")
    job.follower.saw(known)  # the cluster has not told of the restart when the log is opened
    assert await job.until(1) == ["second run"]
    job.tell()
    assert sorted(await job.to_the_end()) == ["first run", "second run"]


async def test_a_restart_that_was_told_late_repeats_no_line(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"first run")
    job.tell()
    assert await job.until(1) == ["first run"]
    job.node.again("a-0")
    job.node.print("a-0", b"second run")
    async with asyncio.timeout(WITHIN):
        while not any("previous" in asked for asked in job.node.asked):
            await asyncio.sleep(0.01)  # the log does not go on, and nobody has told why
    job.tell()
    assert await job.to_the_end() == ["first run", "second run"]
    assert missing(job.keeper, job.follower, ran=True, outputs="") == ""


async def test_reports_progress_and_errors_are_taken_out_of_the_log(job: Job) -> None:
    job.node.pod("a-0")
    frames: list[dict[str, Any]] = [
        {"state": "running"},
        {"metrics": {"loss": 0.5, "odd": "NaN"}, "step": 1, "time": 3.0},
        {"progress": [1, 4, "epoch"]},
        {"metrics": "nonsense"},
        {"error": {"type": "ValueError", "message": "bad label\nmore"}},
    ]
    for frame in frames:
        job.node.print("a-0", b"\x1ecnai " + json.dumps(frame).encode())
    job.node.print("a-0", b"an ordinary line")
    job.tell()
    assert await job.to_the_end() == ["an ordinary line"]
    heard = job.keeper.heard()
    assert heard.up == (0,)
    assert heard.metrics == {0: {"loss": 0.5, "odd": "NaN"}}
    assert heard.last == {"loss": 0.5, "odd": "NaN"}
    assert heard.progress is not None
    assert (heard.progress.done, heard.progress.total) == (1, 4)
    assert heard.raised == {0: "ValueError: bad label"}
    assert [metric.step for metric in job.keeper.metrics.all()] == [1]


async def test_a_pod_that_is_gone_ends_its_stream_and_what_was_read_stays(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"last words")
    job.tell()
    await job.until(1)
    uid = job.node.state("a-0").metadata.uid
    job.node.remove("a-0")
    job.follower.lost(uid)
    job.follower.end()
    assert await job.lines(follow=True) == ["last words"]
    assert missing(job.keeper, job.follower, ran=True, outputs="") == ""


async def test_a_log_that_nobody_read_is_gone_and_said_so(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"unheard")
    job.node.end("a-0")
    state = job.node.state("a-0")
    job.node.remove("a-0")
    job.follower.saw(state)
    job.follower.lost(state.metadata.uid)
    job.follower.end()
    assert await job.lines(follow=True) == []
    assert "outputs=" in missing(job.keeper, job.follower, ran=True, outputs="")
    assert "logs/rank-0.log" in missing(job.keeper, job.follower, ran=True, outputs="pvc://c/d")


async def test_a_worker_that_printed_nothing_is_not_said_to_have_lost_its_log(job: Job) -> None:
    job.node.pod("a-0")
    job.tell()
    assert await job.to_the_end() == []
    assert missing(job.keeper, job.follower, ran=True, outputs="") == ""


async def test_a_worker_that_its_node_refused_has_nothing_that_is_waited_for(job: Job) -> None:
    status = {"containerStatuses": [{"name": "pytorch", "state": {"waiting": {}}}]}
    meta = {"name": "a-0", "uid": "8f14e45f"}

    def pod(phase: str) -> Pod:
        return msgspec.convert({"metadata": meta, "status": status | {"phase": phase}}, Pod)

    job.follower.saw(pod("Pending"))
    assert not job.follower.settled
    job.follower.saw(pod("Failed"))
    assert job.follower.settled


async def test_a_pod_of_the_same_name_does_not_take_the_place_of_the_old_one(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"old")
    job.tell()
    await job.until(1)
    old = job.node.state("a-0").metadata.uid
    job.node.end("a-0")
    job.node.pod("a-0")
    job.node.print("a-0", b"new")
    job.follower.lost(old)
    state = job.node.state("a-0")
    fresh = Pod(
        metadata=type(state.metadata)(name="a-0", uid="another"),
        spec=state.spec,
        status=state.status,
    )
    job.follower.saw(fresh)
    assert await job.until(2) == ["old", "new"]


async def test_more_workers_than_streams_are_all_followed_in_turns(tmp_path: Path) -> None:
    async with serving() as (node, api):
        job = Job(node, api, tmp_path, streams=2)
        for rank in range(7):
            node.pod(f"a-{rank}")
        job.tell()
        for n in range(3):
            for rank in range(7):
                node.print(f"a-{rank}", b"rank %d line %d" % (rank, n))
            await job.until(7 * (n + 1))
        found = await job.to_the_end()
        assert sorted(found) == sorted(f"rank {r} line {n}" for r in range(7) for n in range(3))
        assert job.streams.most == 2
        await job.follower.close()


async def test_no_right_to_read_logs_is_said_and_nothing_waits_for_it(job: Job) -> None:
    job.node.pod("a-0")
    job.node.refuse = (403, 'pods "a-0" is forbidden: User "me" cannot get resource "pods/log"')
    job.tell()
    assert await job.lines() == []
    told = missing(job.keeper, job.follower, ran=True, outputs="")
    assert told.startswith("What the workers print cannot be read: ")
    assert "pods/log" in told


async def test_no_right_to_read_logs_is_said_also_before_this_process_leads(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> bool:
        return False

    monkeypatch.setattr(job.keeper, "lead_soon", never)
    job.node.pod("a-0")
    job.node.refuse = (403, 'pods "a-0" is forbidden: User "me" cannot get resource "pods/log"')
    job.tell()
    assert await job.lines() == []
    assert "pods/log" in missing(job.keeper, job.follower, ran=True, outputs="")
    await job.follower.close()


async def test_an_end_waits_for_no_log_that_may_not_be_read(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"here")
    job.node.refuse = (403, 'pods "a-0" is forbidden: User "me" cannot get resource "pods/log"')
    job.tell()
    assert await job.lines() == []
    assert not job.follower.settled, "the worker still runs"
    assert await job.to_the_end() == []
    assert job.follower.finished
    told = missing(job.keeper, job.follower, ran=True, outputs="")
    assert told.startswith("What the workers print cannot be read: "), told


async def test_a_right_that_is_given_after_the_end_is_used(job: Job) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"here")
    job.node.refuse = (403, 'pods "a-0" is forbidden: User "me" cannot get resource "pods/log"')
    job.tell()
    assert await job.to_the_end() == []
    job.node.refuse = None
    assert await job.lines() == ["here"]
    assert missing(job.keeper, job.follower, ran=True, outputs="") == ""


async def test_a_node_that_fails_is_asked_again(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containerlog, "_FIRST_PAUSE", 0.01)
    job.node.pod("a-0")
    job.node.refuse = (500, "dial tcp 10.0.0.7:10250: connect: connection refused")
    job.tell()
    job.follower.start()
    while "connection refused" not in job.follower.problem:
        await job.follower.changed(0.01)
    job.node.refuse = None
    job.node.print("a-0", b"here")
    assert await job.until(1) == ["here"]
    assert await job.to_the_end() == ["here"]
    assert job.follower.problem == ""


async def test_a_node_that_never_answers_does_not_keep_an_ended_workload_open(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containerlog, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(containerlog, "_GIVES_UP_AFTER", 0.1)
    job.node.pod("a-0")
    job.node.refuse = (500, "no route to host")
    assert await job.to_the_end() == []
    assert "outputs=" in missing(job.keeper, job.follower, ran=True, outputs="")


async def test_a_stream_that_says_nothing_is_opened_anew(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containerlog, "_IDLE", 0.05)
    job.node.mute = 2
    job.node.pod("a-0")
    job.node.print("a-0", b"one")
    job.tell()
    assert await job.until(1) == ["one"]


async def test_lines_that_find_no_space_are_read_again_and_reports_kept_once(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containerlog, "_FIRST_PAUSE", 0.01)
    full = [OSError(28, "No space left on device")] * 3
    put = LogWriter._put

    def limited(self: LogWriter, frames: bytes, lines: int) -> None:
        if full:
            raise full.pop()
        put(self, frames, lines)

    monkeypatch.setattr(LogWriter, "_put", limited)
    job.node.pod("a-0")
    job.node.print("a-0", b"one", b'\x1ecnai {"metrics":{"loss":1}}', b"two")
    job.tell()
    assert await job.until(2) == ["one", "two"]
    assert not full
    assert [metric.seq for metric in job.keeper.metrics.all()] == [1]


async def test_a_job_that_waits_in_line_costs_no_open_file(job: Job, tmp_path: Path) -> None:
    job.follower.start()
    await job.follower.changed(0.05)
    assert not job.keeper.leads
    assert list(tmp_path.iterdir()) == []


async def test_another_process_goes_on_where_one_has_stopped(job: Job, tmp_path: Path) -> None:
    job.node.pod("a-0")
    job.node.print("a-0", b"one", b"two")
    job.tell()
    await job.until(2)
    second = Job(job.node, job.follower._api, tmp_path)
    second.tell()
    second.follower.start()
    job.node.print("a-0", b"three")
    assert await second.until(3) == ["one", "two", "three"]
    assert [each.keeper.leads for each in (job, second)] == [True, False]
    await job.follower.close()
    job.node.print("a-0", b"four")
    assert await second.until(4) == ["one", "two", "three", "four"]
    assert [each.keeper.leads for each in (job, second)] == [False, True]
    assert await second.to_the_end() == ["one", "two", "three", "four"]
    await second.follower.close()
