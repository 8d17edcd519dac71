"""How pods of all namespaces are looked at: when somebody asks, and no more often than it helps."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import surroundings
from cnai_sdk.backends.kubernetes.api import Refused, Unreachable
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informers
from cnai_sdk.backends.kubernetes.room_idle import Running
from cnai_sdk.backends.kubernetes.room_objects import Node
from cnai_sdk.backends.kubernetes.surroundings import Surroundings
from tests import vendors

GPU = "nvidia.com/gpu"


class Cluster:
    """What an API server tells of one node with two GPUs, and of who runs on it.

    Attributes:
        held: GPUs of a pod that runs there.
        error: raised in place of a list.
        lists: how often pods were listed.
    """

    def __init__(self) -> None:
        self.held, self.lists = 1, 0
        self.error: Exception | None = None
        self.hides_nodes = False
        self.api = self

    def get(self, path: str, type: Any, params: Any = None) -> Any:
        """A watch that has heard all."""

        async def synced() -> bool:
            return True

        whole = vendors.whole("a")
        node = {"metadata": {"name": "a"}, "status": {"allocatable": whole["allocatable"]}}
        here = path.endswith("/nodes")
        objects = {"a": msgspec.convert(node, Node)} if here and not self.hides_nodes else {}
        problem = "nodes: not allowed" if here and self.hides_nodes else ""
        return SimpleNamespace(synced=synced, objects=objects, problem=problem)

    async def list(self, path: str, *, params: dict[str, str], type: Any) -> Any:
        """The pods, as they are now."""
        assert path == "/api/v1/pods"
        assert "spec.nodeName!=" in params["fieldSelector"]
        self.lists += 1
        found = self.held
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        container = {"resources": {"requests": {GPU: str(found)}}}
        pod = {"spec": {"nodeName": "a", "containers": [container]}}
        return SimpleNamespace(items=[msgspec.convert(pod, Running)])


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(surroundings, "_APART", 0.0)
    return Cluster()


def around(cluster: Cluster) -> Surroundings:
    return Surroundings(cast(Informers, cluster), Served(), "team-a")


async def left(found: Surroundings) -> float | None:
    """GPUs that are left on the node; None where nobody could count."""
    idle = await found.idle({})
    return idle.nodes[0][GPU] if idle.counted else None


async def test_those_who_ask_at_once_share_one_list_and_the_next_one_hears_news(
    cluster: Cluster,
) -> None:
    found = around(cluster)
    assert await asyncio.gather(*(left(found) for _ in range(5))) == [1.0] * 5
    assert cluster.lists <= 2  # one that had begun may be too old for those who came later
    before, cluster.held = cluster.lists, 2
    assert await left(found) == 0.0
    assert cluster.lists == before + 1


async def test_who_may_not_list_pods_is_not_refused_again_and_again(cluster: Cluster) -> None:
    found = around(cluster)
    cluster.error = Refused("no", status=403, reason="Forbidden", message="no")
    assert await left(found) is None
    assert await left(found) is None
    assert cluster.lists == 1


async def test_a_cluster_that_did_not_answer_is_asked_again(cluster: Cluster) -> None:
    found = around(cluster)
    cluster.error = Unreachable("no", sent=False)
    assert await left(found) is None
    cluster.error = None
    assert await left(found) == 1.0


async def test_where_nodes_are_hidden_nobody_lists_their_pods(cluster: Cluster) -> None:
    cluster.hides_nodes = True
    idle = await around(cluster).idle({})
    assert (idle.known, cluster.lists) == (False, 0)
