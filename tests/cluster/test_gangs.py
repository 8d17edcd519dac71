"""Workers that start together or not at all, placed by the real scheduler of gangs.

Coscheduling, of the Kubernetes project's scheduler plugins, runs beside kube-scheduler, and the
training operator is started as its documentation says for it. It is built for these tests alone,
once, in up to three minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from cnai_sdk.backends.kubernetes.naming import ID
from cnai_sdk.model.spec import Resources
from tests import vendors
from tests.cluster.surviving import until
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import own_cluster_or_skip
from tests.cluster.testbed.programs import named

from .produced import Ledger, produces
from .verdicts import SLEEPS, Stage, stage_of

ASKED = ("coscheduling",)
"""Built before the first test; see `tests/conftest.py`."""

SCHEDULER = named(*ASKED).scheduler
NODES = (vendors.whole("one", count=1), vendors.whole("two", count=1))
SPEAKS = f"print('up', flush=True); {SLEEPS}"
ONE = Resources(cpu=0.1, memory=256 * 2**20, gpu=1)


@pytest.fixture(scope="module")
def gangs() -> Iterator[Cluster]:
    """A cluster with two nodes of one GPU each, and a scheduler of gangs."""
    cluster = own_cluster_or_skip(
        operators=("training-operator", *ASKED),
        nodes=NODES,
        arguments={"training-operator": [f"--gang-scheduler-name={SCHEDULER}"]},
    )
    cluster.start()
    yield cluster
    cluster.stop()


@pytest_asyncio.fixture
async def gang(
    gangs: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    room = gangs.namespace()
    monkeypatch.setenv("KUBECONFIG", str(gangs.context(room)))
    async with stage_of(gangs, room, tmp_path / "store") as stage:
        yield stage
    gangs.delete_namespace(room)


async def up(stage: Stage, name: str, *, workers: int = 1) -> str:
    """The id of a job once each worker has spoken: before that one would not hear that it is to
    end, and hold its GPU for half a minute."""
    id = await stage.running(name)
    heard: set[int] = set()
    async with asyncio.timeout(90):
        async for batch in stage.backend.logs(id, follow=True):
            heard |= {line.rank for line in batch}
            if len(heard) == workers:
                break
    return id


async def ended(stage: Stage, id: str) -> None:
    """Delete a job, and return when its GPUs are free: the scheduler of gangs hears of pods that
    come, and of those that go only when it looks again, every half a minute."""
    await stage.backend.delete(id)
    await until(lambda: not stage.cluster.pods(stage.namespace, f"{ID}={id}"))


def looks_again(stage: Stage, name: str) -> None:
    """Have the scheduler look at a gang now."""
    path = f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{stage.namespace}/podgroups/{name}"
    change = {"metadata": {"annotations": {"looked-at": "again"}}}
    kind = {"Content-Type": "application/merge-patch+json"}
    stage.cluster.http.patch(path, json=change, headers=kind).raise_for_status()


def placed(stage: Stage, name: str) -> list[str]:
    """The nodes of a job's workers, '' for one that has none."""
    pods = stage.cluster.pods(stage.namespace, f"training.kubeflow.org/job-name={name}")
    assert all(pod["spec"]["schedulerName"] == SCHEDULER for pod in pods)
    return sorted(pod["spec"].get("nodeName", "") for pod in pods)


@produces("real", "SCHED_GANG_K8S")
async def test_two_workers_of_which_one_fits_wait_together_and_start_together(
    gang: Stage, ledger: Ledger
) -> None:
    held = await up(gang, await gang.train(SPEAKS, resources=ONE))
    both = await gang.train(SPEAKS, resources=ONE, workers=2)
    await until(lambda: len(placed(gang, both)) == 2)
    found = ledger.note(await gang.verdict(both, "SCHED_GANG_K8S"))
    assert "room for all workers at once" in found.why
    assert placed(gang, both) == ["", ""]
    await ended(gang, held)
    looks_again(gang, both)
    await until(lambda: placed(gang, both) == ["one", "two"])
    await ended(gang, await up(gang, both, workers=2))


async def test_a_lone_worker_waits_for_a_device_and_not_for_others(gang: Stage) -> None:
    for _ in NODES:
        await gang.running(await gang.train(SLEEPS, resources=ONE))
    late = await gang.train(SLEEPS, resources=ONE)
    assert "too few free GPUs" in (await gang.verdict(late, "SCHED_GPU")).why
