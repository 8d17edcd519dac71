"""A job is run again, stopped, deleted, and found by its name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cnai_sdk.client import Client
from cnai_sdk.errors import NameInUse, NotFound
from cnai_sdk.model.phase import Phase

from .functions import PATIENCE, hold, release, scaled, spec_of, until


def test_a_rerun_changes_one_argument_and_keeps_the_others(client: Client) -> None:
    job = client.train(scaled(), args={"lr": 0.5, "epochs": 7})
    assert job.result() == [0.5, 7, 1]
    again = job.rerun(args={"lr": 0.25})
    assert again.result() == [0.25, 7, 1]
    assert again.id != job.id
    assert again.name == "scales-2"
    assert "lr=0.25" in again.script
    assert again.rerun().result() == [0.25, 7, 1]


def test_a_rerun_changes_what_train_was_told(client: Client) -> None:
    job = client.train(scaled(), env={"COLOUR": "red"}, timeout=50, retries=1)
    job.wait(PATIENCE)
    again = job.rerun(workers=2, timeout="10m", name="wider")
    assert again.result() == [0.1, 3, 2]
    assert again.name == "wider"
    spec = spec_of(again)
    assert (spec.workers, spec.timeout, spec.retries, spec.env) == (2, 600, 1, {"COLOUR": "red"})
    free = again.rerun(timeout=None, cpu=1)
    assert spec_of(free).timeout is None
    assert spec_of(free).resources.cpu == 1
    free.wait(PATIENCE)
    assert spec_of(free.rerun(cpu=None)).resources.cpu is None


def test_a_job_that_runs_can_be_run_again_beside_itself(client: Client) -> None:
    job = client.train(hold(), name="held")
    until(lambda: job.status is Phase.RUNNING)
    again = job.rerun()
    assert again.name == "held-2"
    for each in (job, again):
        until(lambda job=each: job.status is Phase.RUNNING)  # type: ignore[misc]
        release(each)
        each.wait(PATIENCE)


def test_deleting_a_job_that_runs_ends_it_and_leaves_nothing(client: Client) -> None:
    job = client.train(hold(), workers=2)
    until(lambda: job.status is Phase.RUNNING)
    folder = job.outputs.path.parent
    job.delete()
    assert not folder.exists()
    assert len(client.jobs()) == 0
    with pytest.raises(NotFound):
        job.status  # noqa: B018
    job.delete()


def test_stopping_is_asked_for_and_shown(client: Client) -> None:
    job = client.train(hold())
    until(lambda: job.status is Phase.RUNNING)
    assert job.stop() is job
    job.wait(PATIENCE)
    assert job.status is Phase.STOPPED
    assert "Stopped" in repr(job)
    job.stop()


def test_a_name_gives_the_newest_of_that_name(client: Client) -> None:
    first = client.train(scaled())
    first.wait(PATIENCE)
    second = client.train(scaled())
    second.wait(PATIENCE)
    assert (first.name, second.name) == ("scales", "scales-2")
    assert client.job("scales").id == second.id
    assert client.job(first.id).id == first.id
    assert [job.id for job in client.jobs()] == [second.id, first.id]


def test_the_name_of_a_running_job_is_refused_with_choices(client: Client) -> None:
    job = client.train(hold(), name="held")
    with pytest.raises(NameInUse) as refusal:
        client.train(hold(), name="held")
    for choice in ('cnai.job("held")', ".stop()", 'name="held-2"'):
        assert choice in refusal.value.next_step
    assert len(client.jobs()) == 1
    until(lambda: job.status is Phase.RUNNING)
    release(job)
    job.wait(PATIENCE)
    assert client.train(hold(), name="held").name == "held-2"


def test_a_name_that_nobody_has_is_answered_with_the_nearest(client: Client) -> None:
    client.train(scaled()).wait(PATIENCE)
    with pytest.raises(NotFound) as missing:
        client.job("scale")
    assert "scales" in missing.value.next_step


def test_a_chinese_function_keeps_its_name_beside_a_label(client: Client) -> None:
    def 训练() -> str:  # noqa: N802
        return "好"

    job = client.train(训练)
    assert job.result() == "好"
    assert job.workload.display_name == "训练"
    assert job.name == "job"
    assert "训练" in repr(job)
    assert "训练" in repr(client.jobs())
    assert client.job("训练").id == job.id


LISTING = """
import sys
from pathlib import Path
from cnai_sdk.client import Client
from cnai_sdk.config import Config
client = Client(config=Config(home=Path(sys.argv[1]), warm=False))
for job in client.jobs():
    print(job.name, job.status.value)
client.job("held").stop().wait()
print(client.job("held").status.value)
"""


def test_another_process_lists_and_stops_what_this_one_started(client: Client) -> None:
    job = client.train(hold(), name="held")
    until(lambda: job.status is Phase.RUNNING)
    done = subprocess.run(
        [sys.executable, "-c", LISTING, str(client.config.home)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["held Running", "Stopped"]
    assert job.status is Phase.STOPPED
