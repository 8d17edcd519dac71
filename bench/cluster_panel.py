"""Panel on a cluster: from a change of an object at the API server to painted pixels.

A real JupyterLab watches a namespace for a real Chromium. The change is an annotation of a job,
which its row shows as the job's name; it carries the time at which its request was begun, so that
the API server's own work is counted too. The page compares that with its clock when the frame in
which it stands there was painted.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.cluster import JOBS, fill, namespace_or_none
from bench.panel import chromium, painted, ready, show
from bench.plan import Plan
from bench.table import Row, seconds
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.kubernetes.naming import DISPLAY_NAME
from cnai_sdk.config import load_config
from cnai_sdk.places import Place, note
from tests.browser.conftest import run_lab
from tests.cluster.testbed.client import Client

LAG = 0.250
_FEW, _MANY = 50, 1_000


def measure(plan: Plan) -> Sequence[Row]:
    """With some jobs in the namespace, and with many."""
    rows: list[Row] = []
    for jobs in (_FEW,) if plan.quick else (_FEW, _MANY):
        with namespace_or_none(plan) as found:
            if found is None:
                return rows
            cluster, namespace = found
            fill(namespace, jobs)
            lags = _lags(cluster, namespace, plan.runs(100))
        p50, p95 = statistics.median(lags), lags[int(0.95 * (len(lags) - 1))]
        rows.append(
            Row(
                what=f"change of an object at the API server to painted, {jobs:,} jobs and "
                f"{2 * jobs:,} pods, {len(lags)} changes",
                ours=f"p50 {seconds(p50)}, p95 {seconds(p95)}, worst {seconds(lags[-1])}",
                goal=f"p95 ≤ {seconds(LAG)}",
                met=p95 <= LAG,
            )
        )
    return rows


def _lags(cluster: Client, namespace: str, changes: int) -> list[float]:
    """Seconds, the smallest first."""
    with tempfile.TemporaryDirectory(prefix="cnai-", dir="/tmp") as folder:
        lab_folder = Path(folder) / "lab"
        target = find()
        config = load_config({**os.environ, "CNAI_HOME": str(lab_folder / "cnai")})
        note(config, Place(context=target.context, namespace=namespace))

        kubeconfig = os.environ["KUBECONFIG"]
        with run_lab(lab_folder, KUBECONFIG=kubeconfig) as lab, chromium() as page:
            ready(page, lab)
            show(page)
            shown = page.locator(".cnai-JobRow-name").all_inner_texts()[:5]

            def change(number: int) -> None:
                path = f"{JOBS.format(namespace)}/{shown[number % len(shown)].strip()}"
                stamp = {DISPLAY_NAME: f"t{time.time() * 1e3:.1f}"}
                cluster.http.patch(
                    path,
                    json={"metadata": {"annotations": stamp}},
                    headers={"Content-Type": "application/merge-patch+json"},
                ).raise_for_status()

            return painted(page, change, changes)
