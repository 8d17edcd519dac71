"""Jobs that are submitted through the SDK's backend, and what of them lies in the namespace."""

from __future__ import annotations

import os
from typing import Any

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.model.spec import Payload, Resources, TrainSpec

LARGE = os.urandom(200_000)
_JOBS = {f"{name}s": kind for name, kind in KINDS.items()}


def spec_of(**fields: Any) -> TrainSpec:
    """A job that prints, unless the fields say otherwise."""
    fields = {
        "name": "sent",
        "image": "python:3",
        "payload": Payload(entry="work", files={"script.py": b"print('here')\n"}),
        "resources": Resources(cpu=0.1, memory=2**28),
        **fields,
    }
    return TrainSpec(**fields)


def large_spec(**fields: Any) -> TrainSpec:
    """One whose code does not fit into the job object, with a secret."""
    files = {"script.py": b"print('here')\n", "values/1.bin": LARGE}
    payload = Payload(entry="work", files=files)
    return spec_of(payload=payload, secrets=("HF_TOKEN",), **fields)


async def objects(backend: KubernetesBackend, kind: str, *, owned: bool = False) -> list[str]:
    """The names of what the SDK made in the namespace, of those only that belong to something."""
    session = await backend._session()
    namespace = session.target.namespace
    path = f"/api/v1/namespaces/{namespace}/{kind}"
    if kind in _JOBS:
        path = _JOBS[kind].path(namespace)
    found = await session.api.list(path, params={"labelSelector": naming.SELECTOR})
    items: list[Any] = found.items
    metas = [item["metadata"] for item in items]
    return sorted(meta["name"] for meta in metas if meta.get("ownerReferences") or not owned)
