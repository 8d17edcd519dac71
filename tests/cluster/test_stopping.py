"""A job that was stopped never runs afterwards, and one that was paused goes on, at any time."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.api import connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from cnai_sdk.model.workload import Workload
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import External
from tests.cluster.testnode.controls import Controls

from . import surviving
from .trained import OPERATORS
from .verdicts import IMAGE, Stage, stage_of

WAITS = Payload(entry="work", files={"script.py": b"import time; time.sleep(600)\n"})
WHOLE = Resources(cpu=1, memory=64 * 2**20)


@pytest.fixture(params=OPERATORS)
async def stage(
    request: pytest.FixtureRequest,
    cluster: Cluster | External,
    namespace: str,
    kubeconfig: Path,
    tmp_path: Path,
) -> Any:
    async with stage_of(cluster, namespace, tmp_path, operator=request.param) as made:
        yield made


async def submit(stage: Stage, name: str, queue: str = "team") -> Workload:
    """A job that waits for ever once it runs, and needs the whole queue."""
    spec = TrainSpec(name=name, payload=WAITS, image=IMAGE, queue=queue, resources=WHOLE)
    return await stage.backend.submit(spec, secrets={})


async def becomes(stage: Stage, id: str, *phases: Phase) -> Workload:
    """How a job stands once it has come to one of the phases."""
    async with asyncio.timeout(90):
        async for update in stage.backend.watch():
            for workload in update.workloads:
                if workload.id == id and workload.phase in phases:
                    return workload
    raise AssertionError


async def held(stage: Stage, *finalizers: str) -> None:
    """Keep the pods of the namespace from going, or let them."""
    api = connect(find(namespace=stage.namespace))
    pods = f"/api/v1/namespaces/{stage.namespace}/pods"
    try:
        for pod in (await api.list(pods, type=Pod)).items:
            keep = {"metadata": {"finalizers": list(finalizers)}}
            await api.patch(f"{pods}/{pod.metadata.name}", keep)
    finally:
        await api.close()


async def all_failed_and_leaving(stage: Stage) -> None:
    """Return when every pod of the namespace has ended badly, and is to go."""
    api = connect(find(namespace=stage.namespace))
    pods = f"/api/v1/namespaces/{stage.namespace}/pods"
    try:
        async with asyncio.timeout(60):
            async for _, pod in api.watch(pods, type=Pod, resource_version="0"):
                if pod.metadata.deletion_timestamp and pod.status.phase == "Failed":
                    return
    finally:
        await api.close()


async def hears(stage: Stage) -> None:
    """Return once the first process of the namespace's worker has a handler: its first words."""
    if isinstance(stage.cluster, External):
        return  # its processes cannot be seen
    found = Controls(stage.cluster.controls).pods()
    (pid,) = (
        pid for pod in found if pod["namespace"] == stage.namespace for pid in pod["pids"].values()
    )
    status = Path(f"/proc/{pid}/status")

    def handles() -> bool:
        caught = next(line for line in status.read_text().splitlines() if "SigCgt" in line)
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    await surviving.until(handles)


async def stopped_for_good(stage: Stage, id: str) -> None:
    """It has ended as stopped, others that come later run before it, and no pod of it ever was."""
    ended = await becomes(stage, id, *(phase for phase in Phase if phase.ended))
    assert (ended.phase, ended.started) == (Phase.STOPPED, None)
    later = await submit(stage, "later")
    await becomes(stage, later.id, Phase.RUNNING)
    await stage.backend.stop(later.id)
    await becomes(stage, later.id, Phase.STOPPED)
    last = await submit(stage, "last")  # Kueue has gone through its line again by now
    await becomes(stage, last.id, Phase.RUNNING)
    found = await stage.backend.get(id)
    assert (found.phase, found.started, found.replicas) == (Phase.STOPPED, None, ended.replicas)


async def test_a_job_that_is_stopped_as_soon_as_it_is_submitted(stage: Stage) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    holder = await submit(stage, "holder")
    await becomes(stage, holder.id, Phase.RUNNING)
    made = await submit(stage, "regretted")
    await stage.backend.stop(made.id)
    await stage.backend.stop(holder.id)
    await stopped_for_good(stage, made.id)


async def test_a_worker_that_is_still_starting_hears_that_it_is_to_end(stage: Stage) -> None:
    """The first process of a container hears only what it has a handler for."""
    spec = TrainSpec(name="brief", payload=WAITS, image=IMAGE, resources=WHOLE)
    made = await stage.backend.submit(spec, secrets={})
    await becomes(stage, made.id, Phase.RUNNING)
    await hears(stage)
    await stage.backend.stop(made.id)
    (worker,) = (await becomes(stage, made.id, Phase.STOPPED)).replicas
    assert worker.exit_code == -signal.SIGTERM, "it was killed when its grace was over"


async def test_a_job_that_is_resumed_while_its_workers_leave_goes_on(stage: Stage) -> None:
    """A worker that was sent away has failed; the next run is not to take it for one of its own."""
    spec = TrainSpec(name="brief", payload=WAITS, image=IMAGE, resources=WHOLE)
    made = await stage.backend.submit(spec, secrets={})
    await becomes(stage, made.id, Phase.RUNNING)
    await held(stage, "cnai-sdk.example/held")
    await stage.backend.suspend(made.id)
    await all_failed_and_leaving(stage)
    resuming = asyncio.create_task(stage.backend.resume(made.id))
    try:
        await asyncio.wait([resuming], timeout=2)
    finally:
        await held(stage)
    await resuming
    found = await becomes(stage, made.id, Phase.RUNNING, Phase.FAILED)
    assert found.phase is Phase.RUNNING
    await stage.backend.stop(made.id)
    ended = await becomes(stage, made.id, *(phase for phase in Phase if phase.ended))
    assert ended.phase is Phase.STOPPED


@pytest.mark.parametrize("operator", OPERATORS)
async def test_a_job_that_no_queue_takes_up_is_stopped_by_itself(
    cluster: Cluster | External, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operator: str
) -> None:
    """Kueue leaves the jobs of the system's namespaces alone, whatever queue they name."""
    if isinstance(cluster, External):
        pytest.skip("runs a job in kube-system, which is nobody's to try things in")
    monkeypatch.setenv("KUBECONFIG", str(cluster.context("kube-system")))
    async with stage_of(cluster, "kube-system", tmp_path, operator=operator) as stage:
        await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
        made = await submit(stage, f"alone-{operator}")
        try:
            await becomes(stage, made.id, Phase.RUNNING)
            await stage.backend.stop(made.id)
            ended = await becomes(stage, made.id, *(phase for phase in Phase if phase.ended))
            assert ended.phase is Phase.STOPPED
            assert all(replica.phase.ended for replica in ended.replicas)
        finally:
            await stage.backend.delete(made.id)
