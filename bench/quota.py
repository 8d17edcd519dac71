"""A change of a quota until it is painted in the panel; and what an open panel asks.

First to the message that the page's socket would send, with a clock of its own; then with a real
JupyterLab to the frame in which the gauge shows it (bench/panel.js): the quota's amount is the time
at which the request was begun.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import expect

from bench.cluster import namespace_or_none
from bench.panel import TAB, chromium, painted, ready
from bench.plan import Plan
from bench.table import Row, seconds
from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.config import load_config
from cnai_server_ext.hub import Hub
from cnai_server_ext.pace import Pace
from cnai_server_ext.telling import Seen, Told
from tests.browser.conftest import run_lab
from tests.browser.terminal import Terminal
from tests.cluster.testbed.client import Client

_GOAL = 0.25
_QUOTA = "bench"
_LOG = logging.getLogger(__name__)


class Page:
    """A page's reader, up to the bytes that its socket would send."""

    def __init__(self, hub: Hub) -> None:
        self._seen = Seen(hub, Told(hub), source=None)
        self._woken = asyncio.Event()
        self.last = b""

    def wake(self) -> None:
        """Something may be new."""
        self._woken.set()

    async def hears(self, text: bytes) -> None:
        """Return when the quota that it was told has the text in it."""
        while text not in self.last:
            await self._woken.wait()
            self._woken.clear()
            for message in self._seen.news():
                if b'"quota"' in message[:40]:
                    self.last = message


def measure(plan: Plan) -> Sequence[Row]:
    """Changes one after the other, then a quiet time."""
    changes, quiet = (10, 3.0) if plan.quick else (100, 60.0)
    with namespace_or_none(plan) as found:
        if found is None:
            return []
        cluster, namespace = found
        with cluster.faults(namespace) as (faults, kubeconfig):
            times, asked = asyncio.run(
                _measured(kubeconfig, namespace, faults.requests, changes, quiet)
            )
        lags = _lags(cluster, namespace, changes)
    p95 = statistics.quantiles(times, n=20)[-1]
    return [
        Row(
            what=f"a change of a ResourceQuota, by its controller, to the panel's message, p95 of "
            f"{changes}",
            ours=f"{seconds(p95)}, median {seconds(statistics.median(times))}",
            goal=f"{seconds(_GOAL)}",
            met=p95 <= _GOAL,
        ),
        Row(
            what=f"the same to painted pixels in JupyterLab, p95 of {changes}",
            ours=f"{seconds(statistics.quantiles(lags, n=20)[-1])}, "
            f"median {seconds(statistics.median(lags))}",
            goal=f"{seconds(_GOAL)}",
            met=statistics.quantiles(lags, n=20)[-1] <= _GOAL,
        ),
        Row(
            what=f"requests of an open panel in {quiet:.0f} s in which nothing changes",
            ours=f"{asked}",
            goal="0, but for the watches that stand",
            met=asked == 0,
        ),
    ]


async def _measured(
    kubeconfig: Path, namespace: str, requests: Sequence[object], changes: int, quiet: float
) -> tuple[list[float], int]:
    os.environ["KUBECONFIG"] = str(kubeconfig)
    direct = connect(find(namespace=namespace))
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    await direct.create(path, {"metadata": {"name": _QUOTA}, "spec": {"hard": {"pods": "7"}}})
    backend = KubernetesBackend(load_config())
    hub = Hub("cluster", lambda: backend, pace=Pace(), log=_LOG)
    page = Page(hub)
    hub.join(page)
    await asyncio.wait_for(page.hears(b'"Pods"'), 60)
    times = [await _change(direct, f"{path}/{_QUOTA}", 1000 + n, page) for n in range(changes)]
    await asyncio.sleep(2)  # what the changes themselves have set off
    before = len(requests)
    await asyncio.sleep(quiet)
    asked = len(requests) - before
    await hub.close()
    await direct.close()
    return times, asked


async def _change(api: Api, path: str, amount: int, page: Page) -> float:
    begun = time.perf_counter()
    await api.patch(path, {"spec": {"hard": {"pods": str(amount)}}})
    await asyncio.wait_for(page.hears(f":{amount}.0".encode()), 30)
    return time.perf_counter() - begun


def _lags(cluster: Client, namespace: str, changes: int) -> list[float]:
    """Seconds from the request to the frame, the smallest first."""
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/{_QUOTA}"
    where = str(cluster.context(namespace))

    def change(_: int) -> None:
        now = f"{time.time() * 1e3:.0f}"
        cluster.http.patch(
            path,
            json={"spec": {"hard": {"pods": now}}},
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()

    with (
        tempfile.TemporaryDirectory(prefix="cnai-", dir="/tmp") as folder,
        run_lab(Path(folder) / "lab", KUBECONFIG=where) as lab,
        chromium() as page,
    ):
        Terminal(lab.env, Path(folder) / "outside").run("use", "kubernetes", "--json")
        ready(page, lab)
        page.locator(TAB).click()
        expect(page.get_by_role("meter", name="Pods")).to_be_visible(timeout=60_000)
        return painted(page, change, changes)
