"""Room: who waits, for what, and what the quota says."""

from __future__ import annotations

import pytest

from cnai_sdk.backends.base import Backend
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.workload import Workload

from .behaviours import Behaviour
from .harness import Harness


async def _fill(harness: Harness, kind: Kind) -> Workload:
    first = await harness.submit(kind, Behaviour.WAITS, name="first", resources=harness.full)
    return await harness.running(first.id)


async def test_what_fits_runs_now(harness: Harness, kind: Kind) -> None:
    fit = await harness.backend.fits(harness.spec(kind, Behaviour.WAITS, resources=harness.full))
    assert (fit.answer, fit.position) == ("now", None)


async def test_what_does_not_fit_beside_others_waits_and_says_why(
    harness: Harness, kind: Kind
) -> None:
    await _fill(harness, kind)
    spec = harness.spec(kind, Behaviour.WAITS, name="second", resources=harness.full)
    fit = await harness.backend.fits(spec)
    assert (fit.answer, fit.position) == ("waits", 1)
    assert fit.why
    second = await harness.backend.submit(spec, secrets={})
    queued = await harness.until(second.id, "its place in line", lambda w: w.queued is not None)
    assert queued.phase is Phase.QUEUED
    assert queued.queued is not None
    assert queued.queued.position == 1
    assert queued.queued.waits_for


async def test_the_line_moves_up_in_the_order_of_submission(harness: Harness, kind: Kind) -> None:
    first = await _fill(harness, kind)
    second = await harness.submit(kind, Behaviour.WAITS, name="second", resources=harness.full)
    await harness.in_line(second.id, 1)
    third = await harness.submit(kind, Behaviour.WAITS, name="third", resources=harness.full)
    await harness.in_line(third.id, 2)
    await harness.bring_to_end(first)
    assert not (await harness.running(second.id)).phase.ended
    moved = await harness.in_line(third.id, 1)
    assert moved.phase is Phase.QUEUED


async def test_a_workload_that_runs_is_in_no_line(harness: Harness, kind: Kind) -> None:
    running = await _fill(harness, kind)
    assert running.queued is None
    assert running.granted is not None
    assert running.granted.asked


async def test_what_can_never_fit_is_refused_and_creates_nothing(
    harness: Harness, kind: Kind
) -> None:
    spec = harness.spec(kind, Behaviour.WAITS, resources=harness.excess)
    fit = await harness.backend.fits(spec)
    assert fit.answer == "never"
    assert fit.why
    with pytest.raises(DoesNotFit) as refusal:
        await harness.backend.submit(spec, secrets={})
    assert refusal.value.what
    assert refusal.value.next_step
    assert list(await harness.backend.list()) == []


async def test_asking_whether_it_fits_creates_nothing(harness: Harness, kind: Kind) -> None:
    await harness.backend.fits(harness.spec(kind, Behaviour.WAITS))
    assert list(await harness.backend.list()) == []


async def test_an_idle_backend_uses_nothing_of_mine(backend: Backend) -> None:
    quota = await backend.quota()
    assert quota.backend == backend.name
    assert quota.place
    assert quota.items
    assert all(item.mine == 0 and item.queued == 0 and not item.holders for item in quota.items)
    assert all(item.limit is None or item.limit >= item.used >= 0 for item in quota.items)


async def test_what_runs_is_in_the_quota_under_its_name_until_it_ends(
    harness: Harness, kind: Kind
) -> None:
    running = await _fill(harness, kind)
    used = [item for item in (await harness.backend.quota()).items if item.mine > 0]
    assert used
    assert any(holder.name == running.name for item in used for holder in item.holders)
    await harness.bring_to_end(running)
    assert all(item.mine == 0 for item in (await harness.backend.quota()).items)


async def test_what_waits_is_in_the_quota_as_queued(harness: Harness, kind: Kind) -> None:
    await _fill(harness, kind)
    second = await harness.submit(kind, Behaviour.WAITS, name="second", resources=harness.full)
    await harness.until(second.id, "it waits", lambda w: w.queued is not None)
    assert any(item.queued > 0 for item in (await harness.backend.quota()).items)


async def test_devices_and_the_gpu_quota_tell_the_same(backend: Backend) -> None:
    whole = [device for device in await backend.devices() if not device.parent]
    limits = [item.limit for item in (await backend.quota()).items if item.resource == "gpu"]
    if any(limits):
        assert whole
    for device in whole:
        assert device.id and 0 <= device.free <= 1
        assert device.isolation in ("hardware", "memory", "none")
        assert device.memory > 0 or device.found  # a cluster may not tell how large its GPUs are
