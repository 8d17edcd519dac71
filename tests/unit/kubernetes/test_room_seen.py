"""What is said of a room that is not all visible, of those who are before one, and of odd amounts.

Shapes as in test_room.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.backends.kubernetes.objects import Pod, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.room_claims import claims_of
from cnai_sdk.backends.kubernetes.room_fit import fit
from cnai_sdk.backends.kubernetes.room_items import items, lines
from cnai_sdk.backends.kubernetes.room_kueue import queue_room, queue_rooms
from cnai_sdk.backends.kubernetes.room_objects import Cohort, Node, VolcanoQueue
from cnai_sdk.backends.kubernetes.room_wish import Wish
from cnai_sdk.backends.kubernetes.standing_asked import Asked, quantity
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.workload import Workload
from tests import vendors

from .rooms import (
    GPU,
    NOW,
    cluster_queue,
    flavors,
    item,
    local_queue,
    quota,
    room,
    runs,
    waits,
    wish,
)

# -- a queue whose quota may not be seen -----------------------------------------------------


def test_a_hidden_queue_is_not_taken_to_be_empty() -> None:
    here = room(quota(hard={f"requests.{GPU}": "4"}), queue=queue_room(local_queue(), []))
    told = fit(wish(gpu=1), here, now=NOW)
    assert (told.answer, told.unsure) == ("now", "nodes")
    assert lines(here, [])[0].waiting is None


def test_behind_others_in_a_hidden_queue_it_waits_and_nothing_is_promised() -> None:
    queue = queue_room(local_queue(pendingWorkloads=2), [])
    held = [runs("first", wish(gpu=4), ends=60.0, queue="team")]
    told = fit(wish(gpu=1), room(queue=queue), held, now=NOW)
    assert (told.position, told.seconds) == (None, None)
    assert told.sentence == (
        "Waits: 2 of this namespace wait in the queue team, and what it has cannot be seen."
    )


def test_the_deadline_of_my_own_job_says_nothing_of_a_hidden_queue() -> None:
    full = quota(hard={f"requests.{GPU}": "4"}, used={f"requests.{GPU}": "4"})
    here = room(full, queue=queue_room(local_queue(), []))
    held = [runs("first", wish(gpu=4), ends=600.0, queue="team")]
    told = fit(wish(gpu=4), here, held, now=NOW)
    assert (told.answer, told.seconds, told.position) == ("waits", None, None)
    assert told.why == "0 of 4 GPUs are free in the quota team-a"


@pytest.mark.parametrize(
    ("gpus", "limit", "answer", "unsure"),
    [
        (4, None, "now", ""),
        (6, None, "now", "nodes"),
        (6, "2", "now", "nodes"),
        (6, "1", "never", ""),
        (6, "0", "never", ""),
    ],
)
def test_what_a_hidden_cohort_lends_is_not_known(
    gpus: int, limit: str | None, answer: str, unsure: str
) -> None:
    amount = {"nominalQuota": "4"} | ({"borrowingLimit": limit} if limit else {})
    behind = cluster_queue("cq", flavors(a={GPU: amount}), cohortName="lab")
    told = fit(wish(gpu=gpus), room(queue=queue_room(local_queue(), [behind], None)), now=NOW)
    assert (told.answer, told.unsure) == (answer, unsure)


def test_a_hidden_cohort_is_nothing_to_a_queue_of_none() -> None:
    behind = cluster_queue("cq", flavors(a={GPU: "4"}))
    told = fit(wish(gpu=6), room(queue=queue_room(local_queue(), [behind], None)), now=NOW)
    assert told.answer == "never"


def test_which_flavor_has_the_model_is_not_known() -> None:
    groups = flavors(a100={GPU: "8"}, h100={GPU: "1"})
    here = room(queue=queue_room(local_queue(), [cluster_queue("cq", groups)]))
    pinned = msgspec.structs.replace(
        wish(gpu=4), pod={"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100"}}
    )
    assert fit(pinned, here, now=NOW).unsure == "nodes"
    assert fit(wish(gpu=4), here, now=NOW).unsure == ""
    one = msgspec.structs.replace(pinned, requests={GPU: 1.0})
    assert fit(one, here, now=NOW).unsure == ""  # it fits wherever it goes


@pytest.mark.parametrize(
    ("selector", "stopped", "unsure"),
    [
        ({}, False, ""),
        (None, True, ""),
        ({"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}, False, ""),
        ({"matchLabels": {"kubernetes.io/metadata.name": "other"}}, True, ""),
        ({"matchLabels": {"lab": "vision"}}, False, "nodes"),
        ({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["team-a"]}
        ]}, True, ""),
    ],
    ids=["all", "none", "mine", "others", "by-label", "but-mine"],
)  # fmt: skip
def test_a_queue_takes_the_namespaces_that_it_selects(
    selector: dict[str, Any] | None, stopped: bool, unsure: str
) -> None:
    behind = cluster_queue("cq", flavors(a={GPU: "4"}), namespaceSelector=selector)
    mine = local_queue()
    mine = msgspec.structs.replace(
        mine, metadata=msgspec.structs.replace(mine.metadata, namespace="team-a")
    )
    told = fit(wish(gpu=1), room(queue=queue_room(mine, [behind])), now=NOW)
    assert told.answer == ("waits" if stopped else "now")
    assert told.unsure == unsure
    if stopped:
        assert told.why == "the cluster's queue cq takes no jobs of this namespace"


# -- who is before it -------------------------------------------------------------------------


def test_who_waits_before_it_and_fits_starts_first() -> None:
    behind = cluster_queue("cq", flavors(a={GPU: "4"}), waiting=1)
    here = room(queue=queue_room(local_queue(), [behind]))
    ahead = waits("ahead", wish(gpu=4), lasts=300.0, queue="team")
    told = fit(wish(gpu=4), here, [ahead], now=NOW)
    assert (told.answer, told.position, told.seconds) == ("waits", 2, 300.0)
    assert told.why == "1 waits in the queue team before it"
    smaller = waits("ahead", wish(gpu=3), lasts=300.0, queue="team")
    assert fit(wish(gpu=1), here, [smaller], now=NOW).answer == "now"


def test_who_has_a_priority_is_promised_no_place() -> None:
    behind = cluster_queue("cq", flavors(a={GPU: "4"}), waiting=1, queueingStrategy="StrictFIFO")
    here = room(queue=queue_room(local_queue(), [behind]))
    urgent = msgspec.structs.replace(wish(gpu=1), priority="urgent")
    told = fit(urgent, here, now=NOW)
    assert told.position is None
    assert told.sentence == "Waits: 1 waits in the queue team."


def test_a_queue_of_volcano_that_is_closed_starts_nothing() -> None:
    raw = {"metadata": {"name": "v"}, "spec": {}, "status": {"state": "Closed"}}
    here = room(volcano=msgspec.convert(raw, VolcanoQueue))
    told = fit(wish(gpu=1), here, now=NOW)
    assert (told.answer, told.why) == ("waits", "the queue v is closed")
    assert lines(here, [])[0].stopped == "the queue v is closed"


# -- who holds what ---------------------------------------------------------------------------


def admitted(name: str, *owners: dict[str, Any]) -> QueueWorkload:
    """A workload that Kueue let in, with one GPU."""
    container = {"name": "c", "resources": {"requests": {GPU: "1"}}}
    given = {"name": "main", "flavors": {GPU: "a"}, "resourceUsage": {GPU: "1"}}
    return msgspec.convert(
        {
            "metadata": {"name": name, "uid": f"w-{name}", "ownerReferences": list(owners)},
            "spec": {
                "queueName": "team",
                "podSets": [{"name": "main", "template": {"spec": {"containers": [container]}}}],
            },
            "status": {
                "admission": {"clusterQueue": "cq", "podSetAssignments": [given]},
                "conditions": [
                    {"type": "QuotaReserved", "status": "True"},
                    {"type": "Admitted", "status": "True"},
                ],
            },
        },
        QueueWorkload,
    )


def running(name: str, **metadata: Any) -> Pod:
    container = {"name": "c", "resources": {"requests": {GPU: "1"}}}
    meta = {"name": name, "uid": f"p-{name}", **metadata}
    raw = {
        "metadata": meta,
        "spec": {"containers": [container]},
        "status": {"phase": "Running"},
    }
    return msgspec.convert(raw, Pod)


JOB = {"kind": "Job", "name": "set-a-0", "uid": "u-job", "controller": True}


@pytest.mark.parametrize(
    ("workload", "pod"),
    [
        (
            admitted("jobset-set", {"kind": "JobSet", "name": "set", "uid": "u-set"}),
            running(
                "set-a-0-x",
                ownerReferences=[JOB],
                labels={"jobset.sigs.k8s.io/jobset-name": "set"},
            ),
        ),
        (admitted("pod-one", {"kind": "Pod", "name": "one", "uid": "p-one"}), running("one")),
        (
            admitted("group", {"kind": "Pod", "name": "other", "uid": "p-other"}),
            running("of-group", annotations={"kueue.x-k8s.io/workload": "group"}),
        ),
    ],
    ids=["JobSet", "Pod", "a workload that the pod names"],
)
def test_a_pod_of_a_workload_in_a_queue_is_not_counted_again(
    workload: QueueWorkload, pod: Pod
) -> None:
    found = claims_of([], lambda id: None, queued=[workload], pods=[pod], now=NOW)
    assert [claim.wish.all[GPU] for claim in found] == [1.0]
    alone = claims_of([], lambda id: None, queued=[], pods=[pod], now=NOW)
    assert [claim.wish.all[GPU] for claim in alone] == [1.0]  # where no workload may be read


def suspended_job(phase: Phase) -> tuple[Workload, Job]:
    container = {"name": "pytorch", "resources": {"requests": {GPU: "4"}}}
    raw = {
        "kind": "PyTorchJob",
        "metadata": {"name": "paused", "uid": "u-paused"},
        "spec": {
            "runPolicy": {"suspend": True},
            "pytorchReplicaSpecs": {"Master": {"template": {"spec": {"containers": [container]}}}},
        },
    }
    job = Job(
        obj=msgspec.convert(raw, TrainingObject),
        asked=Asked(id="paused", name="paused", base="paused", workers=1),
    )
    told = Workload(
        id="paused", name="paused", kind=Kind.TRAIN, backend="kubernetes", phase=phase, suspended=True
    )
    return told, job


def test_a_suspended_job_stands_in_no_line_and_holds_nothing() -> None:
    told, job = suspended_job(Phase.QUEUED)
    assert claims_of([told], lambda id: job, now=NOW) == []
    pods = {"x": running("paused-0")}
    (leaving,) = claims_of([told], lambda id: replace(job, pods=pods), now=NOW)
    assert (leaving.waits, leaving.pods) == (False, True)  # until its workers have gone


# -- what quota() shows -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["ephemeral-storage", "rdma/hca_shared", "hugepages-1Gi", "example.com/license"]
)
def test_what_has_no_name_here_is_no_gauge_and_bounds_all_the_same(key: str) -> None:
    behind = cluster_queue("cq", flavors(f={"cpu": "4", key: "4"}))
    here = room(queue=queue_room(local_queue(), [behind]))
    assert [each.label for each in items(here, [])] == ["CPU cores", "Memory"]
    assert fit(Wish(requests={"cpu": 1.0, key: 4.0}), here, now=NOW).answer == "now"
    assert fit(Wish(requests={"cpu": 1.0, key: 5.0}), here, now=NOW).answer == "never"


def test_of_several_bounds_that_with_the_least_left_is_shown() -> None:
    full = quota(hard={f"requests.{GPU}": "8"}, used={f"requests.{GPU}": "8"})
    behind = cluster_queue("cq", flavors(f={GPU: "6"}))
    gpu = item(items(room(full, queue=queue_room(local_queue(), [behind])), []), "GPU")
    assert (gpu.used, gpu.limit, gpu.source) == (8, 8, "the quota team-a")


@pytest.mark.parametrize(
    ("published", "label", "count"),
    [
        ([vendors.whole("a", count=4)], "GPU", 4),
        ([vendors.hami("h")], "GPU shares", 20),
        ([vendors.shared("t", "time-slicing")], "GPU shares", 4),
        ([vendors.whole("a", count=4), vendors.hami("h")], "GPUs and GPU shares", 24),
    ],
    ids=["whole", "hami", "time-slicing", "both"],
)
def test_parts_of_cards_are_not_called_gpus(
    published: list[dict[str, Any]], label: str, count: int
) -> None:
    nodes = [
        msgspec.convert(
            {
                "metadata": {
                    "name": each["name"],
                    "labels": each["labels"],
                    "annotations": each.get("annotations", {}),
                },
                "status": {"allocatable": each["allocatable"]},
            },
            Node,
        )
        for each in published
    ]
    assert item(items(room(nodes=nodes), []), label).limit == count


def test_a_use_below_nothing_is_nothing() -> None:
    here = room(quota(hard={f"requests.{GPU}": "4"}, used={f"requests.{GPU}": "-4"}))
    assert fit(wish(gpu=6), here, now=NOW).answer == "never"
    assert fit(wish(gpu=2), here, now=NOW, count=4).now == 2
    assert item(items(here, []), "GPU").used == 0


@pytest.mark.parametrize("text", ["1e400", "9" * 400, "1e308Ei", "-1e400"])
def test_what_no_number_holds_is_no_quantity(text: str) -> None:
    assert quantity(text) is None


# -- at size ----------------------------------------------------------------------------------


def test_groups_that_nothing_is_asked_of_are_not_chosen_from() -> None:
    groups = [
        *flavors(f={GPU: "4"}),
        *(
            each
            for n in range(6)
            for each in flavors(**{f"f{m}": {f"x{n}": "1"} for m in range(8)})
        ),
    ]
    here = room(queue=queue_room(local_queue(), [cluster_queue("cq", groups)]))
    assert len(here.ways(wish(gpu=1))) == 1
    assert len(here.ways(Wish(requests={GPU: 1.0, "x0": 1.0}))) == 8


def test_queues_of_a_namespace_have_what_each_has_alone() -> None:
    cohort = msgspec.convert(
        {"metadata": {"name": "lab"}, "spec": {"resourceGroups": flavors(a={GPU: "8"})}}, Cohort
    )
    behind = [
        cluster_queue(f"c{n}", flavors(a={GPU: str(n)}), cohortName="lab") for n in range(1, 4)
    ]
    mine = [local_queue(f"l{n}", f"c{n}") for n in range(1, 4)]
    assert queue_rooms(mine, behind, [cohort]) == [queue_room(q, behind, [cohort]) for q in mine]
