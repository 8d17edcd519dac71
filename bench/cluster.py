"""A cluster for the benches that need one, and objects in it that nobody acts upon."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.plan import Plan
from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from tests.cluster.testbed.build import CannotBuild, build
from tests.cluster.testbed.cluster import NODES, Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.network import CannotNetwork
from tests.cluster.testbed.toolchain import NoToolchain

JOBS = "/apis/kubeflow.org/v1/namespaces/{}/pytorchjobs"
_AT_ONCE = 32


@contextmanager
def namespace_or_none(
    plan: Plan, *, operators: Sequence[str] = ()
) -> Iterator[tuple[Cluster | External, str] | None]:
    """A cluster and a fresh namespace, which KUBECONFIG names; None with a notice without one.

    Args:
        operators: those that a cluster of ours has. Without any it has no node either, and knows
            the kinds of the training operator.
    """
    cluster = _given(plan) or _own(operators)
    if cluster is None:
        yield None
        return
    before = os.environ.get("KUBECONFIG")
    try:
        namespace = cluster.namespace()
        os.environ["KUBECONFIG"] = str(cluster.context(namespace))
        yield cluster, namespace
        cluster.delete_namespace(namespace)
    finally:
        os.environ.pop("KUBECONFIG", None)
        if before is not None:
            os.environ["KUBECONFIG"] = before
        cluster.stop()


def _given(plan: Plan) -> External | None:
    return External(Path(plan.kubeconfig)) if plan.kubeconfig else None


def _own(operators: Sequence[str]) -> Cluster | None:
    try:
        cluster = Cluster(build(), operators=operators, nodes=NODES if operators else ())
        cluster.start()
    except (NoToolchain, CannotBuild, CannotNetwork) as error:
        print(f"no cluster: {error}", file=sys.stderr)
        return None
    if operators:
        _cordon(cluster)
    else:
        cluster.add_definitions("training-operator")
    return cluster


def _cordon(cluster: Cluster) -> None:
    """What is submitted from now on waits, so that the machine is left to what is measured."""
    for node in cluster.http.get("/api/v1/nodes").raise_for_status().json()["items"]:
        cluster.http.patch(
            f"/api/v1/nodes/{node['metadata']['name']}",
            json={"spec": {"unschedulable": True}},
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()


# -- objects ---------------------------------------------------------------------------


def fill(namespace: str, jobs: int) -> None:
    """Jobs of two pods each, as an operator would have left them; nothing acts upon them."""
    asyncio.run(_fill(namespace, jobs))


async def _fill(namespace: str, jobs: int) -> None:
    api = connect(find())
    turns = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(_make(api, turns, namespace, number) for number in range(jobs)))
    await api.close()


async def _make(api: Api, turns: asyncio.Semaphore, namespace: str, number: int) -> None:
    async with turns:
        await api.create(JOBS.format(namespace), job(number))
        for rank in range(2):
            await api.create(f"/api/v1/namespaces/{namespace}/pods", pod(number, rank))


def job(number: int) -> dict[str, Any]:
    """A job whose code is as large as that of a notebook with some data."""
    name, labels = _known(number)
    spec = {"name": name, "kind": "train", "workers": 2, "payload": {"entry": "work"}}
    worker = {"replicas": 2, "template": {"spec": {"containers": [_container()]}}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"cnai-sdk/spec": json.dumps(spec)},
        },
        "spec": {
            "runPolicy": {"managedBy": "kueue.x-k8s.io/multikueue"},  # by no operator
            "pytorchReplicaSpecs": {"Worker": worker},
        },
    }


def pod(number: int, rank: int) -> dict[str, Any]:
    """A worker of it."""
    name, labels = _known(number)
    place = {
        "training.kubeflow.org/job-name": name,
        "training.kubeflow.org/replica-type": "worker",
        "training.kubeflow.org/replica-index": str(rank),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-worker-{rank}", "labels": labels | place},
        "spec": {"schedulerName": "nobody", "containers": [_container()]},
    }


def _known(number: int) -> tuple[str, dict[str, str]]:
    name, id = f"job-{number}", f"bench{number:011d}"
    manager = {"app.kubernetes.io/managed-by": "cnai-sdk"}
    return name, manager | {"cnai-sdk/id": id, "cnai-sdk/name": name}


def _container() -> dict[str, Any]:
    code = {"name": "CNAI_CODE", "value": "x" * 20_000}
    return {"name": "pytorch", "image": "python:3", "env": [code]}
