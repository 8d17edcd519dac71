"""A large namespace: 5,000 jobs and 10,000 pods, listed and kept, beside the official client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench.cluster import fill, namespace_or_none
from bench.peers import SCRIPTS
from bench.plan import Plan
from bench.table import Row, mebibytes, seconds, version
from bench.timing import interleaved


def measure(plan: Plan) -> Sequence[Row]:
    """Each client in processes of its own."""
    jobs = 100 if plan.quick else 5000
    with namespace_or_none(plan) as found:
        if found is None:
            return []
        fill(found[1], jobs)
        told = interleaved(
            plan.runs(3),
            [lambda: _run("cluster_list_ours.py"), lambda: _run("cluster_list_official.py")],
        )
    assert {*told["ours jobs"].values, *told["theirs jobs"].values} == {jobs}
    ours, theirs = told["ours seconds"], told["theirs seconds"]
    held, holds = told["ours memory"].median, told["theirs memory"].median
    return [
        Row(
            what=f"{jobs:,} jobs and {2 * jobs:,} pods of a namespace: listed, joined and watched",
            ours=str(ours),
            peers=f"kubernetes {version('kubernetes')}, listed alone {theirs}",
            ratio=ours.median / theirs.median,
        ),
        Row(
            what="the same: the processor's time",
            ours=seconds(told["ours cpu"].median),
            peers=f"kubernetes {seconds(told['theirs cpu'].median)}",
            ratio=told["ours cpu"].median / told["theirs cpu"].median,
        ),
        Row(
            what="the same: memory of the process, at the end and at most",
            ours=f"{mebibytes(held)}, {mebibytes(told['ours most'].median)}",
            peers=f"kubernetes {mebibytes(holds)}, {mebibytes(told['theirs most'].median)}",
            ratio=held / holds,
        ),
    ]


def _run(script: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script)], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    whose = "ours" if "ours" in script else "theirs"
    return {f"{whose} {name}": float(value) for name, value in found.items()}
