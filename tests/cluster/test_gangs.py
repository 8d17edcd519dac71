"""Workers that start together or not at all, placed by the real scheduler of gangs.

Coscheduling, of the Kubernetes project's scheduler plugins, runs beside kube-scheduler, and the
training operator is started as its documentation says for it. It is built for these tests alone,
once, in up to three minutes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

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


def placed(stage: Stage, name: str) -> list[str]:
    """The nodes of a job's workers, '' for one that has none."""
    pods = stage.cluster.pods(stage.namespace, f"training.kubeflow.org/job-name={name}")
    assert all(pod["spec"]["schedulerName"] == SCHEDULER for pod in pods)
    return sorted(pod["spec"].get("nodeName", "") for pod in pods)


@produces("real", "SCHED_GANG_K8S")
async def test_two_workers_of_which_one_fits_wait_together_and_start_together(
    gang: Stage, ledger: Ledger
) -> None:
    first = await gang.train(SLEEPS, resources=ONE)
    held = await gang.running(first)
    both = await gang.train(SLEEPS, resources=ONE, workers=2)
    await until(lambda: len(placed(gang, both)) == 2)
    found = ledger.note(await gang.verdict(both, "SCHED_GANG_K8S"))
    assert "room for all workers at once" in found.why
    assert placed(gang, both) == ["", ""]
    await gang.backend.delete(held)
    await until(lambda: placed(gang, both) == ["one", "two"])
    await gang.running(both)


async def test_a_lone_worker_waits_for_a_device_and_not_for_others(gang: Stage) -> None:
    for _ in NODES:
        await gang.running(await gang.train(SLEEPS, resources=ONE))
    late = await gang.train(SLEEPS, resources=ONE)
    assert "too few free GPUs" in (await gang.verdict(late, "SCHED_GPU")).why
