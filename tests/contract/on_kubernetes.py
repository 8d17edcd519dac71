"""The Kubernetes backend under the suite: real operators on the test cluster, in a queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.base import Backend
from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.config import Config
from cnai_sdk.model.phase import Kind
from cnai_sdk.model.spec import Resources, Spec, TrainSpec
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import External, shared_cluster

from .harness import Factory, Harness

_CORES = 2
_QUEUES = "kueue.x-k8s.io/v1beta2"
_IMAGE = "python:3"


def _making(operator: str) -> Callable[[Path], AbstractAsyncContextManager[Harness]]:
    @asynccontextmanager
    async def make(folder: Path) -> AsyncIterator[Harness]:
        cluster = await asyncio.to_thread(shared_cluster)
        namespace = await asyncio.to_thread(cluster.namespace)
        try:
            async with _harness(cluster, namespace, operator, folder) as harness:
                yield harness
        finally:
            cluster.delete_namespace(namespace)

    return make


@asynccontextmanager
async def _harness(
    cluster: Cluster | External, namespace: str, operator: str, folder: Path
) -> AsyncIterator[Harness]:
    for document in (*_queue(namespace), _claim(namespace)):
        await asyncio.to_thread(cluster.apply, document)
    config = Config(
        home=folder / "store",
        namespace=namespace,
        operator=operator,
        image=_IMAGE,
        queue="queue",
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KUBECONFIG", str(cluster.context(namespace)))
        backend = KubernetesBackend(config)
        api = connect(find(namespace=namespace))

        async def release(id: str) -> None:
            await _touch(api, namespace, f"{id}/release")

        async def reopen() -> Backend:
            return KubernetesBackend(config)

        yield Harness(
            backend=backend,
            release=release,
            reopen=reopen,
            full=Resources(cpu=_CORES, memory=256 * 2**20),
            excess=Resources(cpu=_CORES + 1, memory=256 * 2**20),
            timeout=120.0,
            adapt=_with_needs,
            tick=1.0,  # Kueue orders by the whole second in which it took a job up
        )
        await backend.close()
        await api.close()


def _with_needs(spec: Spec) -> Spec:
    """A queue counts what was asked for; files outlive their worker on a claim."""
    if not isinstance(spec, TrainSpec):
        return spec
    asked = spec.resources
    resources = asked if asked.cpu else Resources(cpu=0.1, memory=256 * 2**20)
    return msgspec.structs.replace(spec, resources=resources, outputs="pvc://outputs")


def _queue(namespace: str) -> list[dict[str, Any]]:
    """A queue of its own for the namespace, in the order of submission."""
    quotas = [("cpu", str(_CORES)), ("memory", "8Gi")]
    flavor = {
        "name": "default",
        "resources": [{"name": name, "nominalQuota": amount} for name, amount in quotas],
    }
    return [
        {"apiVersion": _QUEUES, "kind": "ResourceFlavor", "metadata": {"name": "default"}},
        {
            "apiVersion": _QUEUES,
            "kind": "ClusterQueue",
            "metadata": {"name": namespace},
            "spec": {
                "namespaceSelector": {},
                "queueingStrategy": "StrictFIFO",
                "resourceGroups": [
                    {"coveredResources": [name for name, _ in quotas], "flavors": [flavor]}
                ],
            },
        },
        {
            "apiVersion": _QUEUES,
            "kind": "LocalQueue",
            "metadata": {"name": "queue", "namespace": namespace},
            "spec": {"clusterQueue": namespace},
        },
    ]


def _claim(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "outputs", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


async def _touch(api: Api, namespace: str, path: str) -> None:
    """Make a file on the claim, from a pod: so it is done on any cluster."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    made_first = f"p = pathlib.Path('/claim/{path}'); p.parent.mkdir(parents=True, exist_ok=True)"
    script = f"import pathlib; {made_first}; p.touch()"
    container = {
        "name": "touch",
        "image": _IMAGE,
        "command": ["python3", "-c", script],
        "volumeMounts": [{"name": "claim", "mountPath": "/claim"}],
    }
    made = await api.create(
        pods,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"generateName": "touch-", "namespace": namespace},
            "spec": {
                "restartPolicy": "Never",
                "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
                "containers": [container],
                "volumes": [{"name": "claim", "persistentVolumeClaim": {"claimName": "outputs"}}],
            },
        },
    )
    name, version = made["metadata"]["name"], made["metadata"]["resourceVersion"]
    watching = api.watch(
        pods,
        type=dict[str, Any],
        params={"fieldSelector": f"metadata.name={name}"},
        resource_version=version,
    )
    async for _, pod in watching:
        if pod["status"].get("phase") in ("Succeeded", "Failed"):
            assert pod["status"]["phase"] == "Succeeded", pod["status"]
            return


_KINDS = frozenset({Kind.TRAIN})
PYTORCHJOB = Factory(name="pytorchjob", kinds=_KINDS, make=_making("pytorchjob"))
TRAINJOB = Factory(name="trainjob", kinds=_KINDS, make=_making("trainjob"))
