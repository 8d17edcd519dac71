"""A line is asked for at once, and however much happens in it, seldom again."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from cnai_sdk.backends.kubernetes import mirror_lines
from cnai_sdk.backends.kubernetes.mirror_index import Index, Job
from cnai_sdk.backends.kubernetes.mirror_lines import Lines, Visibility

from .lives import take
from .test_mirror import in_queue, queued

WITHIN = 20.0


class Kueue:
    """What answers, when it may; the last answer stays.

    Attributes:
        asked: how often a line was asked for.
    """

    def __init__(self, *answers: dict[str, int] | None) -> None:
        self.usable = True
        self.asked = 0
        self.answers = list(answers)
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(self, queue: str) -> dict[str, int] | None:
        assert queue == "team"
        self.asked += 1
        await self.may_answer.wait()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Queue:
    """One queue in which one job waits, and its line."""

    def __init__(self, kueue: Kueue) -> None:
        self.index = Index()
        take(self.index, "ADDED", queued("j1", "1" * 16))
        take(self.index, "ADDED", in_queue("j1", "wl-1"))
        self.lines = Lines(
            cast("Visibility", kueue), waiting=self.index.waiting, moved=lambda uids: None
        )

    @property
    def job(self) -> Job:
        return self.index.jobs["j1"]

    def stirs(self) -> None:
        """Something has changed, and what came at once was gathered."""
        assert self.job.queue is not None
        self.lines.touch(self.job.queue)
        self.lines.refresh()

    async def until(self, so: Any) -> None:
        async with asyncio.timeout(WITHIN):
            while not so():
                await asyncio.sleep(0)

    async def until_quiet(self) -> None:
        await self.until(lambda: not self.lines._tasks)


@pytest.fixture
async def kueue() -> Kueue:
    return Kueue({"wl-1": 1})


async def test_a_line_that_changes_all_the_time_is_asked_for_at_once_and_then_once_a_pause(
    kueue: Kueue,
) -> None:
    queue = Queue(kueue)
    queue.stirs()
    await queue.until(lambda: queue.lines.place(queue.job) == 1)
    for _ in range(100):
        queue.stirs()
        await asyncio.sleep(0)
    assert kueue.asked == 1, "the pause has not passed"
    await queue.lines.close()


async def test_what_changes_while_a_line_is_asked_for_is_asked_for_afterwards(
    kueue: Kueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_lines, "_ASK_AGAIN", 0.0)
    queue = Queue(kueue)
    kueue.may_answer.clear()
    queue.stirs()
    await queue.until(lambda: kueue.asked == 1)
    for _ in range(100):
        queue.stirs()
        await asyncio.sleep(0)
    assert kueue.asked == 1, "one at a time"
    kueue.answers = [{"wl-1": 2}]
    kueue.may_answer.set()
    await queue.until_quiet()
    assert queue.lines.place(queue.job) == 2
    assert kueue.asked == 3, "for the change, for those after it, and for what Kueue learns late"
    queue.stirs()
    await queue.until_quiet()
    assert kueue.asked == 5


async def test_a_place_that_kueue_learns_of_after_the_change_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror_lines, "_ASK_AGAIN", 0.0)
    kueue = Kueue({}, {"wl-1": 3})
    queue = Queue(kueue)
    queue.stirs()
    await queue.until_quiet()
    assert queue.lines.place(queue.job) == 3


async def test_a_kueue_that_may_not_be_asked_is_asked_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror_lines, "_ASK_AGAIN", 0.0)
    kueue = Kueue(None)
    queue = Queue(kueue)
    kueue.may_answer.clear()
    queue.stirs()
    await queue.until(lambda: kueue.asked == 1)
    queue.stirs()
    kueue.usable = False
    kueue.may_answer.set()
    await queue.until_quiet()
    queue.stirs()
    assert (kueue.asked, queue.lines.place(queue.job)) == (1, 1)
