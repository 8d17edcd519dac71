"""Cold start: no template, so the supervisor and the workers are new processes.

Ours runs the very first job of a store: the call captures the function, makes the job's folder,
starts the supervisor, and this one the workers. Beside it, two plain `python` processes that run
the same lines (scripts/first_line.py), started by nothing but a command, and torchrun. A plain
process has no queue, no record and no log, so its first line comes sooner; the goal is for the
moment when work can begin, which is when both workers have imported torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.notebook import Notebook
from bench.peers import SCRIPTS, plain_processes, times, torchrun
from bench.plan import Plan
from bench.table import Row
from bench.timing import Figures, Spread, interleaved
from bench.workplace import plain_client
from cnai_sdk import Client

NO_SLOWER = 1.05
"""As fast as plain processes, within what two medians of them differ by."""


_CELL = """
def work():
    import time

    print("first", time.monotonic(), flush=True)
    import torch

    print("torch", time.monotonic(), torch.__version__, flush=True)
"""


def measure(plan: Plan) -> Sequence[Row]:
    """To the first line on both workers, and to torch on both."""
    client, notebook = plain_client(), Notebook(_CELL)
    found = interleaved(
        plan.runs(7),
        [
            lambda: _ours(client, notebook),
            lambda: _peer("plain", plain_processes),
            lambda: _peer("torchrun", torchrun),
        ],
        discard=1,
    )
    return [
        _row("to the first line on both workers", "first", found),
        _row("to torch imported on both", "torch", found, goal=NO_SLOWER),
    ]


def _ours(client: Client, notebook: Notebook) -> Figures:
    started = time.monotonic()
    job = client.train(notebook["work"], workers=2).wait()
    return _figures("ours", started, list(job.logs()))


def _peer(name: str, run: Callable[[Path], str]) -> Figures:
    started = time.monotonic()
    return _figures(name, started, run(SCRIPTS / "first_line.py").splitlines())


def _figures(who: str, started: float, lines: Sequence[str]) -> Figures:
    return {f"{who} {word}": times(lines, word)[-1] - started for word in ("first", "torch")}


def _row(what: str, key: str, found: dict[str, Spread], *, goal: float | None = None) -> Row:
    ours, plain = found[f"ours {key}"], found[f"plain {key}"]
    return Row(
        what=f"cold start, {what}",
        ours=str(ours),
        peers=f"two plain processes {plain}; torchrun {found[f'torchrun {key}']}",
        ratio=ours.median / plain.median,
        goal="" if goal is None else "no slower than plain processes",
        met=None if goal is None else ours.median <= goal * plain.median,
    )
