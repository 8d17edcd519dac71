"""What a job reports and returns, and what waiting for it gives."""

from __future__ import annotations

import contextlib
import math
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import cnai_sdk as cnai
from cnai_sdk.client import Client
from cnai_sdk.errors import InvalidRequest, JobFailed, NotFound, WaitTimeout
from cnai_sdk.metrics import MetricTable
from cnai_sdk.model.phase import Phase

from .functions import PATIENCE, hold, release, until


def reporting() -> Callable[[], None]:
    def reports() -> None:
        for step in range(3):
            cnai.report(step=step, loss=1 / (step + 1))
            cnai.report(step=step, accuracy=step / 2 + cnai.rank())
        cnai.report(step=3, loss=float("nan"), accuracy=float("inf"))

    return reports


def test_metrics_are_a_table_with_one_row_a_step(client: Client) -> None:
    import pandas as pd

    job = client.train(reporting(), workers=2)
    job.wait(PATIENCE)
    table = job.metrics
    assert isinstance(table, pd.DataFrame)
    assert list(table.index) == [0, 1, 2, 3]
    assert list(table.columns) == ["loss", "accuracy"]
    assert table["accuracy"].tolist()[:3] == [0.0, 0.5, 1.0], "rank 0 speaks for the job"
    assert math.isnan(table["loss"].iloc[3])
    assert math.isinf(table["accuracy"].iloc[3])


def test_without_pandas_the_table_is_our_own(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.train(reporting())
    job.wait(PATIENCE)
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = job.metrics
    assert isinstance(table, MetricTable)
    assert len(table) == 4
    assert table[0] == {"step": 0.0, "loss": 1.0, "accuracy": 0.0}
    assert table["accuracy"][:3] == [0.0, 0.5, 1.0]
    assert "NaN" in repr(table)
    assert "Infinity" in table._repr_html_()


def test_what_another_rank_reported_is_kept_beside_it(client: Client) -> None:
    job = client.train(reporting(), workers=2)
    job.wait(PATIENCE)
    assert job.reports(rank=1)["accuracy"][:3] == [1.0, 1.5, 2.0]
    with pytest.raises(InvalidRequest, match="no worker 7"):
        job.reports(rank=7)
    assert job.workload.metrics["loss"] == "NaN"
    assert job.workload.replicas[1].metrics["accuracy"] == "Infinity"


def test_a_report_without_a_step_is_counted(client: Client) -> None:
    def reports() -> None:
        for n in range(3):
            cnai.report(loss=n)

    job = client.train(reports)
    job.wait(PATIENCE)
    assert job.reports()["step"] == [0.0, 1.0, 2.0]


def flaky() -> Callable[[], None]:
    def fails_once() -> None:
        again = (cnai.checkpoint_dir() / "again").exists()
        for step in range(2):
            cnai.report(step=step, loss=10.0 * again + step)
        if not again:
            (cnai.checkpoint_dir() / "again").touch()
            raise RuntimeError("once")

    return fails_once


def test_after_a_retry_the_table_says_which_run_a_row_is_of(client: Client) -> None:
    job = client.train(flaky(), retries=1)
    job.wait(PATIENCE)
    table = job.metrics
    assert list(table.index) == [0, 1, 0, 1]
    assert list(table.columns) == ["attempt", "loss"]
    assert table["attempt"].tolist() == [0, 0, 1, 1]
    assert table["loss"].tolist() == [0.0, 1.0, 10.0, 11.0]
    assert "attempt" in repr(job.reports()).splitlines()[0]


def test_after_a_retry_a_chart_has_a_line_for_each_run_and_the_card_the_last(
    client: Client,
) -> None:
    pytest.importorskip("matplotlib")
    job = client.train(flaky(), retries=1)
    job.wait(PATIENCE)
    (axes,) = job.plot("loss").axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.0, 1.0], [10.0, 11.0]]
    assert [text.get_text() for text in axes.get_legend().texts] == ["first run", "retry 1"]
    assert [each.values["loss"] for each in job.view().metrics] == [10.0, 11.0]


def test_after_a_retry_the_pace_is_that_of_the_run_that_goes_on(client: Client) -> None:
    def fails_once() -> None:
        again = (cnai.checkpoint_dir() / "again").exists()
        (cnai.checkpoint_dir() / "again").touch()
        cnai.progress(8 + again, 40)
        if not again:
            raise RuntimeError("once")

    job = client.train(fails_once, retries=1)
    job.wait(PATIENCE)
    told = job.workload.progress
    assert told is not None
    assert (told.done, told.begun) == (9, 9), "it went on from a checkpoint"


def test_a_metric_of_that_name_keeps_its_values(client: Client) -> None:
    def fails_once() -> None:
        again = (cnai.checkpoint_dir() / "again").exists()
        cnai.report(attempt=7)
        (cnai.checkpoint_dir() / "again").touch()
        if not again:
            raise RuntimeError("once")

    job = client.train(fails_once, retries=1)
    job.wait(PATIENCE)
    assert job.reports()["attempt"] == [7.0, 7.0]
    assert job.reports()["attempt_"] == [0.0, 1.0]


def test_a_job_that_reported_nothing_has_an_empty_table(client: Client) -> None:
    job = client.train(lambda: None, name="silent")
    job.wait(PATIENCE)
    assert len(job.metrics) == 0
    repr(job.reports())
    job.reports()._repr_html_()


def test_metrics_can_be_drawn(client: Client) -> None:
    pytest.importorskip("matplotlib")
    job = client.train(reporting())
    job.wait(PATIENCE)
    figure = job.plot()
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    assert len(job.plot("loss").axes) == 1
    with pytest.raises(InvalidRequest) as refused:
        job.plot("acuracy")
    assert refused.value.why == "Reported were loss, accuracy."
    assert refused.value.next_step == 'Did you mean "accuracy"?'


def test_a_wait_that_is_over_leaves_the_job(client: Client) -> None:
    job = client.train(hold())
    with pytest.raises(WaitTimeout) as waited:
        job.wait(timeout=0.1)
    assert "it goes on" in waited.value.what
    assert not job.status.ended
    release(job)
    assert job.wait(PATIENCE) is job
    assert job.result() == "went on"


def test_a_failure_carries_the_verdict_and_its_evidence(client: Client) -> None:
    def fails() -> None:
        labels = {"cat": 0}
        labels["dog"]

    job = client.train(fails)
    with pytest.raises(JobFailed) as failure:
        job.wait(PATIENCE)
    error = failure.value
    assert error.name == job.name
    assert "KeyError" in str(error)
    assert "dog" in str(error)
    assert error.diagnosis.evidence
    assert job.explain().diagnosis == error.diagnosis
    with pytest.raises(JobFailed):
        job.result()


def test_a_result_that_is_no_json_never_fails_the_job(client: Client) -> None:
    def returns() -> object:

        return threading.Lock()

    job = client.train(returns)
    job.wait(PATIENCE)
    assert job.status is Phase.SUCCEEDED
    with pytest.raises(NotFound) as missing:
        job.result()
    assert "output_dir" in missing.value.next_step
    assert "lock is not JSON" in missing.value.why
    assert "not JSON" in str(job.logs())


def test_a_function_that_returned_nothing_is_said_to_have_returned_none(client: Client) -> None:
    with pytest.raises(NotFound) as missing:
        client.train(lambda: None, name="nothing").result()
    assert missing.value.why == "Its function returned None."


def test_a_job_that_was_stopped_is_not_said_to_have_returned_nothing(client: Client) -> None:
    job = client.train(hold()).stop()
    with pytest.raises(NotFound) as missing:
        job.result()
    assert missing.value.why == "It was stopped before its function had returned."
    assert "job.rerun()" in missing.value.next_step


def test_a_result_whose_conversion_breaks_never_fails_the_job(client: Client) -> None:
    def returns() -> object:
        class Odd:
            def tolist(self) -> object:
                raise RuntimeError("not now")

        loop: list[object] = []
        loop.append(loop)
        return [Odd(), loop, {(1, 2): 3}][cnai.rank()]

    job = client.train(returns)
    job.wait(PATIENCE)
    assert "not now" in str(job.logs())


def test_a_result_of_many_megabytes_is_refused_with_its_size(client: Client) -> None:
    job = client.train(lambda: "x" * 17_000_000, name="large")
    job.wait(PATIENCE)
    assert "17000002 bytes" in str(job.logs())
    with pytest.raises(NotFound) as missing:
        job.result()
    assert missing.value.why.endswith("could not be kept: it is 17000002 bytes of JSON.")
    assert "Return less" in missing.value.next_step


def test_results_of_numpy_and_torch_are_numbers(client: Client) -> None:
    def returns() -> object:
        import numpy
        import torch

        return {
            "mean": numpy.float32(0.5),
            "row": numpy.arange(3),
            "loss": torch.tensor(1.5),
            "nan": float("nan"),
            "seen": {3, 1, 2},
        }

    found = client.train(returns).result()
    assert math.isnan(found.pop("nan"))
    assert found == {"mean": 0.5, "row": [0, 1, 2], "loss": 1.5, "seen": [1, 2, 3]}


def test_only_rank_0_gives_the_result(client: Client) -> None:
    assert client.train(lambda: cnai.rank() + 10, workers=2, name="ranks").result() == 10


INTERRUPTED = """
import sys, time
from pathlib import Path
from cnai_sdk.client import Client
from cnai_sdk.config import Config

def holds():
    while not Path("release").exists():
        time.sleep(0.01)

client = Client(config=Config(home=Path(sys.argv[1]), warm=False))
job = client.train(holds, name="held")
print("waiting", flush=True)
try:
    {wait}
except KeyboardInterrupt as stop:
    print(stop, flush=True)
import threading
print(job.status.value, len(client.jobs()), flush=True)
print(sorted(t.name for t in threading.enumerate() if not t.daemon), flush=True)
"""


def open_files(pid: int) -> list[str]:
    """What a process has open, as the kernel names it."""
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(each.readlink()))
    return found


@pytest.mark.parametrize(
    "wait", ["job.wait()", "list(job.logs(follow=True))", "job.logs(follow=True).show()"]
)
def test_an_interrupted_wait_leaves_the_job_and_says_so(
    client: Client, notebook: Path, wait: str
) -> None:
    script = notebook / "waits.py"
    script.write_text(INTERRUPTED.replace("{wait}", wait))
    kernel = subprocess.Popen(
        [sys.executable, str(script), str(client.config.home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert kernel.stdout is not None
    assert "waiting" in kernel.stdout.readline()
    until(lambda: client.jobs() and client.job("held").status is Phase.RUNNING)
    until(lambda: "anon_inode:inotify" in open_files(kernel.pid))  # it waits
    kernel.send_signal(signal.SIGINT)
    told, _ = kernel.communicate(timeout=PATIENCE)
    lines = told.splitlines()
    assert lines[0] == 'held goes on. cnai.job("held").stop() stops it.'
    assert lines[1] == "Running 1"
    assert "cnai" not in lines[2]
    assert kernel.returncode == 0
    job = client.job("held")
    assert job.status is Phase.RUNNING
    release(job)
    job.wait(PATIENCE)
