"""Plans and manifests for the tests, with what differs between runs put aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.payload import DIGEST, ENV, LOADER
from cnai_sdk.backends.kubernetes.plan import Plan, planned
from cnai_sdk.config import Config
from cnai_sdk.gpu.cluster.resolver import resolve
from cnai_sdk.model.spec import Payload, TrainSpec
from tests.vendors import seen, whole

ID = "abcdefghijklmnop"
LABELS = {
    "app.kubernetes.io/managed-by": "cnai-sdk",
    "cnai-sdk/id": ID,
    "cnai-sdk/name": "digits",
    "cnai-sdk/kind": "train",
}
POD_LABELS = LABELS | {"cnai-sdk/role": "worker"}
SCRIPT = b"def train():\n    pass\n"

PYTORCH = Served(operator="pytorchjob", pytorchjob=True)
TRAINJOBS = {
    "2.0": Served(operator="trainjob", trainjob=True, overrides="podSpecOverrides"),
    "2.1": Served(operator="trainjob", trainjob=True, overrides="podTemplateOverrides"),
    "2.2": Served(operator="trainjob", trainjob=True, overrides="runtimePatches"),
}


def spec_of(**fields: Any) -> TrainSpec:
    """A spec that asks for what the test is about."""
    fields.setdefault("payload", Payload(entry="train", files={"script.py": SCRIPT}))
    return TrainSpec(**{"name": "digits", "image": "lab/torch:1", **fields})


def plan_of(spec: TrainSpec, served: Served = PYTORCH, **fields: Any) -> Plan:
    """Its plan on a cluster."""
    settings: dict[str, Any] = {"home": Path("/none"), **fields.pop("config", {})}
    told = {"id": ID, "name": spec.name, "namespace": "team-a", "served": served, **fields}
    if spec.resources.wants_gpu and "ask" not in told:
        told["ask"] = resolve(spec.resources, spec.workers, seen(whole(count=8)))
    return planned(spec, config=Config(**settings), **told)


def manifest_of(spec: TrainSpec, served: Served = PYTORCH, **fields: Any) -> dict[str, Any]:
    """The job object, as it goes over the wire, with the archive and the time put aside."""
    plan = plan_of(spec, served, **fields)
    made: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(KINDS[plan.kind].manifest(spec, plan))
    )
    made["metadata"]["annotations"].pop("cnai-sdk/created")
    for variable in container_of(made)["env"]:
        if variable["name"] in (ENV, DIGEST):
            variable["value"] = "..."
    return made


def container_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """What runs: of a PyTorchJob its container, of a TrainJob its trainer."""
    body = manifest["spec"]
    if "trainer" in body:
        return dict_of(body["trainer"])
    return dict_of(pod_of(manifest)["containers"][0])


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The pod of a PyTorchJob, or what a TrainJob of 2.2 says of it."""
    body = manifest["spec"]
    if "trainer" in body:
        patch = body["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]
        return dict_of(patch["replicatedJobs"][0]["template"]["spec"]["template"]["spec"])
    return dict_of(body["pytorchReplicaSpecs"]["Worker"]["template"]["spec"])


def environment_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """Name to value, or to where the value comes from."""
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in container_of(manifest)["env"]}


def dict_of(found: Any) -> dict[str, Any]:
    """The same, known to be a dict."""
    assert isinstance(found, dict)
    return found


GRANTED = (
    '{{"asked":"{}","gpu":0.0,"how":["CPU: none is reserved, since none was asked for; a node '
    'gives what is idle.","Memory: none is reserved, since none was asked for; a full node may '
    'evict the workers."]}}'
)
COMMAND = ["python3", "-c", LOADER]
