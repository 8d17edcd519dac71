"""Whether nodes are idle or only large enough, where no quota and no queue says how much there is.

Shapes: Node and Pod (core/v1); nodes as in tests/vendors.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.room import Room, room_of
from cnai_sdk.backends.kubernetes.room_check import check
from cnai_sdk.backends.kubernetes.room_fit import fit, unbounded
from cnai_sdk.backends.kubernetes.room_idle import Idle, Running, idle
from cnai_sdk.backends.kubernetes.room_kueue import QueueRoom, queue_room
from cnai_sdk.backends.kubernetes.room_nodes import takes
from cnai_sdk.backends.kubernetes.room_objects import (
    ClusterQueue,
    LocalQueue,
    Node,
    ResourceQuota,
)
from cnai_sdk.backends.kubernetes.room_wish import Wish
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.model.quota import Fit
from tests import vendors

GPU = "nvidia.com/gpu"
GIB = 2.0**30
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
BORNE = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}


def nodes(*published: dict[str, Any], **spec: Any) -> list[Node]:
    """As the API server tells them."""
    return [
        msgspec.convert(
            {
                "metadata": {"name": each["name"], "labels": each["labels"]},
                "spec": spec,
                "status": {"allocatable": each["allocatable"]},
            },
            Node,
        )
        for each in published
    ]


def pod(node: str, *containers: dict[str, str], **spec: Any) -> Running:
    """One that runs there, of whatever namespace."""
    named = [{"resources": {"requests": requests}} for requests in containers]
    return msgspec.convert({"spec": {"nodeName": node, "containers": named, **spec}}, Running)


def queue(**quota: str) -> QueueRoom:
    """One that has so much of each resource, in one flavor."""
    resources = [{"name": key, "nominalQuota": amount} for key, amount in quota.items()]
    group = {"coveredResources": list(quota), "flavors": [{"name": "f", "resources": resources}]}
    spec = {"namespaceSelector": {}, "resourceGroups": [group]}
    behind = msgspec.convert({"metadata": {"name": "cq"}, "spec": spec}, ClusterQueue)
    raw = {"metadata": {"name": "team"}, "spec": {"clusterQueue": "cq"}}
    return queue_room(msgspec.convert(raw, LocalQueue), [behind])


def wish(workers: int = 1, **amounts: float) -> Wish:
    asks = {{"gpu": GPU}.get(name, name): amount for name, amount in amounts.items()}
    return Wish(workers=workers, requests=asks, limits=asks)


def told(
    asked: Wish,
    left: Idle,
    *,
    count: int = 1,
    room: Room | None = None,
    gpu: bool = False,
    together: bool = True,
) -> Fit:
    here = room or room_of(quotas=())
    return fit(asked, here, now=0.0, count=count, idle=left, gpu=gpu, together=together)


TWO = nodes(vendors.whole("a", count=4), vendors.whole("b", count=4))
BARE: dict[str, Any] = {}


def test_what_pods_of_all_namespaces_hold_is_not_idle() -> None:
    left = idle(TWO, [pod("a", {GPU: "4"}), pod("b", {GPU: "3"})], BARE)
    assert told(wish(gpu=1), left).sentence == "Fits now."
    several = told(wish(gpu=1), left, count=4)
    assert (several.answer, several.now) == ("waits", 1)
    assert several.sentence == (
        "1 of 4 fit now; the others wait: the nodes have room for 1 of 4 workers at a time."
    )
    assert told(wish(gpu=2), left).sentence == (
        "Waits, first in line: a worker needs 2, and no node that takes it has more than "
        "1 GPU idle."
    )


def test_all_workers_of_a_job_need_room_together() -> None:
    left = idle(TWO, [pod("a", {GPU: "1"})], BARE)
    assert told(wish(workers=3, gpu=2), left).answer == "now"  # one on a, two on b
    assert told(wish(workers=4, gpu=2), left).answer == "waits"
    assert told(wish(workers=2, gpu=2), left, count=2).now == 1


def test_cores_memory_and_the_number_of_pods_count_too() -> None:
    left = idle(TWO, [pod("a", {"memory": "15Gi"}), pod("b", {"cpu": "7500m"})], BARE)
    assert told(wish(cpu=4, memory=GIB), left).answer == "now"
    assert told(wish(cpu=4, memory=2 * GIB), left).why.startswith("no node that takes it has all")
    full = idle(TWO[:1], [pod("a", {})] * 110, BARE)
    assert told(wish(cpu=1), full).answer == "waits"


def test_a_pod_holds_the_larger_of_its_start_and_its_run() -> None:
    start = [
        {"resources": {"requests": {"cpu": "1"}}, "restartPolicy": "Always"},
        {"resources": {"requests": {"cpu": "6"}}},
    ]
    held = pod("a", {"cpu": "2"}, {"cpu": "1"}, initContainers=start, overhead={"cpu": "500m"})
    assert held.holds["cpu"] == 7.5
    assert pod("a", {"cpu": "2"}, initContainers=start[:1]).holds["cpu"] == 3.0
    whole = pod("a", {}, resources={"requests": {"cpu": "4"}}, overhead={"cpu": "1"})
    assert whole.holds["cpu"] == 5.0


def test_a_node_that_does_not_take_the_pod_is_not_counted() -> None:
    kinds = nodes(vendors.whole("h100"), vendors.whole("a100", product=vendors.A100))
    product = {"nvidia.com/gpu.product": vendors.A100}
    busy = [pod("a100", {GPU: "2"})]
    assert told(wish(gpu=1), idle(kinds, busy, {"nodeSelector": product})).answer == "waits"
    within = {"key": "nvidia.com/gpu.product", "operator": "In", "values": [vendors.A100]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [within]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    assert told(wish(gpu=1), idle(kinds, busy, {"affinity": affinity})).answer == "waits"
    assert told(wish(gpu=1), idle(kinds, busy, BARE)).answer == "now"


@pytest.mark.parametrize(
    ("spec", "tolerations", "answer"),
    [
        ({"taints": [TAINT]}, [], "waits"),
        ({"taints": [TAINT]}, [BORNE], "now"),
        ({"taints": [TAINT | {"effect": "PreferNoSchedule"}]}, [], "now"),
        ({"unschedulable": True}, [], "waits"),
        ({"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}, [], "waits"),
    ],
)
def test_taints_keep_a_pod_off(
    spec: dict[str, Any], tolerations: list[dict[str, str]], answer: str
) -> None:
    left = idle(nodes(vendors.whole("a"), **spec), [], {"tolerations": tolerations})
    assert told(wish(gpu=1), left).answer == answer


# -- what cannot be seen ------------------------------------------------------------------


def test_without_the_pods_it_is_large_enough_and_no_more_is_claimed() -> None:
    left = idle(TWO, None, BARE)
    found = told(wish(gpu=4), left)
    assert (found.answer, found.unsure) == ("now", "idle")
    assert found.sentence == "Large enough; whether it is idle cannot be seen."
    assert told(wish(gpu=4), left, count=2).sentence == (
        "Large enough for all 2; whether it is idle cannot be seen."
    )
    assert told(wish(gpu=4), left, count=3).sentence == (
        "At most 2 of 3 fit now; the others wait: "
        "the nodes are large enough for 2 of 3 workers at a time."
    )


def test_without_the_nodes_nothing_is_said_of_their_size() -> None:
    found = told(wish(gpu=4), idle(None, None, BARE))
    assert found.sentence == ("No visible limit forbids it; whether there is room cannot be seen.")


@pytest.mark.parametrize("running", [(), None])
def test_devices_that_no_request_names_are_not_seen(running: Sequence[Running] | None) -> None:
    """DRA's claims and KAI's fractions: how much of them is left is not in a pod's requests."""
    left = idle(TWO, running, BARE)
    assert told(wish(cpu=1), left, gpu=True).unsure == "idle"
    claimed = msgspec.structs.replace(wish(cpu=1), claims={"gpu.nvidia.com": 1.0})
    assert told(claimed, left, gpu=True).unsure == "idle"


def test_memory_of_a_card_that_a_scheduler_of_its_own_counts_is_not_seen() -> None:
    left = idle(nodes(vendors.hami("hami")), [], BARE)
    asked = Wish(requests={GPU: 1.0, "nvidia.com/gpumem": 10240.0})
    assert left.workers(asked) == 20
    assert left.doubt(asked, gpu=True) == "idle"
    check(asked, room_of(quotas=(), nodes=nodes(vendors.hami("hami"))))  # it is no reason to refuse
    with pytest.raises(DoesNotFit, match="larger than any node"):
        check(asked, room_of(quotas=(), nodes=nodes(vendors.mig_mixed("mig", _1g_20gb=2))))


# -- where something else bounds it ---------------------------------------------------------


def test_a_quota_sets_nothing_aside_and_a_queue_does() -> None:
    hard = {f"requests.{GPU}": "2", "requests.cpu": "8"}
    quota = msgspec.convert(
        {"metadata": {"name": "team"}, "spec": {"hard": hard}, "status": {"hard": hard}},
        ResourceQuota,
    )
    room = room_of(quotas=[quota])
    asked = wish(gpu=1, cpu=1)
    assert unbounded(asked, room)
    full = idle(TWO, [pod("a", {GPU: "4"}), pod("b", {GPU: "4"})], BARE)
    assert told(asked, full, room=room).answer == "waits"
    assert told(asked, idle(None, None, BARE), room=room).unsure == "nodes"
    both = told(asked, idle(TWO, [], BARE), room=room, count=4)
    assert (both.now, both.why) == (2, "0 of 2 GPUs are free in the quota team")
    admits = room_of(quotas=[quota], queue=queue(cpu="8", **{GPU: "2"}))
    assert not unbounded(asked, admits)
    assert told(asked, full, room=admits).sentence == "Fits now."
    assert unbounded(wish(gpu=1, memory=GIB), admits)
    assert told(wish(gpu=1, memory=GIB), full, room=admits).answer == "never"  # it lacks memory


def test_a_share_that_no_key_names_is_not_said_to_fit() -> None:
    """KAI's fractions stand in annotations: no quota, no queue and no node counts them."""
    admits = room_of(quotas=(), queue=queue(cpu="8"))
    assert unbounded(wish(cpu=1), admits, gpu=True)
    assert not unbounded(wish(cpu=1), admits)
    for room in (admits, room_of(quotas=())):
        found = fit(wish(cpu=1), room, now=0.0, idle=idle(None, None, BARE), gpu=True)
        assert (found.answer, found.unsure) == ("now", "nodes")


# -- how large the nodes are, whoever uses them ----------------------------------------------


def test_more_workers_than_the_nodes_hold_wait_whatever_a_quota_gives() -> None:
    one = nodes(vendors.whole("a", count=1))
    many = told(wish(workers=8, gpu=1), idle(one, [], BARE), room=room_of(quotas=(), nodes=one))
    assert (many.answer, many.why) == (
        "waits",
        "the nodes are large enough for 1 of 8 workers at a time",
    )
    four = nodes(vendors.whole("a", count=4))
    here = room_of(quotas=(), nodes=four)
    assert fit(wish(workers=2, gpu=4), here, now=0.0).answer == "waits"
    assert fit(wish(gpu=4), here, now=0.0).answer == "now"


def small(count: int, memory: str = "16Gi") -> list[Node]:
    allocatable = {"cpu": "8", "memory": memory, "pods": "110"}
    return nodes(*(vendors.node(f"n{n}", {}, allocatable) for n in range(count)))


def test_where_nothing_holds_workers_together_some_start_and_wait_for_the_rest() -> None:
    """Two of three start, hold their room, and wait in init_process_group; none is in line."""
    here = room_of(quotas=(), nodes=small(2))
    asked = wish(workers=3, memory=10 * GIB)
    at_the_call = fit(asked, here, now=0.0, together=False)
    assert at_the_call.sentence == (
        "Waits: 2 of 3 workers can start, and wait for the rest: "
        "the nodes are large enough for 2 at a time."
    )
    assert at_the_call.next_step == (
        'Write workers=2, or memory="8Gi": of that size all have room.'
    )
    before = told(asked, idle(small(2), [], BARE), room=here, together=False)
    assert (before.sentence, before.next_step) == (at_the_call.sentence, at_the_call.next_step)
    assert fit(wish(workers=3, memory=8 * GIB), here, now=0.0, together=False).answer == "now"


def test_where_something_holds_workers_together_none_of_them_starts() -> None:
    asked = wish(workers=3, memory=10 * GIB)
    said = "Waits, first in line: the nodes are large enough for 2 of 3 workers at a time."
    here = room_of(quotas=(), nodes=small(2))
    assert fit(asked, here, now=0.0).sentence == said
    admits = room_of(quotas=(), nodes=small(2), queue=queue(memory="64Gi"))
    assert fit(asked, admits, now=0.0, together=False).sentence == said


def test_what_is_beside_a_worker_in_its_pod_is_no_part_of_its_memory() -> None:
    own = {"resources": {"requests": {"memory": "10Gi"}}}
    pod = {"containers": [own]}
    asked = msgspec.structs.replace(wish(workers=3, memory=10.5 * GIB), pod=pod)
    assert 'memory="7Gi"' in idle(small(2), None, BARE).instead(asked)


def test_where_less_memory_would_not_help_less_is_advised() -> None:
    asked = wish(workers=3, cpu=5, memory=GIB)
    left = idle(small(2), [], BARE)
    assert left.instead(asked) == "Write workers=2, or ask for less for each worker."
    assert left.in_part(wish(workers=17, cpu=8)).startswith("2 of 17 workers can start, and wait ")
    one = idle(small(1), [], BARE)
    assert one.in_part(asked).startswith("1 of 3 workers can start, and waits for the rest: ")


def test_nodes_that_keep_the_workers_off_do_not_hold_them() -> None:
    control = msgspec.convert(
        {
            "metadata": {"name": "control"},
            "spec": {"taints": [{"key": "control-plane", "effect": "NoSchedule"}]},
            "status": {"allocatable": {"cpu": "64"}},
        },
        Node,
    )
    small = nodes(vendors.whole("a", count=1))
    here = room_of(quotas=(), nodes=[control, *small])
    found = fit(wish(cpu=60), here, now=0.0)
    assert found.answer == "waits"
    assert "no node that takes it has more than" in found.why


def test_a_node_that_is_kept_free_is_one_that_comes_back() -> None:
    kept = nodes(vendors.whole("a", count=4), unschedulable=True)
    here = room_of(quotas=(), nodes=kept)
    check(wish(gpu=4), here)
    found = told(wish(gpu=4), idle(kept, [], BARE), room=here)
    assert (found.answer, found.why) == (
        "waits",
        "no node takes such a worker, by its taints and labels",
    )
    assert told(wish(gpu=8), idle(kept, [], BARE), room=here).answer == "never"


def test_gpus_that_the_administrator_promises_may_be_away_now() -> None:
    """A pool of nodes that is scaled to zero."""
    here = room_of(quotas=(), nodes=nodes(vendors.node("cpu", {}, {})))
    assert fit(wish(gpu=1), here, now=0.0).answer == "never"
    offered = msgspec.structs.replace(here, promised=frozenset({GPU}))
    found = told(wish(workers=4, gpu=1), idle([], [], BARE), room=offered)
    assert (found.answer, found.unsure) == ("now", "nodes")


@pytest.mark.parametrize(
    ("toleration", "borne"),
    [
        ({"key": GPU, "operator": "Exists"}, True),
        ({"key": GPU, "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": GPU, "value": "present", "effect": "NoSchedule"}, True),
        ({"key": GPU, "value": "other", "effect": "NoSchedule"}, False),
        ({"operator": "Exists"}, True),
    ],
)
def test_a_toleration_bears_the_taint_that_it_names(
    toleration: dict[str, str], borne: bool
) -> None:
    (only,) = nodes(vendors.whole("a"), taints=[TAINT])
    assert takes(only, {"tolerations": [toleration]}) is borne
