"""What happened to a job: the cluster's events, once each, and what its pods tell."""

from __future__ import annotations

import pytest

from cnai_sdk.backends.kubernetes.standing_events import happened, in_order
from cnai_sdk.model.event import Event
from cnai_sdk.model.phase import Phase

from .lives import (
    CONTEXT,
    a_job,
    an_event,
    ended,
    events_of,
    joined,
    life,
    replayed,
    running,
    seen,
    stands,
    time,
)

LIVES = ["pt-ok", "tj-ok", "pt-fails", "tj-fails", "pt-quota", "tj-psa", "pt-image", "pt-second"]


@pytest.mark.parametrize("name", LIVES)
def test_events_are_numbered_oldest_first_in_one_word_each(name: str) -> None:
    events = events_of(replayed(life(name))[0])
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    times = [event.time for event in events]
    assert times == sorted(times)
    assert all(event.reason.isalnum() and event.reason[0].isupper() for event in events)
    assert (events[0].reason, events[0].message) == ("Submitted", "The job was made")


@pytest.mark.parametrize("name", ["pt-ok", "tj-ok", "pt-fails", "tj-fails", "pt-deadline"])
def test_the_end_is_the_last_event(name: str) -> None:
    job, _ = replayed(life(name))
    last = events_of(job)[-1]
    assert last.reason == stands(job).phase.value
    assert last.warning is (last.reason == "Failed")


def test_a_job_that_goes_on_has_no_end_among_its_events() -> None:
    events = events_of(joined(a_job(), running(0), running(1)))
    assert not {event.reason for event in events} & {phase.value for phase in Phase}


def test_what_was_said_many_times_is_said_once() -> None:
    again = [an_event("BackOff", "Back-off pulling", uid=f"e{n}", at=5 + n) for n in range(3)]
    many = an_event("FailedScheduling", "no room", uid="x", times=12)
    events = events_of(joined(a_job(), *again, many))
    said = [event.message for event in events if event.warning]
    assert sorted(said) == ["Back-off pulling (3 times)", "no room (12 times)"]


def test_the_quotas_denial_is_an_event_with_its_own_words() -> None:
    events = events_of(replayed(life("pt-quota"))[0])
    denied = [event for event in events if event.reason == "FailedCreatePod"]
    assert len(denied) == 1
    assert denied[0].warning
    assert "exceeded quota: student-quota" in denied[0].message


def test_a_denial_that_reaches_a_trainjobs_inner_job_is_found_by_its_name() -> None:
    events = events_of(replayed(life("tj-quota"))[0])
    assert any("exceeded quota" in event.message for event in events)


def test_a_failure_is_told_in_the_words_of_the_local_backend() -> None:
    events = events_of(replayed(life("pt-fails"))[0])
    exits = {event.rank: event.exit_code for event in events if event.reason == "WorkerExited"}
    assert exits[1] == 1
    cause = next(event for event in events if event.reason == "WorkerFailed")
    assert (cause.rank, cause.exit_code, cause.warning) == (1, 1, True)


def test_a_timeout_is_told_by_the_event_that_its_verdict_looks_for() -> None:
    events = events_of(replayed(life("pt-deadline"))[0])
    assert any(event.reason == "TimedOut" and event.warning for event in events)


def test_an_event_of_a_pod_names_its_worker() -> None:
    event = an_event("Killing", "Stopping container", about=("Pod", "digits-worker-0", "p1"))
    events = events_of(joined(a_job(), running(0), running(1), event))
    assert next(each for each in events if each.reason == "Killing").rank == 1


def test_a_nodes_failed_is_not_the_jobs_own() -> None:
    about = ("Pod", "digits-master-0", "p0")
    pull = an_event("Failed", 'Failed to pull image "x": not found', about=about)
    other = an_event("Failed", 'Error: secret "t" not found', about=about, uid="e2")
    reasons = {event.reason for event in events_of(joined(a_job(), running(0), pull, other))}
    assert {"ImagePullFailed", "ContainerFailed"} <= reasons
    assert "Failed" not in reasons


def test_a_run_that_was_started_again_is_told() -> None:
    before = {"terminated": {"exitCode": 3, "startedAt": time(2), "finishedAt": time(20)}}
    job = joined(a_job(1), running(0, since=25, last=before, restarts=1))
    again = [event for event in events_of(job) if event.reason == "Retrying"]
    assert [event.message for event in again] == ["Worker 0 ended with exit code 3"]


def test_an_event_that_the_cluster_forgot_is_still_told() -> None:
    job = joined(a_job(), ended(0, 0), ended(1, 0))
    kept = {"event gone": Event(reason="FailedScheduling", message="no room", time=1795253405.0)}
    told = in_order(happened(seen(job), context=CONTEXT, kept=kept), ended=False)
    assert [event.reason for event in told][:2] == ["Submitted", "FailedScheduling"]


def test_an_exit_comes_after_what_happened_in_the_same_second() -> None:
    """A node's clock tells whole seconds, and the scheduler's tells fractions."""
    placed = an_event("Scheduled", "on node-a", about=("Pod", "x", "p0"), type="Normal")
    placed |= {"eventTime": "2026-11-21T09:30:50.625000Z", "firstTimestamp": None}
    job = joined(a_job(1, conditions={"Succeeded": {}}), placed, ended(0, 0, at=50))
    events = events_of(job)
    assert [e.reason for e in events] == ["Submitted", "Scheduled", "WorkerExited", "Succeeded"]
    times = [event.time for event in events]
    assert times == sorted(times)


def test_each_run_of_a_worker_has_its_own_end() -> None:
    """A verdict looks at what came after the last time that the job was started again."""
    old, new = ended(0, 1, at=20, uid="old"), ended(0, 1, at=50, uid="new", created=30)
    events = events_of(joined(a_job(1, conditions={"Failed": {}}), old, new, gone=[old]))
    reasons = [event.reason for event in events]
    assert reasons.count("WorkerExited") == 2
    assert reasons.index("Retrying") < len(reasons) - 1 - reasons[::-1].index("WorkerExited")
