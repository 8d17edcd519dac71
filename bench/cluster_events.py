"""A namespace with 1,000 events a second: whether the panel's source keeps up, and what it costs.

One process writes events as fast as it is told, most of them about pods that are not of jobs;
another one watches the namespace as the panel's server does, changes a job four times a second, and
takes the time until the change is told to it. Both, and the cluster, share the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench.cluster import fill, namespace_or_none
from bench.peers import SCRIPTS
from bench.plan import Plan
from bench.table import Row, mebibytes, seconds

RATE = 1_000
LAG = 0.250
_JOBS = 100


def measure(plan: Plan) -> Sequence[Row]:
    """The same without events first, so that what they add is seen."""
    lasts = 3 if plan.quick else 20
    with namespace_or_none(plan) as found:
        if found is None:
            return []
        fill(found[1], _JOBS)
        quiet = _watched(0, lasts)
        busy = _watched(RATE, lasts)
    written = busy["written"] / busy["writing"]
    return [
        Row(
            what=f"a namespace with {written:,.0f} events a second for {lasts} s: "
            "change of a job until it is told",
            ours=_lag(busy),
            peers=f"without events {_lag(quiet)}",
            goal=f"p95 ≤ {seconds(LAG)}",
            met=busy["p95"] <= LAG,
        ),
        Row(
            what="the same: events that were written and not heard, and how late the last is heard",
            ours=f"{busy['written'] - busy['heard']:.0f}, {seconds(max(busy['behind'], 0.0))}",
            goal="0",
            met=busy["written"] == busy["heard"],
        ),
        Row(
            what="the same: the processor's share and memory of the process that watches",
            ours=f"{busy['share']:.0%} of a core, {mebibytes(busy['memory'])}",
            peers=f"without events {quiet['share']:.0%}, {mebibytes(quiet['memory'])}",
        ),
    ]


def _lag(told: dict[str, Any]) -> str:
    return f"p50 {seconds(told['p50'])}, p95 {seconds(told['p95'])}"


def _watched(rate: int, lasts: int) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPTS / "cluster_events.py"), str(rate), str(lasts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
