"""One cluster: control plane, test node, operators, and what can be done to them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.testbed import network, operators
from tests.cluster.testbed.apply import Applier
from tests.cluster.testbed.build import Built, cache
from tests.cluster.testbed.control_plane import ControlPlane
from tests.cluster.testbed.network import free_port
from tests.cluster.testbed.processes import Process, until

ROOT = Path(__file__).parents[3]
ALL = ("training-operator", "jobset", "trainer", "kueue")
NODE: dict[str, Any] = {
    "name": "node-a",
    "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "20Gi"},
}


class Cluster:
    """A Kubernetes that stands until `stop`.

    Args:
        built: its programs.
        operators: which of them to install.
        nodes: as the test node's README describes them.
        options: further fields of the test node's configuration.
    """

    def __init__(
        self,
        built: Built,
        *,
        operators: Sequence[str] = ALL,
        nodes: Sequence[Mapping[str, Any]] = (NODE,),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._built = built
        self._operators = tuple(operators)
        self._nodes = [dict(node) for node in nodes]
        self._options = dict(options or {})
        self.run = Path(tempfile.mkdtemp(prefix="cnai-cluster-"))
        self.network = network.up(cache() / "subnets")
        self.control = ControlPlane(built, self.network, self.run)
        self.node = Process(
            "node",
            [sys.executable, "-m", "tests.cluster.testnode", self.run / "node.json"],
            self.run,
            env={"PYTHONPATH": str(ROOT)},
        )

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""
        return self.control.kubeconfig

    @property
    def controls(self) -> Path:
        """The folder of the test node, with its control socket."""
        return self.run / "node"

    def start(self) -> None:
        """Return when nodes and operators are ready."""
        self.control.start()
        (self.run / "node.json").write_text(json.dumps(self._node_config()))
        self.node.start()
        until("the nodes are ready", self._nodes_ready, seconds=60, processes=[self.node])
        operators.install(self.control, self._built, self._operators)

    def _node_config(self) -> dict[str, Any]:
        prefix = {sys.prefix, sys.base_prefix, str(ROOT)}
        return {
            "server": self.control.server,
            "token": self.control.token,
            "ca": str(self.control.authority.certificate),
            "bridge": self.network.bridge,
            "subnet": self.network.subnet,
            "gateway": self.network.gateway,
            "run": str(self.controls),
            "prefix": self.network.bridge[:4],
            "path": [sysconfig.get_path("scripts")],
            "binds": [str(self._built.binaries.resolve()), *sorted(prefix)],
            "images": {
                **operators.images(self._built),
                **{name: [] for name in ("python", "torch", "alpine", "busybox")},
            },
            "restart_backoff": 0.3,
            "restart_backoff_max": 2.0,
            "pull_backoff": 1.0,
            "heartbeat": 2.0,
            **self._options,
            "nodes": [{"port": free_port(self.network.gateway), **node} for node in self._nodes],
        }

    def _nodes_ready(self) -> bool:
        found = self.control.http.get("/api/v1/nodes").json().get("items", ())
        ready = [
            node["metadata"]["name"]
            for node in found
            for condition in node["status"].get("conditions", ())
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]
        return set(ready) >= {node["name"] for node in self._nodes}

    # -- for tests --------------------------------------------------------------------

    def namespace(self, name: str = "", *, restricted: bool = False) -> str:
        """A fresh namespace whose service account is there."""
        name = name or f"t-{secrets.token_hex(4)}"
        level = {"pod-security.kubernetes.io/enforce": "restricted"} if restricted else {}
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": level}}
        )
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        until(
            "the namespace has its service account",
            lambda: self.control.http.get(account).status_code == 200,
        )
        return name

    def delete_namespace(self, name: str) -> None:
        """Remove it with all that is in it; it goes by and by."""
        self.control.http.delete(f"/api/v1/namespaces/{name}")

    def apply(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Make or change one object."""
        return Applier(self.control.http).apply(dict(document))

    def user_kubeconfig(
        self, user: str, *, namespace: str, groups: Sequence[str] = (), seconds: int = 3600
    ) -> Path:
        """A kubeconfig of a service account of that name, without any right of its own.

        Args:
            groups: not used by accounts; bind rights to system:serviceaccounts:NAMESPACE or to it.
            seconds: how long its token is good for, at least 600.
        """
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": user, "namespace": namespace},
            }
        )
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{user}/token"
        answer = self.control.http.post(path, json={"spec": {"expirationSeconds": seconds}})
        token = answer.raise_for_status().json()["status"]["token"]
        return self.control.write_kubeconfig(f"{namespace}-{user}", token, namespace=namespace)

    def context(self, namespace: str, *, server: str = "") -> Path:
        """The administrator's kubeconfig, in a namespace."""
        return self.control.write_kubeconfig(
            f"admin-{namespace}", self.control.token, namespace=namespace, server=server
        )

    def restart_api_server(self, *, kill: bool = False) -> None:
        """End the API server, in good order or not, and start it again."""
        api = self.control.processes["kube-apiserver"]
        api.kill() if kill else api.stop()
        api.start()
        self.control.until_ready()

    def pause_api_server(self) -> None:
        """It is there and answers nothing, until `resume_api_server`."""
        self.control.processes["kube-apiserver"].signal(signal.SIGSTOP)

    def resume_api_server(self) -> None:
        """It answers again."""
        self.control.processes["kube-apiserver"].signal(signal.SIGCONT)

    def memory(self) -> int:
        """Bytes that the control plane and the node hold, shared pages by share."""
        pids = [p._process.pid for p in self.processes if p._process is not None]
        return sum(_pss(pid) for pid in pids)

    @property
    def processes(self) -> list[Process]:
        """All that were started here."""
        return [*self.control.processes.values(), self.node]

    def stop(self) -> None:
        """End everything and leave nothing."""
        self.node.stop(grace=20)
        self.control.stop()
        self.network.down()
        shutil.rmtree(self.run, ignore_errors=True)


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def is_external() -> str:
    """The kubeconfig of a cluster that somebody else started, or ''."""
    return os.environ.get("CNAI_TEST_KUBECONFIG", "")
