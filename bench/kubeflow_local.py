"""Kubeflow: the same from the kubeflow SDK's local backend, from the call to the first line.

It makes a new environment for every job and installs torch into it from the package index, so this
needs a network and some gigabytes, and runs only with --with-peers, once. The SDK itself goes into
a throw-away environment first, which is not timed. It runs one process; ours, beside it, two.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.notebook import Notebook
from bench.peers import SCRIPTS, kubeflow_sdk, times
from bench.plan import Plan
from bench.table import Row, seconds
from bench.workplace import warm_client
from cnai_sdk import Client

_CELL = """
def work():
    import time

    print("first", time.monotonic(), flush=True)
"""


def measure(plan: Plan) -> Sequence[Row]:
    """Both, one run each; nothing but a notice without --with-peers."""
    if not plan.with_peers:
        print("kubeflow_local: skipped; --with-peers installs and runs it", file=sys.stderr)
        return []
    name, first, ended = _kubeflow()
    notebook = Notebook(_CELL)
    ours_first, ours_ended = _ours(warm_client(), notebook)
    return [
        Row(
            what="first job, call to first line",
            ours=f"{seconds(ours_first)} (two workers, warm)",
            peers=f"{name} {seconds(first)} (one process)",
            ratio=ours_first / first,
        ),
        Row(
            what="first job, call to end",
            ours=seconds(ours_ended),
            peers=f"{name} {seconds(ended)}",
            ratio=ours_ended / ended,
        ),
    ]


def _ours(client: Client, notebook: Notebook) -> tuple[float, float]:
    started = time.monotonic()
    job = client.train(notebook["work"], workers=2).wait()
    ended = time.monotonic()
    return times(list(job.logs()), "first")[-1] - started, ended - started


def _kubeflow() -> tuple[str, float, float]:
    """Its name and version, and seconds to the first line and to the end."""
    python, version = kubeflow_sdk()
    environment = dict(os.environ) | {"PATH": f"{Path(python).parent}:{os.environ['PATH']}"}
    answer = subprocess.run(
        [python, str(SCRIPTS / "kubeflow_first_line.py"), "torch"],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = answer.stdout.splitlines()
    return f"kubeflow SDK {version}", times(lines, "first")[0], times(lines, "ended")[0]
