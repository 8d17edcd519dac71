"""What the cluster says, in plain words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.standing_asked import quantity, resources_of
from cnai_sdk.backends.kubernetes.standing_denials import denied
from cnai_sdk.backends.kubernetes.standing_words import queue_wait, scheduling, starting

PREEMPTION = " preemption: 0/4 nodes are available: 4 No preemption victims found."
PLACED = [
    ("0/4 nodes are available: 4 Insufficient nvidia.com/gpu." + PREEMPTION,
     "No node has room: of 4 nodes, 4 have too few free GPUs"),
    ("0/3 nodes are available: 1 Too many pods, 2 node(s) had untolerated taint {a: b}.",
     "No node has room: of 3 nodes, 1 has as many pods as it may, 2 are reserved for other work"),
    ("0/2 nodes are available: 1 node(s) were unschedulable, 1 Insufficient memory.",
     "No node has room: of 2 nodes, 1 is closed for new work, 1 has too little free memory"),
    ("0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
     "No node has room: of 2 nodes, 2 are out of reach of its volume"),
    ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
     "Its volume is not ready"),
    ("no nodes available to schedule pods", "The cluster has no node"),
    ("waiting for minCount pods from a gang to be scheduled",
     "Waits until there is room for all workers at once"),
    ("0/2 nodes are available: pre-filter pod fit-worker-0 cannot find enough sibling pods, "
     "current pods number: 1, minMember of group: 2. no new claims to deallocate, PodGroup "
     "team-a/fit gets rejected due to Pod fit-worker-0 is unschedulable even after PostFilter",
     "Waits until there is room for all workers at once"),
    ("something new in a later version", "something new in a later version"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "words"), PLACED, ids=lambda value: value[:30])
def test_the_schedulers_reason_is_said_in_plain_words(said: str, words: str) -> None:
    wait = scheduling(said)
    assert (wait.sentence, wait.reason, wait.stuck) == (words, "Unschedulable", True)


GAP = (
    "0/2 nodes are available: resource gap: map[nvidia.com/gpu:{{1 0} {<nil>}  DecimalSI}]. no new "
    "claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for "
    "scheduling., PodGroup team-a/fit gets rejected due to Pod fit-worker-0 is unschedulable even "
    "after PostFilter"
)


def test_a_lone_worker_of_a_scheduler_of_gangs_waits_for_devices_and_not_for_others() -> None:
    together = "Waits until there is room for all workers at once"
    assert scheduling(GAP).sentence == together
    alone = scheduling(GAP, alone=True)
    assert alone.sentence == "No node has room: the cluster has too few free GPUs"


def test_a_pod_that_the_scheduler_has_not_seen_waits_for_a_node() -> None:
    wait = scheduling("")
    assert (wait.sentence, wait.stuck) == ("Waits for a node", False)


STARTS = [
    ("ErrImagePull", 'failed to pull and unpack image "ghcr.io/a/b:v9": not found', "ImagePull",
     "The image ghcr.io/a/b:v9 cannot be pulled"),
    ("ImagePullBackOff", 'Back-off pulling image "x:y"', "ImagePull",
     "The image x:y cannot be pulled"),
    ("InvalidImageName", "", "ImagePull", "The image name is not valid"),
    ("InvalidImageName", 'Failed to apply default image tag "Python:3": couldn\'t parse image name '
     '"Python:3": invalid reference format: repository name (library/Python) must be lowercase',
     "ImagePull", "The image name Python:3 is not valid"),
    ("CreateContainerConfigError", "couldn't find key token in Secret team-a/hf-token",
     "ConfigMissing", "The secret hf-token has no token"),
    ("CreateContainerConfigError",
     "container has runAsNonRoot and image will run as root (pod: x)", "ConfigMissing",
     "The image runs as root, and this cluster does not allow that"),
    ("RunContainerError", "exec /usr/bin/python: exec format error", "StartFailed",
     "The image is built for another kind of processor"),
    ("CrashLoopBackOff", "back-off 10s", "CrashLoop",
     "It ended and is started again after a pause"),
]  # fmt: skip


def test_a_container_that_ends_again_and_again_is_stuck_from_its_third_restart() -> None:
    again = [starting("CrashLoopBackOff", "back-off 40s", restarts=n).stuck for n in range(5)]
    assert again == [False, False, False, True, True]


@pytest.mark.parametrize(("why", "said", "reason", "words"), STARTS, ids=lambda value: value[:20])
def test_a_nodes_reason_is_said_in_plain_words(
    why: str, said: str, reason: str, words: str
) -> None:
    wait = starting(why, said)
    assert (wait.reason, wait.sentence) == (reason, words)


def test_a_volume_that_another_node_uses_is_said() -> None:
    said = 'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached'
    wait = starting("", "", mount=said)
    assert (wait.reason, wait.sentence) == ("MountFailed", "Its volume is used by another node")


DENIED = [
    ('pods "x" is forbidden: exceeded quota: q, requested: requests.cpu=1,'
     "requests.nvidia.com/gpu=1, used: requests.cpu=1,requests.nvidia.com/gpu=4, "
     "limited: requests.cpu=8,requests.nvidia.com/gpu=4",
     "The quota q of this namespace is used up: it allows 4 of GPU, 4 is in use, and a worker asks "
     "for 1"),
    ('pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
     "The quota q of this namespace is used up: it allows 2 pods, 2 is in use, and 1 more would be "
     "made"),
    ('trainjobs.trainer.kubeflow.org "x" is forbidden: exceeded quota: q, requested: '
     "count/trainjobs.trainer.kubeflow.org=1, used: count/trainjobs.trainer.kubeflow.org=2, "
     "limited: count/trainjobs.trainer.kubeflow.org=2",
     "The quota q of this namespace is used up: it allows 2 trainjobs, 2 is in use, and 1 more "
     "would be made"),
    ("minimum memory usage per Pod is 1Gi, but request is 64Mi",
     "This namespace allows at least 1Gi of memory a worker, and a worker asks for 64Mi"),
    ('admission webhook "validate.kyverno.svc-fail" denied the request: no registry but ours',
     "The check validate.kyverno.svc-fail of this cluster refused it: no registry but ours"),
    ('Internal error occurred: failed calling webhook "x.y": connection refused',
     "The check x.y of this cluster does not answer"),
    ("the server is on fire", "The cluster refused to make the workers: the server is on fire"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "words"), DENIED, ids=lambda value: value[:30])
def test_a_refusal_is_said_in_plain_words(said: str, words: str) -> None:
    wait = denied(f"Error creating: {said}")
    assert (wait.sentence, wait.reason, wait.stuck) == (words, "CreateDenied", True)


def in_queue(message: str, *, active: bool = True, evicted: str = "", why: str = "") -> Any:
    conditions = [{"type": "QuotaReserved", "status": "False", "message": message}]
    if evicted:
        told = {"type": "Evicted", "status": "True", "reason": evicted, "message": why}
        conditions.append(told)
    spec = {"queueName": "team", "active": active}
    return msgspec.convert({"spec": spec, "status": {"conditions": conditions}}, QueueWorkload)


QUEUED = [
    ("couldn't assign flavors to pod set node: insufficient unused quota for nvidia.com/gpu in "
     "flavor a100, 2 more needed", "QueuePending", "2 more GPU to become free in the queue team"),
    ("insufficient quota for nvidia.com/gpu in flavor a100, previously considered podsets requests "
     "(0) + current podset request (8) > maximum capacity (4)", "QueueTooSmall",
     "The queue team has 4 GPU in all, fewer than asked for"),
    ("resource nvidia.com/mig-1g.5gb unavailable in ClusterQueue", "QueueLacks",
     "The queue team has no nvidia.com/mig-1g.5gb"),
    ("LocalQueue team doesn't exist", "QueueMissing", "There is no queue team"),
    ("ClusterQueue cq is inactive", "QueueStopped", "The queue cq is paused"),
    ("waiting for all admitted workloads to be in PodsReady condition", "QueuePending",
     "all workers of the job before it in the queue team to start"),
    ("", "QueuePending", "its turn in the queue team"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "reason", "words"), QUEUED, ids=lambda value: value[:20])
def test_a_queues_reason_is_said_in_plain_words(said: str, reason: str, words: str) -> None:
    wait = queue_wait(in_queue(said))
    assert (wait.reason, wait.sentence) == (reason, words)


def test_a_job_that_a_person_paused_is_told_from_one_that_its_queue_gave_up() -> None:
    assert queue_wait(in_queue("", active=False)).reason == "Suspended"
    over = queue_wait(
        in_queue("", active=False, evicted="DeactivatedDueToMaximumExecutionTimeExceeded")
    )
    assert over.reason == "QueueTimeLimit"
    late = queue_wait(in_queue("", active=False, evicted="DeactivatedDueToRequeuingLimitExceeded"))
    assert late.reason == "QueueGaveUp"


def test_a_queue_that_took_a_job_back_says_that_it_tries_again() -> None:
    said = "Exceeded the PodsReady timeout team-a/pytorchjob-late"
    back = queue_wait(in_queue(said, evicted="PodsReadyTimeout"))
    assert (back.reason, back.sentence) == (
        "QueueGaveUp",
        "The queue team took it back: its workers did not all start in time; it tries again by "
        "itself",
    )
    line = "insufficient unused quota for cpu in flavor default, 1 more needed"
    assert queue_wait(in_queue(line, evicted="PodsReadyTimeout")).reason == "QueuePending"


def test_a_check_that_refuses_a_job_is_named() -> None:
    why = (
        'The workload is deactivated due to AdmissionCheck in Rejected state: "budget" (none left)'
    )
    gone = in_queue("", active=False, evicted="DeactivatedDueToAdmissionCheck", why=why)
    assert queue_wait(gone).sentence == "The check budget of the queue team refused it: none left"
    other = in_queue("", active=False, evicted="DeactivatedDueToSomething", why="It is late")
    assert (queue_wait(other).reason, queue_wait(other).sentence) == ("QueueGaveUp", "It is late")


def test_foreign_words_are_bounded() -> None:
    assert len(denied("x " * 5000).sentence) < 400
    assert len(scheduling("y " * 5000).sentence) < 400


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1Ki", 1024.0), ("1k", 1000.0), ("1e2", 100.0), ("250u", 0.00025), ("x", None), ("1Q", None)],
)
def test_quantities_are_read_as_kubernetes_does(text: str, amount: float | None) -> None:
    assert quantity(text) == (None if amount is None else pytest.approx(amount))


def test_an_amount_that_cannot_be_read_is_left_out() -> None:
    found = resources_of({"cpu": "lots", "memory": "1Gi"})
    assert (found.cpu, found.memory) == (None, 2**30)
