"""A large namespace: 5,000 jobs and 10,000 pods, listed and kept, beside the official client."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cluster import cluster_or_none
from bench.plan import Plan
from bench.table import Row, mebibytes, seconds, version
from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from tests.cluster.testbed import operators

_SCRIPTS = Path(__file__).parent / "scripts"
_AT_ONCE = 32


def measure(plan: Plan) -> Sequence[Row]:
    """Each client in a process of its own."""
    jobs = 100 if plan.quick else 5000
    with cluster_or_none(operators=(), nodes=()) as cluster:
        if cluster is None:
            return []
        operators.definitions(cluster.control, cluster.built, "training-operator")
        namespace = cluster.namespace()
        os.environ["KUBECONFIG"] = str(cluster.context(namespace))
        asyncio.run(_fill(namespace, jobs))
        ours, theirs = _run("cluster_list_ours.py"), _run("cluster_list_official.py")
    assert ours["jobs"] == theirs["jobs"] == jobs
    return [
        Row(
            what=f"{jobs:,} jobs and {2 * jobs:,} pods: listed and joined",
            ours=seconds(ours["seconds"]),
            peers=f"kubernetes {version('kubernetes')}, listed alone {seconds(theirs['seconds'])}",
            ratio=ours["seconds"] / theirs["seconds"],
        ),
        Row(
            what="the same: memory of the process",
            ours=mebibytes(ours["memory"]),
            peers=f"kubernetes {mebibytes(theirs['memory'])}",
            ratio=ours["memory"] / theirs["memory"],
        ),
    ]


def _run(script: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(_SCRIPTS / script)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _fill(namespace: str, jobs: int) -> None:
    """Objects as an operator would have made them; no operator and no node runs."""
    api = connect(find())
    turns = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(_job(api, turns, namespace, number) for number in range(jobs)))
    await api.close()


async def _job(api: Api, turns: asyncio.Semaphore, namespace: str, number: int) -> None:
    name, id = f"job-{number}", f"bench{number:011d}"
    labels = {"app.kubernetes.io/managed-by": "cnai-sdk", "cnai-sdk/id": id, "cnai-sdk/name": name}
    spec = {"name": name, "kind": "train", "workers": 2, "payload": {"entry": "work"}}
    code = {"name": "CNAI_CODE", "value": "x" * 20_000}
    container = {"name": "pytorch", "image": "python:3", "env": [code]}
    template = {"spec": {"containers": [container]}}
    async with turns:
        await api.create(
            f"/apis/kubeflow.org/v1/namespaces/{namespace}/pytorchjobs",
            {
                "apiVersion": "kubeflow.org/v1",
                "kind": "PyTorchJob",
                "metadata": {
                    "name": name,
                    "labels": labels,
                    "annotations": {"cnai-sdk/spec": json.dumps(spec)},
                },
                "spec": {"pytorchReplicaSpecs": {"Worker": {"replicas": 2, "template": template}}},
            },
        )
        for rank in range(2):
            place = {
                "training.kubeflow.org/job-name": name,
                "training.kubeflow.org/replica-type": "worker",
                "training.kubeflow.org/replica-index": str(rank),
            }
            await api.create(
                f"/api/v1/namespaces/{namespace}/pods",
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": f"{name}-worker-{rank}", "labels": labels | place},
                    "spec": {"containers": [container]},
                },
            )
