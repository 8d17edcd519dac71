"""Which devices of ResourceSlices count: those that a claim of ours could get, each once."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informers
from cnai_sdk.backends.kubernetes.published import Published
from cnai_sdk.backends.kubernetes.room import room_of
from cnai_sdk.backends.kubernetes.room_objects import Node
from cnai_sdk.backends.kubernetes.seen_objects import DeviceClass, ResourceSlice
from cnai_sdk.backends.kubernetes.sight import Sight
from cnai_sdk.backends.kubernetes.surroundings import Surroundings
from tests import vendors


class Told:
    """What a watch told of one kind of object, or that it may not be read."""

    def __init__(self, kind: type, objects: list[dict[str, Any]] | None) -> None:
        self.listed = objects is not None
        found: list[Any] = [msgspec.convert(each, kind) for each in objects or ()]
        self.objects = {each.metadata.uid or each.metadata.name: each for each in found}

    async def synced(self) -> bool:
        return True


class Cluster:
    """Stands for a cluster with these nodes, slices and no quotas."""

    def __init__(self, nodes: list[dict[str, Any]] | None, slices: list[dict[str, Any]]) -> None:
        self._told: dict[type, list[dict[str, Any]] | None] = {
            Node: nodes,
            ResourceSlice: slices,
            DeviceClass: list(vendors.CLASSES),
        }

    def get(self, path: str, kind: type) -> Told:
        return Told(kind, self._told[kind])

    async def room(self, queue: str) -> Any:
        return room_of(quotas=[])

    async def data(self, name: str) -> None:
        return None

    async def create(self, path: str, body: Any, **more: Any) -> dict[str, Any]:
        return {**body, "status": {"allowed": True}}


async def counted(
    nodes: list[dict[str, Any]] | None, *slices: dict[str, Any]
) -> dict[str, tuple[int | None, str]]:
    """How many there are of each mechanism, and how that was found."""
    cluster: Any = Cluster(nodes, list(slices))
    sight = Sight(
        cast(Api, cluster),
        cast(Informers, cluster),
        Served(dra=True),
        cast(Surroundings, cluster),
        cast(Published, cluster),
        "team-a",
    )
    return {
        each.profile or each.mechanism: (each.count, each.found)
        for each in await sight.devices("")
        if each.mechanism.startswith("dra")
    }


def node(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name}, "spec": spec}


def published(
    node: str, *devices: dict[str, Any], generation: int = 1, pool: str = ""
) -> dict[str, Any]:
    name = f"{node}-{pool}-{generation}"
    of = {"name": pool or node, "generation": generation, "resourceSliceCount": 1}
    spec = {"driver": "gpu.nvidia.com", "nodeName": node, "pool": of, "devices": list(devices)}
    return {"metadata": {"name": name, "uid": name}, "spec": spec}


def card(name: str = "gpu-0", **more: Any) -> dict[str, Any]:
    return vendors.device(name, vendors.A100, 81920) | more


FOUND = "ResourceSlices"


async def test_the_cards_of_a_node_that_takes_no_pods_of_ours_do_not_count() -> None:
    theirs = {"key": "team", "value": "b", "effect": "NoSchedule"}
    nodes = [node("ours"), node("theirs", taints=[theirs])]
    slices = published("ours", card()), published("theirs", card()), published("gone", card())
    assert await counted(nodes, *slices) == {"dra": (1, FOUND)}
    assert await counted(None, *slices) == {"dra": (3, FOUND)}


async def test_cards_of_no_node_count_wherever_nodes_are() -> None:
    assert await counted([node("a")], published("", card(), pool="fabric")) == {"dra": (1, FOUND)}


async def test_a_card_that_a_driver_writes_anew_counts_once() -> None:
    slices = published("a", card()), published("a", card("gpu-0"), card("gpu-1"), generation=2)
    assert await counted([node("a")], *slices) == {"dra": (2, FOUND)}


async def test_the_slices_of_one_generation_count_together() -> None:
    one, other = published("a", card("gpu-0")), published("a", card("gpu-1"))
    other["metadata"]["uid"] = "other"
    assert await counted([node("a")], one, other) == {"dra": (2, FOUND)}


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
async def test_a_device_that_is_kept_free_does_not_count(effect: str) -> None:
    broken = card("gpu-1", taints=[{"key": "broken", "effect": effect}])
    noted = card("gpu-2", taints=[{"key": "warm", "effect": "None"}])
    found = await counted([node("a")], published("a", card(), broken, noted))
    assert found == {"dra": (2, FOUND)}


async def test_what_is_cut_from_the_same_cards_is_said_not_to_add_up() -> None:
    of_one = {"consumesCounters": [{"counterSet": "gpu-0", "counters": {"memory": {"value": "9"}}}]}
    small = [
        vendors.device(f"mig-1-{n}", vendors.A100, 9728, profile="1g.10gb") | of_one
        for n in range(7)
    ]
    large = vendors.device("mig-3-0", vendors.A100, 40192, profile="3g.40gb") | of_one
    found = await counted([node("a")], published("a", card() | of_one, *small, large))
    cut = f"{FOUND}, with so many of them at most, as others are cut from the same cards"
    assert found == {"1g.10gb": (7, cut), "3g.40gb": (1, cut), "dra": (1, cut)}


async def test_a_capacity_that_is_no_amount_is_none() -> None:
    odd = [card(f"gpu-{n}", capacity={"memory": {"value": v}}) for n, v in enumerate(("-5Gi", "x"))]
    assert await counted([node("a")], published("a", *odd)) == {"dra": (2, FOUND)}
