"""Digits: the whole example job, from the call to its end, on two workers.

Beside it, torchrun on the same script: the one that our job ran, byte for byte, with the worker
package that was shipped beside it. Both train the same network on the same data to the same
accuracy, which is checked. Ours is measured with a warm template, and without.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.notebook import Notebook
from bench.peers import torchrun
from bench.plan import Plan
from bench.table import Row
from bench.timing import Figures, interleaved
from bench.workplace import plain_client, warm_client
from cnai_sdk import Client, worker

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits.py"
GOAL = 0.2
ENOUGH = 0.9


def measure(plan: Plan) -> Sequence[Row]:
    """Warm and cold, each beside torchrun."""
    notebook = Notebook(_without_main(EXAMPLE.read_text(encoding="utf-8")))
    warm, plain = warm_client(), plain_client()
    digits = notebook["digits"]
    first = warm.train(digits, workers=2).wait()
    script = _laid_out(first.script)
    found = interleaved(
        plan.runs(5),
        [
            lambda: _ours("warm", warm, digits),
            lambda: _under_torchrun(script),
            lambda: _ours("cold", plain, digits),
        ],
    )
    torchruns = found["torchrun"]
    return [
        Row(
            what=f"digits, whole job, {way}",
            ours=str(found[way]),
            peers=f"torchrun, the same script {torchruns}",
            ratio=found[way].median / torchruns.median,
            goal=f"≤ {goal} of torchrun" if goal else "",
            met=found[way].median <= goal * torchruns.median if goal else None,
        )
        for way, goal in (("warm", GOAL), ("cold", None))
    ]


def _without_main(text: str) -> str:
    """The example as a cell: its definitions, and not the call at its end.

    >>> _without_main("import sys\\nif __name__ == '__main__':\\n    sys.exit()")
    'import sys'
    """
    tree = ast.parse(text)
    tree.body = [statement for statement in tree.body if not isinstance(statement, ast.If)]
    return ast.unparse(tree)


def _laid_out(script: str) -> Path:
    """A folder with the script, and the worker package where the script looks for it."""
    folder = Path(os.environ["CNAI_HOME"]).parent / "torchrun"
    shutil.copytree(Path(worker.__file__).parent, folder / "cnai_sdk")
    target = folder / "script.py"
    target.write_text(script, encoding="utf-8")
    return target


def _ours(name: str, client: Client, function: Callable[..., object]) -> Figures:
    started = time.monotonic()
    job = client.train(function, workers=2).wait()
    took = time.monotonic() - started
    _check(name, job.result()["accuracy"])
    return {name: took}


def _under_torchrun(script: Path) -> Figures:
    environment = dict(os.environ) | {"CNAI_OUTPUT_DIR": str(script.parent)}
    started = time.monotonic()
    printed = torchrun(script, environment=environment)
    took = time.monotonic() - started
    _check("torchrun", float(re.findall(r"accuracy=([0-9.]+)", printed)[-1]))
    return {"torchrun": took}


def _check(name: str, accuracy: float) -> None:
    if accuracy < ENOUGH:
        raise RuntimeError(f"{name} reached an accuracy of {accuracy} only: not the same work.")
