"""What a function returned, where a cluster cannot hand it on or has forgotten it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cnai_sdk import runtime
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import Config
from cnai_sdk.errors import NotFound
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.view import JobView
from cnai_sdk.training import TrainJob

from .trained import spec_of
from .verdicts import IMAGE, Stage

SMALL = Resources(cpu=0.1, memory=256 * 2**20)


async def finished(stage: Stage, source: str) -> str:
    """The id of a job that has ended well."""
    spec = spec_of(source, image=IMAGE, resources=SMALL)
    made = await stage.backend.submit(spec, secrets={})
    async with asyncio.timeout(120):
        async for update in stage.backend.watch():
            for workload in update.workloads:
                if workload.id == made.id and workload.phase.ended:
                    assert workload.phase is Phase.SUCCEEDED, workload.message
                    return workload.id
    raise AssertionError


async def test_a_result_that_is_too_long_says_so(stage: Stage) -> None:
    id = await finished(stage, "def train():\n    return 'x' * 9000")
    with pytest.raises(NotFound) as caught:
        await stage.backend.result(id)
    assert "9002 bytes of JSON" in caught.value.why
    assert "outputs=" in caught.value.next_step


async def test_somebody_who_comes_when_the_pods_are_gone_is_told_nothing_false(
    stage: Stage, tmp_path: Path
) -> None:
    id = await finished(stage, "def train():\n    print('here')\n    return {'ok': True}")
    pods = f"/api/v1/namespaces/{stage.namespace}/pods"

    def all_gone() -> bool:
        return not stage.cluster.http.get(pods).raise_for_status().json()["items"]

    await asyncio.to_thread(lambda: stage.cluster.http.delete(pods).raise_for_status())
    async with asyncio.timeout(90):
        while not await asyncio.to_thread(all_gone):
            await asyncio.sleep(0.1)
    view, lost = await asyncio.to_thread(elsewhere, tmp_path / "later", stage.namespace, id)
    assert view.workload.phase is Phase.SUCCEEDED
    assert view.diagnosis is None, "that it left nothing is not known"
    assert view.result is None
    assert lost.what == "What digits returned is not known."
    assert await stage.backend.result(id) == b'{"ok":true}', "who watched still has it"


def elsewhere(folder: Path, namespace: str, id: str) -> tuple[JobView, NotFound]:
    """What a machine shows that knows nothing of the job, and why it has no result of it."""
    backend = KubernetesBackend(Config(home=folder, namespace=namespace))
    try:
        job = TrainJob(backend, runtime.call(backend.get(id)))
        with pytest.raises(NotFound) as caught:
            job.result()
        return job.view(), caught.value
    finally:
        runtime.call(backend.close())
