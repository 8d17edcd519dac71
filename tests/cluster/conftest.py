"""The cluster of a test session, namespaces in it, and clusters to break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.fixtures import own_cluster_or_skip, shared_cluster


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
