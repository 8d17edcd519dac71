"""A worker's pod that somebody deleted, and the workers that were ended for it."""

from __future__ import annotations

import json
from typing import Any

from cnai_sdk.explain import Facts, diagnose
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload

from .lives import Told, a_job, ended, events_of, joined, replayed, running, stands, time, waiting

FAILED = a_job(2, conditions={"Failed": {}})
LOST_PEER = {"error": {"type": "RuntimeError", "message": "Connection closed by peer"}}


def leaving(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod, told to end."""
    return pod | {"metadata": pod["metadata"] | {"deletionTimestamp": time(80)}}


def after(*states: dict[str, Any], gone: tuple[dict[str, Any], ...] = ()) -> Workload:
    """How a job stands whose two workers ran, then these states were told, then it failed."""
    return stands(joined(a_job(2), running(0), running(1), *states, FAILED, gone=gone))


def test_a_pod_that_was_deleted_is_the_cause_and_the_others_follow() -> None:
    """The operator ends the others within the same second, and any may be the first to have
    ended."""
    found = after(
        leaving(running(1)), leaving(running(0)), leaving(ended(0, 143)), leaving(ended(1, 143))
    )
    assert (found.reason, found.message) == ("PodDeleted", "The pod of worker 1 was deleted")
    assert [each.phase for each in found.replicas] == [Phase.STOPPED, Phase.FAILED]


def test_it_is_the_cause_whichever_watch_speaks_first() -> None:
    """That the job failed may be heard before that the pod was told to end."""
    states = [leaving(running(1)), leaving(running(0)), leaving(ended(1, 143))]
    job = joined(a_job(2), running(0), running(1), FAILED, *states)
    assert stands(job).message == "The pod of worker 1 was deleted"


def test_a_peer_that_raises_because_a_pod_was_deleted_is_not_the_cause() -> None:
    raised = ended(0, 1, at=49, end=json.dumps(LOST_PEER))
    found = after(leaving(running(1)), raised, leaving(ended(1, 143)))
    assert found.message == "The pod of worker 1 was deleted"


def test_a_pod_that_is_deleted_without_time_to_end_is_the_cause() -> None:
    found = after(gone=(running(1),))
    assert found.message == "The pod of worker 1 was deleted"


def test_a_pod_that_is_deleted_because_another_worker_failed_is_not_the_cause() -> None:
    found = after(ended(0, 3), leaving(running(1)), leaving(ended(1, 143, at=49)))
    assert found.reason == "WorkerFailed"


def test_workers_that_are_deleted_after_they_were_started_again_had_failed() -> None:
    """An operator counts the restarts, and the state in between may be heard by nobody."""
    found = after(running(1, restarts=1), leaving(running(1, restarts=1)), leaving(running(0)))
    assert found.reason != "PodDeleted"


def test_what_took_the_pod_is_told_where_the_cluster_says_it() -> None:
    why = {"DisruptionTarget": {"reason": "EvictionByEvictionAPI"}}
    found = after(leaving(running(1, conditions=why)), leaving(ended(1, 143, conditions=why)))
    assert found.reason == "Evicted"


def test_a_worker_that_had_run_to_its_end_did_not_fail_by_it() -> None:
    found = after(leaving(running(1)), leaving(ended(1, 0)), ended(0, 3))
    assert found.message == "Worker 0 ended with exit code 3"


def test_a_pod_that_was_made_anew_within_the_same_second_is_the_one_that_runs() -> None:
    """An operator that looks after the whole deletion makes another pod, and the job goes on."""
    first = leaving(ended(1, 143, at=3))
    found = stands(joined(a_job(2), running(0), running(1), first, running(1, uid="anew")))
    assert [each.phase for each in found.replicas] == [Phase.RUNNING, Phase.RUNNING]
    assert found.message == ""


def test_the_others_are_ended_for_it_also_when_another_was_made_in_its_place() -> None:
    """A pod that is deleted without time to end is made anew before the operator counts it."""
    again = waiting(1, "ContainerCreating", uid="anew")
    index: list[Told] = [
        *(("ADDED", each) for each in (a_job(2), running(0), running(1))),
        ("DELETED", running(1)),
        ("ADDED", again),
        ("MODIFIED", leaving(running(0))),
        ("MODIFIED", leaving(ended(0, 143))),
        ("DELETED", again),
        ("MODIFIED", FAILED),
    ]
    assert stands(replayed(iter(index))[0]).message == "The pod of worker 1 was deleted"


def replaced(then: dict[str, Any], *, gone: dict[str, Any] | None = None) -> Workload:
    """A job whose worker 1 was deleted and runs again in another pod, when the other one ends."""
    lost = gone or running(1)
    index: list[Told] = [
        *(("ADDED", each) for each in (a_job(2), running(0), running(1))),
        ("DELETED", lost),
        ("ADDED", running(1, uid="anew", since=40)),
        ("MODIFIED", then),
        ("MODIFIED", FAILED),
    ]
    return stands(replayed(iter(index))[0])


def said(error: dict[str, str], *, attempt: int = 0) -> str:
    return json.dumps({"attempt": attempt, "final": True, "error": error})


def test_a_peer_that_lost_it_is_not_blamed_when_another_runs_in_its_place_already() -> None:
    """A TrainJob's pod is made anew at once, also where the run is not tried again; the others wait
    for the one that is gone until their time is over."""
    found = replaced(ended(0, 1, end=said(LOST_PEER["error"])))
    assert (found.reason, found.message) == ("PodDeleted", "The pod of worker 1 was deleted")


def test_a_worker_that_raises_something_of_its_own_is_the_cause_all_the_same() -> None:
    found = replaced(ended(0, 1, end=said({"type": "ValueError", "message": "bad label"})))
    assert found.message == "Worker 0 raised ValueError: bad label"


def test_who_is_lost_in_a_later_attempt_was_not_lost_by_an_earlier_deletion() -> None:
    found = replaced(ended(0, 1, end=said(LOST_PEER["error"], attempt=1)))
    assert found.message == "Worker 0 raised RuntimeError: Connection closed by peer"


def test_its_verdict_says_so() -> None:
    states = [leaving(running(1)), leaving(ended(0, 143)), leaving(ended(1, 143))]
    job = joined(a_job(2), running(0), running(1), *states, FAILED)
    found = diagnose(Facts(workload=stands(job), events=tuple(events_of(job))))
    assert found is not None
    assert (found.id, found.rank) == ("POD_DELETED", 1)
    assert found.happened == "Worker 1 was deleted from the cluster, and not by this job."
    assert found.why.startswith("The pod of worker 1 was deleted: by a person")
    assert [line.text for line in found.evidence] == ["The pod of worker 1 was deleted"]
