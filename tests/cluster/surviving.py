"""A control plane to break, connections to it, and what an informer hears meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.informer import Informer
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.kubernetes.objects import Pod
from tests.cluster.proxy import Proxy


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[Api]:
    api = connect(find(environ={**os.environ, "KUBECONFIG": str(kubeconfig)}))
    try:
        yield api
    finally:
        await api.close()


class Seen:
    """ConfigMaps of a namespace, as one informer sees them.

    Args:
        kind: what is watched instead, as a path.
    """

    def __init__(self, api: Api, namespace: str, kind: str = "") -> None:
        self.path = kind or f"/api/v1/namespaces/{namespace}/configmaps"
        self.informer = Informer(api, self.path, Pod)
        self.heard: list[tuple[str, str]] = []
        self.informer.listen(self._told)

    def _told(self, verb: str, item: Pod) -> None:
        if item.metadata.name != "kube-root-ca.crt":
            self.heard.append((verb, item.metadata.name))

    async def __aenter__(self) -> Seen:
        await self.informer.synced()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.informer.close()


async def until(so: Callable[[], object], *, seconds: float = 90.0) -> None:
    async with asyncio.timeout(seconds):
        while not so():
            await asyncio.sleep(0.02)


def note(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **more}}


def notes(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


class Gate(Proxy):
    """A way to the API server that can be shut for a while."""

    shut = False

    async def __aenter__(self) -> Gate:
        await super().__aenter__()
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.transport.abort()
        else:
            await super()._serve(reader, writer)

    def close_for_now(self) -> None:
        self.shut = True
        self.cut()


def may(resource: str, *verbs: str) -> dict[str, list[str]]:
    """A rule of a role."""
    return {"apiGroups": [""], "resources": [resource], "verbs": list(verbs)}
