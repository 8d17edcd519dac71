"""What a notebook's card is told of a job while its cluster cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cnai_sdk.handle import Handle
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from cnai_sdk.model.view import JobView
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.faults import Rule
from tests.cluster.testbed.fixtures import External

from .verdicts import IMAGE, stage_of

COUNTS = b"""
import itertools, time
import cnai_sdk as cnai
for step in itertools.count(1):
    cnai.report(step=step, loss=1 / step)
    time.sleep(0.2)
"""


async def until(views: AsyncIterator[JobView], holds: Callable[[JobView], object]) -> JobView:
    """The first view of which that holds."""
    async with asyncio.timeout(120):
        async for view in views:
            if holds(view):
                return view
    raise AssertionError("the views ended")


def runs(view: JobView) -> bool:
    return view.workload.phase is Phase.RUNNING


def steps(view: JobView) -> int:
    return len(view.metrics)


async def test_a_job_is_shown_as_it_stood_until_its_cluster_is_back(
    cluster: Cluster | External, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster.faults(namespace) as (faults, by_proxy):
        monkeypatch.setenv("KUBECONFIG", str(by_proxy))
        async with stage_of(cluster, namespace, tmp_path) as stage:
            payload = Payload(entry="work", files={"script.py": COUNTS})
            spec = TrainSpec(name="far", payload=payload, image=IMAGE, resources=Resources(cpu=0.2))
            job = Handle(stage.backend, await stage.backend.submit(spec, secrets={}))
            views = job.updates()
            live = await until(views, lambda view: runs(view) and steps(view) > 2)
            with faults.rule(Rule(after=0)):
                faults.cut()
                away = await until(views, lambda view: view.interruption)
                assert away.interruption is not None
                assert "cannot be reached" in away.interruption.what
                assert runs(away)
                assert away.now >= live.now
                assert steps(away) >= steps(live), "what was known is still shown"
            back = await until(views, lambda view: steps(view) > steps(away))
            assert back.interruption is None
            await stage.backend.stop(job.id)
            end = await until(views, lambda view: view.workload.phase.ended)
    assert end.workload.phase is Phase.STOPPED
