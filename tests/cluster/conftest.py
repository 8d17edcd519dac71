"""The cluster of a test session, namespaces in it, and clusters to break."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cnai_sdk import runtime
from cnai_sdk.client import Client
from cnai_sdk.config import Config
from tests.cluster.produced import Ledger
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.fixtures import own_cluster_or_skip, shared_cluster
from tests.cluster.testnode.controls import Controls
from tests.cluster.verdicts import IMAGE, Stage, stage_of

PASSED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def cluster() -> Cluster | External:
    """The one cluster of the session, with all operators."""
    return shared_cluster()


@pytest.fixture
def namespace(cluster: Cluster | External) -> Iterator[str]:
    """A fresh namespace."""
    name = cluster.namespace()
    yield name
    cluster.delete_namespace(name)


@pytest.fixture
def restricted(cluster: Cluster | External) -> Iterator[str]:
    """A fresh namespace that enforces the Pod Security Standard "restricted"."""
    name = cluster.namespace(restricted=True)
    yield name
    cluster.delete_namespace(name)


@pytest.fixture
def kubeconfig(
    cluster: Cluster | External, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The administrator's kubeconfig in that namespace, set in the environment."""
    path = cluster.context(namespace)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def client(kubeconfig: Path, tmp_path: Path) -> Iterator[Client]:
    """A notebook's: it has chosen nothing yet."""
    client = Client(config=Config(home=tmp_path / "store", image=IMAGE))
    yield client
    for _, backend in client._made:
        runtime.call(backend.close())


@pytest_asyncio.fixture
async def stage(
    cluster: Cluster | External, namespace: str, kubeconfig: Path, tmp_path: Path
) -> AsyncIterator[Stage]:
    """A fresh namespace, through the SDK's backend."""
    async with stage_of(cluster, namespace, tmp_path) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fixtures of a test can tell at its end whether it has passed."""
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """The verdicts that a test has said that it produces."""
    made = Ledger(request.function)
    yield made
    if request.node.stash.get(PASSED, False):
        made.close()


@pytest.fixture
def node(cluster: Cluster | External) -> Controls:
    """What the test node does on demand; a real kubelet has no such handles."""
    if isinstance(cluster, External):
        pytest.skip("evicts pods and loses nodes, which the test node does on demand")
    return Controls(cluster.controls)


@pytest.fixture
def own_cluster() -> Iterator[Callable[..., Cluster]]:
    """Makes a cluster that the test may break."""
    made: list[Cluster] = []

    def make(**options: Any) -> Cluster:
        cluster = own_cluster_or_skip(**options)
        made.append(cluster)
        cluster.start()
        return cluster

    yield make
    for each in made:
        each.stop()
