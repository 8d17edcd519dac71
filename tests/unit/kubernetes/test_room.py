"""How much there is in a namespace, from its quota, its jobs and the nodes."""

from __future__ import annotations

from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.room import Room, items, room_of
from cnai_sdk.backends.kubernetes.room_objects import Node, ResourceQuota
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quota import QuotaItem
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Replica, Workload


def node(name: str, **allocatable: Any) -> Node:
    room = {key.replace("gpu", "nvidia.com/gpu"): value for key, value in allocatable.items()}
    return msgspec.convert({"metadata": {"name": name}, "status": {"allocatable": room}}, Node)


def quota(hard: dict[str, str], used: dict[str, str]) -> ResourceQuota:
    found = {"metadata": {"name": "team"}, "status": {"hard": hard, "used": used}}
    return msgspec.convert(found, ResourceQuota)


def of(*quotas: ResourceQuota, nodes: tuple[Node, ...] = ()) -> Room:
    return room_of(quotas=quotas, queue=None, cluster_queue=None, nodes=nodes)


def job(name: str, *, cpu: float, managed: bool = True, phase: Phase = Phase.RUNNING) -> Workload:
    """A job of two workers."""
    return Workload(
        id=name,
        name=name,
        base=name,
        kind=Kind.TRAIN,
        phase=phase,
        backend="kubernetes",
        resources=Resources(cpu=cpu),
        replicas=(Replica(rank=0), Replica(rank=1)),
        managed=managed,
    )


def item(room: Room, resource: str, *jobs: Workload) -> QuotaItem:
    return next(each for each in items(room, jobs) if each.resource == resource)


def test_a_quota_is_held_by_jobs_that_are_known_and_by_others() -> None:
    room = of(quota({"requests.cpu": "10"}, {"requests.cpu": "7"}))
    told = item(room, "cpu", job("ours", cpu=1), job("theirs", cpu=1.5, managed=False))
    assert (told.limit, told.mine, told.used, told.others) == (10, 2, 5, 2)
    assert [(each.name, each.mine) for each in told.holders] == [("ours", True), ("theirs", False)]


def test_a_job_that_the_quota_has_not_counted_yet_is_counted() -> None:
    room = of(quota({"requests.cpu": "10"}, {"requests.cpu": "0"}))
    told = item(room, "cpu", job("fresh", cpu=1), job("waits", cpu=3, phase=Phase.QUEUED))
    assert (told.used, told.others, told.queued) == (2, 0, 6)


def test_gpus_of_the_nodes_are_told_where_no_quota_bounds_them() -> None:
    room = of(nodes=(node("a", cpu="8", gpu="4"), node("b", cpu="8", gpu="2")))
    assert item(room, "gpu").limit == 6
    assert room.unseen == ()


def test_a_cluster_without_a_gpu_has_none() -> None:
    room = of(nodes=(node("a", cpu="8"),))
    assert [each.resource for each in items(room, ())] == ["cpu", "memory"]
    assert room.unseen == ()


def test_whether_there_is_a_gpu_is_not_known_where_nodes_are_not_seen() -> None:
    assert of().unseen == ("gpu",)
    assert of(quota({"requests.nvidia.com/gpu": "2"}, {})).unseen == ()
