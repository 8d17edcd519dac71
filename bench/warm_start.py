"""Warm start: from `cnai.train(...)` in a cell to the function's first line, on two workers.

The cell runs in IPython's own shell. The clock starts before the call, so capturing the function
and the helper from another cell is part of it, and is the system's monotonic one, which all
processes share: each worker prints what it shows in its first line. Beside it, a script whose first
line does the same, under torchrun and in two plain processes; there the clock starts before the
command. Workers of a warm start have torch loaded by then, those of the peers do not: so their time
until torch is imported stands there too.
"""

from __future__ import annotations

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
_CALL = "started = time.monotonic()\njob = cnai.train(work, workers=2)"


def measure(plan: Plan) -> Sequence[Row]:
    """To the first line on the first of two workers, and on both."""
    warm_client()
    notebook = Notebook()
    for cell in _CELLS:
        notebook.run(cell)
    found = interleaved(
        plan.runs(9), [lambda: _ours(notebook), _under_torchrun, _in_plain_processes], discard=1
    )
    return [
        _row("to the first line on the first of two workers", "first", found),
        _row("to the first line on both", "both", found, goal=GOAL),
        _row("to both having torch", "torch", found),
    ]


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
