"""Stopping, deleting, suspending, and closing."""

from __future__ import annotations

import pytest

from cnai_sdk.backends.base import Backend
from cnai_sdk.errors import InvalidRequest, NotFound, Unsupported
from cnai_sdk.model.phase import Kind, Phase

from .behaviours import Behaviour
from .harness import Harness


async def test_stop_ends_what_runs(harness: Harness, kind: Kind) -> None:
    workload = await harness.running((await harness.submit(kind, Behaviour.WAITS)).id)
    await harness.backend.stop(workload.id)
    ended = await harness.ended(workload.id)
    assert ended.phase is Phase.STOPPED
    assert {replica.phase for replica in ended.replicas} == {Phase.STOPPED}


async def test_stop_takes_what_waits_out_of_the_queue(harness: Harness, kind: Kind) -> None:
    first = await harness.submit(kind, Behaviour.WAITS, name="first", resources=harness.full)
    await harness.running(first.id)
    second = await harness.submit(kind, Behaviour.WAITS, name="second", resources=harness.full)
    await harness.backend.stop(second.id)
    ended = await harness.ended(second.id)
    assert (ended.phase, ended.started, ended.queued) == (Phase.STOPPED, None, None)
    assert not (await harness.backend.get(first.id)).phase.ended


async def test_stop_changes_nothing_about_what_has_ended(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    await harness.backend.stop(ended.id)
    assert await harness.backend.get(ended.id) == ended


async def test_stop_twice_is_as_once(harness: Harness, kind: Kind) -> None:
    workload = await harness.submit(kind, Behaviour.WAITS)
    await harness.backend.stop(workload.id)
    await harness.backend.stop(workload.id)
    assert (await harness.ended(workload.id)).phase is Phase.STOPPED


async def test_delete_removes_all_that_belonged_to_an_ended_workload(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.WRITES)
    await harness.backend.delete(ended.id)
    assert list(await harness.backend.list()) == []
    with pytest.raises(NotFound):
        await harness.backend.read(ended.id, "notes.txt")


async def test_delete_stops_what_runs_and_makes_room(harness: Harness, kind: Kind) -> None:
    first = await harness.submit(kind, Behaviour.WAITS, name="first", resources=harness.full)
    await harness.running(first.id)
    second = await harness.submit(kind, Behaviour.WAITS, name="second", resources=harness.full)
    await harness.backend.delete(first.id)
    with pytest.raises(NotFound):
        await harness.backend.get(first.id)
    assert not (await harness.running(second.id)).phase.ended


async def test_delete_of_what_is_missing_changes_nothing(harness: Harness, kind: Kind) -> None:
    kept = await harness.submit(kind, Behaviour.WAITS, name="kept")
    gone = await harness.submit(kind, Behaviour.WAITS, name="gone")
    await harness.backend.delete(gone.id)
    await harness.backend.delete(gone.id)
    await harness.backend.delete("never-was")
    assert [workload.id for workload in await harness.backend.list()] == [kept.id]


async def test_suspend_pauses_and_resume_goes_on(harness: Harness, kind: Kind) -> None:
    if not (await harness.backend.capabilities()).suspend:
        pytest.skip(f"{harness.backend.name} does not declare suspend")
    workload = await harness.running((await harness.submit(kind, Behaviour.WAITS)).id)
    await harness.backend.suspend(workload.id)
    paused = await harness.until(workload.id, "it is suspended", lambda w: w.suspended)
    assert not paused.phase.ended
    await harness.backend.resume(workload.id)
    again = await harness.until(
        workload.id,
        "it runs again",
        lambda w: not w.suspended and w.phase in (Phase.RUNNING, Phase.READY),
    )
    assert (await harness.bring_to_end(again)).phase in (Phase.SUCCEEDED, Phase.STOPPED)


async def test_a_suspended_workload_leaves_its_room_to_others(harness: Harness, kind: Kind) -> None:
    if not (await harness.backend.capabilities()).suspend:
        pytest.skip(f"{harness.backend.name} does not declare suspend")
    first = await harness.submit(kind, Behaviour.WAITS, name="first", resources=harness.full)
    await harness.running(first.id)
    await harness.backend.suspend(first.id)
    second = await harness.submit(kind, Behaviour.WAITS, name="second", resources=harness.full)
    assert not (await harness.running(second.id)).phase.ended
    assert (await harness.backend.get(first.id)).suspended


async def test_a_suspended_workload_can_be_stopped(harness: Harness, kind: Kind) -> None:
    if not (await harness.backend.capabilities()).suspend:
        pytest.skip(f"{harness.backend.name} does not declare suspend")
    workload = await harness.running((await harness.submit(kind, Behaviour.WAITS)).id)
    await harness.backend.suspend(workload.id)
    await harness.backend.stop(workload.id)
    ended = await harness.ended(workload.id)
    assert (ended.phase, ended.suspended) == (Phase.STOPPED, False)


@pytest.mark.parametrize("verb", ["suspend", "resume"])
async def test_what_has_ended_is_neither_suspended_nor_resumed(
    harness: Harness, kind: Kind, verb: str
) -> None:
    if not (await harness.backend.capabilities()).suspend:
        pytest.skip(f"{harness.backend.name} does not declare suspend")
    workload = await harness.submit(kind, Behaviour.WAITS)
    await harness.backend.stop(workload.id)
    ended = await harness.ended(workload.id)
    with pytest.raises(InvalidRequest, match="has ended") as refusal:
        await getattr(harness.backend, verb)(workload.id)
    assert refusal.value.next_step
    assert (await harness.backend.get(workload.id)).phase is ended.phase


@pytest.mark.parametrize("verb", ["suspend", "resume"])
async def test_suspend_is_refused_where_it_is_not_declared(
    harness: Harness, kind: Kind, verb: str
) -> None:
    if (await harness.backend.capabilities()).suspend:
        pytest.skip(f"{harness.backend.name} declares suspend")
    workload = await harness.submit(kind, Behaviour.WAITS)
    with pytest.raises(Unsupported) as refusal:
        await getattr(harness.backend, verb)(workload.id)
    assert refusal.value.what
    assert refusal.value.next_step
    assert not (await harness.backend.get(workload.id)).suspended


async def test_close_leaves_workloads_alone(harness: Harness, kind: Kind) -> None:
    workload = await harness.running((await harness.submit(kind, Behaviour.WAITS)).id)
    await harness.backend.close()
    again = await harness.reopen()
    found = await again.get(workload.id)
    assert (found.id, found.name, found.phase) == (workload.id, workload.name, workload.phase)
    await again.close()


async def test_close_may_be_called_twice(backend: Backend) -> None:
    await backend.close()
    await backend.close()


@pytest.mark.parametrize(
    "verb",
    ["get", "spec", "metrics", "events", "result", "outputs", "folder", "address", "stop"],
)
async def test_an_id_that_does_not_exist_is_not_found(backend: Backend, verb: str) -> None:
    with pytest.raises(NotFound) as refusal:
        await getattr(backend, verb)("never-was")
    assert "never-was" in refusal.value.what
    assert refusal.value.next_step


@pytest.mark.parametrize("follow", [False, True])
async def test_the_log_of_an_id_that_does_not_exist_is_not_found(
    backend: Backend, follow: bool
) -> None:
    with pytest.raises(NotFound):
        await anext(backend.logs("never-was", follow=follow))


async def test_an_output_of_an_id_that_does_not_exist_is_not_found(backend: Backend) -> None:
    with pytest.raises(NotFound):
        await backend.read("never-was", "notes.txt")


@pytest.mark.parametrize("verb", ["suspend", "resume"])
async def test_suspend_of_an_id_that_does_not_exist_is_not_found(
    backend: Backend, verb: str
) -> None:
    declared = (await backend.capabilities()).suspend
    with pytest.raises(NotFound if declared else (NotFound, Unsupported)):
        await getattr(backend, verb)("never-was")
