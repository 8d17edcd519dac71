"""The operators: their own manifests, unmodified, run as Deployments by the test node."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.testbed.apply import Applier, Document
from tests.cluster.testbed.build import Built
from tests.cluster.testbed.certificates import Authority
from tests.cluster.testbed.control_plane import ControlPlane
from tests.cluster.testbed.processes import DidNotCome, until
from tests.cluster.testbed.programs import OPERATORS, named

_LEFT_OUT = ("Certificate", "Issuer", "ServiceMonitor")
"""Kinds of operators that are not there: what cert-manager would do is done here."""

_POD = {"containers": [{"name": "pytorch", "image": "python:3"}], "restartPolicy": "Never"}
_REPLICAS = {"Worker": {"replicas": 1, "template": {"spec": _POD}}}
_NODE = {"name": "node", "template": {"spec": {"template": {"spec": _POD}}}}
_LOOKED_AT: Mapping[str, tuple[str, str, Document]] = {
    "training-operator": ("kubeflow.org/v1", "PyTorchJob", {"pytorchReplicaSpecs": _REPLICAS}),
    "jobset": ("jobset.x-k8s.io/v1alpha2", "JobSet", {"replicatedJobs": [_NODE]}),
    "trainer": (
        "trainer.kubeflow.org/v1alpha1",
        "TrainJob",
        {"runtimeRef": {"name": "torch-distributed"}},
    ),
    "kueue": ("kueue.x-k8s.io/v1beta2", "ClusterQueue", {"namespaceSelector": {}}),
}
"""What an operator's webhooks are asked about."""


def images(built: Built) -> dict[str, list[str]]:
    """For the test node: what in an image's name stands for which program."""
    found = {each.image: [str(built.binary(each.name))] for each in OPERATORS if each.image}
    return {**found, "kube-rbac-proxy": ["sleep", "infinity"]}


def install(
    control: ControlPlane,
    built: Built,
    names: tuple[str, ...],
    arguments: Mapping[str, Sequence[str]],
) -> None:
    """Apply operators together, and return when all are ready.

    Args:
        arguments: what an operator is started with besides what its manifests say.
    """
    applier = Applier(control.http)
    documents = {name: _documents(built, name, control.authority) for name in names}
    for name, added in arguments.items():
        _argue(documents[name], list(added))
    applier.apply_all([each for name in names for each in documents[name]])
    for name in names:
        try:
            until(f"{name} is ready", partial(_is_ready, control, documents[name]), seconds=300)
        except DidNotCome as error:
            raise DidNotCome(f"{error}\n{_waiting(control, documents[name])}") from None
        for extra in built.manifests(named(name))[1:]:
            applier.apply_all(_read(extra))
        if named(name).scheduler:
            control.start_scheduler(name, named(name).scheduler)
    for name in names:
        _until_it_answers(applier, name)


def _until_it_answers(applier: Applier, name: str) -> None:
    """An operator says that it is ready once it listens, and takes up its webhooks after that."""
    if name in _LOOKED_AT:
        version, kind, spec = _LOOKED_AT[name]
        meta = {"name": "looked-at"}
        document = {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}
        until(f"{name} answers", partial(applier.answers, document))


def definitions(control: ControlPlane, built: Built, name: str) -> None:
    """Only an operator's kinds, for a cluster whose operator is not there."""
    documents = _documents(built, name, control.authority)
    kinds = [each for each in documents if each["kind"] == "CustomResourceDefinition"]
    for each in kinds:
        each["spec"].pop("conversion", None)
    applier = Applier(control.http)
    applier.apply_all(kinds)
    applier.await_definitions(kinds)


def scale(control: ControlPlane, built: Built, name: str, replicas: int) -> None:
    """Set the replicas of an operator's Deployments, and return when it is so."""
    documents = _documents(built, name, control.authority)
    for each in _deployments(documents):
        control.http.patch(
            each,
            json={"spec": {"replicas": replicas}},
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()
    for each in _deployments(documents):
        until(
            f"{name} has {replicas} replicas",
            partial(_has_replicas, control, each, replicas),
            seconds=300,
        )
    if replicas:
        _until_it_answers(Applier(control.http), name)


def _argue(documents: list[Document], added: list[str]) -> None:
    for each in documents:
        if each["kind"] == "Deployment":
            container = each["spec"]["template"]["spec"]["containers"][0]
            container["args"] = [*container.get("args", ()), *added]


def _replicas(control: ControlPlane, path: str) -> tuple[int, int]:
    status = control.http.get(path).json().get("status", {})
    return status.get("replicas", 0), status.get("readyReplicas", 0)


def _waiting(control: ControlPlane, documents: list[Document]) -> str:
    """What the containers of an operator's namespaces wait for, and how they ended."""
    lines = []
    for path in _deployments(documents):
        namespace = path.split("/")[5]
        pods = control.http.get(f"/api/v1/namespaces/{namespace}/pods").json()["items"]
        for pod in pods:
            for status in pod["status"].get("containerStatuses", ()):
                states = {**status.get("lastState", {}), **status.get("state", {})}
                lines.append(f"  {pod['metadata']['name']}: {json.dumps(states)[:500]}")
    return "\n".join(lines) or "  no pod has a container"


def _has_replicas(control: ControlPlane, path: str, count: int) -> bool:
    """A pod that is told to end counts no longer, and answers still."""
    return _replicas(control, path) == (count, count) and _pods(control, path) == count


def _pods(control: ControlPlane, path: str) -> int:
    chosen = control.http.get(path).json()["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in chosen.items())
    pods = f"/api/v1/namespaces/{path.split('/')[5]}/pods"
    return len(control.http.get(pods, params={"labelSelector": selector}).json()["items"])


def _deployments(documents: list[Document]) -> list[str]:
    base = "/apis/apps/v1/namespaces"
    return [
        f"{base}/{each['metadata']['namespace']}/deployments/{each['metadata']['name']}"
        for each in documents
        if each["kind"] == "Deployment"
    ]


def _documents(built: Built, name: str, authority: Authority) -> list[Document]:
    documents = _read(built.manifests(named(name))[0])
    documents += _namespaces(documents)
    documents += _certificates(documents, authority)
    _inject(documents, base64.b64encode(authority.pem).decode())
    return [each for each in documents if each["kind"] not in _LEFT_OUT]


def _read(path: Path) -> list[Document]:
    """The documents of a file. Megabytes of YAML take seconds, so they are kept as JSON beside."""
    kept = path.with_suffix(".json")
    if not kept.exists():
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        documents = [each for each in yaml.load_all(path.read_text(), Loader=loader) if each]
        draft = kept.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(documents, default=str))
        draft.replace(kept)
    found: list[Document] = json.loads(kept.read_bytes())
    return found


def _namespaces(documents: list[Document]) -> list[Document]:
    made = {each["metadata"]["name"] for each in documents if each["kind"] == "Namespace"}
    used = {each["metadata"].get("namespace") for each in documents}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in sorted(used - made - {None, "default", "kube-system"})
    ]


def _certificates(documents: list[Document], authority: Authority) -> list[Document]:
    """A Secret for each Certificate, as cert-manager would make it."""
    found = []
    for each in documents:
        if each["kind"] != "Certificate":
            continue
        names = each["spec"]["dnsNames"]
        pair = authority.sign(names[0][:64], names)
        data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.pem}
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls",
                "metadata": {
                    "name": each["spec"]["secretName"],
                    "namespace": each["metadata"]["namespace"],
                },
                "data": {name: base64.b64encode(pem).decode() for name, pem in data.items()},
            }
        )
    return found


def _inject(documents: list[Document], bundle: str) -> None:
    """The authority, into whatever asks cert-manager for it."""
    for each in documents:
        notes = each["metadata"].get("annotations") or {}
        if not any("inject-ca-from" in key for key in notes):
            continue
        clients: list[Any] = [hook["clientConfig"] for hook in each.get("webhooks", ())]
        webhook = (each.get("spec", {}).get("conversion") or {}).get("webhook")
        if webhook:
            clients.append(webhook["clientConfig"])
        if each["kind"] == "APIService":
            clients.append(each["spec"])
        for client in clients:
            client["caBundle"] = bundle


def _is_ready(control: ControlPlane, documents: list[Document]) -> bool:
    return all(_replicas(control, path)[1] for path in _deployments(documents))
