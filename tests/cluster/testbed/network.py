"""A bridge and a subnet for one cluster; several stand side by side."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO


class CannotNetwork(Exception):
    """This process may not make a bridge, or the tools are missing."""


@dataclass
class Network:
    """What one cluster lives in.

    Attributes:
        bridge: its name; names of links start with it.
        gateway: the bridge's address, at which everything of the cluster listens.
    """

    bridge: str
    subnet: str
    gateway: str
    _lock: IO[str]

    def down(self) -> None:
        """Take the bridge away."""
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, check=False)
        self._lock.close()


def missing_tools() -> list[str]:
    """The system's packages that are needed and not there."""
    needed = {"ip": "iproute2", "bwrap": "bubblewrap", "unshare": "util-linux"}
    return [package for tool, package in needed.items() if shutil.which(tool) is None]


def may_network() -> bool:
    """Whether this process may make bridges and namespaces: as root, or under `unshare -Urnm`."""
    probe = ["unshare", "-nm", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def up(locks: Path) -> Network:
    """A bridge with a subnet that no other cluster of this machine has.

    Raises:
        CannotNetwork: with what is missing.
    """
    locks.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    for number in range(1, 200):
        lock = (locks / f"subnet-{number}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        found = _bridge(number, lock)
        if found is not None:
            return found
        lock.close()
    raise CannotNetwork("no subnet of 10.245.0.0/16 is free")


def _bridge(number: int, lock: IO[str]) -> Network | None:
    name, gateway = f"tb{number}", f"10.245.{number}.1"
    _ip("link", "del", name, check=False)  # left over by a process that was killed
    made = _ip("link", "add", "name", name, "type", "bridge", check=False)
    if made:
        if "not permitted" in made:
            raise CannotNetwork(
                "a bridge cannot be made here. Run it as root, or inside: unshare -Urnm"
            )
        return None
    try:
        _ip("addr", "add", f"{gateway}/24", "dev", name)
        _ip("link", "set", name, "up")
    except CannotNetwork:
        _ip("link", "del", name, check=False)
        return None
    return Network(name, f"10.245.{number}.0/24", gateway, lock)


def _ip(*words: str, check: bool = True) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise CannotNetwork(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stderr.strip() if done.returncode else ""


def free_port(host: str) -> int:
    """A port that nothing listens at now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_root() -> bool:
    """Whether this process is root, of this machine or of a user namespace."""
    return os.geteuid() == 0
