"""What bounds a namespace, from objects as servers tell them, and what fits into it.

Shapes: ResourceQuota and LimitRange (core/v1), ClusterQueue, LocalQueue, Cohort and Workload
(kueue.x-k8s.io/v1beta2 and v1beta1, Kueue 0.18), Queue (scheduling.volcano.sh/v1beta1).
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.objects import Pod, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.room_check import check
from cnai_sdk.backends.kubernetes.room_claims import Claim, claims_of
from cnai_sdk.backends.kubernetes.room_fit import fit
from cnai_sdk.backends.kubernetes.room_items import items, lines
from cnai_sdk.backends.kubernetes.room_kueue import queue_room
from cnai_sdk.backends.kubernetes.room_objects import (
    Cohort,
    VolcanoQueue,
)
from cnai_sdk.backends.kubernetes.room_wish import Wish, wish_of_job, wish_of_manifest
from cnai_sdk.errors import DoesNotFit

from .rooms import (
    GIB,
    GPU,
    NOW,
    cluster_queue,
    flavors,
    item,
    limit_range,
    local_queue,
    node,
    quota,
    room,
    runs,
    waits,
    wish,
)

# -- ResourceQuota ------------------------------------------------------------------------


def test_a_quota_counts_requests_limits_pods_and_job_objects() -> None:
    hard = {
        f"requests.{GPU}": "4",
        "limits.memory": "64Gi",
        "pods": "10",
        "count/pytorchjobs.kubeflow.org": "3",
        "requests.storage": "1Ti",
    }
    found = items(room(quota(hard=hard, used={f"requests.{GPU}": "1", "pods": "2"})), [])
    gpu = item(found, "GPU")
    assert (gpu.limit, gpu.used, gpu.key, gpu.source) == (
        4.0,
        1.0,
        f"requests.{GPU}",
        "the quota team-a",
    )
    assert item(found, "Memory").limit == 64 * GIB
    assert item(found, "Pods").used == 2
    assert item(found, "pytorchjobs").limit == 3
    assert not any("storage" in each.resource for each in found)


@pytest.mark.parametrize(
    ("key", "label", "unit", "limit"),
    [
        ("requests.nvidia.com/mig-1g.10gb", "GPU, MIG 1g.10gb", "GPUs", 7.0),
        ("limits.nvidia.com/gpumem", "GPU memory", "bytes", 7 * 2.0**20),
        ("requests.nvidia.com/gpu.shared", "GPU, shared", "GPUs", 7.0),
        ("requests.volcano.sh/vgpu-number", "GPU, vGPU", "GPUs", 7.0),
        ("requests.aliyun.com/gpu-mem", "GPU memory", "bytes", 7 * GIB),
        ("requests.amd.com/gpu", "GPU, AMD", "GPUs", 7.0),
        ("gpu.nvidia.com.deviceclass.resource.k8s.io/devices", "GPU, class gpu.nvidia.com", "GPUs",
         7.0),
    ],
)  # fmt: skip
def test_every_kind_of_gpu_key_is_a_gauge_of_its_own(
    key: str, label: str, unit: str, limit: float
) -> None:
    found = item(items(room(quota(hard={key: "7"})), []), label)
    assert (found.unit, found.limit, found.key) == (unit, limit, key)


def test_devices_of_a_class_are_charged_to_its_quota() -> None:
    here = room(quota(hard={"mig.nvidia.com.deviceclass.resource.k8s.io/devices": "1"}))
    one = Wish(claims={"mig.nvidia.com": 1.0})
    assert fit(one, here, now=NOW).answer == "now"
    told = fit(msgspec.structs.replace(one, workers=2), here, now=NOW)
    assert told.answer == "never"
    assert "class mig.nvidia.com" in told.why


@pytest.mark.parametrize(
    ("scopes", "counts"),
    [
        (["NotTerminating"], True),
        (["Terminating"], False),
        (["NotBestEffort"], True),
        (["BestEffort"], False),
    ],
)
def test_a_scoped_quota_counts_the_pods_of_its_scope_only(scopes: list[str], counts: bool) -> None:
    here = room(quota(hard={f"requests.{GPU}": "0"}, scopes=scopes))
    assert fit(wish(cpu=1, gpu=1), here, now=NOW).answer == ("never" if counts else "now")


def test_a_pod_without_cores_and_memory_is_of_the_best_effort_whatever_gpus_it_has() -> None:
    here = room(quota(hard={"pods": "0"}, scopes=["BestEffort"]))
    assert fit(wish(gpu=1), here, now=NOW).answer == "never"
    assert fit(wish(cpu=1, gpu=1), here, now=NOW).answer == "now"


@pytest.mark.parametrize(
    ("operator", "values", "priority", "counts"),
    [
        ("In", ["high"], "high", True),
        ("In", ["high"], "", False),
        ("NotIn", ["high"], "low", True),
        ("Exists", None, "low", True),
        ("DoesNotExist", None, "", True),
        ("DoesNotExist", None, "low", False),
    ],
)
def test_a_quota_of_a_priority_class(
    operator: str, values: list[str] | None, priority: str, counts: bool
) -> None:
    scope = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    here = room(quota(hard={f"requests.{GPU}": "0"}, scopeSelector={"matchExpressions": [scope]}))
    asked = msgspec.structs.replace(wish(gpu=1), priority=priority)
    assert (fit(asked, here, now=NOW).answer == "never") is counts


def test_what_never_fits_is_refused_with_the_number() -> None:
    here = room(quota(hard={f"requests.{GPU}": "2"}))
    with pytest.raises(DoesNotFit) as refusal:
        check(wish(workers=2, gpu=2), here)
    assert refusal.value.what == (
        "2 workers with gpu=2 ask for 4 GPUs, and the quota team-a gives 2."
    )
    assert "gpu=1 or less" in refusal.value.next_step


def test_one_of_a_thing_is_told_as_one() -> None:
    here = room(quota(hard={"requests.cpu": "1"}))
    with pytest.raises(DoesNotFit, match=r"^1 worker with cpu=2 asks for 2 cores, and"):
        check(wish(cpu=2), here)
    with pytest.raises(DoesNotFit, match=r"^2 workers with cpu=0\.75 ask for 1\.5 cores, and"):
        check(wish(workers=2, cpu=0.75), here)
    low = room(quota(hard={"requests.cpu": "500m"}))
    with pytest.raises(DoesNotFit, match=r"asks for 1 core, and .* gives 0\.5"):
        check(wish(cpu=1), low)
    used = room(quota(hard={"requests.cpu": "1"}, used={"requests.cpu": "400m"}))
    told = fit(wish(cpu=1), used, now=NOW)
    assert told.why == "0.6 of 1 core is free in the quota team-a"


def test_a_quota_without_gpus_says_to_leave_them_out() -> None:
    with pytest.raises(DoesNotFit) as refusal:
        check(wish(gpu=1), room(quota(hard={f"requests.{GPU}": "0"})))
    assert "Leave gpu out" in refusal.value.next_step


def test_several_quotas_bound_together_and_the_tightest_is_shown() -> None:
    here = room(
        quota("wide", hard={f"requests.{GPU}": "8"}),
        quota("narrow", hard={f"requests.{GPU}": "2"}, used={f"requests.{GPU}": "2"}),
    )
    assert item(items(here, []), "GPU").source == "the quota narrow"
    told = fit(wish(gpu=1), here, now=NOW)
    assert (told.answer, told.why) == ("waits", "0 of 2 GPUs are free in the quota narrow")


# -- LimitRange ---------------------------------------------------------------------------


def test_a_range_refuses_before_the_server_does() -> None:
    here = room(ranges=[limit_range(max={"memory": "4Gi"}, min={"memory": "64Mi"})])
    with pytest.raises(DoesNotFit, match="not allowed in this namespace") as refusal:
        check(wish(memory=8 * GIB), here)
    assert refusal.value.why == "Its LimitRange range allows at most 4\xa0GiB a worker."
    with pytest.raises(DoesNotFit):
        check(wish(memory=2.0**20), here)
    check(wish(memory=GIB), here)
    memory = item(items(here, []), "Memory")
    assert (memory.least, memory.most, memory.limit) == (64 * 2.0**20, 4 * GIB, None)


def test_what_a_range_gives_to_those_who_ask_for_nothing_counts() -> None:
    here = room(
        quota(hard={"requests.memory": "3Gi"}),
        ranges=[limit_range(default={"memory": "2Gi"}, defaultRequest={"memory": "2Gi"})],
    )
    assert fit(wish(workers=1, cpu=1), here, now=NOW).answer == "now"
    assert fit(wish(workers=2, cpu=1), here, now=NOW).answer == "never"


# -- nodes --------------------------------------------------------------------------------


def test_a_worker_that_no_node_holds_is_refused() -> None:
    nodes = [node("big", cpu="64", memory="256Gi"), node("gpu", cpu="8", **{GPU: "4"})]
    here = room(nodes=nodes)
    with pytest.raises(DoesNotFit, match="larger than any node"):
        check(wish(gpu=8), here)
    with pytest.raises(DoesNotFit, match="together") as refusal:
        check(wish(cpu=32, gpu=1), here)
    assert "One worker runs on one node" in refusal.value.why
    check(wish(cpu=8, gpu=4), here)
    with pytest.raises(DoesNotFit, match="larger than any node") as missing:
        check(Wish(requests={"nvidia.com/mig-1g.10gb": 1.0}), here)
    assert "No node of this cluster has GPU slices 1g.10gb" in missing.value.why


# -- Kueue --------------------------------------------------------------------------------


def test_a_queue_has_its_nominal_quota_without_a_cohort() -> None:
    groups = flavors(a100={GPU: "8"})
    behind = cluster_queue("cq", groups, used={"a100": {GPU: "6"}})
    found = queue_room(local_queue(), [behind])
    ((flavor, share),) = found.flavors(GPU)
    assert (flavor, share.nominal, share.used, share.free, share.most) == ("a100", 8, 6, 2, 8)


@pytest.mark.parametrize(
    ("mine", "other", "free", "most", "lendable"),
    [
        # Both lend all they do not use.
        ({}, {}, 4 + 8 - 1 - 2, 12, 6),
        # It may borrow 2 at the most.
        ({"borrowingLimit": "2"}, {}, 5, 6, 2),
        ({"borrowingLimit": "0"}, {}, 3, 4, 0),
        # The other one lends 3 of its 8, and has used 2 of those that it keeps.
        ({}, {"lendingLimit": "3"}, 4 - 1 + 3, 7, 3),
        # It keeps 1 for itself.
        ({"lendingLimit": "3"}, {}, 9, 12, 6),
    ],
)
def test_what_a_cohort_lends(
    mine: dict[str, str], other: dict[str, str], free: float, most: float, lendable: float
) -> None:
    queues = [
        cluster_queue(
            "cq",
            flavors(a100={GPU: {"nominalQuota": "4", **mine}}),
            used={"a100": {GPU: "1"}},
            cohortName="lab",
        ),
        cluster_queue(
            "theirs",
            flavors(a100={GPU: {"nominalQuota": "8", **other}}),
            used={"a100": {GPU: "2"}},
            cohortName="lab",
        ),
    ]
    ((_, share),) = queue_room(local_queue(), queues).flavors(GPU)
    assert (share.free, share.most, share.lendable) == (free, most, lendable)


def test_what_is_borrowed_is_said_in_both_versions() -> None:
    named: tuple[dict[str, Any], ...] = ({"cohortName": "lab"}, {"cohort": "lab"})
    for cohort in named:  # v1beta2, v1beta1
        mine = cluster_queue("cq", flavors(a=({GPU: "2"})), used={"a": {GPU: "3"}}, **cohort)
        theirs = cluster_queue("theirs", flavors(a=({GPU: "2"})), **cohort)
        here = room(queue=queue_room(local_queue(), [mine, theirs]))
        gpu = item(items(here, []), "GPU")
        assert (gpu.limit, gpu.used, gpu.borrowed, gpu.lendable) == (2, 3, 1, 1)


def test_a_cohort_has_quota_of_its_own_and_a_parent() -> None:
    own = flavors(a100={GPU: {"nominalQuota": "2", "borrowingLimit": "3"}})
    cohorts = [
        msgspec.convert({"metadata": {"name": n}, "spec": spec}, Cohort)
        for n, spec in (
            ("lab", {"parentName": "school", "resourceGroups": own}),
            ("school", {"resourceGroups": flavors(a100={GPU: "16"})}),
        )
    ]
    mine = cluster_queue("cq", flavors(a100={GPU: "1"}), cohortName="lab")
    ((_, share),) = queue_room(local_queue(), [mine], cohorts).flavors(GPU)
    assert (share.nominal, share.most) == (1, 1 + 2 + 3)


def test_cohorts_that_are_each_in_the_other_lend_nothing() -> None:
    cohorts = [
        msgspec.convert({"metadata": {"name": n}, "spec": {"parentName": parent}}, Cohort)
        for n, parent in (("a", "b"), ("b", "a"))
    ]
    mine = cluster_queue("cq", flavors(f={GPU: "1"}), cohortName="a")
    ((_, share),) = queue_room(local_queue(), [mine], cohorts).flavors(GPU)
    assert share.most == 1


def test_a_job_takes_one_flavor_for_all_that_a_group_covers() -> None:
    groups = flavors(
        small={"cpu": "4", GPU: "0"}, large={"cpu": "8", GPU: "4"}, huge={"cpu": "2", GPU: "8"}
    )
    here = room(queue=queue_room(local_queue(), [cluster_queue("cq", groups)]))
    assert fit(wish(cpu=8, gpu=4), here, now=NOW).answer == "now"
    assert fit(wish(cpu=2, gpu=8), here, now=NOW).answer == "now"
    assert fit(wish(cpu=8, gpu=8), here, now=NOW).answer == "never"


def test_kinds_of_gpus_are_gauges_and_cores_of_all_kinds_are_one() -> None:
    groups = flavors(a100={"cpu": "8", GPU: "4"}, h100={"cpu": "16", GPU: "2"})
    here = room(queue=queue_room(local_queue(), [cluster_queue("cq", groups)]))
    found = items(here, [])
    assert item(found, "GPU, a100").limit == 4
    assert item(found, "GPU, h100").limit == 2
    assert item(found, "CPU cores").limit == 24


def test_a_resource_that_the_queue_lacks_never_fits() -> None:
    here = room(queue=queue_room(local_queue(), [cluster_queue("cq", flavors(f={"cpu": "8"}))]))
    told = fit(wish(cpu=1, gpu=1), here, now=NOW)
    assert (told.answer, "The queue team has no GPUs" in told.why) == ("never", True)


def test_a_paused_queue_lets_wait() -> None:
    behind = cluster_queue("cq", flavors(f={"cpu": "8"}), stopPolicy="HoldAndDrain")
    told = fit(wish(cpu=1), room(queue=queue_room(local_queue(), [behind])), now=NOW)
    assert (told.answer, told.why) == ("waits", "the cluster's queue cq is paused")


def test_without_the_right_to_see_cluster_queues_the_namespaces_own_are_told() -> None:
    queue = local_queue(
        pendingWorkloads=2,
        flavorsReservation=[{"name": "a100", "resources": [{"name": GPU, "total": "3"}]}],
    )
    here = room(queue=queue_room(queue, []))
    (line,) = lines(here, [])
    assert (line.name, line.waiting) == ("team", None)  # others' are not counted there
    assert here.queue is not None and here.queue.own == {("a100", GPU): 3.0}
    gpu = item(items(here, []), "GPU")
    assert (gpu.limit, gpu.used, gpu.source) == (None, 3.0, "the queue team")


# -- Volcano ------------------------------------------------------------------------------


def test_a_queue_of_volcano_bounds_by_its_capability() -> None:
    raw = {
        "metadata": {"name": "team"},
        "spec": {"weight": 1, "capability": {"cpu": "8", GPU: "2"}, "deserved": {GPU: "1"}},
        "status": {"state": "Open", "allocated": {"cpu": "2", GPU: "2"}, "pending": 3},
    }
    here = room(volcano=msgspec.convert(raw, VolcanoQueue))
    told = fit(wish(gpu=1), here, now=NOW)
    assert (told.answer, told.why) == ("waits", "0 of 2 GPUs are free in the queue team")
    assert fit(wish(gpu=3), here, now=NOW).answer == "never"
    assert item(items(here, []), "GPU").used == 2
    assert lines(here, [])[0].waiting == 3


# -- how long -----------------------------------------------------------------------------


def test_it_waits_by_the_deadlines_of_those_before_it() -> None:
    here = room(quota(hard={f"requests.{GPU}": "2"}, used={f"requests.{GPU}": "2"}))
    held = [
        runs("long", wish(gpu=1), ends=3600.0),
        runs("short", wish(gpu=1), ends=720.0),
    ]
    told = fit(wish(gpu=1), here, held, now=NOW)
    assert (told.answer, told.position, told.seconds) == ("waits", 1, 720.0)
    told = fit(wish(gpu=2), here, held, now=NOW)
    assert told.seconds == 3600.0


def test_those_ahead_run_first() -> None:
    groups = flavors(a={GPU: "1"})
    behind = cluster_queue("cq", groups, used={"a": {GPU: "1"}}, waiting=3)
    here = room(queue=queue_room(local_queue(), [behind]))
    held = [runs("first", wish(gpu=1), ends=60.0, queue="team", assigned={("a", GPU): 1.0})]
    line = [waits(n, wish(gpu=1), lasts=200.0, queue="team") for n in ("b", "c", "d")]
    told = fit(wish(gpu=1), here, [*held, *line], now=NOW)
    assert (told.position, told.seconds) == (4, 660.0)
    assert told.sentence == (
        "Waits behind 3, about 11\xa0min by the running jobs' deadlines: "
        "0 of 1 GPU is free in the queue team."
    )


def test_no_time_is_told_when_the_end_of_somebody_is_not_known() -> None:
    here = room(quota(hard={f"requests.{GPU}": "1"}, used={f"requests.{GPU}": "1"}))
    assert fit(wish(gpu=1), here, [runs("endless", wish(gpu=1))], now=NOW).seconds is None
    assert fit(wish(gpu=1), here, now=NOW).seconds is None  # somebody who is not visible
    groups = flavors(a={GPU: "1"})
    behind = cluster_queue("cq", groups, used={"a": {GPU: "1"}}, waiting=1)  # of elsewhere
    held = [runs("first", wish(gpu=1), ends=60.0, queue="team", assigned={("a", GPU): 1.0})]
    there = room(queue=queue_room(local_queue(), [behind]))
    assert fit(wish(gpu=1), there, held, now=NOW).seconds is None


def test_how_many_of_several_fit_now() -> None:
    here = room(quota(hard={f"requests.{GPU}": "4"}, used={f"requests.{GPU}": "1"}))
    told = fit(wish(gpu=1), here, [runs("one", wish(gpu=1), ends=60.0)], now=NOW, count=4)
    assert (told.answer, told.now, told.count) == ("waits", 3, 4)
    assert told.sentence.startswith("3 of 4 fit now; the others wait, about 1\xa0min") or (
        told.sentence.startswith("3 of 4 fit now; the others wait, about 60\xa0s")
    )


def test_a_strict_queue_lets_nobody_pass_its_first() -> None:
    for strategy, answer in (("StrictFIFO", "waits"), ("BestEffortFIFO", "now")):
        behind = cluster_queue(
            "cq", flavors(a={GPU: "2"}), used={"a": {GPU: "1"}}, waiting=1,
            queueingStrategy=strategy,
        )  # fmt: skip
        told = fit(wish(gpu=1), room(queue=queue_room(local_queue(), [behind])), now=NOW)
        assert told.answer == answer


# -- by whom ------------------------------------------------------------------------------


def test_holders_and_those_who_wait_are_named_and_mine_are_told_apart() -> None:
    here = room(quota(hard={f"requests.{GPU}": "8"}, used={f"requests.{GPU}": "5"}))
    claims = [
        runs("digits", wish(gpu=2), ends=60.0),
        Claim(name="notebook-0", wish=wish(gpu=1)),
        waits("second", wish(workers=2, gpu=2), position=1),
    ]
    gpu = item(items(here, claims), "GPU")
    assert (gpu.used, gpu.mine, gpu.queued) == (5.0, 2.0, 4.0)
    assert [(h.name, h.amount, h.mine) for h in gpu.holders] == [
        ("digits", 2.0, True),
        ("notebook-0", 1.0, False),
    ]
    assert [(h.name, h.position) for h in gpu.waiting] == [("second", 1)]
    assert gpu.holders[0].ends == NOW + 60


def test_pods_and_jobs_of_other_kinds_are_seen_once() -> None:
    owner = {"kind": "Job", "name": "batch", "uid": "u-batch", "controller": True}
    container = {"name": "c", "resources": {"requests": {GPU: "1"}}}
    template = {"spec": {"containers": [container]}}
    queued = msgspec.convert(
        {
            "metadata": {"name": "job-batch-1", "uid": "w", "ownerReferences": [owner]},
            "spec": {
                "queueName": "team",
                "podSets": [{"name": "main", "count": 2, "template": template}],
                "maximumExecutionTimeSeconds": 600,
            },
            "status": {
                "admission": {
                    "clusterQueue": "cq",
                    "podSetAssignments": [
                        {"name": "main", "count": 2, "flavors": {GPU: "a"},
                         "resourceUsage": {GPU: "2"}}
                    ],
                },
                "conditions": [
                    {"type": "QuotaReserved", "status": "True"},
                    {"type": "Admitted", "status": "True",
                     "lastTransitionTime": "2027-01-15T08:00:00Z"},
                ],
            },
        },
        QueueWorkload,
    )  # fmt: skip
    pods = [
        msgspec.convert(
            {"metadata": {"name": n, "uid": n, "ownerReferences": owners}, "spec": template["spec"],
             "status": {"phase": phase}},
            Pod,
        )
        for n, owners, phase in (
            ("batch-x", [owner], "Running"),
            ("notebook-0", [], "Running"),
            ("over", [], "Succeeded"),
        )
    ]  # fmt: skip
    found = claims_of([], lambda id: None, queued=[queued], pods=pods, now=NOW)
    assert {claim.name: claim.wish.all[GPU] for claim in found} == {"batch": 2.0, "notebook-0": 1.0}
    behind = cluster_queue("cq", flavors(a={GPU: "4"}), used={"a": {GPU: "2"}})
    gpu = item(items(room(queue=queue_room(local_queue(), [behind])), found), "GPU")
    assert [(h.name, h.amount) for h in gpu.holders] == [("batch", 2.0)]
    (batch,) = [claim for claim in found if claim.name == "batch"]
    assert batch.ends == 1_800_000_600.0


# -- what jobs ask for --------------------------------------------------------------------


def test_what_a_job_asks_for_is_read_from_its_object() -> None:
    container = {"name": "pytorch", "resources": {"limits": {"cpu": "500m", GPU: "2"}}}
    template = {"spec": {"containers": [container]}}
    job = msgspec.convert(
        {
            "kind": "PyTorchJob",
            "spec": {
                "pytorchReplicaSpecs": {
                    "Master": {"template": template},
                    "Worker": {"replicas": 3, "template": template},
                }
            },
        },
        TrainingObject,
    )
    found = wish_of_job(job)
    assert found.all == {"cpu": 2.0, GPU: 8.0}
    assert found.charged("count/pytorchjobs.kubeflow.org") == 1.0
    train = msgspec.convert(
        {
            "kind": "TrainJob",
            "spec": {
                "trainer": {
                    "numNodes": 2,
                    "resourcesPerNode": {"requests": {"nvidia.com/mig-1g.10gb": 1}},
                }
            },
        },
        TrainingObject,
    )
    assert wish_of_job(train).all == {"nvidia.com/mig-1g.10gb": 2.0}


def test_what_will_be_asked_for_is_read_from_the_pod_that_will_be_made() -> None:
    container = {"name": "node", "resources": {"limits": {"nvidia.com/gpumem": "10240"}}}
    pod = {"spec": {"containers": [container], "priorityClassName": "low"}}
    found = wish_of_manifest(pod, workers=2, kind="PyTorchJob", claims={"gpu.nvidia.com": 1.0})
    assert found.charged("limits.nvidia.com/gpumem") == 20480.0
    assert found.charged("gpu.nvidia.com.deviceclass.resource.k8s.io/devices") == 2.0
    assert found.priority == "low"


# -- queues that nobody has chosen ---------------------------------------------------------


def test_queues_that_could_be_chosen_are_told_with_what_they_have() -> None:
    groups = flavors(a100={"cpu": "8", GPU: "4"}, h100={"cpu": "16", GPU: "2"})
    behind = cluster_queue("cq", groups, used={"a100": {GPU: "3"}}, waiting=2)
    open_ = queue_room(local_queue("day"), [behind])
    hidden = queue_room(
        local_queue(
            "night",
            "elsewhere",
            pendingWorkloads=1,
            flavorsReservation=[{"name": "a100", "resources": [{"name": GPU, "total": "1"}]}],
        ),
        [behind],
    )
    here = room(offered=[open_, hidden])
    assert not any(each.source.startswith("the queue") for each in items(here, []))
    day, night = lines(here, [waits("digits", wish(gpu=1), queue="night", position=1)])
    assert (day.name, day.waiting, day.chosen, day.mine) == ("day", 2, False, ())
    assert [(each.label, each.used, each.limit) for each in day.items] == [
        ("CPU cores", 0.0, 24.0),
        ("GPU", 3.0, 6.0),
    ]
    assert (night.waiting, [each.name for each in night.mine]) == (None, ["digits"])
    assert [(each.label, each.used, each.limit) for each in night.items] == [("GPU", 1.0, None)]


def test_a_queue_that_was_chosen_is_the_only_one() -> None:
    one = queue_room(local_queue(), [cluster_queue("cq", flavors(a={"cpu": "8"}))])
    (line,) = lines(room(queue=one), [])
    assert (line.name, line.chosen, line.items) == ("team", True, ())
