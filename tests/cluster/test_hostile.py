"""Objects that a student can really make, and a teacher, the student and a panel who look on."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import tarfile
import zlib
from importlib.resources import files as packaged
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from cnai_sdk.backends.kubernetes import naming, payload
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import Config
from cnai_sdk.errors import CnaiError, Unsupported
from cnai_sdk.facts import diagnose_workload
from cnai_server_ext.hub import Hub
from cnai_server_ext.pace import Pace
from tests.cluster.classroom import container, pod_spec, pytorchjob
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External

SECONDS = 120


def rules(role: str) -> list[dict[str, Any]]:
    """Of a shipped role."""
    text = packaged("cnai_sdk.admin").joinpath("base", "roles.yaml").read_text(encoding="utf-8")
    (found,) = (each for each in yaml.safe_load_all(text) if each["metadata"]["name"] == role)
    told: list[dict[str, Any]] = found["rules"]
    return told


def hostile(name: str, body: Any = None, *, ours: bool = True, **notes: str) -> dict[str, Any]:
    """A job that says of itself that the SDK made it, and waits."""
    made = pytorchjob(name=name, spec=body)
    made["spec"]["runPolicy"]["suspend"] = True
    own = {naming.ID: f"{name}-{name}", naming.NAME: name, naming.KIND: "train"}
    if ours:
        made["metadata"]["labels"] = {naming.MANAGED_BY: naming.MANAGER, **own}
    made["metadata"]["annotations"] = {f"cnai-sdk/{key}": text for key, text in notes.items()}
    return made


def limited(memory: str) -> dict[str, Any]:
    return pod_spec(containers=[container(resources={"limits": {"memory": memory}})])


def bomb() -> dict[str, Any]:
    """Fifty megabytes that lead out of their folder, in fifty kilobytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        member = tarfile.TarInfo("../../../tmp/x")
        member.size = 50 * 10**6
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    code = base64.b64encode(zlib.compress(plain.getvalue(), 9)).decode()
    return pod_spec(containers=[container(env=[{"name": payload.ENV, "value": code}])])


LITTLE = '{"name": "x"}'
WHOLE = '{"kind": "train", "name": "x", "payload": {"entry": "f"}}'
JOBS = (
    hostile("inf-attempts", attempt="inf", spec=LITTLE),
    hostile("nan-times", attempt="nan", created="nan", stopped="nan", spec=LITTLE),
    hostile("many-workers", spec='{"name": "x", "workers": 1000000000}'),
    hostile("huge-memory", limited("1e999"), ours=False),
    hostile("more-memory", limited("9" * 400), ours=False),
    hostile("a-bomb", bomb(), spec=WHOLE),
    hostile("deep", spec="[" * 100_000, granted="[" * 100_000),
)


@pytest.fixture
def views(cluster: Cluster | External, namespace: str) -> dict[str, Path]:
    """The kubeconfigs of a student and of a teacher, with the shipped roles."""
    found = {}
    for who in ("student", "teacher"):
        found[who] = cluster.user_kubeconfig(who, namespace=namespace)
        name = who
        if isinstance(cluster, External):
            name = f"system:serviceaccount:{namespace}:{who}"
        cluster.grant(name, namespace, rules(f"cnai-{who}"))
    return found


@pytest.mark.parametrize("who", ["student", "teacher"])
async def test_none_of_them_hides_the_others_from_whoever_looks(
    cluster: Cluster | External,
    namespace: str,
    views: dict[str, Path],
    who: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for each in JOBS:
        meta = {**each["metadata"], "namespace": namespace}
        await asyncio.to_thread(cluster.apply, {**each, "metadata": meta})
    names = {each["metadata"]["name"] for each in JOBS}
    monkeypatch.setenv("KUBECONFIG", str(views[who]))
    backend = KubernetesBackend(Config(home=tmp_path, namespace=namespace))
    hub = Hub("there", lambda: backend, pace=Pace(), log=logging.getLogger(__name__))
    try:
        async with asyncio.timeout(SECONDS):
            found = {each.name: each for each in await backend.list()}
            assert set(found) == names
            assert {len(job.replicas) for job in found.values()} == {1}
            for job in found.values():
                await backend.events(job.id)
                await diagnose_workload(backend, job)
                with pytest.raises(CnaiError):
                    await backend.spec(job.id)
            with pytest.raises(Unsupported, match="What a-bomb was asked to do") as refused:
                await backend.spec(found["a-bomb"].id)
            assert "no path inside of a payload" in refused.value.why
            await backend.quota()
            rows = await hub.current()
            assert {row.workload.name for row in rows} == names
            assert all(msgspec.json.decode(msgspec.json.encode(row)) for row in rows)
    finally:
        await hub.close()
        await backend.close()
