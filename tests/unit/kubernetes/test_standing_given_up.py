"""A run that the workers themselves have given up, and how often they had started it again."""

from __future__ import annotations

import json
from typing import Any

from cnai_sdk.model.phase import Phase

from .lives import a_job, a_pod, ended, joined, running, stands, time

GIVEN_UP = json.dumps(
    {"attempt": 1, "final": True, "error": {"type": "ValueError", "message": "no digit", "at": []}}
)


def _again(rank: int, restarts: int, *, end: str = GIVEN_UP) -> dict[str, Any]:
    """The node starts a container again that has ended, now and then."""
    told = {"exitCode": 1, "reason": "Error", "message": end}
    told |= {"startedAt": time(30), "finishedAt": time(31)}
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}}
    return a_pod(rank, state=waits, last={"terminated": told}, restarts=restarts)


def test_it_has_failed_although_its_operator_still_tries() -> None:
    found = stands(joined(a_job(1), _again(0, restarts=3)))
    assert (found.phase, found.reason) == (Phase.FAILED, "WorkerFailed")
    assert found.message == "Worker 0 raised ValueError: no digit"


def test_it_has_failed_from_the_moment_at_which_it_said_so() -> None:
    found = stands(joined(a_job(1), ended(0, 1, end=GIVEN_UP)))
    assert found.phase is Phase.FAILED


def test_the_count_is_the_workers_own_and_not_the_nodes() -> None:
    assert stands(joined(a_job(1), _again(0, restarts=3))).attempt == 1


def test_a_container_that_was_killed_and_runs_again_goes_on() -> None:
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": time(30)}}
    found = stands(joined(a_job(1), running(0, since=31, last=killed, restarts=1)))
    assert (found.phase, found.attempt) == (Phase.RUNNING, 1)


def test_a_pod_that_was_drained_is_made_anew_and_has_not_given_up() -> None:
    lost = ended(0, 143, end='{"attempt": 0}', uid="old")
    found = stands(joined(a_job(1), lost, running(0, since=40, uid="new", created=35), gone=[]))
    assert found.phase is Phase.RUNNING


def test_what_an_earlier_pod_gave_up_does_not_count_for_its_successor() -> None:
    lost = ended(0, 1, end=GIVEN_UP, uid="old")
    found = stands(joined(a_job(1), lost, running(0, since=60, uid="new", created=55)))
    assert found.phase is Phase.RUNNING


def test_what_killed_a_container_is_named_although_the_node_started_it_again() -> None:
    told = {"exitCode": 137, "reason": "OOMKilled", "startedAt": time(20), "finishedAt": time(25)}
    killed = a_pod(0, state={"terminated": told})
    says_it_again = _again(0, restarts=1, end='{"attempt": 0, "final": true}')
    found = stands(joined(a_job(1), killed, says_it_again))
    assert found.phase is Phase.FAILED
    assert "needed more than its memory" in found.message
