"""A process that forks after it has used the verbs: the child has them too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time, multiprocessing
from pathlib import Path
from cnai_sdk.client import default_client
import cnai_sdk as cnai

def work(n=1):
    return n + 1

def in_child(n):
    return [job.name for job in cnai.jobs()], cnai.train(work, args={"n": n}).wait(240).result()

if __name__ == "__main__":
    first = cnai.train(work, name="first")
    first.wait(240)
    print(first.result(), flush=True)
    way = sys.argv[1]
    if way == "os.fork":
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                print(*in_child(10), flush=True)
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
    else:
        with multiprocessing.get_context(way).Pool(2) as pool:
            for names, result in pool.map(in_child, [10, 20]):
                print("first" in names, result, flush=True)
    print(cnai.train(work, args={"n": 40}).result(), flush=True)
    print(len(cnai.jobs()), flush=True)
"""


@pytest.mark.parametrize("warm", ["0", "1"])
@pytest.mark.parametrize("way", ["os.fork", "fork", "forkserver", "spawn"])
def test_a_child_that_was_forked_has_verbs_of_its_own(
    notebook: Path, tmp_path: Path, way: str, warm: str
) -> None:
    (notebook / "forks.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "forks.py", way],
        capture_output=True,
        text=True,
        timeout=270,
        env=os.environ
        | {
            "CNAI_HOME": str(tmp_path / "store"),
            "CNAI_WARM": warm,
            "CNAI_TEMPLATE_IDLE": "5",
        },
    )
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == "2"
    if way == "os.fork":
        assert rest == ["['first'] 11", "41", "3"]
    else:
        assert sorted(rest[:2]) == ["True 11", "True 21"]
        assert rest[2:] == ["41", "4"]


def test_a_fork_while_the_loop_runs_is_not_stuck(notebook: Path, tmp_path: Path) -> None:
    """A watch is under way in another thread when the fork happens."""
    (notebook / "forks.py").write_text(
        SCRIPT.replace(
            "    way = sys.argv[1]\n",
            "    import threading\n"
            '    held = cnai.train(lambda: time.sleep(600), name="held")\n'
            "    threading.Thread(target=held.wait, daemon=True).start()\n"
            "    way = sys.argv[1]\n",
        ).replace("print(len(cnai.jobs()), flush=True)", "held.stop().wait(240)")
    )
    done = subprocess.run(
        [sys.executable, "forks.py", "os.fork"],
        capture_output=True,
        text=True,
        timeout=270,
        env=os.environ | {"CNAI_HOME": str(tmp_path / "store"), "CNAI_WARM": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "41"
