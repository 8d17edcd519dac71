"""What only happens on a cluster, from what a real API server said and from the facts' samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.explain import Facts, diagnose, diagnose_refusal
from cnai_sdk.explain.catalogue import SHORT, Row, rows
from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.event import Event
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.workload import Replica, Workload
from tests.unit.kubernetes.lives import (
    a_job,
    a_pod,
    an_event,
    ended,
    events_of,
    joined,
    life,
    replayed,
    running,
    stands,
    waiting,
)

CLUSTER = [
    each for each in rows()
    if each.reason in {
        "CreateDenied", "Unschedulable", "ImagePull", "ConfigMissing", "MountFailed", "Evicted",
        "NodeLost", "Preempted", "NodeRefused", "BackoffLimit", "QueuePending", "QueueTooSmall",
        "QueueLacks", "QueueMissing", "QueueStopped", "QueueGaveUp", "QueueTimeLimit", "CrashLoop",
    }
]  # fmt: skip


TOLD = [each for each in CLUSTER if each.sample and each.events]


def verdict_of(job: Job) -> Diagnosis:
    """The verdict on a job as the cluster backend tells of it."""
    facts = Facts(workload=stands(job), events=tuple(events_of(job)))
    found = diagnose(facts)
    assert found is not None
    return found


RECORDED = [
    ("pt-quota", "QUOTA"),
    ("tj-quota", "QUOTA"),
    ("pt-must", "QUOTA_MUST_SPECIFY"),
    ("pt-range", "LIMITRANGE"),
    ("pt-psa", "PSA"),
    ("tj-psa", "PSA"),
    ("pt-memory", "SCHED_CPU_MEM"),
    ("tj-gpu", "SCHED_GPU"),
    ("pt-selector", "SCHED_AFFINITY"),
    ("pt-pvc", "SCHED_PVC_UNBOUND"),
    ("pt-toobig", "KUEUE_TOO_BIG"),
    ("pt-noqueue", "KUEUE_MISCONF"),
    ("pt-deadline", "DEADLINE"),
    ("tj-deadline", "DEADLINE"),
    ("pt-backoff", "BACKOFF_LIMIT"),
]


@pytest.mark.parametrize(("name", "id"), RECORDED)
def test_a_recorded_job_has_its_verdict(name: str, id: str) -> None:
    found = verdict_of(replayed(life(name))[0])
    assert found.id == id
    assert len(found.short) <= SHORT
    assert found.evidence, "the lines that prove it"


def test_a_verdict_quotes_the_clusters_own_words() -> None:
    found = verdict_of(replayed(life("pt-quota"))[0])
    assert "it allows 256Mi of memory" in found.why
    assert any("exceeded quota: student-quota" in line.text for line in found.evidence)


def test_a_job_in_line_says_what_must_become_free() -> None:
    told = life("pt-second")
    admitted = next(
        n
        for n, (_, obj) in enumerate(told)
        if any(c["type"] == "Admitted" for c in obj.get("status", {}).get("conditions", []))
    )
    found = verdict_of(replayed(told[:admitted])[0])
    assert found.id == "KUEUE_WAIT"
    assert "0.6 more CPU" in found.why


def test_a_job_that_only_starts_has_no_verdict() -> None:
    for job in (
        joined(a_job()),
        joined(a_job(), running(0), waiting(1, "ContainerCreating")),
        joined(a_job(), running(0), running(1)),
    ):
        assert diagnose(Facts(workload=stands(job), events=tuple(events_of(job)))) is None


def test_memory_is_told_with_the_worker_and_its_limit() -> None:
    failed: dict[str, Any] = {"Failed": {}}
    found = verdict_of(
        joined(a_job(conditions=failed), ended(0, 1, at=51), ended(1, 137, reason="OOMKilled"))
    )
    assert (found.id, found.rank, found.changes) == ("OOM_KILLED", 1, {"memory": "512Mi"})


TAKEN = [
    ({"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage. "},
     "EVICTED_NODE"),
    ({"reason": "Evicted", "message": 'Usage of EmptyDir volume "s" exceeds the limit "1Gi". '},
     "EVICTED_SELF"),
    ({"conditions": {"DisruptionTarget": {"reason": "EvictionByEvictionAPI"}}}, "EVICTED"),
    ({"conditions": {"DisruptionTarget": {"reason": "DeletionByTaintManager"}}}, "NODE_LOST"),
    ({"conditions": {"DisruptionTarget": {"reason": "PreemptionByScheduler"}}}, "PREEMPTED_SCHED"),
    ({"reason": "UnexpectedAdmissionError"}, "GPU_ADMIT"),
    ({"reason": "OutOfcpu"}, "GPU_ADMIT"),
    ({"reason": "UnexpectedAdmissionError",
      "message": "Pod was rejected: Allocate failed due to rpc error: code = Unknown desc = "
      'invalid allocation request for "nvidia.com/gpu": invalid request: maximum request size for '
      "shared resources is 1; found 2, which is unexpected"},
     "GPU_SHARED_COUNT"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "id"), TAKEN, ids=[id for _, id in TAKEN])
def test_a_worker_that_was_taken_away_is_told_by_whom(more: dict[str, Any], id: str) -> None:
    pod = a_pod(0, "Failed", **more)
    found = verdict_of(joined(a_job(1, conditions={"Failed": {}}), pod))
    assert (found.id, found.rank) == (id, 0)


PULLS = [
    ("toomanyrequests: You have reached your pull rate limit", "IMG_RATE"),
    ("pull access denied, repository does not exist or may require authorization", "IMG_AUTH"),
    ('failed to resolve reference "ghcr.io/a/b:v9": ghcr.io/a/b:v9: not found', "IMG_NOTFOUND"),
    ("no match for platform in manifest: not found", "IMG_PLATFORM"),
    ("the registry is having lunch", "IMG_BACKOFF"),
]

NO_NAME = (
    'Failed to apply default image tag "Python:3": couldn\'t parse image name "Python:3": '
    "invalid reference format: repository name (library/Python) must be lowercase"
)


def test_a_name_that_no_image_can_have_is_not_tried_again() -> None:
    found = verdict_of(joined(a_job(1), waiting(0, "InvalidImageName", NO_NAME)))
    assert found.id == "IMG_INVALID"
    assert found.why.startswith("The image name Python:3 is not valid. ")
    assert "tries again" not in found.why


@pytest.mark.parametrize(("said", "id"), PULLS, ids=[id for _, id in PULLS])
def test_the_registrys_own_words_choose_the_verdict(said: str, id: str) -> None:
    about = ("Pod", "digits-master-0", "p0")
    pulled = an_event("Failed", f'Failed to pull image "x:y": {said}', about=about)
    stuck = waiting(0, "ImagePullBackOff", 'Back-off pulling image "x:y"')
    assert verdict_of(joined(a_job(1), stuck, pulled)).id == id


STARTS = [
    ("CreateContainerConfigError", 'secret "hf-token" not found', "MOUNT_MISSING"),
    ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root",
     "RUN_AS_ROOT"),
    ("CreateContainerConfigError", "something else", "CONFIG_MISSING"),
    ("RunContainerError", 'exec: "nosuch": executable file not found in $PATH', "BAD_COMMAND"),
    ("RunContainerError", "exec /usr/bin/python: exec format error", "IMG_ARCH"),
    ("CrashLoopBackOff", "back-off 10s restarting failed container", "CRASHLOOP"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "said", "id"), STARTS, ids=[id for *_, id in STARTS])
def test_a_worker_that_does_not_start_has_its_verdict(why: str, said: str, id: str) -> None:
    job = joined(a_job(1), waiting(0, why, said))
    if id == "CRASHLOOP":
        assert diagnose(Facts(workload=stands(job))) is None, "it is started again by itself"
        return
    assert verdict_of(job).id == id


def test_a_program_that_the_image_lacks_ends_the_job() -> None:
    said = 'exec: "nosuch": executable file not found in $PATH: unknown'
    pod = ended(0, 128, reason="StartError", end=said)
    found = verdict_of(joined(a_job(1, conditions={"Failed": {}}), pod))
    assert found.id == "BAD_COMMAND"
    assert "nosuch" in found.why


def test_a_warning_of_the_cluster_is_no_failure_of_its_worker() -> None:
    """A worker that waited for a node at first is not the one that failed."""
    about = ("Pod", "digits-master-0", "p0")
    waited = an_event("FailedScheduling", "0/1 nodes are available: 1 Too many pods.", about=about)
    pods = [ended(0, 143, at=51), ended(1, 3, at=50)]
    found = verdict_of(joined(a_job(conditions={"Failed": {}}), *pods, waited))
    assert (found.id, found.rank) == ("EXIT_CODE", 1)


@pytest.mark.parametrize("each", CLUSTER, ids=lambda each: each.id)
def test_every_cluster_row_is_found_without_events_too(each: Row) -> None:
    """Where events may not be read, the sentence of the workload is all there is."""
    workload = Workload(
        id="w", name="digits", kind=Kind.TRAIN, phase=Phase.QUEUED, backend="kubernetes",
        reason=each.reason, message="The cluster does not say", replicas=(Replica(rank=0),),
    )  # fmt: skip
    found = diagnose(Facts(workload=workload))
    assert found is not None
    assert found.fix
    if each.sample:
        told = msgspec.structs.replace(workload, message=each.sample)
        again = diagnose(Facts(workload=told))
        assert again is not None
        assert again.id == each.id


@pytest.mark.parametrize("each", TOLD, ids=lambda each: each.id)
def test_the_newest_event_chooses_among_rows_of_one_reason(each: Row) -> None:
    old = Event(reason=each.events[0], message="an older one", time=1)
    new = Event(reason=each.events[0], message=each.sample, time=2)
    workload = Workload(
        id="w", name="digits", kind=Kind.TRAIN, phase=Phase.QUEUED, backend="kubernetes",
        reason=each.reason, message="The cluster does not say",
    )  # fmt: skip
    found = diagnose(Facts(workload=workload, events=(old, new)))
    assert found is not None
    assert found.id == each.id


def test_a_job_that_its_queue_took_back_is_told_what_its_workers_waited_for() -> None:
    late = "The queue team took it back: its workers did not all start in time; it tries again"
    events = (
        Event(reason="ImagePullFailed", message="pull access denied", warning=True, rank=1, time=1),
        Event(reason="EvictedDueToPodsReadyTimeout", message="Exceeded the PodsReady timeout a/b",
              warning=True, time=2),
    )  # fmt: skip
    workload = Workload(
        id="w", name="digits", kind=Kind.TRAIN, phase=Phase.QUEUED, backend="kubernetes",
        reason="QueueGaveUp", message=late,
    )  # fmt: skip
    found = diagnose(Facts(workload=workload, events=events))
    assert found is not None
    assert found.id == "KUEUE_PODSREADY"
    assert found.why == f"{late}. Before that the cluster said: pull access denied"
    alone = diagnose(Facts(workload=workload, events=events[1:]))
    assert alone is not None
    assert alone.why == f"{late}."


REFUSALS: Sequence[tuple[str, str]] = [
    ('pytorchjobs.kubeflow.org is forbidden: User "s1" cannot create resource "pytorchjobs" in API '
     'group "kubeflow.org" in the namespace "default"', "RBAC"),
    ('admission webhook "validator.trainjob.trainer.kubeflow.org" denied the request: '
     "spec.trainer.env: Invalid value: must not have reserved envs, invalid envs configured: "
     "[PET_NNODES]", "RESERVED_ENV"),
    ("specified clusterTrainingRuntime must be created before the TrainJob is created",
     "RUNTIME_MISSING"),
    ('admission webhook "validator.trainjob.trainer.kubeflow.org" denied the request: '
     "runtime 'no-such-runtime' not found", "RUNTIME_MISSING"),
    ('admission webhook "x.y" denied the request: no', "WEBHOOK_DENIED"),
    ('Internal error occurred: failed calling webhook "x.y": connection refused', "WEBHOOK_DOWN"),
    ('trainjobs "d" is forbidden: exceeded quota: q, requested: count/trainjobs=1, used: 1, '
     "limited: 1", "QUOTA"),
    ('trainjobs "d" is forbidden: status unknown for quota: q, resources: count/trainjobs',
     "QUOTA_NOT_COUNTED"),
    ('namespaces "typo-ns" not found', "NAMESPACE_MISSING"),
    ('pods "a" is forbidden: unable to create new content in namespace old because it is being '
     "terminated", "NAMESPACE_ENDING"),
    ('pods "a" is forbidden: no PriorityClass with name nope was found', "PRIORITY_MISSING"),
    ("I am a teapot", "REFUSED"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "id"), REFUSALS, ids=[id for _, id in REFUSALS])
def test_a_request_that_is_refused_has_its_verdict(said: str, id: str) -> None:
    found = diagnose_refusal(said)
    assert found.id == id
    assert found.fix
    assert found.evidence[0].text.startswith(said[:40])


@pytest.mark.parametrize("each", CLUSTER, ids=lambda each: each.id)
def test_of_what_was_never_created_nothing_is_promised(each: Row) -> None:
    if not each.sample:
        return
    told = diagnose_refusal(each.sample)
    words = f"{told.happened} {told.why} {told.fix}"
    for promise in ("by itself", "are made as soon", "does not make the workers", "job.events"):
        assert promise not in words


def test_a_missing_right_is_named_with_the_account_that_lacks_it() -> None:
    found = diagnose_refusal(REFUSALS[0][0])
    assert found.happened == "You may not create pytorchjobs in this namespace."
    assert "s1" in found.why
    assert found.fix.endswith("ask whoever runs the cluster for the right to create pytorchjobs.")
