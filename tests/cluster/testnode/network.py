"""A network namespace, a link on the bridge and an address for each pod."""

import asyncio
import ctypes
import ipaddress
import os
import subprocess
from collections import deque
from pathlib import Path

from tests.cluster.testnode.config import Config

libc = ctypes.CDLL(None, use_errno=True)
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2


def mount_tmpfs(where: Path, size: int | None) -> None:
    where.mkdir(parents=True, exist_ok=True)
    options = b"mode=1777" + (b",size=%d" % size if size else b"")
    target = os.fsencode(where)
    if libc.mount(b"tmpfs", target, b"tmpfs", MS_NOSUID | MS_NODEV, options) != 0:
        raise OSError(ctypes.get_errno(), f"a tmpfs cannot be mounted at {where}")


def unmount(where: Path) -> None:
    libc.umount2(os.fsencode(where), MNT_DETACH)


def unmount_below(folder: Path) -> None:
    """Whatever a process that crashed left mounted."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for where in sorted(mounted, reverse=True):
        if where.startswith(f"{folder.resolve()}/"):
            unmount(Path(where))


class Link:
    """A pod's place in the network."""

    def __init__(self, address: str, namespace: Path, outside: str) -> None:
        self.address, self.namespace, self.outside = address, namespace, outside


class Network:
    """Addresses of one subnet, the one free for longest first, and the links that carry them."""

    def __init__(self, config: Config) -> None:
        subnet = ipaddress.ip_network(config.subnet)
        self._bridge, self._gateway, self._length = config.bridge, config.gateway, subnet.prefixlen
        self._prefix, self._folder = config.link_prefix, config.run / "netns"
        hosts = (str(host) for host in subnet.hosts())
        self._free = deque(host for host in hosts if host != config.gateway)
        self._number = 0

    async def clean(self) -> None:
        """Take down what an earlier process of the same run folder left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unmount_below(self._folder)
        for left in self._folder.iterdir():
            left.unlink()
        for link in Path("/sys/class/net").iterdir():
            if link.name.startswith(f"{self._prefix}-"):
                subprocess.run(["ip", "link", "del", link.name], capture_output=True, check=False)

    async def attach(self, uid: str) -> Link:
        if not self._free:
            raise OSError("no address is left in the subnet")
        self._number += 1
        outside = f"{self._prefix}-{self._number:x}"
        link = Link(self._free.popleft(), self._folder / uid, outside)
        link.namespace.touch()
        inside = [
            f"link set {outside}p name eth0",
            f"addr add {link.address}/{self._length} dev eth0",
            "link set eth0 up",
            "link set lo up",
            f"route add default via {self._gateway}",
        ]
        await _run("unshare", f"--net={link.namespace}", "true")
        add = f"link add {outside} type veth peer name {outside}p netns {link.namespace}"
        await _run("ip", "-batch", "-", lines=[add, f"link set {outside} master {self._bridge} up"])
        enter = ["nsenter", f"--net={link.namespace}", "ip", "-batch", "-"]
        await _run(*enter, lines=inside)
        return link

    async def detach(self, link: Link) -> None:
        await _run("ip", "link", "del", link.outside, check=False)
        unmount(link.namespace)
        link.namespace.unlink(missing_ok=True)
        self._free.append(link.address)

    async def cut(self, link: Link, *, cut: bool) -> None:
        """Take the link down, or up again: the pod hears and says nothing."""
        state = "down" if cut else "up"
        await _run("ip", "link", "set", link.outside, state, check=False)


async def _run(*argv: str, lines: list[str] | None = None, check: bool = True) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate("\n".join([*(lines or []), ""]).encode())
    if check and process.returncode:
        raise OSError(f"{' '.join(argv)}: {said.decode().strip()}")
