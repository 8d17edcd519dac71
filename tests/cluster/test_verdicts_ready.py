"""What is told while operators are down, and what a queue says that gives a job some time to start:
a cluster whose Kueue is set up so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from cnai_sdk.backends.kubernetes import mirror_again
from cnai_sdk.doctor import cluster as doctor
from cnai_sdk.doctor.finding import Finding
from cnai_sdk.errors import BackendUnavailable
from cnai_sdk.model.phase import Phase
from tests.cluster.testbed.cluster import ALL, Cluster
from tests.cluster.testbed.fixtures import own_cluster_or_skip

from . import surviving
from .produced import Ledger, produces
from .verdicts import Stage, stage_of

ADMISSION = "admissionregistration.k8s.io/v1"
CONFIG = "/api/v1/namespaces/kueue-system/configmaps/kueue-manager-config"
FILE = "controller_manager_config.yaml"
WAITS = {
    "timeout": "15s",
    "requeuingStrategy": {"backoffBaseSeconds": 8, "backoffLimitCount": 1},
}
"""Long enough for what is told to be seen, and it tries once again."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose administrator has changed the manager's configuration and restarted it."""
    made = own_cluster_or_skip(operators=ALL)
    made.start()
    try:
        waits_for_ready_pods(made)
        yield made
    finally:
        made.stop()


@pytest_asyncio.fixture
async def stage(
    cluster: Cluster, namespace: str, kubeconfig: Path, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with stage_of(cluster, namespace, tmp_path, operator="pytorchjob") as made:
        yield made


def waits_for_ready_pods(cluster: Cluster) -> None:
    found = cluster.http.get(CONFIG).raise_for_status().json()
    config = yaml.safe_load(found["data"][FILE]) | {"waitForPodsReady": WAITS}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {key: found["metadata"][key] for key in ("name", "namespace", "labels")},
            "data": {FILE: yaml.safe_dump(config)},
        }
    )
    cluster.scale("kueue", 0)
    cluster.scale("kueue", 1)


@pytest.mark.parametrize(
    ("operator", "program"), [("pytorchjob", "training-operator"), ("trainjob", "trainer")]
)
async def test_an_operator_that_is_down_is_told_at_the_call_and_by_the_doctor(
    cluster: Cluster,
    namespace: str,
    kubeconfig: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operator: str,
    program: str,
) -> None:
    monkeypatch.setenv("CNAI_BACKEND", "kubernetes")
    monkeypatch.setenv("CNAI_OPERATOR", operator)

    async def tried() -> Finding:
        found = await asyncio.to_thread(lambda: list(doctor.cluster()))
        (finding,) = (each for each in found if each.check == "dry run")
        return finding

    async with stage_of(cluster, namespace, tmp_path, operator=operator) as stage:
        await stage.backend.list()
        await asyncio.to_thread(cluster.scale, program, 0)
        with pytest.raises(BackendUnavailable) as told:
            await stage.train("print('never')")
        assert "a check before it makes anything" in told.value.what
        assert told.value.what.endswith("Nothing was created.")
        assert re.search(
            rf"The check \S+\.{operator}\.\S+ of this cluster does not answer", told.value.why
        )
        assert told.value.next_step.startswith("Try again in a minute")
        assert await stage.backend.list() == []
        down = await tried()
        assert down.state == "problem"
        assert told.value.why in down.what
        await asyncio.to_thread(cluster.scale, program, 1)
        assert (await tried()).state == "ok"
        assert await stage.train("print('here')") == "work"


@produces("real", "OPERATOR_SILENT")
async def test_a_job_that_no_operator_takes_up_is_told_so_and_runs_once_it_is_back(
    stage: Stage, ledger: Ledger, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its check lets pass what it cannot be asked about: one before 1.8 has none."""
    monkeypatch.setattr(mirror_again, "TAKEN_UP_WITHIN", 1.0)
    await asyncio.to_thread(cluster.scale, "training-operator", 0)
    with let_through(cluster):
        await surviving.until(lambda: is_taken(cluster, stage.namespace))
        name = await stage.train("print('here')")
    (made,) = await stage.backend.list()
    assert made.message == "The training operator has not taken it up yet"
    found = ledger.note(await stage.verdict(name, "OPERATOR_SILENT"))
    assert found.why.startswith("The training operator has not taken it up yet: it is down")
    assert (await stage.backend.get(made.id)).phase is Phase.QUEUED
    await asyncio.to_thread(cluster.scale, "training-operator", 1)
    assert await end_of(stage, made.id) is Phase.SUCCEEDED


@contextmanager
def let_through(cluster: Cluster) -> Iterator[None]:
    """What the training operator's check cannot be asked about is made all the same."""
    path = f"/apis/{ADMISSION}/validatingwebhookconfigurations"
    found = cluster.http.get(path).raise_for_status().json()["items"]
    (check,) = (each for each in found if "training-operator" in each["metadata"]["name"])
    mine = f"{path}/{check['metadata']['name']}"

    def on_failure(policy: str) -> None:
        change = [
            {"op": "replace", "path": f"/webhooks/{nth}/failurePolicy", "value": policy}
            for nth in range(len(check["webhooks"]))
        ]
        kind = {"Content-Type": "application/json-patch+json"}
        cluster.http.patch(mine, json=change, headers=kind).raise_for_status()

    on_failure("Ignore")
    try:
        yield
    finally:
        on_failure("Fail")


def is_taken(cluster: Cluster, namespace: str) -> bool:
    """Whether the API server heeds that by now."""
    pod = {"containers": [{"name": "pytorch", "image": "python:3"}]}
    body = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "looked-at"},
        "spec": {"pytorchReplicaSpecs": {"Worker": {"template": {"spec": pod}}}},
    }
    path = f"/apis/kubeflow.org/v1/namespaces/{namespace}/pytorchjobs"
    return bool(cluster.http.post(path, params={"dryRun": "All"}, json=body).status_code == 201)


async def end_of(stage: Stage, id: str) -> Phase:
    """The phase in which a job has ended, once it has."""
    async with asyncio.timeout(90):
        async for update in stage.backend.watch():
            for workload in update.workloads:
                if workload.id == id and workload.phase.ended:
                    return workload.phase
    raise AssertionError


@produces("real", "KUEUE_PODSREADY")
async def test_a_queue_that_takes_a_job_back_tries_again_and_then_gives_up(
    stage: Stage, ledger: Ledger
) -> None:
    await stage.queue(quota={"cpu": "4", "memory": "4Gi"})
    name = await stage.train("print('never')", image="private.example.com/net:1", queue="team")
    back = ledger.note(
        await stage.verdict(name, "KUEUE_PODSREADY", saying="Before that the cluster said: ")
    )
    assert "it tries again by itself" in back.why
    assert "private.example.com/net:1" in back.why
    assert any("Exceeded the PodsReady timeout" in line.text for line in back.evidence)
    over = ledger.note(await stage.verdict(name, "KUEUE_PODSREADY", saying="gave up"))
    assert "did not all start in time" in over.why
