"""What a student may try through the SDK: refused at the call, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.client import Client
from cnai_sdk.config import load_config
from cnai_sdk.errors import InvalidRequest


def work() -> None:
    """A function that travels."""


ATTACKS: dict[str, Any] = {
    "namespace": "kube-system",
    "context": "production",
    "node_selector": {"gpu": "yes"},
    "nodeSelector": {"gpu": "yes"},
    "node_name": "node-a",
    "affinity": {},
    "tolerations": [],
    "host_path": "/",
    "hostPath": "/",
    "volumes": [{"hostPath": {"path": "/"}}],
    "privileged": True,
    "security_context": {"privileged": True},
    "run_as_user": 0,
    "host_network": True,
    "service_account": "admin",
    "serviceAccountName": "admin",
    "pod_template_overrides": [],
    "labels": {"a": "b"},
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_field_of_a_pod_is_refused_with_the_reason_and_what_there_is_instead(name: str) -> None:
    backend = MemoryBackend()
    with pytest.raises(InvalidRequest, match=f"takes no {name}") as told:
        Client(backend=backend).train(work, **{name: ATTACKS[name]})
    assert told.value.why
    assert told.value.next_step
    assert "Did you mean" not in str(told.value)
    assert Client(backend=backend).jobs().workloads == ()


def test_an_argument_of_the_function_may_be_called_like_one() -> None:
    def of_labels(labels: int = 1) -> int:
        return labels

    with pytest.raises(InvalidRequest, match="belongs to the function"):
        Client(backend=MemoryBackend()).train(of_labels, labels=2)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("priority", "system-node-critical"),
        ("priority", "system-cluster-critical"),
        ("queue", "../../kube-system/localqueues/a"),
        ("image", "python:3\nserviceAccountName: admin"),
        ("image", "--privileged"),
        ("outputs", "pvc://scratch/../../etc"),
        ("outputs", "hostPath:///etc"),
        ("outputs", "file:///etc"),
        ("secrets", ["../kube-system/token/KEY"]),
        ("secrets", ["kube-system/token/KEY"]),
        ("data", ["pvc://../x"]),
        ("data", ["pvc://claim/../../x"]),
        ("data", ["host=pvc:///etc"]),
        ("data", ["../../x=pvc://claim/a"]),
        ("name", "../kube-system"),
        ("env", {"CNAI_JOB_ID": "other"}),
    ],
)
def test_no_value_leads_out_of_the_job(argument: str, value: Any) -> None:
    backend = MemoryBackend()
    with pytest.raises(InvalidRequest):
        Client(backend=backend).train(work, **{argument: value})
    assert Client(backend=backend).jobs().workloads == ()


@pytest.mark.parametrize("name", ["../kube-system", "a/pods/b", "kube-system?x", "A", "a b", "a\n"])
def test_a_namespace_is_a_name_and_never_a_path(name: str, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text("{}")
    with pytest.raises(InvalidRequest, match="namespace"):
        find(namespace=name, environ={"KUBECONFIG": str(config)})
    with pytest.raises(InvalidRequest, match="namespace"):
        load_config({"CNAI_CONFIG": "/nowhere.toml", "CNAI_SHARED": name})


def test_a_namespace_of_the_kubeconfig_is_no_path_either(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(
        '{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "a", "user": '
        '"a", "namespace": "../../kube-system"}}], "clusters": [{"name": "a", "cluster": {"server":'
        ' "https://127.0.0.1:1"}}], "users": [{"name": "a", "user": {}}]}'
    )
    with pytest.raises(InvalidRequest, match="namespace"):
        find(environ={"KUBECONFIG": str(config)})
