"""A provisioner: a folder of this machine for each claim of its StorageClass."""

import asyncio
import logging
from pathlib import Path

from tests.cluster.testnode import volumes
from tests.cluster.testnode.client import UNREACHABLE, Client, Object, RefusedError
from tests.cluster.testnode.informer import Informer

log = logging.getLogger(__name__)
PROVISIONER = "testnode.example.com/folder"


class Provisioner:
    """Makes PersistentVolumes for claims, and removes them when they are released."""

    def __init__(self, client: Client, claims: Informer, folder: Path, name: str) -> None:
        self._client, self._claims, self._folder, self._name = client, claims, folder, name
        self._volumes = Informer(client, "/api/v1/persistentvolumes")
        self._work: asyncio.Queue[tuple[str, Object]] = asyncio.Queue()

    async def start(self) -> None:
        storage_class = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": self._name,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": PROVISIONER,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate",
            "allowVolumeExpansion": False,
        }
        path = f"/apis/storage.k8s.io/v1/storageclasses/{self._name}"
        await self._client.patch(path, storage_class, kind="apply")
        self._claims.listen(lambda verb, claim: self._work.put_nowait((verb, claim)))
        self._volumes.listen(lambda verb, volume: self._work.put_nowait((verb, volume)))

    async def run(self) -> None:
        watching = asyncio.create_task(self._volumes.run())
        try:
            while True:
                verb, one = await self._work.get()
                try:
                    if verb != "DELETED":
                        await self._provision(one)
                        await self._reclaim(one)
                except (RefusedError, *UNREACHABLE) as error:
                    if getattr(error, "status", 0) not in (404, 409):
                        log.info("%s: %s", one["metadata"]["name"], error)
                        await asyncio.sleep(0.3)
                        self._work.put_nowait((verb, one))
        finally:
            watching.cancel()

    async def _provision(self, claim: Object) -> None:
        spec, meta = claim["spec"], claim["metadata"]
        if spec.get("storageClassName") != self._name or "resources" not in spec:
            return
        if spec.get("volumeName") or "deletionTimestamp" in meta:
            return
        name = f"pvc-{meta['uid']}"
        folder = self._folder / f"{name}_{meta['namespace']}_{meta['name']}"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": name,
                "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
            },
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": meta["namespace"],
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "resourceVersion": meta["resourceVersion"],
                },
                "hostPath": {"path": str(folder), "type": ""},
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": self._name,
            },
        }
        await self._client.create("/api/v1/persistentvolumes", volume)

    async def _reclaim(self, volume: Object) -> None:
        annotations = volume["metadata"].get("annotations") or {}
        ours = annotations.get("pv.kubernetes.io/provisioned-by") == PROVISIONER
        released = volume.get("status", {}).get("phase") == "Released"
        policy = volume["spec"].get("persistentVolumeReclaimPolicy")
        if ours and released and policy == "Delete":
            path = f"/api/v1/persistentvolumes/{volume['metadata']['name']}"
            await self._client.delete(path)
            await asyncio.to_thread(volumes.remove, Path(volume["spec"]["hostPath"]["path"]))
