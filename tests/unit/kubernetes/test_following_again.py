"""Following what was followed before: what is kept is read once, and never in the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from cnai_sdk.backends.kubernetes.kept import Keeper, Kept
from cnai_sdk.model.metric import Metric
from tests.unit.kubernetes.node import Job

WITHIN = 30.0


@pytest.fixture
def job(job: Job) -> Job:
    """Its worker has reported once, and printed a line."""
    job.node.pod("a-0")
    job.node.print("a-0", b'\x1ecnai {"metrics":{"loss":1}}', b"one")
    return job


class Reading:
    """Every reading of all that was reported, by the thread that did it.

    Attributes:
        may_end: what a reading waits for.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[threading.Thread] = []
        self.may_end = threading.Event()
        self.may_end.set()
        read = Keeper._reports

        def counted(keeper: Keeper) -> Sequence[Metric]:
            self.threads.append(threading.current_thread())
            assert self.may_end.wait(WITHIN)
            return read(keeper)

        monkeypatch.setattr(Keeper, "_reports", counted)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(monkeypatch)


async def test_a_look_at_what_has_ended_reads_no_report_again(job: Job, reading: Reading) -> None:
    assert await job.to_the_end() == ["one"]
    for _ in range(5):
        assert await job.lines() == ["one"]
        assert await job.lines(tail=1) == ["one"]
    assert len(reading.threads) == 1


async def test_reports_are_read_beside_the_loop(job: Job, reading: Reading) -> None:
    assert await job.to_the_end() == ["one"]
    assert threading.current_thread() not in reading.threads


async def test_who_is_stopped_while_it_reads_leaves_the_lead_to_others(
    job: Job, reading: Reading, tmp_path: Path
) -> None:
    reading.may_end.clear()
    job.tell()
    job.follower.start()
    async with asyncio.timeout(WITHIN):
        while not reading.threads:
            await job.follower.changed(0.01)
    other = Kept(tmp_path).keeper("abc")
    assert not other._holds_lock()
    await job.follower.close()
    reading.may_end.set()
    assert other.lead()
    assert not job.keeper.leads
    other.release()
