"""Watching: a snapshot, then changes, each with a greater number."""

from __future__ import annotations

import asyncio

from cnai_sdk.model.phase import Kind
from cnai_sdk.model.stream import Change, Snapshot, Update
from cnai_sdk.model.workload import Workload

from .behaviours import Behaviour
from .harness import Harness


async def test_the_first_update_is_a_snapshot_of_all_there_is(harness: Harness, kind: Kind) -> None:
    first = await harness.submit(kind, Behaviour.WAITS, name="first")
    second = await harness.submit(kind, Behaviour.WAITS, name="second")
    async with harness.watching() as updates:
        snapshot = await harness.within("a snapshot", anext(updates))
    assert isinstance(snapshot, Snapshot)
    assert snapshot.epoch
    assert {workload.id for workload in snapshot.workloads} == {first.id, second.id}


async def test_the_snapshot_of_a_new_backend_is_empty(harness: Harness) -> None:
    async with harness.watching() as updates:
        snapshot = await harness.within("a snapshot", anext(updates))
    assert isinstance(snapshot, Snapshot)
    assert snapshot.workloads == ()


async def test_changes_follow_with_strictly_greater_numbers(harness: Harness, kind: Kind) -> None:
    async with harness.watching() as updates:
        seen = [await harness.within("a snapshot", anext(updates))]
        workload = await harness.submit(kind, Behaviour.WAITS)
        ending = asyncio.create_task(harness.bring_to_end(workload))
        await harness.within("a change with the end", _until_ended(updates, seen))
        await ending
    numbers = [update.seq for update in seen]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > 1
    assert {type(update) for update in seen[1:]} == {Change}
    assert len({update.epoch for update in seen}) == 1


async def _until_ended(updates: object, seen: list[Update]) -> None:
    async for update in updates:  # type: ignore[attr-defined]
        seen.append(update)
        if any(workload.phase.ended for workload in update.workloads):
            return


async def test_a_workload_carries_a_number_no_greater_than_its_change(
    harness: Harness, kind: Kind
) -> None:
    async with harness.watching() as updates:
        snapshot = await harness.within("a snapshot", anext(updates))
        workload = await harness.submit(kind, Behaviour.WAITS)
        change = await harness.within("a change", anext(updates))
    assert [found.id for found in change.workloads] == [workload.id]
    assert snapshot.seq < change.workloads[0].seq <= change.seq


async def test_a_change_names_only_what_changed(harness: Harness, kind: Kind) -> None:
    quiet = await harness.submit(kind, Behaviour.WAITS, name="quiet")
    await harness.bring_to_end(quiet)
    async with harness.watching() as updates:
        await harness.within("a snapshot", anext(updates))
        other = await harness.submit(kind, Behaviour.WAITS, name="other")
        change = await harness.within("a change", anext(updates))
    assert [workload.id for workload in change.workloads] == [other.id]


async def test_several_watchers_see_the_same_end(harness: Harness, kind: Kind) -> None:
    workload = await harness.submit(kind, Behaviour.WAITS)
    watchers = [asyncio.create_task(harness.ended(workload.id)) for _ in range(5)]
    ended = await harness.bring_to_end(workload)
    seen: list[Workload] = await asyncio.gather(*watchers)
    assert {(found.id, found.phase) for found in seen} == {(workload.id, ended.phase)}


async def test_a_late_watcher_finds_the_end_in_its_snapshot(harness: Harness, kind: Kind) -> None:
    ended = await harness.bring_to_end(await harness.submit(kind, Behaviour.WAITS))
    async with harness.watching() as updates:
        snapshot = await harness.within("a snapshot", anext(updates))
    assert [(found.id, found.phase) for found in snapshot.workloads] == [(ended.id, ended.phase)]


async def test_a_deletion_reaches_watchers_as_an_id(harness: Harness, kind: Kind) -> None:
    ended = await harness.bring_to_end(await harness.submit(kind, Behaviour.WAITS))
    async with harness.watching() as updates:
        snapshot = await harness.within("a snapshot", anext(updates))
        await harness.backend.delete(ended.id)
        change = await harness.within("a change", anext(updates))
    assert isinstance(change, Change)
    assert change.deleted == (ended.id,)
    assert change.seq > snapshot.seq


async def test_a_deleted_workload_is_in_no_later_snapshot(harness: Harness, kind: Kind) -> None:
    ended = await harness.bring_to_end(await harness.submit(kind, Behaviour.WAITS))
    await harness.backend.delete(ended.id)
    async with harness.watching() as updates:
        snapshot = await harness.within("a snapshot", anext(updates))
    assert snapshot.workloads == ()


async def test_what_happens_while_a_watcher_is_busy_is_not_lost(
    harness: Harness, kind: Kind
) -> None:
    async with harness.watching() as updates:
        await harness.within("a snapshot", anext(updates))
        ids = [(await harness.submit(kind, Behaviour.WAITS, name=f"n-{i}")).id for i in range(3)]
        await harness.backend.delete(ids[0])
        seen: set[str] = set()
        gone: set[str] = set()
        while not (seen >= set(ids[1:]) and gone):
            update = await harness.within("the changes so far", anext(updates))
            assert isinstance(update, Change)
            seen |= {workload.id for workload in update.workloads}
            gone |= set(update.deleted)
    assert gone == {ids[0]}


async def test_a_closed_watch_leaves_the_others_open(harness: Harness, kind: Kind) -> None:
    async with harness.watching() as kept:
        await harness.within("a snapshot", anext(kept))
        async with harness.watching() as closed:
            await harness.within("a snapshot", anext(closed))
        workload = await harness.submit(kind, Behaviour.WAITS)
        change = await harness.within("a change", anext(kept))
    assert [found.id for found in change.workloads] == [workload.id]
