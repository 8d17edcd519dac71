"""What the first process of a worker's container does: with real processes, in a folder of its own.

Not here: what a node and an operator do around it; see tests/cluster.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest

from .containers import ENTRY, Container, read_until


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def test_the_log_is_the_ranks_own_and_its_frames_tell_the_attempt(container: Container) -> None:
    code, log, frames = container.run("print('one')\nprint('two')")
    assert (code, log) == (0, "one\ntwo\n")
    assert [(frame["state"], frame["attempt"]) for frame in frames] == [("running", 0)]
    assert container.said == {"attempt": 0}


def test_what_rank_0_returns_is_its_last_message(container: Container) -> None:
    assert container.run('_cnai_result = {"accuracy": 0.97, "name": "数字"}')[0] == 0
    assert container.said["result"] == {"accuracy": 0.97, "name": "数字"}


def test_another_rank_returns_nothing(container: Container) -> None:
    container.run("_cnai_result = 1", env={"RANK": "1", "WORLD_SIZE": "2"})
    assert "result" not in container.said


def test_an_error_names_the_cell_in_the_log_and_in_the_last_message(container: Container) -> None:
    code, log, _ = container.run("def f():\n    raise ValueError('no digit')\nf()")
    assert code == 1
    assert 'File "cell [3]", line 2, in f' in log
    error = {"type": "ValueError", "message": "no digit", "at": ["cell [3]", 2]}
    assert container.said == {"attempt": 0, "final": True, "error": error}


def test_the_exit_code_is_the_scripts_and_a_signal_is_128_more(container: Container) -> None:
    assert container.run("raise SystemExit(3)")[0] == 3
    (container.home / "state.json").unlink()
    assert container.run("import os; os.kill(os.getpid(), 9)")[0] == 137


def test_a_result_that_is_too_large_goes_into_the_outputs(container: Container) -> None:
    kept = container.home / "claim" / "abcd"
    container.settings["outputs"] = str(kept)
    assert container.run("_cnai_result = ['x' * 100] * 100")[0] == 0
    assert container.said == {"attempt": 0, "result_file": "result.json"}
    assert json.loads((kept / "result.json").read_text()) == ["x" * 100] * 100


def test_without_outputs_it_is_said_that_a_large_result_is_not_kept(container: Container) -> None:
    code, log, _ = container.run("_cnai_result = 'x' * 5000")
    assert code == 0
    assert "The return value is not kept" in log
    assert 'outputs="pvc://' in log
    assert container.said["reason"] == "ResultTooLarge"


def test_a_message_is_never_longer_than_a_node_hands_on(container: Container) -> None:
    container.run("raise ValueError('数' * 3000)")
    assert len(container.message.read_bytes()) <= 4096
    assert container.said["error"]["type"] == "ValueError"


def test_a_secret_is_not_in_the_last_message(container: Container) -> None:
    container.settings["secrets"] = ["TOKEN"]
    container.run("import os; raise ValueError(os.environ['TOKEN'])", env={"TOKEN": "geheimnis"})
    assert "geheimnis" not in container.message.read_text()
    assert container.said["error"]["message"] == "***"


def test_a_secret_is_not_in_the_log_however_it_is_printed(container: Container) -> None:
    container.settings["secrets"] = ["TOKEN", "PIN"]
    script = """
        import os, subprocess, sys, time
        import cnai_sdk as cnai
        token = os.environ["TOKEN"]
        print("as", token)
        for part in (token[:4], token[4:]):
            sys.stdout.write(part)
            sys.stdout.flush()
            time.sleep(0.05)
        print()
        subprocess.run(["sh", "-c", "echo child $TOKEN >&2"])
        print("x" * 2**17 + token)
        cnai.report(step=0, **{token: 0.5})
        cnai.report(step=1, loss=123456)
        raise ValueError("by " + token)
    """
    env = {"TOKEN": "geheimnis", "PIN": "123456"}
    _, log, frames = container.run(dedent(script), env=env)
    assert "geheimnis" not in log
    assert log.splitlines()[:3] == ["as ***", "***", "child ***"]
    assert log.splitlines()[3] == "x" * 2**17 + "***"
    assert "ValueError: by ***" in log
    assert [f["metrics"] for f in frames if "metrics" in f] == [{"***": 0.5}, {"loss": 123456.0}]


def test_a_secret_is_not_in_the_copy_of_the_log(container: Container) -> None:
    kept = container.home / "claim" / "abcd"
    container.settings |= {"outputs": str(kept), "secrets": ["TOKEN"]}
    container.run("import os; print(os.environ['TOKEN'], end='')", env={"TOKEN": "geheimnis"})
    assert (kept / "logs" / "rank-0.log").read_text() == "***"


def test_a_failed_run_starts_again_in_the_same_container(container: Container) -> None:
    container.settings["retries"] = 3
    code, log, frames = container.run(
        "import cnai_sdk as cnai\n"
        "mark = cnai.checkpoint_dir() / 'tried'\n"
        "if not mark.exists():\n"
        "    mark.touch()\n"
        "    raise ValueError('first')\n"
        "print('second')\n"
    )
    assert code == 0
    assert log.endswith("second\n")
    assert [frame["attempt"] for frame in frames if "attempt" in frame] == [0, 1]
    assert container.said == {"attempt": 1}


def test_retries_come_to_an_end(container: Container) -> None:
    container.settings["retries"] = 2
    code, _, frames = container.run("raise ValueError('again')")
    assert code == 1
    assert [frame["attempt"] for frame in frames if "attempt" in frame] == [0, 1, 2]
    assert container.said["attempt"] == 2


def test_a_container_that_has_given_up_says_the_same_again_and_runs_nothing(
    container: Container,
) -> None:
    container.run("print('once'); raise ValueError('no')")
    before = container.said
    container.message.unlink()
    code, log, frames = container.run("print('twice')")
    assert (code, log, frames) == (1, "", [])
    assert container.said == before


def test_a_container_that_was_killed_counts_as_a_failed_run(container: Container) -> None:
    container.settings["retries"] = 1
    _kill_once_it_prints(container)
    code, log, frames = container.run("print('again')")
    assert (code, log) == (0, "again\n")
    assert [frame["attempt"] for frame in frames] == [1]


def test_a_container_that_was_killed_too_often_runs_nothing(container: Container) -> None:
    _kill_once_it_prints(container)
    code, log, _ = container.run("print('again')")
    assert (code, log) == (137, "")
    assert container.said["attempt"] == 0


def test_a_request_to_end_reaches_the_rank_which_ends_in_order(container: Container) -> None:
    container.settings["retries"] = 3
    process = container.start(
        "import time\ntry:\n    print('up', flush=True)\n    time.sleep(600)\nfinally:\n"
        "    print('in order', flush=True)\n"
    )
    assert process.stdout is not None
    read_until(process, b"up\n")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=240)[0].endswith(b"in order\n")
    assert process.returncode == 143
    assert container.said == {"attempt": 0}  # a pod made anew may go on


def test_what_a_rank_leaves_running_does_not_hold_the_container(container: Container) -> None:
    code, log, _ = container.run(
        "import subprocess\nsubprocess.Popen(['sleep', '600'])\nprint('done')"
    )
    assert (code, log) == (0, "done\n")


def test_a_timeout_of_its_own_ends_the_run_for_good(container: Container) -> None:
    container.settings |= {"timeout": 0.5, "retries": 3}
    code, _, _ = container.run("import time\ntime.sleep(600)")
    assert code == 143
    assert container.said["reason"] == "Timeout"
    assert "0.5 s" in container.said["message"]


def test_the_environment_is_that_of_torchrun(container: Container) -> None:
    script = "import os, json\nprint(json.dumps(dict(os.environ)))"
    told = {"PET_NODE_RANK": "1", "PET_NNODES": "3", "PET_MASTER_ADDR": "host"}
    container.settings |= {"workers": 3, "cpu": 2.5, "argv": ["--lr", "0.1"]}
    seen = json.loads(container.run(script, env=told | {"PET_MASTER_PORT": "29500"})[1])
    wanted = {
        "RANK": "1",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "3",
        "LOCAL_WORLD_SIZE": "1",
        "GROUP_RANK": "1",
        "MASTER_ADDR": "host",
        "MASTER_PORT": "29500",
        "OMP_NUM_THREADS": "2",
        "CNAI_JOB_ID": "abcd",
        "CNAI_JOB_NAME": "digits",
        "CNAI_ATTEMPT": "0",
        "CNAI_ARGV": '["--lr", "0.1"]',
        "CNAI_OUTPUT_DIR": str(container.outputs),
    }
    assert {name: seen.get(name) for name in wanted} == wanted
    assert "CNAI_RESULT" not in seen


def test_the_callers_own_thread_count_holds(container: Container) -> None:
    script = "import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    assert container.run(script, env={"OMP_NUM_THREADS": "5"})[1] == "5 5\n"


def test_a_single_worker_needs_no_name_of_a_service(container: Container) -> None:
    script = "import os\nprint(os.environ['MASTER_ADDR'])"
    assert container.run(script, env={"MASTER_ADDR": "digits-worker-0"})[1] == "127.0.0.1\n"


def test_data_appears_under_its_name_in_the_working_folder(container: Container) -> None:
    source = container.home / "claim" / "cifar-10"
    source.mkdir(parents=True)
    (source / "labels.txt").write_text("cat")
    container.settings["data"] = {"sets/cifar": str(source)}
    assert container.run("print(open('sets/cifar/labels.txt').read())")[1] == "cat\n"


def test_data_that_is_not_in_its_claim_is_said_before_anything_runs(container: Container) -> None:
    container.settings["data"] = {"cifar": str(container.home / "nowhere")}
    code, log, _ = container.run("print('ran')")
    assert (code, log) == (1, "")
    assert container.said["reason"] == "DataMissing"


def test_with_outputs_the_log_is_copied_there_without_frames(container: Container) -> None:
    kept = container.home / "claim" / "abcd"
    container.settings["outputs"] = str(kept)
    code, log, frames = container.run(
        "import cnai_sdk as cnai\nprint('one')\ncnai.report(step=0, loss=0.5)\nprint('end', end='')"
    )
    assert code == 0
    assert log == "one\nstep=0 loss=0.5\nend"
    assert len(frames) == 2
    assert (kept / "logs" / "rank-0.log").read_text() == "one\nstep=0 loss=0.5\nend"


def test_a_later_attempt_goes_on_in_the_same_copy(container: Container) -> None:
    kept = container.home / "claim" / "abcd"
    container.settings |= {"outputs": str(kept), "retries": 1}
    container.run("import os\nprint('attempt', os.environ['CNAI_ATTEMPT'])\nraise SystemExit(1)")
    assert (kept / "logs" / "rank-0.log").read_text() == "attempt 0\nattempt 1\n"


def test_packages_that_cannot_be_had_are_said_in_the_installers_words(container: Container) -> None:
    container.settings["packages"] = ["cnai-no-such-package==9"]
    empty = container.home / "index"
    empty.mkdir()
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(empty)}
    code, log, _ = container.run("print('ran')", env=env)
    assert code == 1
    assert "ran" not in log
    assert container.said["reason"] == "InstallFailed"
    assert "cnai-no-such-package" in container.said["message"]


def test_packages_are_laid_over_the_images_own(container: Container, own_wheel: Path) -> None:
    container.settings["packages"] = ["cnai-tiny"]
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(own_wheel.parent)}
    code, log, _ = container.run("import cnai_tiny, msgspec\nprint(cnai_tiny.WORD)", env=env)
    assert code == 0, log
    assert log.endswith("tiny\n")


@pytest.fixture
def own_wheel(tmp_path: Path) -> Path:
    import zipfile

    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = folder / "cnai_tiny-1.0-py3-none-any.whl"
    about = "cnai_tiny-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("cnai_tiny.py", "WORD = 'tiny'\n")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: cnai-tiny\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return wheel


def _kill_once_it_prints(container: Container) -> None:
    """As a node does with all of a container when its memory is full."""
    process = container.start("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    line = read_until(process, b"\n", skip=b"\x1e")
    process.kill()
    process.wait()
    with suppress(ProcessLookupError):
        os.kill(int(line), signal.SIGKILL)
    assert process.stdout is not None
    process.stdout.close()


FILLS = """
with open("model.pt", "wb", buffering=0) as file:
    while file.write(bytes(4096)):
        pass
"""
FULL_DISK = """
mount -t tmpfs -o size=2m none "$2" && cp -r "$1/job" "$2" || exit 99
"$3" -c "$4" "$2/job/worker" "$2"
echo "code $?"; cat "$2/state.json"
"""
MAY_MOUNT = not subprocess.run(
    ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
).returncode


@pytest.mark.skipif(not MAY_MOUNT, reason="this user may not mount a tmpfs here")
def test_a_full_disk_does_not_lose_how_a_rank_ended(container: Container, tmp_path: Path) -> None:
    """A node that does not know that it has given up would start it again."""
    container.start("").communicate(timeout=240)  # lays out its folder
    (container.home / "job" / "script.py").write_text(FILLS)
    disk = tmp_path / "disk"
    disk.mkdir()
    told = [str(container.home), str(disk), container.python, ENTRY]
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", FULL_DISK, "sh", *told],
        env={"PATH": os.environ["PATH"], "CNAI_MESSAGE": str(container.message)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    said = done.stdout.decode()
    assert said.endswith('code 1\n{"attempt": 0, "code": 1}'), (said, done.stderr)
    assert container.said["error"]["message"] == "[Errno 28] No space left on device"
    assert container.said["final"] is True
