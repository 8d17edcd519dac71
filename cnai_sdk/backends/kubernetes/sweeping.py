"""Removes what killed clients left in a namespace: objects for a job that never came.

What lies beside a job is made before it, and belongs to it afterwards. A client that dies between
the two leaves code in a ConfigMap, or the value of a secret, and nobody else knows of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec

from cnai_sdk.backends.kubernetes import naming, pods
from cnai_sdk.backends.kubernetes.api import Refused, Unreachable
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.objects import Meta, seconds
from cnai_sdk.backends.kubernetes.session import Session
from cnai_sdk.errors import CnaiError

_OWNERLESS_FOR = 3600.0
_APART = 3600.0
"""Seconds for which something may be without an owner, and between two looks for that."""


class _Beside(msgspec.Struct, frozen=True, kw_only=True):
    metadata: Meta = Meta()


class Sweeper:
    """Looks after one namespace, now and then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._api = session.api
        self._task: asyncio.Task[None] | None = None
        self._last = float("-inf")

    def later(self) -> None:
        """Sweep beside what goes on; not soon after the last time."""
        now = time.monotonic()
        if now - self._last >= _APART:
            self._last = now
            self._task = asyncio.create_task(self._sweep())

    async def swept(self) -> None:
        """Return when the sweep that goes on has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """End; what was not looked at is left to the next one."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _sweep(self) -> None:
        """Remove what was made for a job that never came, and give an owner to what has none."""
        namespace = self._session.target.namespace
        paths = [f"/api/v1/namespaces/{namespace}/{what}" for what in ("configmaps", "secrets")]
        if self._session.served.dra:
            paths.append(templates(namespace))
        for path in paths:
            with contextlib.suppress(CnaiError):  # who may not look, or cannot, has nothing to tell
                found = await self._api.list(
                    path, params={"labelSelector": naming.SELECTOR}, type=_Beside
                )
                for each in found.items:
                    with contextlib.suppress(Refused, Unreachable):
                        await self._settle(f"{path}/{each.metadata.name}", each.metadata)

    async def _settle(self, path: str, meta: Meta) -> None:
        if meta.owner_references or not meta.label(naming.ID):
            return
        job = self._session.mirror.job(meta.label(naming.ID))
        if job is not None:
            kind = next(each for each in KINDS.values() if each.kind == job.obj.kind)
            owner = {
                "apiVersion": f"{kind.group}/{kind.version}",
                "kind": kind.kind,
                "metadata": {"name": job.obj.metadata.name, "uid": job.obj.metadata.uid},
            }
            await self._api.patch(path, pods.owned_by(owner))
        elif time.time() - (seconds(meta.creation_timestamp) or time.time()) > _OWNERLESS_FOR:
            await self._api.delete(path, uid=meta.uid)


def templates(namespace: str) -> str:
    """Where the templates of the claims of a namespace are."""
    return f"/apis/resource.k8s.io/v1/namespaces/{namespace}/resourceclaimtemplates"
