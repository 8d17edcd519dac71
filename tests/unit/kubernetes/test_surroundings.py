"""What is watched around a namespace: which queue admits, and who may not be counted."""

from __future__ import annotations

from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import surroundings as module
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informers
from cnai_sdk.backends.kubernetes.surroundings import Surroundings
from cnai_sdk.errors import InvalidRequest

from .https import Reply, Server, status
from .kinds import Cluster, named

KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
LOCAL = f"{KUEUE}/namespaces/team-a/localqueues"
VOLCANO = "/apis/scheduling.volcano.sh/v1beta1/queues"


def surroundings(informers: Informers, **served: Any) -> Surroundings:
    return Surroundings(informers, Served(**served), "team-a")


async def test_jobs_that_name_no_queue_go_to_kueues_default(
    cluster: Cluster, informers: Informers
) -> None:
    cluster.objects[LOCAL] = [
        named("default", spec={"clusterQueue": "cq"}),
        named("night", spec={"clusterQueue": "cq"}),
    ]
    here = surroundings(informers, kueue="v1beta2")
    room = await here.room("")
    assert room.queue is not None
    assert (room.queue.name, room.offered) == ("default", ())
    room = await here.room("night")
    assert room.queue is not None and room.queue.name == "night"


async def test_without_a_default_the_queues_are_offered(
    cluster: Cluster, informers: Informers
) -> None:
    cluster.objects[LOCAL] = [named("night", spec={"clusterQueue": "cq"})]
    room = await surroundings(informers, kueue="v1beta2").room("")
    assert room.queue is None
    assert [each.name for each in room.offered] == ["night"]


@pytest.mark.parametrize(
    ("cohorts", "unsure"),
    [
        (status(403, "Forbidden", "cohorts is forbidden"), True),
        (status(404, "NotFound", "the server could not find the requested resource"), False),
        (None, False),
    ],
    ids=["not-allowed", "not-served", "none"],
)
async def test_cohorts_that_may_not_be_read_may_lend(
    cluster: Cluster, informers: Informers, cohorts: Reply | None, unsure: bool
) -> None:
    amounts = [{"name": "cpu", "nominalQuota": "4"}]
    group = {"coveredResources": ["cpu"], "flavors": [{"name": "f", "resources": amounts}]}
    spec = {"cohortName": "lab", "namespaceSelector": {}, "resourceGroups": [group]}
    cluster.objects[LOCAL] = [named("team", spec={"clusterQueue": "cq"})]
    cluster.objects[f"{KUEUE}/clusterqueues"] = [named("cq", spec=spec)]
    if cohorts is not None:
        cluster.instead[f"{KUEUE}/cohorts"] = cohorts
    room = await surroundings(informers, kueue="v1beta2").room("team")
    assert room.queue is not None
    ((_, share),) = room.queue.flavors("cpu")
    assert share.hidden is unsure


async def test_a_queue_of_volcano_that_is_not_there_is_refused(
    cluster: Cluster, informers: Informers
) -> None:
    cluster.objects[VOLCANO] = [named("default"), named("vision")]
    here = surroundings(informers, operator="pytorchjob", volcano=True)
    await here.check_queue("vision")
    with pytest.raises(InvalidRequest, match="no queue 'nope' of Volcano") as refusal:
        await here.check_queue("nope")
    assert refusal.value.why == "There is default, vision."
    await surroundings(informers, operator="pytorchjob", volcano=True, kai=True).check_queue(
        "one-of-kais"
    )


async def test_where_there_are_no_queues_the_way_on_is_to_name_none(
    cluster: Cluster, informers: Informers
) -> None:
    here = surroundings(informers, kueue="v1beta2")
    with pytest.raises(InvalidRequest, match="no queue 'nope' in this namespace") as refusal:
        await here.check_queue("nope")
    assert refusal.value.why == "The namespace has no queues."
    assert refusal.value.next_step.startswith("Leave queue= out, or ask")


async def test_queues_that_may_not_be_listed_are_not_said_to_be_missing(
    cluster: Cluster, informers: Informers
) -> None:
    cluster.instead[VOLCANO] = status(403, "Forbidden", "queues is forbidden")
    await surroundings(informers, operator="pytorchjob", volcano=True).check_queue("vision")


@pytest.mark.parametrize(
    "answer",
    [Reply(200, b"<html>Sign in</html>"), status(403, "Forbidden", "pods is forbidden")],
    ids=["no-answer-of-a-server-of-pods", "not-allowed"],
)
async def test_pods_that_cannot_be_listed_are_not_counted(
    cluster: Cluster, informers: Informers, answer: Reply
) -> None:
    cluster.objects["/api/v1/nodes"] = [named("a", status={"allocatable": {"cpu": "8"}})]
    cluster.instead["/api/v1/pods"] = answer
    left = await surroundings(informers).idle({})
    assert (left.known, left.counted) == (True, False)


async def test_queues_of_volcano_are_nothing_to_a_trainjob(
    cluster: Cluster, informers: Informers
) -> None:
    queue = named("default", spec={"capability": {"cpu": "1"}})
    cluster.objects[VOLCANO] = [queue]
    assert (
        await surroundings(informers, operator="trainjob", volcano=True).room("")
    ).volcano is None
    bounded = await surroundings(informers, operator="pytorchjob", volcano=True).room("")
    assert bounded.volcano is not None


CLASSES = f"{KUEUE}/workloadpriorityclasses"


async def test_a_priority_class_that_kueue_does_not_have_is_refused_with_those_that_it_has(
    cluster: Cluster, informers: Informers
) -> None:
    cluster.objects[CLASSES] = [named("urgent"), named("low")]
    cluster.instead[f"{CLASSES}/urgent"] = Reply(200, named("urgent"))
    cluster.instead[f"{CLASSES}/nope"] = status(
        404, "NotFound", 'workloadpriorityclasses.kueue.x-k8s.io "nope" not found'
    )
    here = surroundings(informers, operator="trainjob", kueue="v1beta2")
    assert await here.check_priority("urgent") == []
    with pytest.raises(InvalidRequest, match="no priority class nope") as refusal:
        await here.check_priority("nope")
    assert "there is low, urgent" in refusal.value.why


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (status(403, "Forbidden", "workloadpriorityclasses is forbidden"), True),
        (status(404, "NotFound", "the server could not find the requested resource"), False),
    ],
    ids=["not-allowed", "not-served"],
)
async def test_a_priority_class_that_may_not_be_looked_up_is_not_said_to_be_missing(
    cluster: Cluster, informers: Informers, reply: Reply, told: bool
) -> None:
    cluster.instead[f"{CLASSES}/low"] = reply
    here = surroundings(informers, operator="trainjob", kueue="v1beta2")
    said = await here.check_priority("low")
    assert [("class low could not be looked up" in each) for each in said] == [True] * told


NODES, RUNNING = "/api/v1/nodes", "/api/v1/pods"


@pytest.fixture
async def one_node(cluster: Cluster, informers: Informers) -> Surroundings:
    """Those of a cluster with one node."""
    cluster.objects[NODES] = [named("a", status={"allocatable": {"cpu": "8"}})]
    return surroundings(informers)


async def test_questions_one_after_another_are_answered_from_one_list_of_all_pods(
    one_node: Surroundings, server: Server
) -> None:
    for _ in range(20):
        assert (await one_node.idle({})).counted
    assert server.asked().count(RUNNING) == 1


async def test_a_list_of_all_pods_that_is_old_is_none(
    one_node: Surroundings, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_APART", 0.0)
    for _ in range(3):
        await one_node.idle({})
    assert server.asked().count(RUNNING) == 3


async def test_a_change_of_the_namespace_makes_the_list_of_all_pods_old(
    one_node: Surroundings, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_APART", 0.1)
    await one_node.idle({})
    one_node.stir()
    await one_node.idle({})
    assert server.asked().count(RUNNING) == 2
