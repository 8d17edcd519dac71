"""A job in one sentence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Granted, Progress, Queued, Workload
from cnai_sdk.text import left_text, progress_text, row_text, size_text
from cnai_sdk.text.columns import display_width
from tests.unit.text.hostile import CORPUS
from tests.unit.text.test_foreign import obeyed
from tests.unit.text.views import GIB, made_of, workload

NUMBERS = {"loss": 0.284, "accuracy": 0.9123}


def said(work: Workload, **given: Any) -> str:
    return row_text(work, now=1072, **given).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("work", "sentence"),
    [
        (workload(Phase.QUEUED, queued=Queued(position=2)), "Queued, 2nd in line"),
        (workload(Phase.QUEUED, queued=Queued(position=11)), "Queued, 11th in line"),
        (workload(Phase.QUEUED), "Queued"),
        (workload(Phase.QUEUED, suspended=True), "Queued, paused"),
        (workload(Phase.QUEUED, message="Waits for a node"), "Queued"),
        (
            workload(Phase.QUEUED, reason="CreateDenied", message="The quota q is used up"),
            "Queued: the quota q is used up",
        ),
        (
            workload(Phase.STARTING, message="1 of 4 workers is up"),
            "Starting · 1 of 4 workers is up",
        ),
        (
            workload(Phase.RUNNING, progress=Progress(done=2, total=5), metrics=NUMBERS),
            "Running 40% · 0.912 accuracy",
        ),
        (workload(Phase.RUNNING), "Running"),
        (workload(Phase.RUNNING, progress=Progress(done=7, unit="step")), "Running, step 7"),
        (
            workload(Phase.SUCCEEDED, ended=1192.0, metrics={"accuracy": 0.974}),
            "Succeeded in 3 m 12 s · 0.974 accuracy",
        ),
        (
            workload(
                Phase.STOPPED,
                message="Stopped by you",
                progress=Progress(done=7, total=20, unit="epoch"),
            ),
            "Stopped by you · epoch 7 of 20",
        ),
        (
            workload(
                Phase.FAILED,
                reason="MemoryExceeded",
                message="Worker 1 needed more than its memory of 8 GiB; it used 8.1 GiB",
                resources=Resources(memory=8 * GIB),
            ),
            "Failed: out of memory in worker 1 (8 GiB)",
        ),
        (
            workload(Phase.FAILED, reason="Timeout", timeout=600.0),
            "Failed: not done within 10 m",
        ),
        (
            workload(
                Phase.FAILED, reason="WorkerFailed", message="Worker 1 ended with exit code 1"
            ),
            "Failed: worker 1 ended with exit code 1",
        ),
        (workload(Phase.FAILED, reason="DiskFull"), "Failed: disk full"),
        (workload(Phase.FAILED), "Failed"),
        (workload(Phase.READY, message="41 req/s"), "Ready · 41 req/s"),
        (workload(Phase("Hibernating")), "Unknown (Hibernating)"),
    ],
)
def test_a_row_says_the_phase_and_the_fact_that_matters(work: Workload, sentence: str) -> None:
    assert said(work) == sentence


def test_a_known_verdict_speaks_for_a_failed_row() -> None:
    failed = workload(Phase.FAILED, reason="WorkerFailed", message="Worker 1 ended")
    assert said(failed, short="ValueError in worker 1") == "Failed: ValueError in worker 1"


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS.keys())
def test_a_row_is_one_line_whatever_is_in_it(text: str, phase: Phase) -> None:
    shown = row_text(made_of(text, phase).workload, now=1072, short=text)
    assert obeyed(shown) == set()
    assert "\n" not in shown
    assert display_width(shown) <= 78


@pytest.mark.parametrize(
    ("resources", "granted", "size"),
    [
        (Resources(), None, "2 workers"),
        (Resources(cpu=2), None, "2 workers × 2 CPU"),
        (Resources(cpu=2), Granted(cpu=1.5), "2 workers × 2 CPU"),
        (Resources(), Granted(cpu=1.5), "2 workers × 1.5 CPU"),
        (Resources(gpu=0.25), Granted(gpu=0.244), "2 workers × 0.25 GPU"),
        (Resources(gpu_memory=10 * GIB), None, "2 workers × 10 GiB of a GPU"),
        (Resources(gpu_memory=10 * GIB), Granted(gpu=0.0698), "2 workers × 10 GiB of a GPU"),
    ],
)
def test_the_size_says_what_each_worker_asked_for(
    resources: Resources, granted: Granted | None, size: str
) -> None:
    work = workload(Phase.RUNNING, resources=resources, granted=granted)
    assert size_text(work).replace("\N{NO-BREAK SPACE}", " ") == size


def test_a_job_without_workers_has_no_size() -> None:
    assert size_text(workload(Phase.QUEUED, replicas=())) == ""


def test_progress_without_a_unit_is_only_numbers() -> None:
    assert progress_text(Progress(done=3, total=9)) == "3 of 9"


@pytest.mark.parametrize(
    ("done", "elapsed", "left"),
    [
        (50, 60, "about 60 s left"),
        (50, 600, "about 10 min left"),
        (10, 3600, "about 9 h left"),
        (1, 7200, "about 8 d left"),
        (50, 13, "about 10 s left"),
        (99, 60, ""),
        (0, 60, ""),
        (100, 60, ""),
    ],
)
def test_an_estimate_is_rounded_says_so_and_is_left_out_when_it_is_nothing(
    done: float, elapsed: float, left: str
) -> None:
    work = workload(Phase.RUNNING, progress=Progress(done=done, total=100, since=1000))
    assert left_text(work, 1000 + elapsed).replace("\N{NO-BREAK SPACE}", " ") == left


def test_what_an_earlier_run_did_is_no_part_of_the_pace() -> None:
    """Eight steps were done before it went on from its checkpoint."""
    work = workload(
        Phase.RUNNING, started=0, progress=Progress(done=9, total=40, since=1000, begun=8)
    )
    assert left_text(work, 1000.5).replace("\N{NO-BREAK SPACE}", " ") == "about 20 s left"


def test_before_there_is_a_pace_nothing_is_said_of_what_is_left() -> None:
    work = workload(Phase.RUNNING, started=0)
    first = Progress(done=9, total=40, since=1000, begun=9)
    assert left_text(msgspec.structs.replace(work, progress=first), 1050) == ""
    paused = Progress(done=9, total=40, begun=8)
    assert left_text(msgspec.structs.replace(work, progress=paused), 1050) == ""


def test_a_job_that_does_not_run_has_no_time_left() -> None:
    work = workload(Phase.STOPPED, progress=Progress(done=5, total=10, since=1000))
    assert left_text(work, 1100) == ""
