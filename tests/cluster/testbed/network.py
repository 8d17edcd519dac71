"""A network of its own for each cluster: namespaces that one process holds.

With that process the bridge, the addresses and every pod's link go, whatever ended it; clusters
cannot meet; and who is not root gets the same inside a user namespace. From outside, what listens
in there is reached through sockets of this machine that the holder answers.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.testbed.processes import Process, until

ROOT = Path(__file__).parents[3]
BRIDGE = "tb0"
SUBNET = "10.244.0.0/20"
GATEWAY = "10.244.0.1"
API_PORT, ETCD_PORT, USERS_PORT = 6443, 2379, 8443

_NEEDED = {
    "ip": "iproute2",
    "bwrap": "bubblewrap",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
_AS_ROOT = ("unshare", "--net", "--mount")
_AS_USER = ("unshare", "--user", "--map-root-user", "--net", "--mount")


class CannotNetwork(Exception):
    """This process may not make namespaces, or the tools are missing."""


def missing_tools() -> list[str]:
    """The system's packages that are needed and not there."""
    lacking = {package for tool, package in _NEEDED.items() if shutil.which(tool) is None}
    return sorted(lacking)


def way_in() -> tuple[str, ...]:
    """How this process may get namespaces.

    Raises:
        CannotNetwork: not at all; with what the system said.
    """
    said = ""
    for way in (_AS_ROOT, _AS_USER) if os.geteuid() == 0 else (_AS_USER,):
        done = subprocess.run([*way, "true"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return way
        said = done.stderr.strip()
    raise CannotNetwork(
        f"network namespaces cannot be made here ({said}). Run it as root, or let users make them: "
        "sysctl -w kernel.unprivileged_userns_clone=1 "
        "kernel.apparmor_restrict_unprivileged_userns=0"
    )


class Network:
    """What one cluster lives in, from `up` to `down`.

    Args:
        run: the cluster's folder.
    """

    def __init__(self, run: Path) -> None:
        self._way = way_in()
        self._run = run
        self._outside = {API_PORT: _listening(), ETCD_PORT: _listening()}
        self._inside = {API_PORT: GATEWAY, ETCD_PORT: "127.0.0.1"}
        self._holder: Process | None = None

    def up(self) -> None:
        """Make the namespaces and the bridge.

        Raises:
            DidNotCome: the bridge cannot be made; with what the system said.
        """
        forward = [
            [opened.fileno(), self._inside[port], port] for port, opened in self._outside.items()
        ]
        ready = self._run / "network-ready"
        config = {
            "parent": os.getpid(),
            "forward": forward,
            "users": str(self._run / "users.json"),
            "ready": str(ready),
        }
        self._holder = Process(
            "network",
            [*self._way, sys.executable, "-m", "tests.cluster.testbed.holder", json.dumps(config)],
            self._run,
            env={"PYTHONPATH": str(ROOT)},
            files=[opened.fileno() for opened in self._outside.values()],
        )
        self._holder.start()
        until("the network stands", ready.exists, processes=[self._holder])

    def port(self, inside: int) -> int:
        """The port at 127.0.0.1 through which a port of the cluster is reached."""
        port: int = self._outside[inside].getsockname()[1]
        return port

    def command(
        self, command: Sequence[str | Path], *, ends_with: signal.Signals = signal.SIGKILL
    ) -> list[str | Path]:
        """A command that runs in the network, and ends with the process that starts it.

        Args:
            ends_with: the signal that it gets then.
        """
        assert self._holder is not None
        enter = ["nsenter", f"--target={self._holder.pid}", "--net", "--mount"]
        if self._way == _AS_USER:
            enter += ["--user", "--preserve-credentials"]
        name = ends_with.name.removeprefix("SIG")
        return [*enter, "setpriv", f"--pdeathsig={name}", "--", *command]

    def down(self) -> None:
        """Let it go."""
        if self._holder is not None:
            self._holder.stop()
        for opened in self._outside.values():
            opened.close()


def _listening() -> socket.socket:
    opened = socket.socket()
    opened.bind(("127.0.0.1", 0))
    opened.listen(512)
    return opened
