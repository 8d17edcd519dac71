"""A session is opened anew when its cluster has become another, and nobody is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import surroundings
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.config import Config
from cnai_sdk.errors import BackendUnavailable, Unsupported
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from cnai_sdk.model.stream import Snapshot

from .https import Reply, Server, status
from .kinds import Cluster, named

JOBS = "/apis/kubeflow.org/v1/namespaces/team-a/pytorchjobs"
PODS = "/api/v1/namespaces/team-a/pods"
SPEC = TrainSpec(
    name="digits",
    image="python:3",
    payload=Payload(entry="work", files={"script.py": b"print('here')\n"}),
    resources=Resources(cpu=1, memory=2**28),
)


def serving(*plurals: str) -> Reply:
    """What a server says that serves these kinds of kubeflow.org."""
    resources = [{"resource": plural} for plural in plurals]
    group = {
        "metadata": {"name": "kubeflow.org"},
        "versions": [{"version": "v1", "freshness": "Current", "resources": resources}],
    }
    return Reply(200, {"kind": "APIGroupDiscoveryList", "items": [group] if plurals else []})


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    """One that has no operator, and takes every pod."""
    cluster = Cluster(server)
    cluster.instead["/apis"] = serving()
    cluster.posted[PODS] = Reply(201, {"metadata": {"name": "made"}})
    yield cluster
    cluster.close()


@pytest.fixture
async def backend(
    cluster: Cluster, kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KubernetesBackend]:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    made = KubernetesBackend(Config(home=tmp_path / "store"))
    yield made
    await made.close()


def job(name: str) -> dict[str, Any]:
    return {
        "kind": "PyTorchJob",
        "metadata": {"name": name, "uid": f"u-{name}", "namespace": "team-a"},
        "spec": {"pytorchReplicaSpecs": {"Master": {"replicas": 1}}},
    }


async def test_an_operator_that_comes_later_is_found_by_the_next_call(
    cluster: Cluster, backend: KubernetesBackend
) -> None:
    with pytest.raises(Unsupported, match="cannot run training"):
        await backend.submit(SPEC, secrets={})
    cluster.instead["/apis"] = serving("pytorchjobs")
    assert (await backend.fits(SPEC)).answer != "never"


async def test_who_watches_sees_what_the_operator_that_came_runs(
    cluster: Cluster, backend: KubernetesBackend
) -> None:
    updates = backend.watch()
    first = await anext(updates)
    assert isinstance(first, Snapshot)
    assert first.workloads == ()
    cluster.objects[JOBS] = [job("elsewhere")]
    cluster.instead["/apis"] = serving("pytorchjobs")
    await backend.quota()  # as the panel asks for it, now and again
    second = await anext(updates)
    assert isinstance(second, Snapshot)
    assert second.epoch != first.epoch
    assert [each.name for each in second.workloads] == ["elsewhere"]


async def test_an_operator_that_goes_is_asked_for_anew_as_the_refusal_says(
    cluster: Cluster, backend: KubernetesBackend
) -> None:
    cluster.instead["/apis"] = serving("pytorchjobs")
    assert (await backend.fits(SPEC)).answer != "never"
    cluster.instead["/apis"] = serving()
    cluster.posted[JOBS] = status(404, "NotFound", "the server could not find the resource")
    with pytest.raises(Unsupported, match="does not serve PyTorchJob any more") as gone:
        await backend.submit(SPEC, secrets={})
    assert "asked anew" in gone.value.next_step
    with pytest.raises(Unsupported, match="This cluster cannot run training"):
        await backend.submit(SPEC, secrets={})


async def test_a_session_that_hears_nothing_any_more_is_opened_anew_by_use(
    backend: KubernetesBackend,
) -> None:
    broken = await backend._session()
    await broken.mirror.close(BackendUnavailable("broke down", next_step="Try again."))
    with pytest.raises(BackendUnavailable, match="broke down"):
        await backend.list()
    await backend.capabilities()
    assert await backend.list() == []
    assert await backend._session() is not broken


async def test_who_runs_on_the_nodes_is_listed_again_once_a_worker_has_come(
    cluster: Cluster,
    backend: KubernetesBackend,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(surroundings, "_APART", 0.1)
    cluster.instead["/apis"] = serving("pytorchjobs")
    cluster.objects[JOBS] = [job("digits")]
    cluster.objects["/api/v1/nodes"] = [named("a", status={"allocatable": {"cpu": "8"}})]
    await backend.fits(SPEC)
    assert server.asked().count("/api/v1/pods") == 1
    worker = named("digits-worker-0")
    worker["metadata"]["labels"] = {"training.kubeflow.org/job-name": "digits"}
    session = await backend._session()
    session.mirror._take_pod("ADDED", msgspec.convert(worker, Pod))
    await backend.fits(SPEC)
    assert server.asked().count("/api/v1/pods") == 2
