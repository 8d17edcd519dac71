"""Who holds what is asked at every submit: what the jobs wish is read once from each of them."""

from __future__ import annotations

from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import mirror_index
from cnai_sdk.backends.kubernetes.mirror_index import Index
from cnai_sdk.backends.kubernetes.objects import TrainingObject
from cnai_sdk.backends.kubernetes.room_claims import claims_of
from cnai_sdk.backends.kubernetes.room_wish import Wish, wish_of_job

from .lives import a_job, stands, take

JOBS = 5


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The uids of the jobs whose wish was read, each time."""
    found: list[str] = []

    def counted(job: TrainingObject) -> Wish:
        found.append(job.metadata.uid)
        return wish_of_job(job)

    monkeypatch.setattr(mirror_index, "wish_of_job", counted)
    return found


def asking(uid: str, cpu: str) -> dict[str, Any]:
    found = a_job(workers=1)
    found["metadata"] |= {"uid": uid, "name": uid}
    template = found["spec"]["pytorchReplicaSpecs"]["Master"]["template"]
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}}
    return found


def wishes(index: Index) -> dict[str, float]:
    workloads = {job.asked.id: stands(job) for job in index.jobs.values()}
    found = claims_of(workloads.values(), index.find, now=0.0)
    return {claim.name: claim.wish.all["cpu"] for claim in found}


def test_what_a_job_wishes_is_read_once_however_often_it_is_counted(read: list[str]) -> None:
    index = Index()
    for n in range(JOBS):
        take(index, "ADDED", asking(f"j{n}", "2"))
    for _ in range(10):
        assert wishes(index) == {f"j{n}": 2.0 for n in range(JOBS)}
    assert sorted(read) == [f"j{n}" for n in range(JOBS)]


def test_a_job_that_was_changed_is_read_again(read: list[str]) -> None:
    index = Index()
    take(index, "ADDED", asking("j0", "2"))
    assert wishes(index) == {"j0": 2.0}
    take(index, "MODIFIED", asking("j0", "500m"))
    assert wishes(index) == {"j0": 0.5}
    assert read == ["j0", "j0"]
