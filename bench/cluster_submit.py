"""Submit to a cluster: from a spec to the answer, beside a bare create and kubeflow-training."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bench.cluster import cluster_or_none
from bench.plan import Plan
from bench.table import Row, seconds, version
from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.naming import new_id
from cnai_sdk.backends.kubernetes.plan import planned
from cnai_sdk.config import load_config
from cnai_sdk.model.spec import Payload, Resources, TrainSpec

_SPEC = TrainSpec(
    name="bench",
    workers=2,
    resources=Resources(cpu=0.1, memory=2**28),
    image="python:3",
    payload=Payload(entry="work", files={"script.py": b"print('done')\n"}),
)
_PATH = "/apis/kubeflow.org/v1/namespaces/{}/pytorchjobs"


def measure(plan: Plan) -> Sequence[Row]:
    """Medians of some submissions, after one that is not counted."""
    rounds = 3 if plan.quick else 25
    with cluster_or_none(operators=("training-operator",)) as cluster:
        if cluster is None:
            return []
        namespace = cluster.namespace()
        os.environ["KUBECONFIG"] = str(cluster.context(namespace))
        ours, requests, bare = asyncio.run(_ours(namespace, rounds))
        theirs = _kubeflow(namespace, rounds)
    return [
        Row(
            what="submit a job of two workers to a cluster",
            ours=f"{seconds(ours)}, {requests} requests",
            peers=f"a bare create {seconds(bare)}",
            ratio=ours / bare,
            goal="2 requests",
            met=requests == 2,
        ),
        Row(
            what="the same, beside kubeflow-training's client",
            ours=seconds(ours),
            peers=f"kubeflow-training {version('kubeflow-training')} {seconds(theirs)}",
            ratio=ours / theirs,
        ),
    ]


async def _ours(namespace: str, rounds: int) -> tuple[float, int, float]:
    backend = KubernetesBackend(load_config())
    session = await backend._session()
    counted = _count(session.api)

    async def submit() -> None:
        await backend.submit(_SPEC, secrets={})

    await submit()
    before = counted()
    ours = await _median(submit, rounds)
    requests = round((counted() - before) / rounds)

    async def bare() -> None:
        kind = KINDS["pytorchjob"]
        id = new_id()
        made = planned(
            _SPEC,
            id=id,
            name=f"bare-{id[:8]}",
            namespace=namespace,
            served=session.served,
            config=load_config(),
        )
        body = kind.manifest(_SPEC, made)
        started = time.perf_counter()
        await session.api.create(_PATH.format(namespace), body)
        took.append(time.perf_counter() - started)

    took: list[float] = []
    for _ in range(rounds):
        await bare()
    await backend.close()
    return ours, requests, statistics.median(took)


def _count(api: Api) -> Callable[[], int]:
    """Count the requests that are no watches."""
    seen = 0

    async def note(request: Any) -> None:
        nonlocal seen
        seen += "watch" not in str(request.url.query) and "/log" not in request.url.path

    api._http.event_hooks["request"].append(note)
    return lambda: seen


async def _median(work: Callable[[], Awaitable[None]], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        await work()
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def _kubeflow(namespace: str, rounds: int) -> float:
    """kubeflow-training's TrainingClient with the function of a cell."""
    from kubeflow.training import TrainingClient

    client = TrainingClient(namespace=namespace)

    def work() -> None:
        print("done")

    took = []
    for number in range(rounds + 1):
        started = time.perf_counter()
        client.create_job(
            name=f"theirs-{number}",
            namespace=namespace,
            base_image="python:3",
            train_func=work,
            num_workers=2,
            resources_per_worker={"cpu": "0.1", "memory": "256Mi"},
        )
        took.append(time.perf_counter() - started)
    return statistics.median(took[1:])
