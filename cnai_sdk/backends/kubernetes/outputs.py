"""The files that workers wrote, read back through a pod that lives for a moment.

The pod mounts the claim, or speaks with the bucket, and prints what is asked for; its log is read,
and it is deleted. That needs no more rights than to make pods and read their logs, and works while
the job still runs; the credentials of a bucket stay in the cluster.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import posixpath
import secrets
import time
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes import browse, naming, pods
from cnai_sdk.backends.kubernetes.api import Api, Missing, Refused
from cnai_sdk.backends.kubernetes.objects import Pod, holds
from cnai_sdk.backends.kubernetes.shelves import Claim, Shelf
from cnai_sdk.errors import BackendUnavailable, InvalidRequest, NotFound, Unsupported
from cnai_sdk.model.output import OutputFile

_STARTS_WITHIN = 120.0
_LIVES = 300
_AT_ONCE = 32
_LARGEST = 512 * 2**20
_LEFT_OVER = 600.0
_CONTAINER = "reader"


class Answer(msgspec.Struct, frozen=True):
    """What one container of a reading pod has said."""

    header: dict[str, Any]
    data: bytes


class Outputs:
    """Reads what workloads of one namespace keep.

    Args:
        image: has a Python on its path.
    """

    def __init__(self, api: Api, namespace: str, *, image: str) -> None:
        self._api = api
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
        self._namespace = namespace
        self._image = image
        self._swept = 0.0

    async def files(self, shelf: Shelf, *, node: str = "") -> Sequence[OutputFile]:
        """The files, by path; no links.

        Args:
            node: where a pod runs that has mounted a claim, or ''. A claim that only one node
                may mount is read there.
        """
        (answer,) = await self._ask(shelf, [["list"]], node=node)
        found = msgspec.json.decode(_whole(shelf, answer).data, type=list[tuple[str, int]])
        return [OutputFile(path=path, size=size) for path, size in found]

    async def read(self, shelf: Shelf, path: str, *, node: str = "") -> bytes:
        """One file.

        Raises:
            InvalidRequest: the path leads out of the folder.
            NotFound: there is no such file.
            BackendUnavailable: it cannot be read now.
        """
        inside = check_path(path)
        for _ in range(2):
            data, digest = await self._read(shelf, inside, path, node=node)
            if hashlib.sha256(data).hexdigest() == digest:
                return data
        raise BackendUnavailable(
            f"{path} changes while it is read.", next_step="Read it again when it has been written."
        )

    async def _read(self, shelf: Shelf, inside: str, path: str, *, node: str) -> tuple[bytes, str]:
        (first,) = await self._ask(shelf, [["read", inside, "0"]], node=node)
        if first.header.get("problem") in ("outside", "missing"):
            _refuse(path, outside=first.header["problem"] == "outside")
        _whole(shelf, first)
        size, pieces = int(first.header["size"]), [first.data]
        if size > _LARGEST:
            raise Unsupported(
                f"{path} has {size:,} bytes, and up to {_LARGEST:,} are read back.",
                next_step=f"Name it in a job: data=['{shelf.address}'].",
            )
        count = -(-size // browse.PIECE)
        for start in range(1, count, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, count))
            asked = [["read", inside, str(number)] for number in numbers]
            said = await self._ask(shelf, asked, node=node)
            pieces += [_whole(shelf, each).data for each in said]
        return b"".join(pieces), str(first.header["whole"])

    # -- a pod for a moment ------------------------------------------------------------

    async def _ask(
        self, shelf: Shelf, asked: Sequence[Sequence[str]], *, node: str
    ) -> list[Answer]:
        """What the pod's containers answer; one after the other runs, and all in one pod."""
        await self._sweep()
        bound = isinstance(shelf, Claim) and await self._is_exclusive(shelf)
        body = self._pod(shelf, asked, node=node if bound else "")
        try:
            made = await self._api.create(self._pods, body)
        except Refused as refusal:
            raise BackendUnavailable(
                "The outputs cannot be read: the cluster refuses the pod that would read them.",
                why=refusal.message or refusal.what,
                next_step=refusal.next_step,
            ) from refusal
        path = f"{self._pods}/{body['metadata']['name']}"
        try:
            await self._until_ended(shelf, msgspec.convert(made, Pod), path)
            return [await self._said(shelf, path, name) for name in _names(len(asked))]
        finally:
            removing = self._api.delete(path, uid=made["metadata"]["uid"], grace=0)
            await asyncio.shield(asyncio.ensure_future(removing))

    async def _is_exclusive(self, claim: Claim) -> bool:
        """Whether only one node may mount it.

        Raises:
            NotFound: there is no such claim.
        """
        try:
            found = await self._api.get(f"{self._claims}/{claim.claim}", type=dict[str, Any])
        except Missing as missing:
            raise NotFound(
                f"There is no claim {claim.claim} in the namespace {self._namespace}, so the "
                "outputs cannot be read.",
                why="It was deleted, with what was in it, or never made.",
                next_step="kubectl get pvc lists the claims.",
            ) from missing
        except Refused:  # claims may be used without the right to see them
            return True
        modes = found.get("spec", {}).get("accessModes") or []
        return "ReadWriteMany" not in modes and "ReadOnlyMany" not in modes

    def _pod(self, shelf: Shelf, asked: Sequence[Sequence[str]], *, node: str) -> dict[str, Any]:
        containers = [
            {
                "name": name,
                "image": self._image,
                "command": shelf.command(*words),
                "env": shelf.environment(),
                "securityContext": dict(pods.CONTAINER_SECURITY),
                "resources": {
                    "requests": {"cpu": "50m", "memory": shelf.memory},
                    "limits": {"cpu": "1", "memory": shelf.memory},
                },
                "volumeMounts": [{"name": "shelf", **shelf.mount()}],
            }
            for name, words in zip(_names(len(asked)), asked, strict=True)
        ]
        spec: dict[str, Any] = {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": _LIVES,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": dict(pods.POD_SECURITY),
            "initContainers": containers[:-1],
            "containers": containers[-1:],
            "volumes": [{"name": "shelf", **shelf.volume()}],
        }
        if node:
            place = {"key": "metadata.name", "operator": "In", "values": [node]}
            required = {"nodeSelectorTerms": [{"matchFields": [place]}]}
            spec["affinity"] = {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}
            }
        labels = {naming.MANAGED_BY: naming.MANAGER, naming.ROLE: naming.READER}
        name = f"cnai-reader-{secrets.token_hex(5)}"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }

    async def _until_ended(self, shelf: Shelf, pod: Pod, path: str) -> None:
        """Wait for the pod, and say why it does not come."""
        params = {"fieldSelector": f"metadata.name={pod.metadata.name}"}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STARTS_WITHIN):
                while not _has_ended(pod):
                    version = pod.metadata.resource_version
                    changes = self._api.watch(
                        self._pods, type=Pod, params=params, resource_version=version
                    )
                    async with contextlib.aclosing(changes):
                        async for verb, changed in changes:
                            pod = changed if verb != "BOOKMARK" else pod
                            if _has_ended(pod) or verb == "DELETED":
                                break
                    if not _has_ended(pod):
                        pod = await self._api.get(path, type=Pod)
                return
        raise BackendUnavailable(
            f"The outputs cannot be read: a pod that reads {shelf} does not start.",
            why=_waits_for(pod),
            next_step=shelf.later,
        )

    async def _said(self, shelf: Shelf, path: str, container: str) -> Answer:
        async with self._api.stream(f"{path}/log", params={"container": container}) as chunks:
            text = b"".join([chunk async for chunk in chunks])
        mark = browse.MARK.encode()
        lines = [line[len(mark) :] for line in text.split(b"\n") if line.startswith(mark)]
        try:
            header = msgspec.json.decode(lines[0], type=dict[str, Any])
            data = zlib.decompress(base64.b64decode(b"".join(lines[1:-1])))
            digest = msgspec.json.decode(lines[-1], type=dict[str, str])["sha256"]
        except (IndexError, KeyError, ValueError, zlib.error, msgspec.MsgspecError) as error:
            raise _unreadable(shelf, text) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _unreadable(shelf, text)
        return Answer(header, data)

    async def _sweep(self) -> None:
        """Delete what a process that was killed has left."""
        now = time.time()
        if now - self._swept < _LEFT_OVER:
            return
        self._swept = now
        params = {"labelSelector": f"{naming.ROLE}={naming.READER}"}
        with contextlib.suppress(Refused):
            for pod in (await self._api.list(self._pods, params=params, type=Pod)).items:
                if now - pod.metadata.created > _LEFT_OVER:
                    await self._api.delete(
                        f"{self._pods}/{pod.metadata.name}", uid=pod.metadata.uid, grace=0
                    )


def check_path(path: str) -> str:
    """The path of an output, relative to them.

    Raises:
        InvalidRequest: it leads out of them.

    >>> check_path("model/../notes.txt")
    'notes.txt'
    """
    inside = posixpath.normpath(path) if path and "\0" not in path else ".."
    if inside == ".." or inside.startswith(("/", "../")):
        _refuse(path, outside=True)
    return inside


def without_outputs(name: str) -> Unsupported:
    """Why a job's files are not there."""
    return Unsupported(
        f"The files that {name} wrote went with its workers.",
        why="It was submitted without outputs=, so they were on the workers' own disks.",
        next_step="Name a claim or a bucket that keeps them: cnai.train(fn, "
        'outputs="pvc://CLAIM/runs") or outputs="s3://BUCKET/runs".',
    )


def _refuse(path: str, *, outside: bool) -> None:
    if outside:
        raise InvalidRequest(
            f"{path!r} is not inside the job's outputs.",
            next_step="job.outputs lists the files that can be read.",
        )
    raise NotFound(f"The job wrote no file {path!r}.", next_step="job.outputs lists its files.")


def _names(count: int) -> list[str]:
    return [f"{_CONTAINER}-{number}" for number in range(count)]


def _whole(shelf: Shelf, answer: Answer) -> Answer:
    if "problem" in answer.header:
        raise BackendUnavailable(
            "The outputs cannot be read.",
            why=str(answer.header.get("said", answer.header["problem"])),
            next_step=shelf.advice,
        )
    return answer


def _unreadable(shelf: Shelf, text: bytes) -> BackendUnavailable:
    last = text.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
    return BackendUnavailable(
        f"The outputs cannot be read: the pod that reads {shelf} did not answer.",
        why=last or "Its log is empty.",
        next_step="Try again. The image must have a Python: see image= and `cnai config`.",
    )


def _has_ended(pod: Pod) -> bool:
    """Whether every container of ours has run; a mesh's own container may go on."""
    if pod.status.phase in ("Succeeded", "Failed"):
        return True
    statuses = {each.name: each for each in pod.status.container_statuses or ()}
    ours = [each for name, each in statuses.items() if name.startswith(f"{_CONTAINER}-")]
    return bool(ours) and all(each.state.terminated is not None for each in ours)


def _waits_for(pod: Pod) -> str:
    """The cluster's own words for what the pod waits for."""
    status = pod.status
    for each in (*(status.init_container_statuses or ()), *(status.container_statuses or ())):
        waiting = each.state.waiting
        if waiting is not None and waiting.message:
            return f"{waiting.reason}: {waiting.message}"
    unscheduled = next((c for c in pod.status.conditions or () if c.type == "PodScheduled"), None)
    if unscheduled is not None and not unscheduled.true:
        return f"{unscheduled.reason}: {unscheduled.message}"
    if holds(pod.status.conditions, "PodScheduled"):
        return "It is on a node and does not start: the claim may be mounted on another one."
    return pod.status.message or "Nobody says why."
