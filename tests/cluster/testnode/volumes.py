"""A pod's volumes, as folders of this machine; their contents kept up to date."""

import os
import shutil
from pathlib import Path
from typing import Any

from tests.cluster.testnode import environment, quantity
from tests.cluster.testnode.client import Client, Object, RefusedError
from tests.cluster.testnode.environment import ConfigError, Lookup
from tests.cluster.testnode.informer import Informer
from tests.cluster.testnode.network import mount_tmpfs, unmount

CHANGING = ("configMap", "secret", "projected", "downwardAPI")


class MountError(Exception):
    """A volume that cannot be had yet, in the kubelet's words (FailedMount)."""


class Volumes:
    """The volumes of one pod, under its folder."""

    def __init__(
        self, pod: Object, folder: Path, client: Client, claims: Informer, facts: dict[str, str]
    ) -> None:
        self._pod, self._folder, self._client, self._claims = pod, folder, client, claims
        self._lookup, self.facts = Lookup(client), facts
        self._namespace = pod["metadata"]["namespace"]
        self._mounted: list[Path] = []
        self.allocatable: dict[str, str] = {}
        self.disk: int | None = None
        self.paths: dict[str, Path] = {}

    async def mount(self, pod: Object) -> None:
        """Make what is not there yet; MountError says what is missing."""
        self._pod = pod
        for volume in pod["spec"].get("volumes") or []:
            if volume["name"] not in self.paths:
                self.paths[volume["name"]] = await self._one(volume)

    async def refresh(self, pod: Object) -> None:
        """Write again what comes from objects: they may have changed."""
        self._pod = pod
        for volume in pod["spec"].get("volumes") or []:
            if volume["name"] in self.paths and any(kind in volume for kind in CHANGING):
                try:
                    await self._one(volume)
                except (MountError, RefusedError):
                    continue  # what was there stays, as on a node

    def unmount(self) -> None:
        for where in self._mounted:
            unmount(where)
        self._mounted.clear()

    async def _one(self, volume: Object) -> Path:
        folder: Path = self._folder / "volumes" / volume["name"]
        if "hostPath" in volume:
            return self._host_path(volume["hostPath"])
        if "persistentVolumeClaim" in volume:
            return await self._claim(volume["name"], volume["persistentVolumeClaim"]["claimName"])
        if "ephemeral" in volume:
            claim = f"{self._pod['metadata']['name']}-{volume['name']}"
            return await self._claim(volume["name"], claim)
        if "emptyDir" in volume:
            self._empty(folder, volume["emptyDir"] or {})
            return folder
        if not any(kind in volume for kind in CHANGING):
            kind = next((key for key in volume if key != "name"), "none")
            raise MountError(
                f'MountVolume.SetUp failed for volume "{volume["name"]}" : '
                f"volumes of the kind {kind} are not imitated by the test node"
            )
        try:
            files = await self._contents(volume)
        except ConfigError as missing:
            raise MountError(
                f'MountVolume.SetUp failed for volume "{volume["name"]}" : {missing}'
            ) from None
        _write(folder, files, self._mode(volume))
        return folder

    def _mode(self, volume: Object) -> int:
        source = next(volume[kind] for kind in CHANGING if kind in volume)
        return int(source.get("defaultMode", 0o644))

    def _empty(self, folder: Path, source: Object) -> None:
        in_memory, limit = source.get("medium") == "Memory", source.get("sizeLimit")
        if not in_memory and self.disk is None:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
            return
        size = int(quantity.parse(limit)) if limit else None
        mount_tmpfs(folder, size if in_memory else self.disk)
        self._mounted.append(folder)

    def _host_path(self, source: Object) -> Path:
        path, kind = Path(source["path"]), source.get("type", "")
        if kind == "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        if kind == "Directory" and not path.is_dir():
            raise MountError(f"hostPath type check failed: {path} is not a directory")
        return path

    async def _claim(self, volume: str, name: str) -> Path:
        path = f"/api/v1/namespaces/{self._namespace}/persistentvolumeclaims/{name}"
        front = (
            f"Unable to attach or mount volumes: unmounted volumes=[{volume}], "
            f"unattached volumes=[], failed to process volumes=[{volume}]: "
            f"error processing PVC {self._namespace}/{name}: "
        )
        try:
            claim = await self._client.get(path)
        except RefusedError as refused:
            raise MountError(
                f"{front}failed to fetch PVC from API server: {refused.message}"
            ) from None
        if claim.get("status", {}).get("phase") != "Bound":
            raise MountError(f"{front}PVC is not bound")
        bound = await self._client.get(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
        source = bound["spec"].get("hostPath") or bound["spec"].get("local")
        if source is None:
            raise MountError(f"{front}only hostPath and local volumes are imitated here")
        folder = Path(source["path"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def _contents(self, volume: Object) -> dict[str, bytes]:
        if "projected" not in volume:
            return await self._source(volume)
        files: dict[str, bytes] = {}
        for source in volume["projected"].get("sources") or []:
            files |= await self._source(source)
        return files

    async def _source(self, source: dict[str, Any]) -> dict[str, bytes]:
        if wanted := source.get("configMap"):
            return await self._keys("configmaps", wanted, wanted["name"])
        if wanted := source.get("secret"):
            return await self._keys("secrets", wanted, wanted.get("secretName") or wanted["name"])
        if wanted := source.get("serviceAccountToken"):
            return {wanted["path"]: await self._token(wanted)}
        items = (source.get("downwardAPI") or {}).get("items") or []
        return {item["path"]: self._item(item).encode() for item in items}

    async def _keys(self, kind: str, wanted: Object, name: str) -> dict[str, bytes]:
        optional = bool(wanted.get("optional"))
        data = await self._lookup.data(self._namespace, kind, name, optional=optional)
        if not wanted.get("items") or data is None:
            return data or {}
        chosen = {}
        for item in wanted["items"]:
            if item["key"] in data:
                chosen[item["path"]] = data[item["key"]]
            elif not optional:
                what = (
                    "configmap references non-existent config"
                    if kind == "configmaps"
                    else ("references non-existent secret")
                )
                raise ConfigError(f"{what} key: {item['key']}")
        return chosen

    async def _token(self, wanted: Object) -> bytes:
        meta, account = self._pod["metadata"], self._pod["spec"].get("serviceAccountName")
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account or 'default'}/token"
        audience = {"audiences": [wanted["audience"]]} if wanted.get("audience") else {}
        bound = {"kind": "Pod", "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
        spec = {
            "expirationSeconds": wanted.get("expirationSeconds", 3600),
            "boundObjectRef": bound,
            **audience,
        }
        try:
            answer = await self._client.create(path, {"spec": spec})
        except RefusedError as refused:
            raise ConfigError(f"failed to fetch token: {refused.message}") from None
        return str(answer["status"]["token"]).encode()

    def _item(self, item: Object) -> str:
        if "fieldRef" in item:
            return environment.field(self._pod, item["fieldRef"]["fieldPath"], self.facts)
        reference = item["resourceFieldRef"]
        containers = self._pod["spec"]["containers"]
        named = reference.get("containerName")
        one = next((c for c in containers if c["name"] == named), containers[0])
        return environment.resource_field(reference, one, self.allocatable)


def _write(folder: Path, files: dict[str, bytes], mode: int) -> None:
    """Each file whole or not at all; those that are gone go."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == content:
            continue
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(content)
        fresh.chmod(mode)
        fresh.replace(path)
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()


def remove(folder: Path) -> None:
    """A pod's folder, whatever the modes in it are."""
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
