"""Servers of tests/stores in pods of a cluster, for workers to reach."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.processes import until
from tests.cluster.verdicts import IMAGE

_PORT = 9000


@dataclass(frozen=True)
class Server:
    """One that stands.

    Attributes:
        host: its pod's address.
        told: what it printed of itself.
    """

    cluster: Cluster | External
    pod: str
    host: str
    told: dict[str, Any]

    @property
    def address(self) -> str:
        return f"{self.host}:{_PORT}"

    def said(self) -> list[str]:
        """The lines that it has printed."""
        return _said(self.cluster, self.pod).splitlines()


def served(cluster: Cluster | External, namespace: str, **modules: ModuleType) -> list[Server]:
    """Start one pod a module, and wait for all of them."""
    pods = {name: f"/api/v1/namespaces/{namespace}/pods/{name}" for name in modules}
    for name, module in modules.items():
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        command = ["python3", "-u", "-c", source, str(_PORT)]
        container = {"name": name, "image": IMAGE, "command": command}
        spec = {"restartPolicy": "Never", "containers": [container]}
        meta = {"name": name, "namespace": namespace}
        cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    return [_standing(cluster, pod) for pod in pods.values()]


def _standing(cluster: Cluster | External, pod: str) -> Server:
    def stands() -> bool:
        if "No module named" in (text := _said(cluster, pod)):
            pytest.skip(f"the image {IMAGE} of this cluster lacks a part of the server: {text}")
        return '"port"' in text

    until(f"the server {pod} stands", stands)
    told = next(line for line in _said(cluster, pod).splitlines() if '"port"' in line)
    host = cluster.http.get(pod).json()["status"]["podIP"]
    return Server(cluster, pod, host, json.loads(told))


def _said(cluster: Cluster | External, pod: str) -> str:
    answer = cluster.http.get(f"{pod}/log")
    return str(answer.text) if answer.status_code == 200 else ""
