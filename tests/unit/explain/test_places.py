"""What to do depends on where the job ran and on what it was given: advice that cannot work there
is not given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cnai_sdk.explain.catalogue import rows
from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.event import LOG_INCOMPLETE, Event
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Granted, Replica
from tests.unit.explain.workloads import raised, verdict

CLUSTER = {"backend": "kubernetes"}
HERE: dict[str, Any] = {}
NO_CUDA = raised("AssertionError: Torch not compiled with CUDA enabled")


def without(path: str, more: dict[str, Any]) -> Diagnosis:
    """The verdict on a job that found no such file."""
    said = raised(f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'")
    found = verdict([(0, said)], more=more)
    assert found.id == "FILE_MISSING"
    assert found.happened == f"Worker 0 found no file {path}."
    return found


# -- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["nosuch.csv", "/data/nosuch.csv"])
def test_a_cluster_is_given_a_file_by_an_address_and_never_by_a_path_of_this_machine(
    path: str,
) -> None:
    found = without(path, CLUSTER)
    for address in ("pvc://CLAIM/folder", "s3://BUCKET/folder", "hf://datasets/OWNER/NAME"):
        assert f'data=["{address}"]' in found.fix
    assert "absolute" not in f"{found.why} {found.fix}"
    assert 'data=["data"]' not in found.fix


def test_a_file_beside_the_notebook_is_named_in_the_call_on_this_machine() -> None:
    found = without("nosuch.csv", HERE)
    assert 'data=["data"]' in found.fix
    assert "absolute path" in found.fix


def test_an_absolute_path_where_nothing_is_is_to_be_corrected() -> None:
    found = without("/data/nosuch.csv", HERE)
    assert found.fix.startswith("Correct the path.")
    assert "write its absolute path" not in found.fix


# -- the code ------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["/store/jobs/digits/payload", "/cnai/job"])
def test_the_users_own_files_are_known_wherever_the_job_ran(folder: str) -> None:
    said = (
        "Traceback (most recent call last):\n"
        f'  File "{folder}/script.py", line 4, in <module>\n'
        "    fit()\n"
        f'  File "{folder}/code/helpers.py", line 7, in load\n'
        "    raise KeyboardInterrupt\n"
        "    ^^^^^^^^^^^^^^^^^^^^^^^\n"
        "KeyboardInterrupt"
    )
    found = verdict([(0, said)], exits={0: -2})
    assert "helpers.py, line 7 raised it." in found.why
    assert ("helpers.py, line 7", "raise KeyboardInterrupt") in [
        (line.where, line.text) for line in found.evidence
    ]


def test_the_workers_own_package_is_not_the_users_code() -> None:
    said = (
        "Traceback (most recent call last):\n"
        '  File "/cnai/job/script.py", line 4, in <module>\n'
        "    fit()\n"
        '  File "/cnai/job/worker/cnai_sdk/reporting.py", line 7, in report\n'
        "    raise ValueError\n"
        "ValueError"
    )
    found = verdict([(0, said)], more=CLUSTER)
    assert found.fix.startswith("Correct script.py")


# -- GPUs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [{"granted": Granted(gpu=1.0)}, {"resources": Resources(gpu=1.0)}],
    ids=["granted", "asked"],
)
def test_a_gpu_that_was_given_is_not_to_be_asked_for(wish: dict[str, Any]) -> None:
    there = verdict([(0, NO_CUDA)], more=CLUSTER | wish)
    here = verdict([(0, NO_CUDA)], more=wish)
    for found in (there, here):
        assert found.id == "CUDA_NO_GPU"
        assert found.why.startswith("The job was given one.")
        assert "gpu=1" not in found.fix
    assert "image=" in there.fix
    assert "runtime class" in there.fix
    assert "cnai doctor" not in there.fix, "it looks at this machine"
    assert "cnai doctor" in here.fix


def test_a_gpu_that_nobody_asked_for_is_to_be_asked_for() -> None:
    there, here = verdict([(0, NO_CUDA)], more=CLUSTER), verdict([(0, NO_CUDA)])
    for found in (there, here):
        assert found.why.startswith("The job did not ask for one")
        assert "gpu=1" in found.fix
    assert "this machine" not in there.fix
    assert "this machine" in here.fix


# -- what a rerun finds --------------------------------------------------------------------


@pytest.mark.parametrize("each", rows(), ids=lambda each: each.id)
def test_nothing_promises_a_rerun_the_files_of_the_run_before(each: Any) -> None:
    """Each rerun has a folder of its own; only the attempts of one job share theirs."""
    goes_on = any(words in each.fix for words in ("goes on where", "go on where", "ended:"))
    again = "rerun" in each.code or "Run it again" in each.fix
    assert not (goes_on and again)
    if "checkpoint_dir()" in each.fix and again:
        assert "retries=" in each.fix
        assert "retries=" in each.code


def overdue(**more: Any) -> Diagnosis:
    return verdict(reason="Timeout", exits={0: None}, more={"timeout": 600.0, **more})


def test_a_timeout_says_that_a_rerun_begins_from_the_start() -> None:
    found = overdue(started=5.0)
    assert found.happened.startswith("The job was still running")
    assert "begins from the start" in found.fix
    assert found.changes == {"timeout": "20m"}


def test_a_job_that_never_started_is_not_to_end_earlier() -> None:
    waits = Event(reason="Pending", message="its turn in the queue team", warning=True)
    found = verdict(
        reason="Timeout", exits={0: None}, events=[waits], more={"timeout": 600.0, **CLUSTER}
    )
    assert found.happened.startswith("The job had not started")
    assert "its turn in the queue team" in found.why
    assert "end earlier" not in found.fix
    assert "checkpoint" not in found.fix
    assert "since that wait counted too" in found.fix
    assert found.changes == {"timeout": "20m"}


# -- what became of the others, and of the outputs -----------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_deleted_worker_without_others_had_nobody_ended_for_it(workers: int) -> None:
    replicas = tuple(Replica(rank=rank, phase=Phase.FAILED) for rank in range(workers))
    more = {"replicas": replicas, **CLUSTER}
    found = verdict(reason="PodDeleted", message="The pod was deleted", more=more)
    assert ("The other workers were ended for it." in found.why) == (workers > 1)


AWAY = "https://s3.example cannot be reached, where s3://nosuch/x is"


def unreachable(*said: str, events: Sequence[Event] = (), **facts: Any) -> Diagnosis:
    reason = "OutputsUnreachable"
    gave_up = Event(reason=reason, message=AWAY, rank=0, exit_code=1, warning=True)
    lines = [(0, text) for text in said]
    return verdict(lines, reason=reason, message=AWAY, events=[gave_up, *events], **facts)


def test_a_bucket_that_is_away_before_the_code_runs_has_lost_nothing() -> None:
    found = unreachable()
    assert found.why == f"{AWAY}. None of your code has run."
    assert "kept" not in f"{found.happened} {found.fix}"


def test_a_bucket_that_went_away_while_the_code_ran_lacks_something() -> None:
    found = unreachable("epoch 1", f"The outputs are not kept yet: {AWAY}")
    assert found.why == f"{AWAY}. Not everything that the workers wrote is kept."


def test_without_the_log_nobody_says_whether_the_code_ran() -> None:
    gap = Event(reason=LOG_INCOMPLETE, message="Nobody read the log.", warning=True)
    assert unreachable(events=[gap]).why == f"{AWAY}."
    assert unreachable(more={"attempt": 1}).why.startswith(f"{AWAY}. It failed in each")
