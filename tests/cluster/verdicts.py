"""A namespace in which jobs come to grief, and how their verdicts are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import pytest

from cnai_sdk.backends.kubernetes.api import Refused, connect
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.config import Config
from cnai_sdk.explain import diagnose_refusal
from cnai_sdk.facts import diagnose_workload
from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from tests.cluster.produced import Ledger
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import External

IMAGE = "python:3"
QUEUES = "kueue.x-k8s.io/v1beta2"
SMALL = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
_OF_THE_CLUSTER = frozenset(
    {
        *("ClusterQueue", "ResourceFlavor", "PriorityClass", "Namespace", "PersistentVolume"),
        *("ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy", "Topology"),
        *("ValidatingAdmissionPolicyBinding", "AdmissionCheck"),
    }
)
SLEEPS = "import time; time.sleep(600)"
ROOM = Resources(cpu=0.1, memory=2**30)
"""For torch."""
_AT_ONCE = 4


class Job:
    """A job that comes to grief: its script, what its verdict says, and what else is asked for."""

    def __init__(self, script: str = "print('ran')", *, saying: str = "", **fields: Any) -> None:
        self.script = dedent(script)
        self.saying = saying
        self.fields = fields


def much(**amounts: str) -> dict[str, Any]:
    """Resources of a container, by name with '_' for '/' and '.'."""
    named = {name.replace("nvidia_gpu", "nvidia.com/gpu"): each for name, each in amounts.items()}
    return {"requests": named, "limits": named}


class Stage:
    """One namespace, through the SDK's backend.

    Attributes:
        cluster: for what an administrator does.
    """

    def __init__(
        self, cluster: Cluster | External, namespace: str, backend: KubernetesBackend
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.backend = backend

    async def have(self, kind: str, name: str, version: str = "v1", **fields: Any) -> None:
        """Make or change an object, in this namespace when it has one."""
        meta = {"name": name, "namespace": self.namespace, **fields.pop("metadata", {})}
        if kind in _OF_THE_CLUSTER:
            del meta["namespace"]
        document = {"apiVersion": version, "kind": kind, "metadata": meta, **fields}
        await asyncio.to_thread(self.cluster.apply, document)

    async def pytorchjob(self, name: str, code: str = SLEEPS, **more: Any) -> None:
        """A PyTorchJob as somebody writes it by hand.

        Args:
            more: labels, policy, restart (its restartPolicy), annotations (of its pod), pod
                (fields of its spec), and fields of the container.
        """
        pod = {"terminationGracePeriodSeconds": 0, **more.pop("pod", {})}
        labels, policy = more.pop("labels", {}), more.pop("policy", {})
        restart, annotations = more.pop("restart", "Never"), more.pop("annotations", {})
        container = {
            "name": "pytorch",
            "image": IMAGE,
            "command": ["python3", "-c", code],
            "resources": SMALL,
            **more,
        }
        template = {
            "metadata": {"annotations": annotations},
            "spec": {"containers": [container], **pod},
        }
        replicas = {"Master": {"replicas": 1, "restartPolicy": restart, "template": template}}
        await self.have(
            "PyTorchJob",
            name,
            "kubeflow.org/v1",
            metadata={"labels": labels},
            spec={"runPolicy": policy, "pytorchReplicaSpecs": replicas},
        )

    async def trainjob(self, name: str, code: str = SLEEPS, **more: Any) -> None:
        """A TrainJob as somebody writes it by hand; `more` are fields of its trainer."""
        trainer = {"image": IMAGE, "command": ["python3", "-c", code], **more}
        await self.have(
            "TrainJob",
            name,
            "trainer.kubeflow.org/v1alpha1",
            spec={"runtimeRef": {"name": "torch-distributed"}, "trainer": trainer},
        )

    async def train(self, body: str, **fields: Any) -> str:
        """Submit a script through the SDK; its name."""
        lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
        script = f"def work():\n{lines}\n\n\nif __name__ == '__main__':\n    work()\n"
        payload = Payload(entry="work", files={"script.py": script.encode()})
        fields = {"resources": Resources(cpu=0.1, memory=256 * 2**20), "image": IMAGE, **fields}
        spec = TrainSpec(**{"name": "work", **fields}, payload=payload)
        return (await self.backend.submit(spec, secrets={})).name

    async def claim(self, name: str) -> None:
        """A claim that the cluster provides for."""
        storage = {"requests": {"storage": "1Gi"}}
        spec = {"accessModes": ["ReadWriteOnce"], "resources": storage}
        await self.have("PersistentVolumeClaim", name, spec=spec)

    async def queue(self, name: str = "team", *, quota: dict[str, str], **fields: Any) -> None:
        """A queue of this namespace, with a quota of its own, and a flavor when it is described."""
        flavor = fields.pop("flavor", {})
        named = self.namespace if flavor else "default"
        await self.have("ResourceFlavor", named, QUEUES, spec=flavor)
        resources = [{"name": what, "nominalQuota": amount} for what, amount in quota.items()]
        group = {
            "coveredResources": list(quota),
            "flavors": [{"name": named, "resources": resources}],
        }
        own = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}
        spec = {"namespaceSelector": own, "resourceGroups": [group], **fields}
        await self.have("ClusterQueue", self.namespace, QUEUES, spec=spec)
        await self.have("LocalQueue", name, QUEUES, spec={"clusterQueue": self.namespace})

    async def running(self, name: str) -> str:
        """The id of a job once it runs."""
        async with asyncio.timeout(120):
            async for update in self.backend.watch():
                for workload in update.workloads:
                    if workload.name == name and workload.phase.value == "Running":
                        return workload.id
        raise AssertionError

    async def ended(self, name: str) -> str:
        """What a job that succeeds has printed, once it has ended."""
        async with asyncio.timeout(150), aclosing(cast("Any", self.backend.watch())) as updates:
            async for update in updates:
                for each in (job for job in update.workloads if job.name == name):
                    if each.phase.ended:
                        lines = [x.text async for b in self.backend.logs(each.id) for x in b]
                        assert each.phase is Phase.SUCCEEDED, (each, lines)
                        return "\n".join(lines)
        raise AssertionError

    async def refusal(self, path: str, body: dict[str, Any]) -> Diagnosis:
        """The verdict on a create that the server refuses."""
        api = connect(find(namespace=self.namespace))
        try:
            with pytest.raises(Refused) as refused:
                await api.create(path, body)
        finally:
            await api.close()
        return diagnose_refusal(refused.value.message)

    async def verdict(
        self, name: str, id: str, *, saying: str = "", seconds: float = 150
    ) -> Diagnosis:
        """The verdict of that id on a job, as soon as it is given, and its reason says that."""
        last: list[Any] = []
        try:
            async with asyncio.timeout(seconds):
                return await self._verdict(name, id, saying, last)
        except TimeoutError:
            pytest.fail(f"no verdict {id} on {name}; the last was {last}")

    async def _verdict(self, name: str, id: str, saying: str, last: list[Any]) -> Diagnosis:
        """Asked at each change, and now and then: an event may come after what it is about."""
        async with aclosing(cast("Any", self.backend.watch())) as updates:
            change = asyncio.ensure_future(anext(updates))
            try:
                while True:
                    done, _ = await asyncio.wait([change], timeout=1.0)
                    found = change.result().workloads if done else await self.backend.list()
                    if done:
                        change = asyncio.ensure_future(anext(updates))
                    for workload in (each for each in found if each.name == name):
                        told = await diagnose_workload(self.backend, workload)
                        last[:] = [workload.phase, workload.reason, workload.message, told]
                        if told is not None and told.id == id and saying in told.why:
                            return told
            finally:
                change.cancel()
                await asyncio.gather(change, return_exceptions=True)


async def all_end_as(
    stage: Stage, ledger: Ledger, jobs: Mapping[str, Job], **common: Any
) -> dict[str, Diagnosis]:
    """Each of these jobs gets the verdict that it stands for; some run side by side, since most of
    their time is a pod's start.

    Args:
        jobs: by the id of the verdict; what stands behind a space tells two of them apart.
        common: what is asked for in all of them.

    Returns: the verdicts, by the same keys.
    """
    turns = asyncio.Semaphore(_AT_ONCE)
    found: dict[str, Diagnosis] = {}

    async def one(key: str, job: Job) -> None:
        id = key.partition(" ")[0]
        fields = {"resources": ROOM, **common, **job.fields}
        fields["env"] = {**common.get("env", {}), **job.fields.get("env", {})}
        async with turns:
            name = await stage.train(job.script, name=id.lower().replace("_", "-"), **fields)
            found[key] = ledger.note(await stage.verdict(name, id, saying=job.saying))

    async with asyncio.TaskGroup() as group:
        for key, job in jobs.items():
            group.create_task(one(key, job))
    return found


@asynccontextmanager
async def stage_of(
    cluster: Cluster | External, namespace: str, folder: Path, **config: Any
) -> AsyncIterator[Stage]:
    """A stage in a namespace; KUBECONFIG says who one is."""
    backend = KubernetesBackend(Config(home=folder, namespace=namespace, image=IMAGE, **config))
    try:
        yield Stage(cluster, namespace, backend)
    finally:
        await backend.close()
