"""The in-memory backend as a person uses it to test code of their own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.errors import (
    BackendUnavailable,
    CnaiError,
    DoesNotFit,
    InvalidRequest,
    NotFound,
    Unsupported,
)
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import Payload, Resources, ServeSpec, Spec, TrainSpec

PAYLOAD = Payload(entry="digits", files={"script.py": b"raise SystemExit('never run')"})
DIGITS = TrainSpec(name="digits", payload=PAYLOAD)
ENDPOINT = ServeSpec(name="digits", payload=PAYLOAD)
GPUS = tuple(Device(id=f"GPU-{i}", model="H200", memory=100 * 2**30, index=i) for i in range(2))


async def _submit(backend: MemoryBackend, spec: Spec = DIGITS) -> str:
    return (await backend.submit(spec, secrets={})).id


async def _phase(backend: MemoryBackend, id: str) -> Phase:
    return (await backend.get(id)).phase


async def _ended(backend: MemoryBackend, id: str) -> Phase:
    async with asyncio.timeout(10):
        async for update in backend.watch():
            for workload in update.workloads:
                if workload.id == id and workload.phase.ended:
                    return workload.phase
    raise AssertionError("a watch does not end by itself")


async def test_a_workload_stays_where_it_is_until_it_is_moved() -> None:
    backend = MemoryBackend()
    id = await _submit(backend)
    assert await _phase(backend, id) is Phase.QUEUED
    backend.advance(id)
    assert await _phase(backend, id) is Phase.STARTING
    backend.advance(id)
    assert await _phase(backend, id) is Phase.RUNNING
    backend.finish(id, result={"accuracy": 0.97})
    assert await _phase(backend, id) is Phase.SUCCEEDED
    assert json.loads(await backend.result(id) or b"") == {"accuracy": 0.97}


async def test_an_endpoint_is_ready_and_has_an_address_until_it_is_stopped() -> None:
    backend = MemoryBackend()
    id = await _submit(backend, ENDPOINT)
    with pytest.raises(BackendUnavailable):
        await backend.address(id)
    backend.start(id)
    assert await _phase(backend, id) is Phase.READY
    assert await backend.address(id) == "http://digits.memory.invalid"
    await backend.stop(id)
    with pytest.raises(BackendUnavailable):
        await backend.address(id)


@pytest.mark.parametrize("spec", [DIGITS, ENDPOINT], ids=["train", "serve"])
async def test_with_auto_it_runs_by_itself(spec: Spec) -> None:
    backend = MemoryBackend(auto=True)
    id = await _submit(backend, spec)
    async with asyncio.timeout(10):
        async for update in backend.watch():
            phases = [workload.phase for workload in update.workloads]
            if phases in ([Phase.SUCCEEDED], [Phase.READY]):
                break
    assert await _phase(backend, id) is (
        Phase.SUCCEEDED if isinstance(spec, TrainSpec) else Phase.READY
    )


async def test_with_auto_a_queue_empties_in_order() -> None:
    backend = MemoryBackend(auto=True, cores=1)
    ids = [await _submit(backend) for _ in range(5)]
    assert await _ended(backend, ids[-1]) is Phase.SUCCEEDED
    started = [(await backend.get(id)).started or 0.0 for id in ids]
    assert started == sorted(started)
    assert all(started)


async def test_a_play_prints_reports_and_fails_as_code_does() -> None:
    def play(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
        backend.print_line(id, f"training {spec.name}")
        yield
        backend.report(id, step=1, loss=float("nan"))
        raise ZeroDivisionError("division by zero")

    backend = MemoryBackend(play=play)
    id = await _submit(backend)
    assert await _ended(backend, id) is Phase.FAILED
    failed = await backend.get(id)
    assert failed.message == "ZeroDivisionError: division by zero"
    assert failed.metrics == {"loss": "NaN"}
    assert [ln.text async for batch in backend.logs(id) for ln in batch] == ["training digits"]


async def test_what_waits_starts_when_a_driven_one_ends() -> None:
    def stay(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
        yield

    backend = MemoryBackend(play=stay, cores=1)
    first, second = await _submit(backend), await _submit(backend)
    running = asyncio.create_task(_running(backend, second))
    await _running(backend, first)
    assert await _phase(backend, second) is Phase.QUEUED
    backend.finish(first)
    assert await running is Phase.RUNNING


async def _running(backend: MemoryBackend, id: str) -> Phase:
    async with asyncio.timeout(10):
        async for update in backend.watch():
            for workload in update.workloads:
                if workload.id == id and workload.phase is Phase.RUNNING:
                    return workload.phase
    raise AssertionError("a watch does not end by itself")


async def test_the_driver_wakes_a_loop_from_another_thread() -> None:
    backend = MemoryBackend()
    id = await _submit(backend)
    ending = asyncio.create_task(_ended(backend, id))
    lines = asyncio.create_task(_follow(backend, id))

    def drive() -> None:
        backend.start(id)
        for number in range(100):
            backend.print_line(id, str(number))
        backend.finish(id)

    thread = threading.Thread(target=drive)
    thread.start()
    assert await ending is Phase.SUCCEEDED
    assert await lines == [str(number) for number in range(100)]
    thread.join()


async def _follow(backend: MemoryBackend, id: str) -> list[str]:
    async with asyncio.timeout(10):
        return [line.text async for batch in backend.logs(id, follow=True) for line in batch]


def test_one_backend_serves_one_event_loop_after_another() -> None:
    backend = MemoryBackend(auto=True)
    id = asyncio.run(_submit(backend))
    assert asyncio.run(_ended(backend, id)) is Phase.SUCCEEDED


async def test_what_does_not_fit_stays_in_the_queue() -> None:
    backend = MemoryBackend(cores=3)
    first, second, third = [await _submit(backend, _on(cpu=2)) for _ in range(3)]
    backend.start(first)
    backend.start(second)
    queued = (await backend.get(second)).queued
    assert queued is not None
    assert (queued.position, queued.waits_for) == (1, "2 cores; 1 are free")
    backend.start(third)
    assert await _phase(backend, third) is Phase.QUEUED
    backend.finish(first)
    backend.start(second)
    assert await _phase(backend, second) is Phase.RUNNING


def _on(**resources: float) -> TrainSpec:
    return TrainSpec(name="digits", payload=PAYLOAD, resources=Resources(**resources))  # type: ignore[arg-type]


async def test_a_small_workload_does_not_overtake_a_large_one() -> None:
    backend = MemoryBackend(cores=3)
    first, large, small = [await _submit(backend, _on(cpu=cpu)) for cpu in (2, 3, 1)]
    backend.start(first)
    backend.start(small)
    queued = (await backend.get(small)).queued
    assert queued is not None
    assert (queued.position, queued.waits_for) == (2, "digits-2, which is ahead")
    backend.finish(first)
    backend.start(large)
    assert await _phase(backend, large) is Phase.RUNNING


async def test_shares_of_gpus_are_counted() -> None:
    backend = MemoryBackend(devices=GPUS)
    half = await _submit(backend, _on(gpu=0.5))
    quarter = await _submit(backend, _on(gpu_memory=25 * 2**30))
    backend.start(half)
    backend.start(quarter)
    assert [device.free for device in await backend.devices()] == [0.25, 1.0]
    assert (await backend.fits(_on(gpu=2))).answer == "waits"
    assert (await backend.fits(_on(gpu=1))).answer == "now"
    with pytest.raises(DoesNotFit):
        await _submit(backend, _on(gpu=3))


async def test_a_gpu_is_refused_where_there_is_none() -> None:
    with pytest.raises(DoesNotFit, match="there are 0"):
        await _submit(MemoryBackend(), _on(gpu_memory=2**30))


async def test_several_workers_on_a_share_are_refused() -> None:
    spec = TrainSpec(name="digits", payload=PAYLOAD, workers=2, resources=Resources(gpu=0.5))
    with pytest.raises(InvalidRequest, match="gpu=1"):
        await _submit(MemoryBackend(devices=GPUS), spec)


async def test_a_secret_without_a_value_is_refused() -> None:
    backend = MemoryBackend()
    spec = TrainSpec(name="digits", payload=PAYLOAD, secrets=("HF_TOKEN",))
    with pytest.raises(InvalidRequest, match="cnai secrets set HF_TOKEN"):
        await _submit(backend, spec)
    assert await backend.list() == []


async def test_a_partial_line_gives_its_number_to_the_line_that_replaces_it() -> None:
    backend = MemoryBackend()
    id = await _submit(backend)
    backend.start(id)
    backend.print_line(id, "epoch 1", partial=True)
    backend.print_line(id, "epoch 1 done")
    lines = [line async for batch in backend.logs(id) for line in batch]
    assert [(line.number, line.partial) for line in lines] == [(1, True), (1, False)]


async def test_what_cannot_happen_now_is_refused_and_changes_nothing() -> None:
    backend = MemoryBackend()
    id = await _submit(backend)
    for refused in (
        lambda: backend.print_line(id, "too early"),
        lambda: backend.report(id, loss=0.1),
        lambda: backend.progress(id, 1),
        lambda: backend.write(id, "a.txt", b""),
        lambda: backend.finish(id),
    ):
        with pytest.raises(InvalidRequest, match="Queued"):
            refused()
    assert await _phase(backend, id) is Phase.QUEUED
    backend.start(id)
    with pytest.raises(InvalidRequest, match="no worker 1"):
        backend.print_line(id, "whose?", rank=1)
    with pytest.raises(InvalidRequest, match="outputs"):
        backend.write(id, "../a.txt", b"")
    backend.fail(id)
    for verb in (backend.advance, backend.start, backend.finish, backend.fail):
        with pytest.raises(InvalidRequest, match="Failed"):
            verb(id)


async def test_an_endpoint_cannot_succeed() -> None:
    backend = MemoryBackend()
    id = await _submit(backend, ENDPOINT)
    backend.start(id)
    with pytest.raises(InvalidRequest, match="Ready"):
        backend.finish(id)


async def test_one_worker_that_fails_takes_the_others_along() -> None:
    backend = MemoryBackend()
    id = await _submit(backend, TrainSpec(name="digits", payload=PAYLOAD, workers=3))
    backend.start(id)
    backend.fail(id, rank=1, reason="OutOfMemory", exit_code=-9)
    failed = await backend.get(id)
    assert (failed.reason, failed.message) == ("OutOfMemory", "Worker 1 ended with exit code -9")
    assert [(r.phase, r.exit_code) for r in failed.replicas] == [
        (Phase.STOPPED, None),
        (Phase.FAILED, -9),
        (Phase.STOPPED, None),
    ]


async def test_a_workload_that_cannot_start_fails_without_having_run() -> None:
    backend = MemoryBackend()
    id = await _submit(backend, TrainSpec(name="digits", payload=PAYLOAD, retries=2))
    backend.fail(id, reason="ImagePullFailed", message="There is no such image")
    failed = await backend.get(id)
    assert (failed.phase, failed.started, failed.attempt) == (Phase.FAILED, None, 0)


async def test_suspended_work_is_not_moved_on_until_it_is_resumed() -> None:
    backend = MemoryBackend()
    id = await _submit(backend)
    backend.start(id)
    backend.print_line(id, "before")
    await backend.suspend(id)
    with pytest.raises(InvalidRequest, match="suspended"):
        backend.advance(id)
    await backend.resume(id)
    backend.start(id)
    assert await _phase(backend, id) is Phase.RUNNING
    assert len([line async for batch in backend.logs(id) for line in batch]) == 1


async def test_a_backend_declares_what_it_was_told() -> None:
    backend = MemoryBackend(kinds=[Kind.SERVE], suspend=False)
    declared = await backend.capabilities()
    assert (declared.kinds, declared.suspend) == (frozenset({Kind.SERVE}), False)
    with pytest.raises(Unsupported):
        await _submit(backend, DIGITS)


async def test_a_follower_of_a_deleted_workload_comes_to_an_end() -> None:
    backend = MemoryBackend()
    id = await _submit(backend)
    backend.start(id)
    backend.print_line(id, "last words")
    batches = backend.logs(id, follow=True)
    assert [line.text for line in await anext(batches)] == ["last words"]
    following = asyncio.create_task(_rest(batches))
    await backend.delete(id)
    async with asyncio.timeout(10):
        assert await following == []
    with pytest.raises(NotFound):
        await backend.get(id)


async def _rest(batches: AsyncIterator[Sequence[LogLine]]) -> list[str]:
    return [line.text async for batch in batches for line in batch]


async def test_every_refusal_says_what_to_do() -> None:
    backend = MemoryBackend()
    for call in (backend.get("gone"), backend.read("gone", "x"), _submit(backend, _on(cpu=99))):
        with pytest.raises(CnaiError) as refusal:
            await call
        assert refusal.value.what
        assert refusal.value.next_step
