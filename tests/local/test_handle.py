"""A job in the hands of who started it: waiting, looking, stopping, running it again."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cnai_sdk as cnai
from cnai_sdk.client import Client
from cnai_sdk.errors import JobFailed, NameInUse, NotFound, WaitTimeout
from cnai_sdk.metrics import MetricTable
from cnai_sdk.model.phase import Phase
from cnai_sdk.training import TrainJob

PATIENCE = 60


def until(so: Callable[[], object]) -> None:
    """Look again until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.01)


def hold() -> Callable[[], str]:
    def holds() -> str:
        print("up", flush=True)
        while not Path("release").exists():
            time.sleep(0.01)
        return "went on"

    return holds


def release(job: TrainJob) -> None:
    (job.outputs.path / "release").touch()


# -- metrics -----------------------------------------------------------------------


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
    assert len(job.reports(rank=7)) == 0
    assert job.workload.metrics["loss"] == "NaN"
    assert job.workload.replicas[1].metrics["accuracy"] == "Infinity"


def test_a_report_without_a_step_is_counted(client: Client) -> None:
    def reports() -> None:
        for n in range(3):
            cnai.report(loss=n)

    job = client.train(reports)
    job.wait(PATIENCE)
    assert job.reports()["step"] == [0.0, 1.0, 2.0]


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


# -- waiting and results -------------------------------------------------------------


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
        import threading

        return threading.Lock()

    job = client.train(returns)
    job.wait(PATIENCE)
    assert job.status is Phase.SUCCEEDED
    with pytest.raises(NotFound) as missing:
        job.result()
    assert "output_dir" in missing.value.next_step
    assert "not JSON" in str(job.logs())


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
    with pytest.raises(NotFound):
        job.result()


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
    job.wait()
except KeyboardInterrupt as stop:
    print(stop, flush=True)
import threading
print(job.status.value, len(client.jobs()), flush=True)
print(sorted(t.name for t in threading.enumerate() if not t.daemon), flush=True)
"""


def test_an_interrupted_wait_leaves_the_job_and_says_so(client: Client, notebook: Path) -> None:
    script = notebook / "waits.py"
    script.write_text(INTERRUPTED)
    kernel = subprocess.Popen(
        [sys.executable, str(script), str(client.config.home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert kernel.stdout is not None
    assert "waiting" in kernel.stdout.readline()
    until(lambda: client.jobs() and client.job("held").status is Phase.RUNNING)
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


# -- again, stop, delete ---------------------------------------------------------------


def scaled() -> Callable[..., list[float]]:
    def scales(lr: float = 0.1, epochs: int = 3) -> list[float]:
        return [lr, epochs, cnai.world_size()]

    return scales


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
    spec = again._spec()
    assert (spec.workers, spec.timeout, spec.retries, spec.env) == (2, 600, 1, {"COLOUR": "red"})
    free = again.rerun(timeout=None, cpu=1)
    assert free._spec().timeout is None
    assert free._spec().resources.cpu == 1
    free.wait(PATIENCE)
    assert free.rerun(cpu=None)._spec().resources.cpu is None


def test_a_job_that_runs_can_be_run_again_beside_itself(client: Client) -> None:
    job = client.train(hold(), name="held")
    until(lambda: job.status is Phase.RUNNING)
    again = job.rerun()
    assert again.name == "held-2"
    for each in (job, again):
        until(lambda each=each: each.status is Phase.RUNNING)
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


def test_a_wait_for_a_job_that_is_deleted_ends(client: Client) -> None:
    job = client.train(hold())
    until(lambda: job.status is Phase.RUNNING)
    waited = threading.Thread(target=job.wait)
    waited.start()
    client.job(job.name).delete()
    waited.join(PATIENCE)
    assert not waited.is_alive()


def test_stopping_is_asked_for_and_shown(client: Client) -> None:
    job = client.train(hold())
    until(lambda: job.status is Phase.RUNNING)
    assert job.stop() is job
    job.wait(PATIENCE)
    assert job.status is Phase.STOPPED
    assert "Stopped" in repr(job)
    job.stop()


# -- names and lists --------------------------------------------------------------------


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


# -- what a worker is told --------------------------------------------------------------


def told(*names: str) -> Callable[[], dict[str, str | None]]:
    def tells() -> dict[str, str | None]:
        return {name: os.environ.get(name) for name in names}

    return tells


def test_env_reaches_every_worker_and_wins(client: Client) -> None:
    names = ("COLOUR", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    job = client.train(told(*names), env={"COLOUR": "red", "OMP_NUM_THREADS": "3"}, cpu=1)
    assert job.result() == {"COLOUR": "red", "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}


def test_omp_num_threads_of_env_is_what_torch_uses(client: Client) -> None:
    def threads() -> int:
        import torch

        return torch.get_num_threads()

    assert client.train(threads, env={"OMP_NUM_THREADS": "1"}).result() == 1


def test_a_worker_has_what_torchrun_gives_and_nothing_of_the_kernel(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.setenv("RANK", "7")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "JPY_PARENT_PID", "MPLBACKEND")
    found = client.train(told(*names), workers=2).result()
    assert found == {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "JPY_PARENT_PID": None,
        "MPLBACKEND": "Agg",
    }


def test_the_kernel_is_not_changed(client: Client) -> None:
    environment, folder = dict(os.environ), Path.cwd()
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}
    client.train(scaled(), workers=2, env={"COLOUR": "red"}).wait(PATIENCE)
    assert dict(os.environ) == environment
    assert Path.cwd() == folder
    assert {n: signal.getsignal(n) for n in handlers} == handlers
    assert list(folder.iterdir()) == []


def test_a_failed_run_starts_again_and_keeps_its_checkpoints(client: Client) -> None:
    def flaky() -> list[str]:
        mine = cnai.checkpoint_dir() / f"{os.environ['TORCHELASTIC_RESTART_COUNT']}.pt"
        mine.write_text("weights")
        cnai.report(step=0, attempt=len(list(cnai.checkpoint_dir().iterdir())))
        if len(list(cnai.checkpoint_dir().iterdir())) < 3:
            raise RuntimeError("not yet")
        return sorted(path.name for path in cnai.checkpoint_dir().iterdir())

    job = client.train(flaky, retries=4)
    assert job.result() == ["0.pt", "1.pt", "2.pt"]
    assert (job.workload.attempt, job.workload.retries) == (2, 4)
    reasons = [event.reason for event in job.events()]
    assert reasons.count("Retrying") == 2
    assert "RuntimeError: not yet" in str(job.logs())


def test_the_timeout_covers_all_runs_of_a_job(client: Client) -> None:
    def fails_slowly() -> None:
        time.sleep(0.5)
        raise RuntimeError("again")

    job = client.train(fails_slowly, retries=50, timeout=1.5)
    started = time.monotonic()
    with pytest.raises(JobFailed):
        job.wait(PATIENCE)
    assert time.monotonic() - started < 10
    assert job.workload.reason == "Timeout"


def test_a_stop_between_runs_is_the_end(client: Client) -> None:
    def fails() -> None:
        time.sleep(0.05)
        raise RuntimeError("again")

    job = client.train(fails, retries=4000)
    until(lambda: job.workload.attempt > 1)
    job.stop().wait(PATIENCE)
    assert job.status is Phase.STOPPED


def test_the_arguments_can_be_read_in_the_script(client: Client) -> None:
    job = client.train(scaled(), args={"lr": 0.125})
    assert "scales(lr=0.125)" in job.script
    assert "def scales" in job.script
    job.wait(PATIENCE)


def test_the_events_tell_the_story_in_order(client: Client) -> None:
    job = client.train(scaled(), workers=2)
    job.wait(PATIENCE)
    events = job.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].reason == "Admitted"
    assert events[-1].reason == "Succeeded"
    assert [e.rank for e in events if e.reason == "WorkerExited"] in ([0, 1], [1, 0])


def test_a_log_reads_as_text_and_as_lines(client: Client) -> None:
    def prints() -> None:
        print("from", cnai.rank())

    job = client.train(prints, workers=2)
    followed = sorted(job.logs(follow=True))
    assert followed == ["from 0", "from 1"]
    log = job.logs()
    assert sorted(log) == followed
    assert sorted(str(log).splitlines()) == ["0 │ from 0", "1 │ from 1"]
    assert list(job.logs(rank=1)) == ["from 1"]
    assert str(job.logs(rank=1)) == "from 1"
    assert len(job.logs(tail=1)) == 1


def test_a_script_runs_as_it_is(client: Client, notebook: Path) -> None:
    (notebook / "beside.py").write_text("WORD = 'beside'\n")
    (notebook / "trains.py").write_text(
        textwrap.dedent(
            """
            import sys
            from beside import WORD
            import cnai_sdk as cnai
            cnai.report(step=0, words=len(sys.argv))
            print(WORD, *sys.argv[1:])
            """
        )
    )
    job = client.train_script("trains.py", argv=["--lr", "0.1"])
    job.wait(PATIENCE)
    assert list(job.logs())[-1] == "beside --lr 0.1"
    assert json.loads(json.dumps(job.workload.metrics)) == {"words": 3}
    assert job.name == "trains"
