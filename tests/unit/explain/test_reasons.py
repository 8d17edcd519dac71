"""What the backend itself saw: memory, time, installing, and what happened to the machine."""

from __future__ import annotations

import msgspec
import pytest

from cnai_sdk.explain import diagnose
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import parse_duration, parse_memory
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Progress, Replica
from tests.unit.explain.workloads import GLOO, failed, raised, verdict

GIB = 2**30
SAW_MEMORY = "Worker 1 needed more than its memory of 8 GiB; it used 8.1 GiB"


def out_of_memory(limit: int = 8 * GIB, *said: tuple[int, str], used: int = 0):
    event = Event(reason="MemoryExceeded", message=SAW_MEMORY, rank=1, warning=True)
    replicas = tuple(Replica(rank=n, memory=used, exit_code=-9) for n in range(2))
    return verdict(
        said,
        reason="MemoryExceeded",
        message=SAW_MEMORY,
        exits={0: -9, 1: -9},
        events=[event],
        resources=Resources(memory=limit),
        more={"replicas": replicas},
    )


def test_memory_names_the_worker_its_limit_and_what_it_used() -> None:
    found = out_of_memory(used=int(8.1 * GIB))
    assert (found.id, found.rank) == ("OOM_KILLED", 1)
    assert found.happened == "Worker 1 ran out of memory: it needed more than its 8\xa0GiB."
    assert found.why == "This is the machine's memory, not a GPU's. It used 8.1\xa0GiB."
    assert found.short == "out of memory: worker 1 (8\xa0GiB)"
    assert (found.evidence[0].where, found.evidence[0].text) == ("event, worker 1", SAW_MEMORY)


@pytest.mark.parametrize(
    ("limit", "asked"), [(8 * GIB, "16Gi"), (3 * GIB // 2, "3Gi"), (700 * 2**20, "2Gi")]
)
def test_memory_is_doubled_and_rounded_up_to_what_train_takes(limit: int, asked: str) -> None:
    found = out_of_memory(limit)
    assert found.code == f'job.rerun(memory="{asked}")'
    assert found.changes == {"memory": asked}
    assert parse_memory(asked) >= 2 * limit


def test_memory_decides_whatever_the_others_print() -> None:
    found = out_of_memory(8 * GIB, (0, raised(GLOO)), (1, raised("ValueError: bad")))
    assert (found.id, found.rank) == ("OOM_KILLED", 1)
    assert "Worker 0 then lost its peer" in found.why
    assert [line.root for line in found.evidence] == [True, False]


def test_the_kernels_choice_is_told_from_the_jobs_own_limit() -> None:
    event = Event(reason="MachineOutOfMemory", message="No memory left", rank=1, warning=True)
    found = verdict(reason="MachineOutOfMemory", exits={1: -9}, events=[event])
    assert (found.id, found.rank, found.changes) == ("OOM_MACHINE", 1, {})


def timed_out(*said: LogLine, timeout: float = 600.0, progress: Progress | None = None):
    message = "It was still running when its timeout of 10 m was over"
    facts_more = {"timeout": timeout, "progress": progress, "started": 400.0}
    event = Event(reason="TimedOut", message=message, warning=True, time=1000.0)
    facts = failed(
        reason="Timeout", message=message, exits={0: 143}, events=[event], more=facts_more
    )
    found = diagnose(msgspec.structs.replace(facts, lines=said))
    assert found is not None
    return found


def test_a_timeout_is_doubled_where_nothing_says_how_far_it_was() -> None:
    found = timed_out()
    assert found.happened == "The job was still running when its timeout of 10\xa0m was over."
    assert found.changes == {"timeout": "20m"}
    assert parse_duration(found.changes["timeout"]) == 1200
    assert found.why == "", "the worker that was ended is no consequence"


def test_a_timeout_is_sized_by_the_progress_that_was_made() -> None:
    found = timed_out(progress=Progress(done=12, total=30, unit="epoch"))
    assert found.why.startswith("It was at epoch 12 of 30.")
    assert found.code == 'job.rerun(timeout="30m")'


def test_a_job_that_was_silent_before_its_timeout_may_hang() -> None:
    assert "it may hang" in timed_out(LogLine(text="epoch 1", number=1, time=420.0)).why
    assert "hang" not in timed_out(LogLine(text="epoch 1", number=1, time=990.0)).why


@pytest.mark.parametrize(
    ("reason", "id"),
    [
        ("SupervisorLost", "SUPERVISOR_LOST"),
        ("HostRebooted", "HOST_REBOOTED"),
        ("StartFailed", "START_FAILED"),
        ("InstallFailed", "INSTALL_FAILED"),
    ],
)
def test_a_reason_of_the_backend_has_its_row(reason: str, id: str) -> None:
    found = verdict([(0, "epoch 1")], reason=reason, message="what was seen", exits={0: None})
    assert (found.id, found.rank) == (id, None)
    assert found.evidence[0].text == "what was seen"


def test_a_job_that_could_not_start_shows_the_last_line_of_what_went_wrong() -> None:
    message = 'Traceback (most recent call last):\n  File "x"\nOSError: [Errno 24] Too many files'
    found = verdict(reason="StartFailed", message=message, exits={0: None})
    assert found.happened == ("The job could not be started: OSError: [Errno 24] Too many files")


@pytest.mark.parametrize(
    ("said", "id"),
    [
        ("ERROR: No matching distribution found for skleran", "PIP_INSTALL_FAILED"),
        ("ERROR: ResolutionImpossible: for help visit", "PIP_CONFLICT"),
        ("× No solution found when resolving dependencies:", "PIP_CONFLICT"),
        ("WARNING: Retrying after 'Temporary failure in name resolution'", "PIP_NO_NETWORK"),
        ("ERROR: Invalid requirement: 'tqdm=4'", "PIP_BAD_REQUIREMENT"),
        ("ERROR: Failed building wheel for mpi4py", "PIP_BUILD_FAILED"),
        ("ERROR: [Errno 28] No space left on device", "PIP_DISK_FULL"),
    ],
)
def test_what_the_installer_says_leads_to_its_row(said: str, id: str) -> None:
    found = verdict(
        [(0, f"Collecting it\n{said}")], reason="InstallFailed", message=said, exits={0: None}
    )
    assert (found.id, found.rank) == (id, None)
    assert (found.evidence[0].where, found.evidence[0].text) == ("worker 0, line 2", said)


def test_the_network_comes_before_the_package_that_was_not_found_for_want_of_it() -> None:
    said = (
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'\n"
        "ERROR: No matching distribution found for tqdm"
    )
    message = "The package index cannot be reached: Name or service not known"
    for lines in ([(0, said)], []):  # also where nobody may read the log
        found = verdict(lines, reason="InstallFailed", message=message, exits={0: None})
        assert found.id == "PIP_NO_NETWORK"
        assert found.why == f"{message}. None of your code has run."
        assert "PIP_INDEX_URL in env=" in found.fix


def test_a_full_disk_explains_an_end_that_nothing_else_does() -> None:
    full = Event(reason="DiskFull", message="12 log lines were lost: no space left", warning=True)
    found = verdict([(0, "epoch 1")], events=[full])
    assert found.id == "DISK_FULL"
    assert any("no space left" in line.text for line in found.evidence)


def missing(name: str, **facts):
    return verdict([(0, raised(f"ModuleNotFoundError: No module named '{name}'"))], **facts)


def test_a_package_is_proposed_where_installed_metadata_names_it() -> None:
    found = missing("cv2.dnn", distributions={"cv2": ("opencv-python",)})
    assert found.code == 'job.rerun(packages=["opencv-python"])'
    assert found.changes == {"packages": ["opencv-python"]}


def test_packages_that_were_asked_for_are_not_lost_by_a_button() -> None:
    asked = Event(reason="Installing", message="tqdm>=4,<5")
    found = missing("cv2", distributions={"cv2": ("opencv-python",)}, events=[asked])
    assert (found.code, found.changes) == ("", {})
    assert "opencv-python" in found.fix


@pytest.mark.parametrize("name", ["reqeusts", "numpy_", "torch-nightly", "x y"])
def test_a_name_from_a_log_never_becomes_something_to_install(name: str) -> None:
    found = missing(name, distributions={"cv2": ("opencv-python",)})
    assert (found.code, found.changes) == ("", {})
    assert name not in found.fix
    assert "pip install" not in found.fix


def test_a_name_that_several_packages_provide_is_not_chosen_for_anyone() -> None:
    found = missing("cv2", distributions={"cv2": ("opencv-python", "opencv-python-headless")})
    assert found.changes == {}
    assert "opencv-python and opencv-python-headless" in found.why


def test_a_module_beside_the_notebook_is_not_looked_for_in_an_index() -> None:
    found = missing("mymod", modules=frozenset({"mymod"}), distributions={"mymod": ("evil",)})
    assert found.changes == {}
    assert "beside the notebook" in found.why
    assert "import mymod" in found.fix


def test_a_stopped_job_has_no_verdict() -> None:
    assert diagnose(failed(reason="Stopped", more={"phase": Phase.STOPPED})) is None
