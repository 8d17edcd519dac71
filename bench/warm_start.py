"""Warm start: from `cnai.train(...)` in a cell to the function's first line, on two workers.

The cell runs in IPython's own shell. The clock starts before the call, so capturing the function
and the helper from another cell is part of it, and is the system's monotonic one, which all
processes share: each worker prints what it shows in its first line. Beside it, a script whose first
line does the same, under torchrun and in two plain processes; there the clock starts before the
command. Workers of a warm start have torch loaded by then, those of the peers do not: so their time
until torch is imported stands there too.

A template fits a notebook as long as the variables that imports read are the same in both, and some
libraries set such variables themselves. So a new process imports those that notebooks of this kind
import, and says after which of them its template no longer fits: from then on, the first job of a
notebook would start plainly.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from bench.notebook import Notebook
from bench.peers import SCRIPTS, plain_processes, times, torchrun
from bench.plan import Plan
from bench.table import Row, seconds
from bench.timing import Figures, Spread, interleaved
from bench.workplace import warm_client

GOAL = 0.060
_CELLS = (
    "import time\nimport torch\nimport cnai_sdk as cnai",
    "def now():\n    return time.monotonic()",
    "def work():\n"
    "    print('first', now(), flush=True)\n"
    "    print('torch', now(), torch.__version__, flush=True)",
)
_IMPORTS = """
import importlib, os
from cnai_sdk.backends.local.template import import_time_variables
for name in ("numpy", "torch", "torch._dynamo", "sklearn.datasets", "pandas", "matplotlib.pyplot"):
    before = import_time_variables(os.environ)
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    changed = set(import_time_variables(os.environ).items()) - set(before.items())
    if changed:
        print(f"{name} (sets {', '.join(sorted(variable for variable, _ in changed))})")
"""
_CALL = "started = time.monotonic()\njob = cnai.train(work, workers=2)"


def measure(plan: Plan) -> Sequence[Row]:
    """To the first line on the first of two workers, and on both."""
    notebook = Notebook(*_CELLS)
    warm_client()
    found = interleaved(
        plan.runs(9), [lambda: _ours(notebook), _under_torchrun, _in_plain_processes], discard=1
    )
    return [
        _row("to the first line on the first of two workers", "first", found),
        _row("to the first line on both", "both", found, goal=GOAL),
        _row("to both having torch", "torch", found),
        _moved_row(),
    ]


def _moved_row() -> Row:
    answer = subprocess.run(
        [sys.executable, "-c", _IMPORTS], check=True, capture_output=True, text=True
    )
    moved = answer.stdout.splitlines()
    return Row(
        what="imports after which a notebook's template no longer fits",
        ours="; ".join(moved) or "none",
        goal="none",
        met=not moved,
    )


def _ours(notebook: Notebook) -> Figures:
    notebook.run(_CALL)
    job = notebook["job"].wait()
    return _figures("ours", notebook["started"], list(job.logs()))


def _under_torchrun() -> Figures:
    started = time.monotonic()
    return _figures("torchrun", started, torchrun(SCRIPTS / "first_line.py").splitlines())


def _in_plain_processes() -> Figures:
    started = time.monotonic()
    return _figures("plain", started, plain_processes(SCRIPTS / "first_line.py").splitlines())


def _figures(who: str, started: float, lines: Sequence[str]) -> Figures:
    first, torch = times(lines, "first"), times(lines, "torch")
    return {
        f"{who} first": first[0] - started,
        f"{who} both": first[1] - started,
        f"{who} torch": torch[1] - started,
    }


def _row(what: str, key: str, found: dict[str, Spread], *, goal: float | None = None) -> Row:
    ours, torchrun = found[f"ours {key}"], found[f"torchrun {key}"]
    return Row(
        what=f"warm start, {what}",
        ours=str(ours),
        peers=f"torchrun {torchrun}; two plain processes {found[f'plain {key}']}",
        ratio=ours.median / torchrun.median,
        goal="" if goal is None else f"≤ {seconds(goal)}",
        met=None if goal is None else ours.median <= goal,
    )
