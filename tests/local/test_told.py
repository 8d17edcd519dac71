"""What a worker is told, and what is told of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cnai_sdk as cnai
from cnai_sdk.client import Client
from cnai_sdk.errors import JobFailed
from cnai_sdk.model.phase import Phase

from .functions import PATIENCE, scaled, until


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
    with pytest.raises(JobFailed):
        job.wait(PATIENCE)
    assert job.workload.reason == "Timeout"
    assert job.workload.attempt < 50


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


NOTED = """
import os, random, sys
from pathlib import Path
from cnai_sdk.client import Client
from cnai_sdk.config import Config
from cnai_sdk.errors import CnaiError

os.environ["COLOUR"] = "red"
random.seed(7)

def colour():
    return os.environ["COLOUR"]

if __name__ == "__main__":
    client = Client(config=Config(home=Path(sys.argv[1]), warm=False))
    try:
        client.train(colour, memory="900Ti")
    except CnaiError as refusal:
        print("refused")
    print("told by the first", file=sys.stderr)
    print(client.train(colour).result())
    print("told by the second", file=sys.stderr)
    print(client.train(colour).result())
"""


def test_a_notice_is_told_once_and_not_where_it_does_not_hold(
    client: Client, notebook: Path
) -> None:
    script = notebook / "noted.py"
    script.write_text(NOTED)
    kernel = subprocess.run(
        [sys.executable, str(script), str(client.config.home)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert kernel.stdout.split() == ["refused", "red", "red"], "workers inherit the environment"
    before, _, after = kernel.stderr.partition("told by the first\n")
    first, _, second = after.partition("told by the second\n")
    assert before == "", "nothing was made, and what is to be known of it is told when it is"
    assert "noted.py, line 9: random.seed" in first
    assert "environ" not in first
    assert "random.seed" not in second


def test_the_events_tell_the_story_in_order(client: Client) -> None:
    job = client.train(scaled(), workers=2)
    job.wait(PATIENCE)
    events = job.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].reason == "Admitted"
    assert events[-1].reason == "Succeeded"
    assert [e.rank for e in events if e.reason == "WorkerExited"] in ([0, 1], [1, 0])
    shown = repr(events).splitlines()
    assert len(shown) == len(events)
    assert re.fullmatch(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d  Succeeded", shown[-1])


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
    assert len(list(job.logs(tail=1))) == 1


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


def test_a_job_that_reports_names_without_end_keeps_its_state_small(client: Client) -> None:
    def many() -> None:
        import cnai_sdk as cnai

        for number in range(500):
            cnai.report(**{f"m{number}": float(number)})

    job = client.train(many).wait()
    assert list(job.workload.metrics)[:2] == ["m0", "m1"]
    assert len(job.workload.metrics) == 100
    assert job.reports()["m499"][-1] == 499.0


def test_a_burst_of_progress_before_a_long_step_stands_right(
    client: Client, tmp_path: Path
) -> None:
    go = tmp_path / "go"

    def bursts(path: str) -> None:
        import time
        from pathlib import Path

        import cnai_sdk as cnai

        for done in range(1, 6):
            cnai.progress(done, 30, unit="epoch")
        while not Path(path).exists():
            time.sleep(0.01)

    job = client.train(bursts, args={"path": str(go)})
    try:
        until(lambda: job.workload.progress is not None and job.workload.progress.done == 5)
    finally:
        go.touch()
    job.wait()


def test_progress_that_was_held_back_comes_with_the_next_report(client: Client) -> None:
    def floods() -> None:
        import cnai_sdk as cnai

        for done in range(1, 5001):
            cnai.progress(done, 10_000)
        cnai.report(accuracy=0.5)

    job = client.train(floods).wait()
    progress = job.workload.progress
    assert progress is not None and progress.done == 5000
