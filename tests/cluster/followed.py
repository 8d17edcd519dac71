"""Pods that print, and who follows them: the logs half of a backend, without jobs."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.following import Follower
from cnai_sdk.backends.kubernetes.informer import Informer
from cnai_sdk.backends.kubernetes.kept import Kept
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.backends.kubernetes.pods import CONTAINER_SECURITY, POD_SECURITY
from cnai_sdk.backends.kubernetes.reading import logs
from cnai_sdk.backends.kubernetes.streams import Streams

ID = "abcdefgh12345678"
JOB = "test/job"
RANK = "test/rank"
IMAGE = "python:3.11-slim"


def rank_of(pod: Pod) -> int:
    """The tests' own label, or the index that a Job gives."""
    index = pod.metadata.label("batch.kubernetes.io/job-completion-index")
    return int(pod.metadata.label(RANK) or index or 0)


def template(script: str, *, restart: str = "Never") -> dict[str, Any]:
    """A pod's spec that runs a script."""
    container = {
        "name": "node",
        "image": IMAGE,
        "command": ["python3", "-u", "-c", textwrap.dedent(script)],
        "securityContext": dict(CONTAINER_SECURITY),
    }
    return {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "securityContext": dict(POD_SECURITY),
        "containers": [container],
    }


class Followed:
    """One workload of a namespace, followed by this process.

    Args:
        folder: what is kept.
    """

    def __init__(self, api: Api, namespace: str, folder: Path) -> None:
        self.api = api
        self.pods = f"/api/v1/namespaces/{namespace}/pods"
        self.kept = Kept(folder)
        self.keeper = self.kept.keeper(ID)
        self.follower = Follower(api, namespace, self.keeper, rank_of=rank_of, streams=Streams())
        self.informer = Informer(api, self.pods, Pod, params={"labelSelector": f"{JOB}={ID}"})
        self.informer.listen(self._told)

    def _told(self, verb: str, pod: Pod) -> None:
        self.follower.saw(pod)
        if verb == "DELETED":
            self.follower.lost(pod.metadata.uid)

    async def run(self, name: str, script: str, *, rank: int = 0, restart: str = "Never") -> None:
        """A worker that runs a script."""
        labels = {JOB: ID, RANK: str(rank)}
        body = {"metadata": {"name": name, "labels": labels}}
        spec = template(script, restart=restart)
        await self.api.create(self.pods, {"apiVersion": "v1", "kind": "Pod", "spec": spec} | body)

    async def lines(self, **options: Any) -> list[str]:
        """The log, as a caller gets it."""
        async with asyncio.timeout(120):
            batches = logs(self.keeper, self.follower, **options)
            return [line.text async for batch in batches for line in batch]

    async def until(self, count: int) -> list[str]:
        """The first lines, by following."""
        found: list[str] = []
        async with asyncio.timeout(120):
            async for batch in logs(self.keeper, self.follower, follow=True):
                found += [line.text for line in batch]
                if len(found) >= count:
                    break
        return found

    async def ended(self) -> None:
        """Wait until no pod of it goes on, and say so."""
        changed = asyncio.Event()
        forget = self.informer.listen(lambda verb, pod: changed.set())
        async with asyncio.timeout(120):
            while any(
                pod.status.phase not in ("Succeeded", "Failed")
                for pod in self.informer.objects.values()
            ):
                changed.clear()
                await changed.wait()
        forget()
        self.follower.end()


@contextlib.asynccontextmanager
async def followed(kubeconfig: Path, folder: Path) -> AsyncIterator[Followed]:
    """Follow what this process will run in the kubeconfig's namespace."""
    target = find(environ={"KUBECONFIG": str(kubeconfig)})
    api = connect(target)
    made = Followed(api, target.namespace, folder)
    await made.informer.synced()
    made.follower.start()
    try:
        yield made
    finally:
        await made.follower.close()
        await made.informer.close()
        await made.kept.close()
        await api.close()
