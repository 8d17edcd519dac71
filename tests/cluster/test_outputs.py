"""Files on a claim, read back through a pod that lives for a moment."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.backends.kubernetes.outputs import Outputs
from cnai_sdk.backends.kubernetes.shelves import Claim
from cnai_sdk.errors import BackendUnavailable, InvalidRequest, NotFound
from tests.cluster.followed import IMAGE, template

CLAIM = Claim.parse("pvc://scratch/runs").of("abc")
SIZE = 9 * 2**20 + 1
WRITES = f"""
    import os, pathlib, random
    folder = pathlib.Path('/mnt/runs/abc')
    (folder / 'model').mkdir(parents=True, exist_ok=True)
    (folder / 'notes.txt').write_text('三 epochs', encoding='utf-8')
    (folder / 'model' / 'weights.bin').write_bytes(bytes(range(256)))
    (folder / 'large.bin').write_bytes(random.Random(7).randbytes({SIZE}))
    if not (folder / 'away').is_symlink():
        (folder / 'away').symlink_to('/etc/hostname')
    print('written', flush=True)
"""


class Space:
    """A namespace with a claim, and a way to read it."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.pods = f"/api/v1/namespaces/{namespace}/pods"
        self.outputs = Outputs(api, namespace, image=IMAGE)

    async def claim(self, name: str) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
        await self.api.create(f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims", body)

    async def write(self, script: str) -> Pod:
        """A job's worker, which has written; it may go on."""
        body = template(script)
        source = {"claimName": CLAIM.claim}
        body["volumes"] = [{"name": "claim", "persistentVolumeClaim": source}]
        body["containers"][0]["volumeMounts"] = [{"name": "claim", "mountPath": "/mnt"}]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "writer"}, "spec": body}
        await self.api.create(self.pods, pod)
        path = f"{self.pods}/writer"
        async with asyncio.timeout(60):
            while True:
                found = await self.api.get(path, type=Pod)
                statuses = found.status.container_statuses or ()
                if any(each.state.running or each.state.terminated for each in statuses):
                    break
                await asyncio.sleep(0.05)
            async with self.api.stream(f"{path}/log", params={"follow": "true"}) as chunks:
                async for chunk in chunks:
                    if b"written" in chunk:
                        break
        return found

    async def readers(self) -> list[str]:
        """Pods that were made to read, and are there."""
        params = {"labelSelector": f"{naming.ROLE}={naming.READER}"}
        found = (await self.api.list(self.pods, params=params, type=Pod)).items
        return [each.metadata.name for each in found if each.metadata.deletion_timestamp is None]


@pytest.fixture
async def space(kubeconfig: Path) -> AsyncIterator[Space]:
    target = find(environ={"KUBECONFIG": str(kubeconfig)})
    api = connect(target)
    yield Space(api, target.namespace)
    await api.close()


async def test_files_are_listed_and_read_while_the_job_runs(space: Space) -> None:
    await space.claim("scratch")
    writer = await space.write(WRITES + "\n    import time; time.sleep(600)")
    node = writer.spec.node_name
    sizes = {file.path: file.size for file in await space.outputs.files(CLAIM, node=node)}
    assert sizes == {
        "large.bin": SIZE,
        "model/weights.bin": 256,
        "notes.txt": len("三 epochs".encode()),
    }
    assert await space.outputs.read(CLAIM, "model/weights.bin", node=node) == bytes(range(256))
    text = await space.outputs.read(CLAIM, "notes.txt", node=node)
    assert text.decode() == "三 epochs"
    assert await space.readers() == []


async def test_a_file_of_many_pieces_comes_byte_for_byte(space: Space) -> None:
    await space.claim("scratch")
    await space.write(WRITES)
    data = await space.outputs.read(CLAIM, "large.bin")
    assert data == random.Random(7).randbytes(SIZE)


async def test_what_is_not_there_or_leads_out_is_refused(space: Space) -> None:
    await space.claim("scratch")
    await space.write(WRITES)
    with pytest.raises(NotFound, match=r"nothing\.txt"):
        await space.outputs.read(CLAIM, "nothing.txt")
    with pytest.raises(InvalidRequest, match="away"):
        await space.outputs.read(CLAIM, "away")
    with pytest.raises(InvalidRequest):
        await space.outputs.read(CLAIM, "../other/notes.txt")
    assert await space.readers() == []


async def test_a_claim_that_is_missing_is_named(space: Space) -> None:
    with pytest.raises(NotFound, match="scratch"):
        await space.outputs.files(CLAIM)
    assert await space.readers() == []


async def test_the_reading_pod_passes_pod_security(cluster: Any, restricted: str) -> None:
    target = find(environ={"KUBECONFIG": str(cluster.context(restricted))})
    space = Space(connect(target), restricted)
    await space.claim("scratch")
    assert list(await space.outputs.files(CLAIM)) == []
    await space.api.close()


async def test_an_image_that_cannot_be_pulled_is_said(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnai_sdk.backends.kubernetes.outputs._STARTS_WITHIN", 5.0)
    await space.claim("scratch")
    broken = Outputs(space.api, space.namespace, image="registry.example/none:1")
    why = ""
    while "ImagePull" not in why:  # a node that is busy may not have tried within that time
        with pytest.raises(BackendUnavailable) as refusal:
            await broken.files(CLAIM)
        why = refusal.value.why
    assert await space.readers() == []


async def test_a_reader_that_was_killed_leaves_a_pod_that_the_next_one_removes(
    space: Space, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await space.claim("scratch")
    program = f"""
import asyncio, os
from pathlib import Path
os.environ["KUBECONFIG"] = {str(kubeconfig)!r}
from tests.cluster.test_outputs import CLAIM, IMAGE
from cnai_sdk.backends.kubernetes.api import connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.kubernetes.outputs import Outputs

async def main():
    target = find()
    outputs = Outputs(connect(target), target.namespace, image=IMAGE)
    outputs._until_ended = lambda *_: asyncio.sleep(print("made", flush=True) or 600)
    await outputs.files(CLAIM)

asyncio.run(main())
"""
    other = await asyncio.to_thread(
        subprocess.Popen, [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert await asyncio.to_thread(other.stdout.readline) == "made\n"
    os.kill(other.pid, signal.SIGKILL)
    await asyncio.to_thread(other.wait)
    left = await space.readers()
    assert len(left) == 1
    monkeypatch.setattr("cnai_sdk.backends.kubernetes.outputs._LEFT_OVER", -10.0)
    await space.outputs.files(CLAIM)
    assert left[0] not in await space.readers()


async def test_without_the_right_to_make_pods_the_cluster_is_quoted(
    cluster: Any, namespace: str
) -> None:
    path = cluster.user_kubeconfig("nobody", namespace=namespace)
    api = connect(find(environ={"KUBECONFIG": str(path)}))
    with pytest.raises(BackendUnavailable) as refusal:
        await Outputs(api, namespace, image=IMAGE).files(CLAIM)
    assert "forbidden" in refusal.value.why
    await api.close()
