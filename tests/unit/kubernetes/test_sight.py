"""What is read of nodes, slices, quotas and queues before GPUs are resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.api import Api, Refused
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informers
from cnai_sdk.backends.kubernetes.published import Published
from cnai_sdk.backends.kubernetes.room import room_of
from cnai_sdk.backends.kubernetes.room_objects import Node, ResourceQuota
from cnai_sdk.backends.kubernetes.seen_objects import ResourceSlice
from cnai_sdk.backends.kubernetes.sight import Sight, allowances, node_seen, takes_pods
from cnai_sdk.backends.kubernetes.surroundings import Surroundings
from tests import vendors


def node(**more: Any) -> Node:
    body = {
        "metadata": {"name": "a", "labels": {"nvidia.com/gpu.product": "NVIDIA-L4"}},
        "status": {"allocatable": {"cpu": "8", "nvidia.com/gpu": "4", "hugepages-1Gi": "0"}},
        **more,
    }
    return msgspec.convert(body, Node)


def test_of_a_node_only_devices_are_read() -> None:
    found = node_seen(node())
    assert found.allocatable == {"nvidia.com/gpu": 4}
    assert found.labels["nvidia.com/gpu.product"] == "NVIDIA-L4"


@pytest.mark.parametrize(
    ("spec", "takes"),
    [
        ({}, True),
        ({"unschedulable": True}, True),
        ({"taints": [{"key": "nvidia.com/reserved", "effect": "NoSchedule"}]}, False),
        ({"taints": [{"key": "nvidia.com/gpu", "effect": "NoExecute"}]}, False),
        ({"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]}, True),
        ({"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}, True),
        ({"taints": [{"key": "team", "value": "b", "effect": "NoSchedule"}]}, False),
        ({"taints": [{"key": "team", "value": "b", "effect": "PreferNoSchedule"}]}, True),
    ],
    ids=[
        "plain",
        "cordoned",
        "others-gpus",
        "emptied",
        "for-gpus",
        "not-well",
        "reserved",
        "preferred",
    ],
)
def test_a_node_that_never_takes_the_pods_does_not_count(spec: dict[str, Any], takes: bool) -> None:
    assert takes_pods(node(spec=spec)) is takes


@pytest.mark.parametrize("qualified", [False, True])
def test_a_slice_is_read_as_its_driver_writes_it(qualified: bool) -> None:
    device = vendors.device("gpu-0-mig-0", vendors.A100, 40192, profile="3g.40gb")
    if qualified:
        for part in ("attributes", "capacity"):
            device[part] = {f"gpu.nvidia.com/{name}": v for name, v in device[part].items()}
    spec = {"driver": "gpu.nvidia.com", "nodeName": "a", "devices": [device]}
    (found,) = msgspec.convert({"spec": spec}, ResourceSlice).seen()
    assert (found.type, found.profile, found.node) == ("mig", "3g.40gb", "a")
    assert (found.memory, found.product) == (40192 * 2**20, "NVIDIA A100-SXM4-80GB")


def quota(name: str, hard: Mapping[str, str], **spec: Any) -> ResourceQuota:
    body = {"metadata": {"name": name}, "spec": {"hard": hard, **spec}, "status": {"hard": hard}}
    return msgspec.convert(body, ResourceQuota)


def test_the_tightest_quota_counts_and_one_with_scopes_does_not() -> None:
    key = "requests.nvidia.com/gpu"
    found = allowances(
        room_of(
            quotas=[
                quota("wide", {key: "8", "limits.nvidia.com/gpumem": "40960"}),
                quota("tight", {key: "2"}),
                quota("night", {key: "0"}, scopes=["Terminating"]),
            ]
        )
    )
    assert (found["nvidia.com/gpu"].hard, found["nvidia.com/gpu"].quota) == (2, "tight")
    assert found["nvidia.com/gpu"].key == key
    assert found["limits.nvidia.com/gpumem"].hard == 40960


class Webhook:
    """An API server with or without HAMi's webhook, or one that refuses the pod."""

    def __init__(self, scheduler: str, *, refuses: bool = False) -> None:
        self.tried = 0
        self._scheduler, self._refuses = scheduler, refuses

    async def create(self, path: str, body: Any, *, dry_run: bool) -> dict[str, Any]:
        assert dry_run, "a pod that is only tried is never made"
        self.tried += 1
        if self._refuses:
            raise Refused("no", status=403, reason="Forbidden", message="no")
        return {"spec": {**body["spec"], "schedulerName": self._scheduler}}


def sight_of(webhook: Webhook) -> Sight:
    nothing: Any = None
    return Sight(
        cast(Api, webhook),
        cast(Informers, nothing),
        Served(),
        cast(Surroundings, nothing),
        cast(Published, nothing),
        "team-a",
    )


@pytest.mark.parametrize(
    ("scheduler", "there"), [("hami-scheduler", True), ("default-scheduler", False)]
)
async def test_hami_is_known_by_what_its_webhook_does_and_asked_once(
    scheduler: str, there: bool
) -> None:
    webhook = Webhook(scheduler)
    sight = sight_of(webhook)
    assert await sight._is_hami() is there
    assert await sight._is_hami() is there
    assert webhook.tried == 1


async def test_where_no_pod_may_be_tried_it_is_not_known_and_tried_again() -> None:
    webhook = Webhook("hami-scheduler", refuses=True)
    sight = sight_of(webhook)
    assert not await sight._is_hami()
    assert not await sight._is_hami()
    assert webhook.tried == 2


class Reviews:
    """An API server that says what somebody may do, or refuses to say it."""

    def __init__(self, *answers: bool | None) -> None:
        self.asked: list[Any] = []
        self._answers = list(answers)

    async def create(self, path: str, body: Any, *, dry_run: bool) -> dict[str, Any]:
        assert path.endswith("/selfsubjectaccessreviews")
        self.asked.append(body["spec"]["resourceAttributes"])
        allowed = self._answers.pop(0)
        if allowed is None:
            raise Refused("no", status=403, reason="Forbidden", message="no")
        return {"status": {"allowed": allowed}}


async def test_whether_devices_may_be_claimed_is_asked_until_it_is_so() -> None:
    """A right that was given meanwhile counts at the next call; one that is there is kept."""
    reviews = Reviews(False, True)
    sight = sight_of(cast(Any, reviews))
    assert [await sight._may_claim() for _ in range(3)] == [False, True, True]
    assert reviews.asked[0] == {
        "verb": "create",
        "group": "resource.k8s.io",
        "resource": "resourceclaimtemplates",
        "subresource": "",
        "namespace": "team-a",
    }
    assert len(reviews.asked) == 2


async def test_where_nobody_says_what_is_allowed_it_is_tried() -> None:
    assert await sight_of(cast(Any, Reviews(None)))._may_claim() is True
