"""The command line as a process, on real jobs of this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import msgspec
import pytest

from cnai_sdk.model.event import LogLine
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload

from .conftest import COMMAND, Terminal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="local jobs need Linux")

WAITS = ["import time", "print('ready', flush=True)", "time.sleep(600)"]


def phase_of(terminal: Terminal, name: str) -> Phase:
    return msgspec.json.decode(terminal("status", name, "--json").stdout, type=Workload).phase


def test_train_follows_the_script_to_its_end(terminal: Terminal) -> None:
    terminal.write("hello.py", ["import os, sys", "print(os.environ['RANK'], sys.argv[1:])"])
    answer = terminal("train", "hello.py", "--workers", "2", "--", "--lr", "0.1")
    assert answer.returncode == 0, answer.stderr
    assert sorted(answer.stdout.splitlines()) == [
        "0 │ 0 ['--lr', '0.1']",
        "1 │ 1 ['--lr', '0.1']",
    ]
    assert "hello: Succeeded" in answer.stderr


def test_the_exit_code_is_the_jobs_and_a_failure_is_explained(terminal: Terminal) -> None:
    terminal.write("bad.py", ["import sys", "sys.exit(3)"])
    answer = terminal("train", "bad.py")
    assert answer.returncode == 3
    assert "What happened" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "job." not in answer.stderr, "a terminal has commands"
    again = terminal("train", "bad.py", "--json")
    assert again.returncode == 3
    assert json.loads(again.stderr.splitlines()[-1])["what"]


def test_what_to_change_is_named_as_it_is_typed(terminal: Terminal) -> None:
    holds = ["import signal", "held = b'x' * (400 * 2**20)", "signal.pause()"]
    terminal.write("greedy.py", holds)
    said = terminal("train", "greedy.py", "--memory", "200Mi").stderr
    assert "memory=" not in said
    assert "--memory 400Mi" in said
    again = terminal("explain", "greedy").stdout
    assert "cnai rerun greedy --memory 400Mi" in again


def test_a_notice_names_options_too(terminal: Terminal) -> None:
    terminal.write("short.py", ["print(1)"])
    assert "--shm concerns a cluster" in terminal("train", "short.py", "--shm", "1Gi").stderr


def test_a_worker_that_a_signal_ended_gives_128_and_its_number(terminal: Terminal) -> None:
    terminal.write("killed.py", ["import os", "os.kill(os.getpid(), 9)"])
    assert terminal("train", "killed.py").returncode == 128 + signal.SIGKILL


def test_detached_it_returns_the_workload_and_another_process_follows_it(
    terminal: Terminal,
) -> None:
    terminal.write("three.py", ["for n in range(3): print(n)"])
    made = terminal("train", "three.py", "--detach", "--json")
    assert msgspec.json.decode(made.stdout, type=Workload).name == "three"
    lines = terminal("logs", "three", "-f", "--json").stdout.splitlines()
    assert [msgspec.json.decode(line, type=LogLine).text for line in lines] == ["0", "1", "2"]
    assert phase_of(terminal, "three") is Phase.SUCCEEDED


@pytest.mark.parametrize("words", [("train", "waits.py"), ("logs", "-f", "waits")])
def test_ctrl_c_ends_the_following_and_the_job_goes_on(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    terminal.write("waits.py", WAITS)
    if words[0] == "logs":
        terminal("train", "waits.py", "--detach")
    process = terminal.start(*words)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "waits goes on. Stop it: cnai stop waits" in told
    assert "Traceback" not in told
    assert phase_of(terminal, "waits") is Phase.RUNNING
    assert terminal("stop", "waits").returncode == 0
    assert terminal("logs", "-f", "waits").returncode == 0, "it ends when the job has"
    assert phase_of(terminal, "waits") is Phase.STOPPED


def test_a_closed_pipe_is_no_traceback(terminal: Terminal) -> None:
    terminal.write("many.py", ["for n in range(50_000): print('line', n)"])
    assert terminal("train", "many.py").returncode == 0
    shell = f"{sys.executable} -m cnai_sdk.cli logs many | head -n 2"
    answer = subprocess.run(
        ["/bin/sh", "-c", shell],
        cwd=terminal.folder,
        env=terminal.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert answer.stdout == "line 0\nline 1\n"
    assert answer.stderr == ""


def test_a_secret_reaches_the_job_by_its_name(terminal: Terminal) -> None:
    script = ["import os", "print(len(os.environ['MY_TOKEN']))"]
    terminal.write("asks.py", script)
    assert terminal("train", "asks.py", "--secret", "MY_TOKEN").returncode == 2
    assert terminal("secrets", "set", "MY_TOKEN", input="seven77\n").returncode == 0
    assert terminal("train", "asks.py", "--secret", "MY_TOKEN").stdout == "7\n"


def test_names_of_jobs_are_completed_from_the_store(terminal: Terminal) -> None:
    terminal.write("digits.py", ["print(1)"])
    terminal("train", "digits.py")
    answer = terminal(
        "", _CNAI_COMPLETE="bash_complete", COMP_WORDS="cnai status di", COMP_CWORD="2"
    )
    assert answer.stdout == "plain,digits\n"


def test_completion_over_a_store_that_cannot_be_read_is_silent(terminal: Terminal) -> None:
    answer = terminal(
        "",
        _CNAI_COMPLETE="bash_complete",
        COMP_WORDS="cnai status di",
        COMP_CWORD="2",
        CNAI_BACKEND="mars",
    )
    assert (answer.stdout.strip(), answer.stderr) == ("", "")


def test_doctor_finds_no_problem_where_these_tests_run(terminal: Terminal) -> None:
    answer = terminal("doctor", "--json")
    found = json.loads(answer.stdout)
    assert answer.returncode == 0, [f for f in found if f["state"] == "problem"]
    assert {"python", "cpu", "memory limit", "gpu", "store", "template"} <= {
        f["check"] for f in found
    }


def test_doctor_in_a_broken_configuration_says_so_and_goes_on(terminal: Terminal) -> None:
    terminal.write("config.toml", ["backend = 3"])
    answer = terminal("doctor", CNAI_CONFIG=str(terminal.folder / "config.toml"))
    assert answer.returncode == 1
    assert "config.toml, line 1" in answer.stdout
    assert "Traceback" not in answer.stderr


def test_help_loads_nothing_that_is_heavy() -> None:
    heavy = {"torch", "numpy", "asyncio", "msgspec", "sqlite3", "cnai_sdk.client"}
    code = f"import sys, cnai_sdk.cli.app; print(sorted({heavy!r} & set(sys.modules)))"
    answer = subprocess.run(
        [COMMAND[0], "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    assert answer.stdout == "[]\n"
