"""Objects are joined by job, whatever the order in which the watches tell of them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.mirror_index import Index
from cnai_sdk.model.phase import Phase

from .lives import a_job, an_event, ended, life, running, stands, take


def filled(*objects: dict[str, Any]) -> Index:
    index = Index()
    for each in objects:
        take(index, "ADDED", each)
    return index


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["pt-quota", "tj-quota", "pt-memory", "pt-image", "tj-gpu"])
def test_the_order_of_the_watches_changes_nothing(name: str, seed: int) -> None:
    """Each kind is a watch of its own: in order within, in any order between."""
    told = life(name)
    streams: dict[str, list[Any]] = {}
    for verb, obj in told:
        streams.setdefault(obj["kind"], []).append((verb, obj))
    chance = random.Random(seed)
    index = Index()
    left = [stream for stream in streams.values() if stream]
    while left:
        stream = chance.choice(left)
        take(index, *stream.pop(0))
        left = [stream for stream in streams.values() if stream]
    (job,) = index.jobs.values()
    expected = Index()
    for verb, obj in told:
        take(expected, verb, obj)
    (same,) = expected.jobs.values()
    assert stands(job) == stands(same)


def test_a_pod_that_comes_before_its_job_is_not_lost() -> None:
    index = filled(running(0), running(1), a_job())
    (job,) = index.jobs.values()
    assert stands(job).phase is Phase.RUNNING


def test_an_event_that_comes_before_its_pod_and_its_job_is_not_lost() -> None:
    event = an_event("Pulling", "Pulling image", about=("Pod", "digits-master-0", "p0"))
    for order in ([event, running(0), a_job()], [event, a_job(), running(0)]):
        (job,) = filled(*order).jobs.values()
        assert list(job.events) == ["e1"]


def test_events_of_other_things_are_dropped_at_once() -> None:
    index = filled(a_job())
    for kind in ("Deployment", "ReplicaSet", "Node", "Service"):
        about = (kind, "digits", f"u-{kind}")
        assert take(index, "ADDED", an_event("Scaled", "x", about=about)) == set()
    (job,) = index.jobs.values()
    assert not job.events


def test_what_finds_no_job_is_bounded() -> None:
    index = filled(a_job())
    for n in range(10_000):
        about = ("Pod", f"web-{n}", f"u{n}")
        take(index, "ADDED", an_event("Pulling", "x", about=about, uid=f"e{n}"))
    assert index.held < 5000


def test_events_of_one_job_are_bounded() -> None:
    index = filled(a_job())
    for n in range(2000):
        take(index, "ADDED", an_event("BackOff", "x", uid=f"e{n}"))
    (job,) = index.jobs.values()
    assert len(job.events) <= 512
    assert "e1999" in job.events


def test_two_jobs_share_a_name_and_not_their_pods() -> None:
    other = a_job()
    other["metadata"] |= {"uid": "j2"}
    theirs = running(0, uid="q0")
    theirs["metadata"]["ownerReferences"][0]["uid"] = "j2"
    index = filled(a_job(), other, running(0), theirs)
    assert set(index.jobs["j1"].pods) == {"p0"}
    assert set(index.jobs["j2"].pods) == {"q0"}


def test_a_job_that_goes_takes_everything_with_it() -> None:
    index = filled(a_job(), running(0), running(1), an_event("BackOff", "x"))
    index.drop_job("j1")
    assert index.jobs == {}
    assert index.find("j1") is None
    assert take(index, "ADDED", an_event("Killing", "x", about=("Pod", "x", "p0"))) == set()


def test_how_a_pod_ended_stays_known_when_it_is_gone() -> None:
    index = filled(a_job(), running(0), running(1))
    take(index, "DELETED", ended(1, 3))
    job = index.jobs["j1"]
    assert set(job.pods) == {"p0"}
    assert {each.exit_code for each in job.facts.values()} == {None, 3}


def test_pods_that_only_read_outputs_are_no_workers() -> None:
    reader = running(0, uid="r1")
    reader["metadata"]["labels"] |= {"cnai-sdk/role": "reader"}
    index = filled(a_job(), running(0), reader)
    assert set(index.jobs["j1"].pods) == {"p0"}
