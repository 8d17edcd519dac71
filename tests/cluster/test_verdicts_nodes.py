"""Volumes that stay away, images that cannot be run, and workers that their node sends off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.api import connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.model.spec import DataLink
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import External
from tests.cluster.testbed.processes import until
from tests.cluster.testnode.controls import Controls

from .produced import Ledger, produces
from .verdicts import Stage, much

FOLDER = [{"name": "data", "mountPath": "/data"}]


def claimed(name: str) -> dict[str, Any]:
    """A pod's fields that mount a claim."""
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}


async def volume(stage: Stage, claim: str, source: dict[str, Any], **more: Any) -> None:
    """A claim, and a volume of the administrator's that is bound to it."""
    name, size = f"{stage.namespace}-{claim}", {"storage": "1Gi"}
    plain = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    spec = plain | {"resources": {"requests": size}, "volumeName": name}
    await stage.have("PersistentVolumeClaim", claim, spec=spec)
    reference = {"namespace": stage.namespace, "name": claim}
    bound = plain | {"capacity": size, "claimRef": reference} | source | more
    await stage.have("PersistentVolume", name, spec=bound)


# -- no node, or no volume --------------------------------------------------------------------


@produces("real", "UNSCHEDULABLE")
async def test_no_node_for_a_reason_that_has_no_row(stage: Stage, ledger: Ledger) -> None:
    spread = {
        "maxSkew": 1,
        "topologyKey": "example.com/rack",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "spread"}},
    }
    await stage.pytorchjob("spread", pod={"topologySpreadConstraints": [spread]})
    found = ledger.note(await stage.verdict("spread", "UNSCHEDULABLE"))
    assert "topology spread" in found.why


@produces("real", "SCHED_VOL_ZONE")
async def test_a_volume_on_a_node_that_is_not_there(stage: Stage, ledger: Ledger) -> None:
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["gone"]}
    place = {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}}
    await volume(stage, "far", {"local": {"path": "/far"}}, nodeAffinity=place)
    await stage.pytorchjob("far", pod=claimed("far"), volumeMounts=FOLDER)
    ledger.note(await stage.verdict("far", "SCHED_VOL_ZONE"))


@produces("imitated", "MOUNT_FAILED")
async def test_a_folder_that_the_node_does_not_have(stage: Stage, ledger: Ledger) -> None:
    folder = {"name": "data", "hostPath": {"path": "/not/there", "type": "Directory"}}
    await stage.pytorchjob("stuck", pod={"volumes": [folder]}, volumeMounts=FOLDER)
    found = ledger.note(await stage.verdict("stuck", "MOUNT_FAILED"))
    assert any("/not/there is not a directory" in line.text for line in found.evidence)


@produces("real", "MULTI_ATTACH")
async def test_a_volume_that_another_node_uses(
    cluster: Cluster | External, stage: Stage, ledger: Ledger
) -> None:
    """The controller that attaches volumes is real; the test says in its driver's place that one
    is attached."""
    await volume(stage, "disk", {"csi": {"driver": "disk.example.com", "volumeHandle": "d1"}})
    nodes = [each["metadata"]["name"] for each in cluster.http.get("/api/v1/nodes").json()["items"]]
    for name, node in zip(("first", "second"), nodes, strict=False):
        place = {"nodeSelector": {"kubernetes.io/hostname": node}}
        await stage.pytorchjob(name, pod=claimed("disk") | place, volumeMounts=FOLDER)
        if name == "first":
            await asyncio.to_thread(attach, cluster, f"{stage.namespace}-disk")
    ledger.note(await stage.verdict("second", "MULTI_ATTACH"))


def attach(cluster: Cluster | External, volume: str) -> None:
    """Say of a volume that it is attached, as soon as it is to be."""
    path = "/apis/storage.k8s.io/v1/volumeattachments"

    def wanted() -> list[str]:
        found = cluster.http.get(path).json()["items"]
        return [
            each["metadata"]["name"]
            for each in found
            if each["spec"]["source"].get("persistentVolumeName") == volume
        ]

    until("the volume is to be attached", wanted)
    cluster.http.patch(
        f"{path}/{wanted()[0]}/status",
        content=b'{"status": {"attached": true}}',
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()


@produces("real", "DATA_MISSING")
async def test_data_that_is_not_on_its_volume(stage: Stage, ledger: Ledger) -> None:
    size = {"resources": {"requests": {"storage": "1Gi"}}}
    await stage.have(
        "PersistentVolumeClaim", "shelf", spec={"accessModes": ["ReadWriteOnce"]} | size
    )
    link = DataLink(path="digits", source="pvc://shelf/nowhere")
    name = await stage.train("print('ran')", data=(link,))
    found = ledger.note(await stage.verdict(name, "DATA_MISSING"))
    assert "nowhere" in found.why


# -- a container that does not start -------------------------------------------------------------


@produces("imitated", "IMG_AUTH", "IMG_RATE", "IMG_PLATFORM", "IMG_BACKOFF")
async def test_registries_that_give_no_image(
    cluster: Cluster | External, stage: Stage, ledger: Ledger
) -> None:
    if isinstance(cluster, External):
        pytest.skip("needs registries that refuse, which the test node has")
    answers = {
        "private": "IMG_AUTH",
        "limited": "IMG_RATE",
        "arm": "IMG_PLATFORM",
        "unreachable": "IMG_BACKOFF",
    }
    for registry, id in answers.items():
        await stage.pytorchjob(registry, image=f"{registry}.example.com/team/net:1")
        found = ledger.note(await stage.verdict(registry, id))
        assert f"{registry}.example.com/team/net:1" in found.why


@produces("imitated", "CONFIG_MISSING")
async def test_a_secret_without_that_key(stage: Stage, ledger: Ledger) -> None:
    await stage.have("Secret", "hub", stringData={"other": "x"})
    source = {"secretKeyRef": {"name": "hub", "key": "token"}}
    await stage.pytorchjob("locked", env=[{"name": "HF_TOKEN", "valueFrom": source}])
    found = ledger.note(await stage.verdict("locked", "CONFIG_MISSING"))
    assert any("token" in line.text for line in found.evidence)


@produces("imitated", "RUN_AS_ROOT")
async def test_an_image_that_runs_as_root(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("root", pod={"securityContext": {"runAsNonRoot": True}})
    ledger.note(await stage.verdict("root", "RUN_AS_ROOT"))


@produces("imitated", "CRASHLOOP")
async def test_a_worker_that_ends_again_and_again(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("restless", "import sys; sys.exit(7)", restart="OnFailure")
    ledger.note(await stage.verdict("restless", "CRASHLOOP"))


# -- a worker that is taken away -------------------------------------------------------------------


@produces("real", "EVICTED")
async def test_a_node_that_is_emptied(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("guest", pod={"terminationGracePeriodSeconds": 2})
    await stage.running("guest")
    api = connect(find(namespace=stage.namespace))
    path = f"/api/v1/namespaces/{stage.namespace}/pods/guest-master-0/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "guest-master-0"}}
    try:
        await api.create(path, body)
    finally:
        await api.close()
    ledger.note(await stage.verdict("guest", "EVICTED"))


@produces("imitated", "EVICTED_SELF")
async def test_a_worker_that_fills_its_shared_memory(
    stage: Stage, ledger: Ledger, node: Controls
) -> None:
    await stage.pytorchjob("hoarder")
    await stage.running("hoarder")
    said = 'Usage of EmptyDir volume "dshm" exceeds the limit "1Gi". '
    await asyncio.to_thread(node.evict, stage.namespace, "hoarder-master-0", message=said)
    ledger.note(await stage.verdict("hoarder", "EVICTED_SELF"))


@produces("imitated", "GPU_ADMIT")
async def test_a_node_whose_room_is_gone_when_the_worker_comes(
    cluster: Cluster | External, stage: Stage, ledger: Ledger
) -> None:
    """As when two schedulers send work to one node; here nobody asks a scheduler."""
    nodes = cluster.http.get("/api/v1/nodes").json()["items"]
    place = {"nodeName": nodes[0]["metadata"]["name"]}
    await stage.pytorchjob("late", pod=place, resources=much(cpu="900"))
    found = ledger.note(await stage.verdict("late", "GPU_ADMIT"))
    assert "enough resource: cpu" in found.why
