"""How a job stands: the lives of real jobs, and what a test node cannot make real."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.heard import Heard
from cnai_sdk.backends.kubernetes.standing_seen import Context
from cnai_sdk.model.phase import Phase

from .lives import (
    a_job,
    a_pod,
    an_event,
    ended,
    events_of,
    joined,
    last,
    life,
    phases,
    replayed,
    running,
    stands,
    time,
    unscheduled,
    waiting,
)

ORDER = [Phase.QUEUED, Phase.STARTING, Phase.RUNNING, Phase.SUCCEEDED]


# -- whole lives ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pt-ok", "tj-ok"])
def test_a_run_that_succeeds_goes_through_the_phases_in_order(name: str) -> None:
    _, states = replayed(life(name))
    assert phases(states) == ORDER
    end = states[-1]
    assert [replica.exit_code for replica in end.replicas] == [0, 0]
    assert end.started is not None
    assert end.ended is not None
    assert end.created <= end.started <= end.ended
    assert (end.message, end.reason) == ("", "")


@pytest.mark.parametrize("name", ["pt-first", "pt-second", "tj-third"])
def test_a_job_in_a_queue_waits_there_before_it_starts(name: str) -> None:
    _, states = replayed(life(name))
    assert phases(states) == ORDER
    assert states[0].phase is Phase.QUEUED
    assert not any(state.suspended for state in states), "its queue holds it, and nobody paused it"


def test_a_job_in_a_queue_says_what_it_waits_for() -> None:
    _, states = replayed(life("pt-second"))
    said = [state.message for state in states]
    assert "Waits for 0.6 more CPU to become free in the queue k3" in said


def test_its_place_in_line_is_told_while_it_waits_and_not_later() -> None:
    told = life("pt-second")
    admitted = next(
        n for n, (_, obj) in enumerate(told)
        if any(c["type"] == "Admitted" for c in obj.get("status", {}).get("conditions", []))
    )  # fmt: skip
    waits = stands(replayed(told[:admitted])[0], position=2)
    assert waits.queued is not None
    assert (waits.queued.position, waits.queued.waits_for[:12]) == (2, "0.6 more CPU")
    assert last("pt-second").queued is None


def test_the_first_worker_that_fails_is_the_cause() -> None:
    failed = last("pt-fails")
    assert (failed.phase, failed.reason) == (Phase.FAILED, "WorkerFailed")
    assert failed.message == "Worker 1 ended with exit code 1"
    assert failed.replicas[1].exit_code == 1
    assert failed.replicas[1].phase is Phase.FAILED


@pytest.mark.parametrize("name", ["pt-deadline", "tj-deadline"])
def test_a_deadline_is_told_in_the_words_of_the_local_backend(name: str) -> None:
    failed = last(name)
    assert (failed.phase, failed.reason, failed.timeout) == (Phase.FAILED, "Timeout", 4.0)
    assert failed.message == "It was still running when its timeout of 4\xa0s was over"


@pytest.mark.parametrize("name", ["pt-backoff", "tj-fails"])
def test_where_nobody_saw_how_it_ended_that_is_said(name: str) -> None:
    failed = last(name)
    assert failed.phase is Phase.FAILED
    assert failed.reason in ("BackoffLimit", "WorkerFailed")
    assert failed.message


@pytest.mark.parametrize("name", ["pt-suspended", "tj-suspended"])
def test_a_suspended_job_waits_and_has_not_failed(name: str) -> None:
    paused = last(name)
    assert (paused.phase, paused.suspended) == (Phase.QUEUED, True)
    assert (paused.reason, paused.queued) == ("", None)


STUCK = [
    ("pt-memory", "Unschedulable", "No node has room: the only one has too little free memory"),
    ("tj-gpu", "Unschedulable", "No node has room: the only one has too few free GPUs"),
    ("pt-selector", "Unschedulable", "No node has room: the only one is not of the kind asked for"),
    ("pt-pvc", "Unschedulable", "There is no volume nosuch"),
    ("pt-toobig", "QueueTooSmall", "The queue k3 has 1 GPU in all, fewer than asked for"),
    ("pt-noqueue", "QueueMissing", "There is no queue nosuch"),
    ("pt-must", "CreateDenied", "The quota student-quota of this namespace wants limits.cpu to "
     "be stated"),
    ("pt-range", "CreateDenied", "This namespace allows at most 256Mi of memory a worker, and a "
     "worker asks for 2Gi"),
    ("pt-psa", "CreateDenied", "The namespace's security level restricted does not allow it"),
    ("tj-psa", "CreateDenied", "The namespace's security level restricted does not allow it"),
    *((name, "CreateDenied", "The quota student-quota of this namespace is used up: it allows "
       "256Mi of memory, 0 is in use, and a worker asks for 2Gi") for name in
      ("pt-quota", "tj-quota")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "reason", "message"), STUCK, ids=lambda value: value[:12])
def test_a_job_that_is_stuck_says_why_and_has_not_failed(
    name: str, reason: str, message: str
) -> None:
    stuck = last(name)
    assert stuck.phase is Phase.QUEUED
    assert (stuck.reason, stuck.message) == (reason, message)
    assert stuck.queued is None, "nobody is first in a line that does not move"


def test_an_image_that_cannot_be_pulled_is_named() -> None:
    stuck = last("pt-image")
    assert (stuck.phase, stuck.reason) == (Phase.STARTING, "ImagePull")
    assert stuck.message == "The image registry.example.com/nosuch:v9 cannot be pulled"


def test_events_of_an_earlier_job_of_the_same_name_are_not_its_own() -> None:
    job, _ = replayed(life("pt-quota"))
    assert all(event.first >= job.obj.metadata.created - 5 for event in job.events.values())


# -- what workers do -----------------------------------------------------------------------


def test_nothing_is_said_of_a_job_that_its_operator_has_not_seen() -> None:
    fresh = stands(joined(a_job(conditions={})))
    assert fresh.phase is Phase.QUEUED
    assert fresh.message == "The training operator has not taken it up yet"


def test_it_starts_until_all_workers_are_up() -> None:
    starting = stands(joined(a_job(), running(0), waiting(1, "ContainerCreating")))
    assert (starting.phase, starting.message) == (Phase.STARTING, "1 of 2 workers are up")
    assert stands(joined(a_job(), running(0), running(1))).phase is Phase.RUNNING


def test_a_worker_that_is_made_anew_leaves_the_job_running() -> None:
    gone = running(1)
    fresh = unscheduled(1, "", uid="new", created=9)
    again = stands(joined(a_job(), running(0), gone, fresh, gone=[gone]))
    assert again.phase is Phase.RUNNING
    assert again.message == "1 of 2 workers are up; worker 1: waits for a node"
    assert again.replicas[1].phase is Phase.QUEUED


def test_when_all_workers_are_made_anew_it_starts_again() -> None:
    old = [ended(rank, 1, uid=f"old{rank}") for rank in (0, 1)]
    new = [waiting(rank, "ContainerCreating", uid=f"new{rank}", created=60) for rank in (0, 1)]
    again = stands(joined(a_job(), *old, *new, gone=old))
    assert (again.phase, again.attempt) == (Phase.STARTING, 1)


def test_a_container_that_was_started_again_counts_as_an_attempt() -> None:
    before = {"terminated": {"exitCode": 3, "finishedAt": time(20), "startedAt": time(2)}}
    again = stands(joined(a_job(1), running(0, since=25, last=before, restarts=1)))
    assert (again.phase, again.attempt) == (Phase.RUNNING, 1)


def test_a_signal_is_negative_as_on_the_local_backend() -> None:
    failed = stands(joined(a_job(1, conditions={"Failed": {}}), ended(0, 139)))
    assert failed.replicas[0].exit_code == -11
    assert failed.message == "Worker 0 ended with signal 11 (SIGSEGV)"


# -- why it failed ---------------------------------------------------------------------------


def failed(*pods: dict[str, Any], **more: Any) -> Any:
    more.setdefault("conditions", {"Failed": {}})
    return stands(joined(a_job(max(len(pods), 1), **more), *pods))


def test_who_failed_first_is_the_cause_and_the_others_follow() -> None:
    found = failed(ended(0, 1, at=51), ended(1, 3, at=50), ended(2, 143, at=52))
    assert found.message == "Worker 1 ended with exit code 3"
    assert [each.phase for each in found.replicas] == [Phase.FAILED, Phase.FAILED, Phase.STOPPED]


def test_in_one_second_what_cannot_follow_from_another_is_the_cause() -> None:
    found = failed(ended(0, 1), ended(1, 137, reason="OOMKilled"))
    assert (found.reason, found.message) == (
        "MemoryExceeded",
        "Worker 1 needed more than its memory of 256\xa0MiB",
    )


def test_the_exception_that_a_worker_left_is_told() -> None:
    end = json.dumps({"error": {"type": "ValueError", "message": "label 10 is not a digit\nmore"}})
    assert (
        failed(ended(0, 1, end=end)).message
        == "Worker 0 raised ValueError: label 10 is not a digit"
    )


def test_a_last_message_that_is_not_ours_breaks_nothing() -> None:
    for end in ("{", "[1]", "plain words", '{"error": 3}', "{" * 3000):
        assert failed(ended(0, 1, end=end)).message == "Worker 0 ended with exit code 1"


TAKEN = [
    ({"reason": "Evicted", "message": "The node was low on resource: memory. "}, "Evicted",
     "Worker 0 was evicted: The node was low on resource: memory."),
    ({"conditions": {"DisruptionTarget": {"reason": "DeletionByTaintManager"}}}, "NodeLost",
     "Worker 0 was lost with its node node-a"),
    ({"conditions": {"DisruptionTarget": {"reason": "PreemptionByScheduler"}}}, "Preempted",
     "Worker 0 had to make room for work with a higher priority"),
    ({"reason": "UnexpectedAdmissionError", "message": "no healthy devices"}, "NodeRefused",
     "Worker 0 was refused by its node: no healthy devices"),
    ({"reason": "DeadlineExceeded"}, "Timeout",
     "It had not started when its timeout of the cluster was over"),
    ({"reason": "DeadlineExceeded", "state": {"terminated": {"exitCode": 143,
      "startedAt": time(2), "finishedAt": time(9)}}}, "Timeout",
     "It was still running when its timeout of the cluster was over"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "reason", "message"), TAKEN, ids=lambda value: str(value)[:20])
def test_what_the_cluster_did_to_a_worker_is_told(
    more: dict[str, Any], reason: str, message: str
) -> None:
    found = failed(a_pod(0, "Failed", **more))
    assert (found.reason, found.message) == (reason, message)


def test_a_pod_that_a_lost_node_keeps_running_is_lost_when_its_operator_gives_it_up() -> None:
    """The node is to end it, and does not answer any more."""
    why = {"DisruptionTarget": {"reason": "DeletionByTaintManager"}}
    pod = running(0, conditions=why)
    pod["metadata"]["deletionTimestamp"] = time(60)
    found = failed(pod)
    assert (found.reason, found.message) == ("NodeLost", "Worker 0 was lost with its node node-a")


def test_a_pod_that_goes_with_its_node_before_it_ended_is_lost() -> None:
    taken = running(0, conditions={"DisruptionTarget": {"reason": "DeletionByTaintManager"}})
    job = joined(a_job(1, conditions={"Failed": {}}), taken, gone=[taken])
    assert stands(job).reason == "NodeLost"


def test_an_end_that_was_seen_before_the_pod_went_stays_known() -> None:
    gone = ended(1, 3)
    job = joined(a_job(conditions={"Failed": {}}), running(0), gone, gone=[gone])
    found = stands(job)
    assert found.message == "Worker 1 ended with exit code 3"
    assert found.replicas[1].exit_code == 3


def test_a_failed_install_is_told_as_on_the_local_backend() -> None:
    end = json.dumps({"reason": "InstallFailed", "message": "No matching distribution found"})
    found = failed(ended(0, 1, end=end))
    assert (found.reason, found.message) == ("InstallFailed", "No matching distribution found")


def test_a_step_before_the_worker_that_fails_is_named() -> None:
    init = {"name": "fetch", "state": {"terminated": {"exitCode": 1, "message": "no such bucket"}}}
    found = failed(a_pod(0, "Failed", init=[init]))
    assert found.message == "Worker 0 failed in its step fetch: no such bucket"


def test_a_run_that_was_started_again_inside_its_pod_is_an_attempt() -> None:
    found = failed(ended(0, 1, end='{"attempt": 2}'))
    assert found.attempt == 2


def test_a_program_that_does_not_exist_is_named() -> None:
    said = 'exec: "nosuch": executable file not found in $PATH'
    found = failed(ended(0, 128, reason="StartError", end=said))
    assert (found.reason, found.message) == ("StartFailed", "Worker 0: The image has no nosuch")
    assert found.replicas[0].exit_code is None, "the program never ran"


def test_a_timeout_of_a_job_that_never_ran_is_blamed_on_what_it_waited_for() -> None:
    message = "Job digits has failed because it was active longer than specified deadline"
    waits = unscheduled(0, "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
    found = failed(waits, conditions={"Failed": {"message": message}})
    assert found.reason == "Unschedulable"
    assert "GPU" in found.message
    assert found.message.endswith("; its timeout of the cluster was over before it ran")


# -- what a person did -----------------------------------------------------------------------

SPEC = {
    "kind": "train", "name": "digits", "workers": 2, "retries": 3, "timeout": 60.0,
    "resources": {"memory": 2**30}, "labels": {"course": "ml-1"},
    "origin": {"notebook": "a.ipynb", "user": "ada"}, "payload": {"entry": "digits"},
}  # fmt: skip


def ours(**more: Any) -> dict[str, Any]:
    """A job that the SDK made."""
    notes = {
        naming.SPEC: json.dumps(SPEC),
        naming.BASE: "digits",
        naming.NOTICES: '["shared cores"]',
        naming.GRANTED: json.dumps({"asked": "1 GiB", "memory": 2**30}),
        naming.CREATED: "1795253400.25",
        **more.pop("notes", {}),
    }
    labels = {naming.ID: "abcdefghijklmnop", naming.NAME: "digits-2"}
    return a_job(labels=labels, annotations=notes, **more)


def test_what_was_asked_for_is_read_back_from_the_job() -> None:
    found = stands(joined(ours(), running(0), running(1)))
    assert (found.id, found.name, found.base) == ("abcdefghijklmnop", "digits-2", "digits")
    assert (found.retries, found.timeout, found.labels) == (3, 60.0, {"course": "ml-1"})
    assert found.resources.memory == 2**30
    assert found.granted is not None
    assert found.origin.user == "ada"
    assert found.notices == ("shared cores",)
    assert found.managed


def test_its_makers_clock_tells_jobs_of_one_second_apart() -> None:
    made = stands(joined(ours()))
    assert made.created == 1795253400.25
    far = stands(joined(ours(notes={naming.CREATED: "5.0"})))
    assert far.created == joined(ours()).obj.metadata.created, "a clock that is wrong is not used"


def test_annotations_that_somebody_broke_leave_a_job_that_is_only_shown() -> None:
    for text in ("", "{", "[]", '{"workers": "two"}'):
        found = stands(joined(ours(notes={naming.SPEC: text})))
        assert not found.managed
        assert found.id == "abcdefghijklmnop"


def test_somebody_elses_job_is_shown_with_what_its_template_says() -> None:
    found = stands(joined(a_job(3)))
    assert (found.id, found.name, found.managed) == ("j1", "digits", False)
    assert len(found.replicas) == 3
    assert (found.resources.cpu, found.resources.memory) == (0.5, 256 * 2**20)


def test_a_stopped_job_is_stopped_when_its_workers_are_gone() -> None:
    stopped = {"notes": {naming.STOPPED: "1795253450.5"}, "policy": {"suspend": True}}
    stopping = stands(joined(ours(**stopped), running(0), running(1)))
    assert (stopping.phase, stopping.message) == (Phase.RUNNING, "Stopping")
    pods = [running(0), running(1)]
    found = stands(joined(ours(**stopped), *pods, gone=pods))
    assert (found.phase, found.message, found.reason) == (
        Phase.STOPPED,
        "Stopped by you",
        "Stopped",
    )
    assert {replica.phase for replica in found.replicas} == {Phase.STOPPED}
    assert found.ended == 1795253450.5
    assert not found.suspended


def test_what_fails_because_it_was_stopped_is_stopped() -> None:
    notes = {naming.STOPPED: "1795253459.5"}
    found = stands(
        joined(ours(notes=notes, conditions={"Failed": {}}), ended(0, 143), ended(1, 143))
    )
    assert found.phase is Phase.STOPPED
    notes = {naming.STOPPED: "1795253490.0"}
    earlier = stands(joined(ours(notes=notes, conditions={"Failed": {}}), ended(0, 3), running(1)))
    assert earlier.phase is Phase.FAILED


# -- what may not be seen ----------------------------------------------------------------------


def test_without_a_right_to_pods_the_operators_word_counts_and_that_is_said() -> None:
    blind = Context(unseen=("pods",))
    found = stands(joined(a_job(conditions={"Running": {}})), context=blind)
    assert found.phase is Phase.RUNNING
    assert "may not list pods" in found.message


def test_without_a_right_to_events_it_is_said_that_a_reason_would_be_missed() -> None:
    found = stands(joined(a_job()), context=Context(unseen=("events",)))
    assert "may not list events" in found.message
    runs = stands(joined(a_job(), running(0), running(1)), context=Context(unseen=("events",)))
    assert runs.message == ""


def test_without_a_right_to_queues_it_is_said_that_the_place_is_not_known() -> None:
    labels = {"kueue.x-k8s.io/queue-name": "team"}
    job = joined(a_job(labels=labels, policy={"suspend": True}))
    found = stands(job, context=Context(unseen=("workloads",)))
    assert (found.phase, found.suspended) == (Phase.QUEUED, False)
    assert "the queue team" in found.message
    assert "may not list" in found.message


def test_a_missing_secret_holds_the_worker_that_needs_it() -> None:
    held = waiting(1, "CreateContainerConfigError", 'secret "hf-token" not found')
    found = stands(joined(a_job(), running(0), held))
    assert (found.phase, found.reason) == (Phase.STARTING, "ConfigMissing")
    assert found.message == "1 of 2 workers are up; worker 1: there is no secret hf-token"
    assert found.replicas[1].message == "There is no secret hf-token"


def test_a_volume_that_cannot_be_mounted_is_told_from_the_events() -> None:
    said = 'MountVolume.SetUp failed for volume "d": configmap "settings" not found'
    event = an_event("FailedMount", said, about=("Pod", "digits-master-0", "p0"))
    found = stands(joined(a_job(1), waiting(0, "ContainerCreating"), event))
    assert (found.reason, found.message) == ("ConfigMissing", "There is no ConfigMap settings")


def test_an_image_that_is_being_pulled_is_said() -> None:
    pulling = an_event("Pulling", 'Pulling image "torch:2"', about=("Pod", "x", "p0"), at=5)
    pulled = an_event("Pulled", "Successfully pulled", about=("Pod", "x", "p0"), at=9, uid="e2")
    waits = waiting(0, "ContainerCreating")
    assert stands(joined(a_job(1), waits, pulling)).message == 'Pulling image "torch:2"'
    assert stands(joined(a_job(1), waits, pulling, pulled)).message == ""


def test_a_worker_that_fetches_its_data_says_so_in_the_jobs_message() -> None:
    doing = {1: "Fetching s3://data/cifar, 1.0 MiB of 3.0 GiB"}
    job = joined(a_job(2), running(0), running(1))
    found = stands(job, heard=Heard(doing=doing))
    assert found.message == "Worker 1: fetching s3://data/cifar, 1.0 MiB of 3.0 GiB"
    assert [replica.message for replica in found.replicas] == ["", doing[1]]
    alone = stands(joined(a_job(1), running(0)), heard=Heard(doing={0: doing[1]}))
    assert alone.message == doing[1]


def test_a_worker_that_ended_before_its_script_started_does_nothing_any_more() -> None:
    job = joined(a_job(2), running(0), ended(1, 1))
    found = stands(job, heard=Heard(doing={1: "Fetching s3://data/cifar"}))
    assert "etching" not in found.message


def test_a_refusal_counts_only_until_the_workers_are_made() -> None:
    denied = an_event("FailedCreatePod", "Error creating: exceeded quota: q, requested: pods=1, "
                      "used: pods=2, limited: pods=2", at=5)  # fmt: skip
    assert stands(joined(a_job(1), denied)).reason == "CreateDenied"
    made = joined(a_job(1), denied, running(0, created=8))
    assert (stands(made).phase, stands(made).reason) == (Phase.RUNNING, "")


OWNERLESS = (
    'Error creating: admission webhook "mpod.kb.io" denied the request: '
    'JobSet.jobset.x-k8s.io "work" not found'
)


def test_workers_whose_job_is_just_made_or_removed_are_not_called_refused() -> None:
    """JobSet's own check asks its cache for the pod's JobSet."""
    said = joined(a_job(1), an_event("FailedCreate", OWNERLESS, at=5))
    assert stands(said).reason == ""
    assert "mpod" not in str(events_of(said))
    other = OWNERLESS.replace("JobSet.jobset.x-k8s.io", "configmaps")
    assert stands(joined(a_job(1), an_event("FailedCreate", other, at=5))).reason == "CreateDenied"


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
def test_a_job_that_the_sdk_made_is_read_back_from_a_real_server(operator: str) -> None:
    _, states = replayed(life(f"sdk-{operator}"))
    assert phases(states) == ORDER
    end = states[-1]
    assert (end.managed, end.name, end.base) == (True, "work", "work")
    assert len(end.id) == 16
    assert (end.resources.cpu, end.resources.memory) == (0.5, 2**30)
    assert end.created % 1, "its maker's clock, finer than the server's"
    assert [replica.exit_code for replica in end.replicas] == [0]
