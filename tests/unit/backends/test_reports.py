"""How far a run is, and from when its pace is measured."""

from __future__ import annotations

import pytest

from cnai_sdk.backends.record.reports import progress_of
from cnai_sdk.model.workload import Progress

BEFORE = Progress(done=9, total=40, unit="step", since=100.0, begun=1)


@pytest.mark.parametrize(
    "said", [[1, 40, "step"], [10, 80, "step"], [10, 40, "epoch"], [10, None, "step"]]
)
def test_work_that_began_anew_is_measured_anew(said: list[object]) -> None:
    """It went back, as after a pause, or counts something else."""
    told = progress_of({"progress": said}, BEFORE, now=180.0)
    assert (told.since, told.begun) == (180.0, said[0])


def test_work_that_goes_on_is_measured_from_where_it_began() -> None:
    told = progress_of({"progress": [10, 40, "step"]}, BEFORE, now=180.0)
    assert (told.done, told.since, told.begun) == (10, 100.0, 1)


def test_what_is_left_after_a_resume_is_what_this_run_needs() -> None:
    """Half a second a step; the pause before it was long."""
    told: Progress | None = BEFORE
    for step in range(1, 10):
        told = progress_of({"progress": [step, 40, "step"]}, told, now=180.0 + step / 2)
    assert told is not None
    assert told.left(184.5) == pytest.approx(15.5)
