"""Logs: every line once, in order, numbered; following ends with the workload."""

from __future__ import annotations

import asyncio

from cnai_sdk.model.phase import Kind, Phase

from .behaviours import REASON, Behaviour
from .harness import Harness


async def test_lines_come_in_order_numbered_from_one(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    lines = await harness.lines(ended.id)
    assert [(line.number, line.text) for line in lines] == [(1, "one"), (2, "two"), (3, "three")]
    assert [line.rank for line in lines] == [0, 0, 0]
    assert all(line.time > 0 for line in lines)


async def test_after_leaves_out_what_was_read(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    for after, left in ((0, ["one", "two", "three"]), (2, ["three"]), (3, []), (99, [])):
        assert [line.text for line in await harness.lines(ended.id, after=after)] == left


async def test_tail_gives_the_last_lines_with_their_own_numbers(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    lines = await harness.lines(ended.id, tail=2)
    assert [(line.number, line.text) for line in lines] == [(2, "two"), (3, "three")]
    assert len(await harness.lines(ended.id, tail=100)) == 3
    assert await harness.lines(ended.id, tail=0) == []


async def test_before_pages_backwards(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    for before, tail, left in (
        (3, 1, ["two"]),
        (3, 9, ["one", "two"]),
        (2, 1, ["one"]),
        (1, 5, []),
        (99, 2, ["two", "three"]),
        (3, None, ["one", "two"]),
    ):
        lines = await harness.lines(ended.id, before=before, tail=tail)
        assert [line.text for line in lines] == left, (before, tail)


async def test_rank_gives_one_workers_lines_under_the_same_numbers(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.RANKS, replicas=2)
    every = [line for line in await harness.lines(ended.id) if line.text.startswith("rank ")]
    assert sorted(line.text for line in every) == ["rank 0 of 2", "rank 1 of 2"]
    for rank in (0, 1):
        own = await harness.lines(ended.id, rank=rank)
        assert [line for line in own if line.text.startswith("rank ")] == [
            line for line in every if line.rank == rank
        ]
        assert {line.rank for line in own} == {rank}


async def test_numbers_are_unique_over_all_ranks(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.RANKS, replicas=2)
    numbers = [line.number for line in await harness.lines(ended.id)]
    assert numbers == sorted(set(numbers))


async def test_tail_of_one_rank_counts_that_ranks_lines(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.RANKS, replicas=2)
    for rank in (0, 1):
        own = await harness.lines(ended.id, rank=rank)
        assert await harness.lines(ended.id, rank=rank, tail=1) == own[-1:]


async def test_without_follow_the_log_ends_while_the_workload_runs(
    harness: Harness, kind: Kind
) -> None:
    workload = await harness.submit(kind, Behaviour.WAITS)
    await _line(harness, workload.id, "waiting")
    assert "waiting" in [line.text for line in await harness.lines(workload.id)]
    assert not (await harness.backend.get(workload.id)).phase.ended


async def _line(harness: Harness, id: str, text: str) -> None:
    """Wait for a line, by following."""

    async def look() -> None:
        async for batch in harness.backend.logs(id, follow=True):
            if any(line.text == text for line in batch):
                return

    await harness.within(f"the line {text!r}", look())


async def test_follow_gives_lines_while_it_runs_and_ends_after_the_last(
    harness: Harness, train: Kind
) -> None:
    workload = await harness.submit(train, Behaviour.WAITS)
    following = asyncio.create_task(harness.lines(workload.id, follow=True))
    await _line(harness, workload.id, "waiting")
    assert not following.done()
    await harness.release(workload.id)
    texts = [line.text for line in await following]
    assert texts == ["waiting", "released"]
    assert (await harness.backend.get(workload.id)).phase is Phase.SUCCEEDED


async def test_follow_ends_when_the_workload_is_stopped(harness: Harness, kind: Kind) -> None:
    workload = await harness.submit(kind, Behaviour.WAITS)
    await _line(harness, workload.id, "waiting")
    following = asyncio.create_task(harness.lines(workload.id, follow=True))
    await harness.backend.stop(workload.id)
    assert "waiting" in [line.text for line in await following]
    await harness.ended(workload.id)


async def test_follow_on_a_queued_workload_waits_for_its_lines(
    harness: Harness, train: Kind
) -> None:
    first = await harness.submit(train, Behaviour.WAITS, name="first", resources=harness.full)
    await harness.running(first.id)
    second = await harness.submit(train, Behaviour.PRINTS, name="second", resources=harness.full)
    following = asyncio.create_task(harness.lines(second.id, follow=True))
    await harness.bring_to_end(first)
    assert [line.text for line in await following] == ["one", "two", "three"]


async def test_follow_ends_when_a_queued_workload_is_stopped(harness: Harness, kind: Kind) -> None:
    first = await harness.submit(kind, Behaviour.WAITS, name="first", resources=harness.full)
    await harness.running(first.id)
    second = await harness.submit(kind, Behaviour.WAITS, name="second", resources=harness.full)
    following = asyncio.create_task(harness.lines(second.id, follow=True))
    await harness.backend.stop(second.id)
    assert await following == []


async def test_follow_after_the_end_gives_the_whole_log(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    texts = [line.text for line in await harness.lines(ended.id, follow=True)]
    assert texts == ["one", "two", "three"]


async def test_follow_from_the_tail_goes_on_with_what_comes(harness: Harness, train: Kind) -> None:
    workload = await harness.submit(train, Behaviour.WAITS)
    await _line(harness, workload.id, "waiting")
    batches = harness.backend.logs(workload.id, follow=True, tail=1)
    first = await harness.within("the tail", anext(batches))
    await harness.release(workload.id)
    rest = [line.text async for batch in batches for line in batch if not line.partial]
    assert [line.text for line in first] == ["waiting"]
    assert rest == ["released"]


async def test_the_log_of_a_failed_run_holds_the_reason(harness: Harness, train: Kind) -> None:
    failed = await harness.finished(train, Behaviour.FAILS)
    texts = [line.text for line in await harness.lines(failed.id)]
    assert texts[0] == "about to fail"
    assert any(REASON in text for text in texts[1:])


async def test_a_log_without_lines_is_empty(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.RETURNS)
    assert await harness.lines(ended.id) == []
