"""A store that cannot be had, and what a job in line is called in what others wait for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cnai_sdk.backends.local.capacity import Capacity
from cnai_sdk.backends.local.fitting import fit
from cnai_sdk.backends.local.index import Index
from cnai_sdk.errors import BackendUnavailable
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from cnai_sdk.model.workload import Workload

MACHINE = Capacity(cpus=(0, 1), cpu=2.0, memory=4 * 2**30, memory_available=4 * 2**30)
SPEC = TrainSpec(name="slow", workers=2, payload=Payload(entry="slow", files={}))


@pytest.mark.parametrize("place", ["a-file", "a-file/store"])
def test_a_store_that_cannot_be_made_says_where_it_is_and_how_to_choose_another(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(BackendUnavailable) as refused:
        Index(tmp_path / place)
    assert str(tmp_path / place) in refused.value.what
    assert "Not a directory" in refused.value.what
    assert "CNAI_HOME" in refused.value.next_step


def test_a_store_that_cannot_be_written_any_more_says_so(tmp_path: Path) -> None:
    index = Index(tmp_path)
    (tmp_path / "index.lock").mkdir()  # as little to be opened as one of a read-only disk
    with pytest.raises(BackendUnavailable, match="cannot be used: Is a directory"):
        index.all()


def test_a_job_that_starts_at_any_moment_is_named_by_what_waits_for_it(tmp_path: Path) -> None:
    index = Index(tmp_path)
    for n in range(2):
        in_line(index, f"job-{n}")
    answer = fit(SPEC, MACHINE, index, lambda host: True, 1)
    assert answer.why == "2 more cores; 2 of 2 are in use by slow"
    half = TrainSpec(name="half", resources=Resources(cpu=0.5), payload=SPEC.payload)
    assert fit(half, MACHINE, index, lambda host: True, 1).why.endswith("in use by slow")


def in_line(index: Index, id: str) -> None:
    """Submit a job whose supervisor has not asked for its turn yet."""
    made = Workload(
        id=id, name="slow", base="slow", kind=Kind.TRAIN, phase=Phase.QUEUED, backend="local"
    )
    folder = index.folder(id)
    os.close(folder.claim())
    folder.fill(SPEC, index.insert(made, named=False), Path(__file__).parent)
