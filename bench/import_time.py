"""Import: `import cnai_sdk` in a new process, beside a Python that imports nothing.

Whole processes are timed, from their start to their end, so that nothing is left out; the goal is
for all of it. The process also lists what it has loaded: none of it may be a heavy library.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from bench.plan import Plan
from bench.table import Row, seconds
from bench.timing import Figures, interleaved

GOAL = 0.060
HEAVY = ("torch", "numpy", "pandas", "sklearn", "IPython", "ipywidgets", "matplotlib", "msgspec")


def measure(plan: Plan) -> Sequence[Row]:
    """The time, and what was loaded."""
    found = interleaved(
        plan.runs(25),
        [
            lambda: _timed("ours", "import cnai_sdk"),
            lambda: _timed("bare", "pass"),
            lambda: _timed("verb", "import cnai_sdk; cnai_sdk.train"),
        ],
        discard=plan.runs(2),
    )
    ours, bare = found["ours"], found["bare"]
    heavy = loaded_heavy()
    return [
        Row(
            what="`import cnai_sdk` in a new process, start to end",
            ours=str(ours),
            peers=f"bare Python {bare}; the import adds {seconds(ours.median - bare.median)}",
            ratio=ours.median / bare.median,
            goal=f"≤ {seconds(GOAL)}",
            met=ours.median <= GOAL,
        ),
        Row(what="the same, with all that `cnai.train` loads", ours=str(found["verb"])),
        Row(
            what="heavy libraries that it loads",
            ours=", ".join(heavy) or "none",
            goal="none",
            met=not heavy,
        ),
    ]


def _timed(name: str, code: str) -> Figures:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return {name: time.perf_counter() - started}


def loaded_heavy() -> list[str]:
    """Which of the heavy libraries are loaded after the import."""
    code = "import sys, cnai_sdk; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return sorted(set(answer.stdout.split()) & set(HEAVY))
