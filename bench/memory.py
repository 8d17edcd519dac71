"""Memory: what stays beside a job of two workers that have imported torch.

PSS divides each page among those that share it, so the PSS of template, supervisor and workers add
up; RSS counts shared pages in each. Each worker names its own process and its parent, which is the
supervisor. Beside it, torchrun's agent and its two workers, which have imported the same.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence

import psutil

from bench.notebook import Notebook
from bench.peers import SCRIPTS, TORCHRUN
from bench.plan import Plan
from bench.table import Row, mebibytes
from bench.workplace import plain_client, templates, warm_client
from cnai_sdk import Client

_CELL = """
import os
import time
import torch

def idle():
    torch.ones(8, 8) @ torch.ones(8, 8)
    print("up", os.getpid(), os.getppid(), flush=True)
    while True:
        time.sleep(3600)
"""


def measure(plan: Plan) -> Sequence[Row]:
    """The template, and each process of a job, started either way."""
    notebook = Notebook(_CELL)
    warm = warm_client()
    rows = [Row(what="memory, template that nobody uses", ours=_both(templates()))]
    torchrun, agent = _torchrun()
    for way, client in (("warm", warm), ("plain", plain_client())):
        supervisor, workers = _job(client, notebook)
        rows.append(
            Row(
                what=f"memory, supervisor, {way} start",
                ours=supervisor,
                peers=f"torchrun's agent {agent}",
            )
        )
        rows.append(
            Row(
                what=f"memory, one of two workers, {way} start",
                ours=workers,
                peers=f"one of torchrun's {torchrun}",
            )
        )
    return rows


def _job(client: Client, notebook: Notebook) -> tuple[str, str]:
    """Figures of the supervisor, and of a worker."""
    job = client.train(notebook["idle"], workers=2)
    try:
        found = _pids(job.logs(follow=True))
        supervisor = {psutil.Process(parent) for _, parent in found}
        return _both(supervisor), _both([psutil.Process(pid) for pid, _ in found], each=True)
    finally:
        job.stop()


def _torchrun() -> tuple[str, str]:
    """Figures of a worker, and of the agent."""
    with subprocess.Popen(
        [*TORCHRUN, str(SCRIPTS / "idle.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as agent:
        assert agent.stdout is not None
        found = _pids(agent.stdout)
        workers = _both([psutil.Process(pid) for pid, _ in found], each=True)
        answer = workers, _both([psutil.Process(agent.pid)])
        agent.terminate()
    return answer


def _pids(lines: Iterable[str]) -> list[tuple[int, int]]:
    """The process and the parent of both workers, once both have said so."""
    found: list[tuple[int, int]] = []
    for line in lines:
        if line.startswith("up "):
            _, pid, parent = line.split()
            found.append((int(pid), int(parent)))
        if len(found) == 2:
            return found
    raise RuntimeError("The workers ended before both were up.")


def _both(processes: Iterable[psutil.Process], *, each: bool = False) -> str:
    """PSS and RSS of all together, or of one of them on average."""
    figures = [process.memory_full_info() for process in processes]
    share = len(figures) if each else 1
    pss = sum(f.pss for f in figures) / share
    rss = sum(f.rss for f in figures) / share
    return f"PSS {mebibytes(pss)}, RSS {mebibytes(rss)}"
