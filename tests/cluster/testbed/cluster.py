"""One cluster: control plane, test node, operators, and what can be done to them."""

from __future__ import annotations

import json
import signal
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.testbed import operators
from tests.cluster.testbed.build import Built
from tests.cluster.testbed.client import Client
from tests.cluster.testbed.control_plane import INSIDE, ControlPlane
from tests.cluster.testbed.folder import Folder
from tests.cluster.testbed.network import BRIDGE, GATEWAY, ROOT, SUBNET, Network
from tests.cluster.testbed.processes import Process, descendants, memory, until
from tests.cluster.testbed.programs import OPERATORS
from tests.cluster.testbed.users import User

ALL = tuple(program.name for program in OPERATORS if not program.asked)
_ROOM = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "20Gi"}
NODES: tuple[Mapping[str, Any], ...] = (
    {
        "name": "node-a",
        "allocatable": {**_ROOM, "nvidia.com/gpu": "4"},
        "labels": {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"},
    },
    {"name": "node-b", "allocatable": _ROOM},
)
IMAGES = ("python", "torch", "alpine", "busybox")
"""What in an image's name stands for the files of this machine."""

REGISTRIES = {
    "private.example.com": "private",
    "limited.example.com": "limited",
    "arm.example.com": "other platform",
    "unreachable.example.com": "unreachable",
}
"""Where images cannot be had, and how it is said; see `testnode/images.py`."""


class Cluster(Client):
    """A Kubernetes that stands from `start` to `stop`, or until this process ends.

    Args:
        built: its programs.
        operators: which of them to install.
        nodes: as the test node's README describes them.
        arguments: by operator, what it is started with besides what its manifests say.
        options: further fields of the test node's configuration.
    """

    def __init__(
        self,
        built: Built,
        *,
        operators: Sequence[str] = ALL,
        nodes: Sequence[Mapping[str, Any]] = NODES,
        arguments: Mapping[str, Sequence[str]] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.built = built
        self.operators = tuple(operators)
        self._nodes = [dict(node) for node in nodes]
        self._arguments = dict(arguments or {})
        self._options = dict(options or {})
        self._folder = Folder()
        self.run = self._folder.path
        self.network = Network(self.run)
        self.control: ControlPlane
        self.node: Process

    def start(self) -> None:
        """Return when nodes and operators are ready.

        Raises:
            DidNotCome: something is not ready in time, or ended; with the ends of the logs.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.network.up()
        self.control = ControlPlane(self.built, self.network, self.run)
        super().__init__(self.control.http, self.control.tls)
        self.kubeconfig = self.control.kubeconfig
        self.control.start()
        (self.run / "node.json").write_text(json.dumps(self._node_config()))
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.cluster.testnode",
            self.run / "node.json",
        ]
        self.node = Process(
            "node",
            self.network.command(command, ends_with=signal.SIGTERM),
            self.run,
            env={"PYTHONPATH": str(ROOT)},
        )
        self.node.start()
        until("the nodes are ready", self.nodes_are_ready, seconds=150, processes=[self.node])
        operators.install(self.control, self.built, self.operators, self._arguments)

    def _node_config(self) -> dict[str, Any]:
        seen = {sys.prefix, sys.base_prefix, str(ROOT), str(self.built.root.resolve())}
        return {
            "server": INSIDE,
            "token": self.control.token,
            "ca": str(self.control.authority.certificate),
            "bridge": BRIDGE,
            "subnet": SUBNET,
            "gateway": GATEWAY,
            "run": str(self.controls),
            "prefix": "p",
            "path": [sysconfig.get_path("scripts")],
            "binds": sorted(seen),
            "hide": [str(ROOT / "cnai_sdk")],  # a job runs with what travels in it
            "images": {
                **operators.images(self.built),
                **{name: [] for name in IMAGES},
                **REGISTRIES,
            },
            "restart_backoff": 0.3,
            "restart_backoff_max": 2.0,
            "pull_backoff": 1.0,
            "heartbeat": 2.0,
            **self._options,
            "nodes": self._nodes,
        }

    def nodes_are_ready(self) -> bool:
        """Whether each node is there and says so."""
        found = self.http.get("/api/v1/nodes").json().get("items", ())
        ready = {
            node["metadata"]["name"]
            for node in found
            for condition in node["status"].get("conditions", ())
            if condition["type"] == "Ready" and condition["status"] == "True"
        }
        return ready >= {node["name"] for node in self._nodes}

    @property
    def controls(self) -> Path:
        """The folder of the test node, with its control socket."""
        return self.run / "node"

    # -- people -----------------------------------------------------------------------

    def context(self, namespace: str, *, server: str = "", authority: str = "") -> Path:
        """The administrator's kubeconfig, in a namespace; each other way has its own file."""
        file = f"admin-{namespace}" + (f"-{server.rpartition(':')[2]}" if server else "")
        return self.control.write_kubeconfig(
            file, self.control.token, namespace=namespace, server=server, authority=authority
        )

    def user(self, name: str, groups: Sequence[str] = (), *, seconds: float = 3600) -> User:
        """Somebody without any right; `grant` gives some."""
        return self.control.users.add(name, groups, seconds=seconds)

    def user_kubeconfig(
        self,
        user: User | str,
        *,
        namespace: str,
        groups: Sequence[str] = (),
        server: str = "",
    ) -> Path:
        """A user's kubeconfig; a name alone makes one."""
        found = self.user(user, groups) if isinstance(user, str) else user
        file = f"{namespace}-{found.name}".replace(":", "-")
        return self.control.write_kubeconfig(file, found.token, namespace=namespace, server=server)

    def expire(self, user: User) -> None:
        """Return when the server takes that token no longer; it remembers one for 10 seconds."""
        self.control.users.expire(user)
        who = {"Authorization": f"Bearer {user.token}"}
        until(
            f"the token of {user.name} is refused",
            lambda: self.http.get("/api", headers=who).status_code == 401,
        )

    # -- faults -----------------------------------------------------------------------

    def restart_api_server(self, *, kill: bool = False) -> None:
        """End the API server, in good order or not, and start it again."""
        self.stop_api_server(kill=kill)
        self.start_api_server()

    def stop_api_server(self, *, kill: bool = False) -> None:
        """End the API server, in good order or not."""
        api = self.control.processes["kube-apiserver"]
        if kill:
            api.kill()
        else:
            api.stop()

    def start_api_server(self) -> None:
        """Start it again, and return when it is ready."""
        self.control.processes["kube-apiserver"].start()
        self.control.until_ready()

    @contextmanager
    def paused_api_server(self) -> Iterator[None]:
        """It is there, and answers nothing."""
        self.pause_api_server()
        try:
            yield
        finally:
            self.resume_api_server()

    def pause_api_server(self) -> None:
        """It is there and answers nothing, until `resume_api_server`."""
        api = self.control.processes["kube-apiserver"]
        api.signal(signal.SIGSTOP)
        until("the API server stands still", lambda: api.state == "T")

    def resume_api_server(self) -> None:
        """It answers again."""
        self.control.processes["kube-apiserver"].signal(signal.SIGCONT)

    def forget_history(self) -> None:
        """Every watch and list from an older version is answered with 410 from now on.

        The API server answers from memory what its store has forgotten, so it starts anew.
        """
        self.stop_api_server(kill=True)
        self.control.compact()
        self.start_api_server()

    def scale(self, operator: str, replicas: int) -> None:
        """Take an operator down with 0, and bring it back with 1; returns when it is so."""
        operators.scale(self.control, self.built, operator, replicas)

    def add_definitions(self, operator: str) -> None:
        """Only an operator's kinds, for a cluster whose operator is not there."""
        operators.definitions(self.control, self.built, operator)

    # -- the end ----------------------------------------------------------------------

    @property
    def processes(self) -> list[Process]:
        """All that were started here; the pods are children of the node."""
        node = [self.node] if hasattr(self, "node") else []
        control = self.control.processes.values() if hasattr(self, "control") else ()
        return [*control, *node]

    def memory(self) -> dict[str, int]:
        """Bytes that each part holds, shared pages by share: its processes, and the pods."""
        found = {process.name: memory([process.pid]) for process in self.processes}
        return {**found, "pods": memory(descendants(self.node.pid))}

    def stop(self) -> None:
        """End everything and leave nothing."""
        if hasattr(self, "node"):
            self.node.stop(grace=20)
        if hasattr(self, "control"):
            self.control.stop()
        self.network.down()
        self._folder.remove()
