"""What is served and what is allowed, and how both come and go, on a real API server."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.api import Api, Refused
from cnai_sdk.backends.kubernetes.discovery import describe, discover
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.config import Config
from cnai_sdk.doctor import cluster as doctor
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.gpu.cluster.offer import PodAsk
from cnai_sdk.model.spec import Resources
from tests.cluster.surviving import Seen, connected, may, note, notes, until
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import built_or_skip, own_cluster_or_skip
from tests.cluster.testbed.programs import EARLIER_TRAINERS
from tests.cluster.trained import Bench, lost, spec_of

ASKED = tuple(each.name for each in EARLIER_TRAINERS)
"""Fetched before the first test; see `tests/conftest.py`."""

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def broken() -> Iterator[Cluster]:
    """A control plane without operators, to put kinds into."""
    cluster = own_cluster_or_skip(operators=())
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def room(broken: Cluster) -> Iterator[str]:
    name = broken.namespace()
    yield name
    broken.delete_namespace(name)


@pytest.fixture
async def api(broken: Cluster, room: str) -> AsyncIterator[Api]:
    async with connected(broken.context(room)) as api:
        yield api


# -- credentials and rights ----------------------------------------------------------------------


async def test_a_token_that_is_not_good_any_more_is_renewed_by_the_plugin(
    broken: Cluster, room: str, tmp_path: Path
) -> None:
    broken.grant("ann", room, [may("configmaps", "get", "list", "watch")])
    user = broken.user("ann")
    file = tmp_path / "token"
    file.write_text(user.token)
    path = broken.user_kubeconfig(user, namespace=room)
    document = json.loads(path.read_text())
    document["users"][0]["user"] = {"exec": plugin_of(file)}
    path.write_text(json.dumps(document))
    async with connected(path) as ann, Seen(ann, room) as seen:
        await ann.get(notes(room, "kube-root-ca.crt"))
        await asyncio.to_thread(broken.expire, user)
        with pytest.raises(Refused) as caught:
            await ann.get(notes(room, "kube-root-ca.crt"))
        assert caught.value.status == 401
        file.write_text(broken.user("ann").token)
        assert await ann.get(notes(room, "kube-root-ca.crt"))
        await until(lambda: not seen.informer.problem)


def plugin_of(file: Path) -> dict[str, Any]:
    """A plugin that hands out what stands in a file."""
    program = (
        "import json, pathlib; print(json.dumps({'kind': 'ExecCredential', 'apiVersion': "
        "'client.authentication.k8s.io/v1', 'status': {'token': pathlib.Path("
        f"{str(file)!r}).read_text()}}}}))"
    )
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", program],
        "interactiveMode": "Never",
    }


async def test_what_may_not_be_seen_is_said_and_seen_once_it_may(
    broken: Cluster, room: str
) -> None:
    here = f"/api/v1/namespaces/{room}"
    async with (
        connected(broken.user_kubeconfig("bob", namespace=room)) as bob,
        Seen(bob, room, "/api/v1/nodes") as nodes,
        Seen(bob, room, f"{here}/events") as events,
        Seen(bob, room, f"{here}/resourcequotas") as quotas,
    ):
        problems = [each.informer.problem for each in (nodes, events, quotas)]
        assert problems == [
            "nodes: not allowed",
            "events: not allowed",
            "resourcequotas: not allowed",
        ]
        broken.grant("bob", room, [may("resourcequotas", "list", "watch")])
        await until(lambda: not quotas.informer.problem)
        assert events.informer.problem == "events: not allowed"
        refusal = events.informer.refusal
        assert isinstance(refusal, Refused)
        assert "administrator" in refusal.next_step


async def test_a_namespace_that_is_being_deleted_takes_nothing_and_says_so(
    broken: Cluster, api: Api
) -> None:
    name = broken.namespace()
    broken.hold_in_termination(name)
    with pytest.raises(Refused) as caught:
        await api.create(notes(name), note("late"))
    assert caught.value.status == 403
    assert [cause.reason for cause in caught.value.causes] == ["NamespaceTerminating"]
    assert "being terminated" in caught.value.message
    broken.release(name)


async def test_the_doctor_names_the_rights_that_somebody_lacks(
    broken: Cluster, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken.grant("eve", room, [may("pods", "get", "list", "watch", "create", "delete")])
    path = broken.user_kubeconfig("eve", namespace=room)
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("CNAI_BACKEND", "kubernetes")
    found = await asyncio.to_thread(lambda: list(doctor.cluster()))
    said = {finding.what: finding.state for finding in found}
    assert "You are eve" in said
    assert any("at https://" in what and "v1." in what for what in said)
    lacking = [finding for finding in found if finding.check == "rights"]
    assert {finding.what.split(":")[0] for finding in lacking} == {
        "You may not list and watch events",
        "You may not get pods/log",
        "You may not get, list, create, patch and delete configmaps",
        "You may not list, create, patch and delete secrets",
        "You may not list and watch resourcequotas",
        "You may not list and watch nodes",
        # She cannot see that there are no classes of devices.
        "You may not list, create, patch and delete resourceclaimtemplates.resource.k8s.io",
    }
    assert all("--user=eve" in finding.fix for finding in lacking)


# -- kinds -----------------------------------------------------------------------------------


def kind_of(group: str, version: str, plural: str, kind: str, *fields: str) -> dict[str, Any]:
    """A CustomResourceDefinition whose spec has these fields."""
    anything = {"type": "array", "items": {"type": "object"}}
    spec = {"type": "object", "properties": dict.fromkeys(fields, anything)}
    schema = {"type": "object", "properties": {"spec": spec}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [served]},
    }


async def test_a_kind_that_comes_and_goes_is_followed(
    broken: Cluster, api: Api, room: str, tmp_path: Path
) -> None:
    config = Config(home=tmp_path)
    served = await discover(api, config)
    assert served.operator is None
    assert "kubectl apply" in describe(served)[0]
    jobs = f"/apis/kubeflow.org/v1/namespaces/{room}/pytorchjobs"
    async with Seen(api, room, jobs) as seen:
        assert seen.informer.problem == "pytorchjobs: not served"
        await api.create(CRDS, kind_of("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob"))
        await until(lambda: not seen.informer.problem)
        body = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "a"}}
        await api.create(jobs, body)
        await until(lambda: seen.heard == [("ADDED", "a")])
        await operator_is(api, config, "pytorchjob")
        await api.delete(f"{CRDS}/pytorchjobs.kubeflow.org")
        await until(lambda: seen.heard == [("ADDED", "a"), ("DELETED", "a")])
        await until(lambda: seen.informer.problem == "pytorchjobs: not served")
    await operator_is(api, config, None)


async def operator_is(api: Api, config: Config, name: str | None) -> None:
    """Return once it is discovered: the server tells of a kind a moment after it serves it."""
    async with asyncio.timeout(60):
        while (await discover(api, config, fresh=True)).operator != name:
            await asyncio.sleep(0.1)


SHAPES = {
    "trainer-2.0": "podSpecOverrides",
    "trainer-2.1": "podTemplateOverrides",
    "trainer-2.2": "runtimePatches",
}
"""Each earlier version of the TrainJob, and the field by which it changes its pods."""
TRAINJOBS = "trainjobs.trainer.kubeflow.org"
ALL = spec_of(
    "def train(): pass",
    workers=2,
    timeout=90.5,
    shm=2**20,
    env={"A": "$(HOME)", "B": "y"},
    secrets=("TOKEN", "hub/KEY"),
    outputs="pvc://scratch/runs",
    resources=Resources(cpu=0.5, memory=2**28, gpu=1),
    labels={"team": "vision"},
)
ONE_OF_TWO = PodAsk(mechanism="whole", isolation="hardware", places=({"model": ("a", "b")},))
"""What only an affinity can say."""


@pytest.fixture(params=SHAPES)
async def version(
    request: pytest.FixtureRequest, broken: Cluster, api: Api, tmp_path: Path
) -> AsyncIterator[str]:
    """A version whose TrainJob the server knows, and no longer afterwards."""
    name = str(request.param)
    built_or_skip([name])
    await asyncio.to_thread(broken.add_definitions, name)
    yield name
    await api.delete(f"{CRDS}/{TRAINJOBS}")
    async with asyncio.timeout(60):
        while (await discover(api, Config(home=tmp_path), fresh=True)).trainjob:
            await asyncio.sleep(0.1)


async def test_each_version_of_the_trainjob_is_known_by_its_schema_and_takes_every_field(
    broken: Cluster, api: Api, room: str, tmp_path: Path, version: str
) -> None:
    async with asyncio.timeout(60):
        while not (served := await discover(api, Config(home=tmp_path), fresh=True)).overrides:
            await asyncio.sleep(0.1)
    assert served.overrides == SHAPES[version]
    bench, kind = Bench(broken, room, "trainjob", served), KINDS["trainjob"]
    plan = bench.plan(ALL)
    written = kind.manifest(ALL, plan)
    kept = bench.post(bench.path(), written, dry=True)  # which refuses a field that is not known
    assert lost(written["spec"], kept["spec"]) == []
    assert ("securityContext" in json.dumps(written)) == kind.secured(plan)
    assert ("activeDeadlineSeconds" in kept["spec"]) == (served.overrides == "runtimePatches")
    placed = kind.manifest(ALL, dataclasses.replace(plan, ask=ONE_OF_TWO))
    if "affinity" in kind.carries(served):
        bench.post(bench.path(), placed, dry=True)
    else:
        with pytest.raises(
            AssertionError, match=r'unknown field \\"spec.podSpecOverrides\[0\].affinity'
        ):
            bench.post(bench.path(), placed, dry=True)
    urgent = spec_of("def train(): pass", priority="high")
    with pytest.raises(InvalidRequest, match="cannot be given to a TrainJob") as refused:
        kind.manifest(urgent, bench.plan(urgent))
    assert "It has no field for it" in refused.value.why


async def test_an_aggregated_api_that_is_down_breaks_no_discovery(
    broken: Cluster, api: Api, room: str, tmp_path: Path
) -> None:
    group = "visibility.kueue.x-k8s.io"
    services = "/apis/apiregistration.k8s.io/v1/apiservices"
    service = {"namespace": room, "name": "nobody", "port": 443}
    spec = {
        "group": group,
        "version": "v1beta2",
        "service": service,
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    name = f"v1beta2.{group}"
    body = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": spec}
    await api.create(services, body | {"metadata": {"name": name}})
    try:
        config = Config(home=tmp_path)
        async with asyncio.timeout(60):
            while not (served := await discover(api, config, fresh=True)).unread:
                await asyncio.sleep(0.1)
        assert served.visibility is None
        assert any("does not answer" in sentence for sentence in describe(served))
    finally:
        await api.delete(f"{services}/{name}")
