"""A cluster that is kept up for a person: how it is used, by whom, and that it leaves nothing."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.testbed import fixtures

ROOT = Path(__file__).parents[2]
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all", "--")
"""Makes of root what an ordinary user is; mapping root's own number alone takes a right."""
TRAINING = """
import cnai_sdk as cnai

cnai.use("kubernetes")

def add():
    return {"ranks": cnai.world_size()}

print(cnai.train(add, workers=2, image="python:3", cpu=0.1, memory="256Mi").result())
"""


def test_what_make_cluster_prints_is_how_to_use_what_it_keeps_up() -> None:
    asked = ["make", "--dry-run", "--no-print-directory", "cluster"]
    recipe = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    python, *command = shlex.split(recipe.splitlines()[-1])
    assert (python, command) == ("python", ["-m", "tests.cluster.testbed", "up"])
    with kept_up([sys.executable, *command, "jobset"]) as said:
        done = typed(said)
    for row in (r"node-a +8 +16Gi +4 +Ready", r"jobset +v0\.12\.0 +jobset-system/\S+ +Running"):
        assert re.search(f"^ +{row}$", said, re.MULTILINE), said
    assert done == ["node/node-a", "node/node-b", "serviceaccount/default", "team-a"]


def test_an_ordinary_user_has_one_too_on_which_jobs_run(tmp_path: Path) -> None:
    """Root's namespaces are refused, so that it lives in a user namespace of its own."""
    becoming = WITHOUT_RIGHTS if os.geteuid() == 0 else ()
    denied = subprocess.run([*becoming, "unshare", "--net", "true"], check=False)
    assert denied.returncode, "rights were left"
    up = [sys.executable, "-m", "tests.cluster.testbed", "up", "training-operator"]
    script = tmp_path / "training.py"
    with kept_up([*becoming, *up]) as said:
        (kubeconfig,) = re.findall("export KUBECONFIG=(\\S+)", said)
        script.write_text(TRAINING)
        trained = subprocess.run(
            [sys.executable, script],
            env={**os.environ, "KUBECONFIG": kubeconfig, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert trained.stdout == "{'ranks': 2}\n", trained.stderr


@contextmanager
def kept_up(command: Sequence[str]) -> Iterator[str]:
    """What a cluster says that this command keeps up; Ctrl-C ends it at the end."""
    fixtures.own_cluster_or_skip(operators=()).stop()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as running:
        try:
            said = all_that_is_said(running)
            yield said
        finally:
            running.send_signal(signal.SIGINT)
    assert running.returncode == 0
    (folder_named,) = re.findall("logs are in (\\S+)\\. Ctrl-C", said)
    assert not Path(folder_named).exists()


def all_that_is_said(running: subprocess.Popen[str]) -> str:
    """What a cluster that comes up prints, when it is up."""
    assert running.stdout is not None
    said = ""
    while "Ctrl-C ends it." not in said:
        line = running.stdout.readline()
        assert line, f"it ended after {said!r}"
        said += line
    return said


def typed(said: str) -> list[str]:
    """What kubectl tells in a fresh shell, in which only the lines that were printed were typed."""
    lines = [
        *re.findall("export .*", said),
        "kubectl get nodes -o name && kubectl get serviceaccounts -o name",
        "kubectl config view --minify -o jsonpath={..namespace}",
    ]
    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
