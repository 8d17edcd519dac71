"""The warm template: whose it is, when it serves, and when it goes."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from asyncinotify import Inotify, Mask

from cnai_sdk.backends.local import template
from cnai_sdk.backends.local.launch import Launcher

from .conftest import PATIENCE

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ["HOME"],
    "LC_ALL": "C.UTF-8",  # without it Python adds a variable of its own
}


async def warm(launcher: Launcher, environment: dict[str, str]) -> None:
    """Start it and wait until it answers."""
    launcher.warm_up(environment)
    async with asyncio.timeout(PATIENCE):
        while not launcher.is_warm(environment):
            await asyncio.sleep(0.02)


def owner(launcher: Launcher, environment: dict[str, str]) -> int:
    """The process id of the template that listens."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(launcher.socket(environment)))
        size = struct.calcsize("3i")
        told = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", told)[0])


async def test_it_goes_after_its_idle_time_and_takes_its_socket_along(sockets: Path) -> None:
    launcher = Launcher(sockets, idle=0.3, preload=("json",))
    came_and_went: list[tuple[Mask, str]] = []
    with Inotify() as inotify:
        inotify.add_watch(sockets, Mask.CREATE | Mask.DELETE)
        launcher.warm_up(ENVIRONMENT)
        async with asyncio.timeout(PATIENCE):
            while (Mask.DELETE, ".lock") not in came_and_went:  # the last that it does
                event = await inotify.get()
                came_and_went.append((event.mask, Path(str(event.name)).suffix))
    assert came_and_went == [
        (Mask.CREATE, ".lock"),
        (Mask.CREATE, ".sock"),
        (Mask.DELETE, ".sock"),
        (Mask.DELETE, ".lock"),
    ]
    assert list(sockets.iterdir()) == []


async def test_it_outlives_the_process_that_started_it(sockets: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from cnai_sdk.backends.local.launch import Launcher\n"
        f"Launcher(Path({str(sockets)!r}), idle=60, preload=('json',)).warm_up(dict(os.environ))\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=False)
    launcher = Launcher(sockets, idle=60, preload=("json",))
    async with asyncio.timeout(PATIENCE):
        while not launcher.is_warm(ENVIRONMENT):
            await asyncio.sleep(0.02)
    os.kill(owner(launcher, ENVIRONMENT), 9)


async def test_a_second_kernel_finds_it_and_starts_no_other(sockets: Path) -> None:
    first = Launcher(sockets, idle=60, preload=("json",))
    await warm(first, ENVIRONMENT)
    pid = owner(first, ENVIRONMENT)
    second = Launcher(sockets, idle=60, preload=("json",))
    assert second.is_warm(ENVIRONMENT)
    second.warm_up(ENVIRONMENT)
    assert owner(second, ENVIRONMENT) == pid
    os.kill(pid, 9)


def test_a_variable_that_imports_read_leads_to_another_template(sockets: Path) -> None:
    launcher = Launcher(sockets, idle=60, preload=())
    plain = launcher.socket(ENVIRONMENT)
    assert launcher.socket(ENVIRONMENT | {"EDITOR": "vi"}) == plain
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "LD_PRELOAD", "PYTHONPATH"):
        assert launcher.socket(ENVIRONMENT | {name: "1"}) != plain


@pytest.mark.parametrize("library", ["torch", "torch._dynamo", "sklearn.datasets", "pandas"])
def test_importing_a_library_in_the_notebook_leaves_the_template_fitting(library: str) -> None:
    code = (
        "import os, sys\nfrom cnai_sdk.backends.local.template import fingerprint\n"
        "def now(): return fingerprint(sys.executable, sys.path, os.environ)\n"
        f"before = now()\nimport {library}\nprint(before == now())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout == "True\n", said.stderr


def test_an_installed_package_leads_to_another_template(tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    before = template.fingerprint(sys.executable, [str(packages)], {})
    assert template.fingerprint(sys.executable, [str(packages)], {}) == before
    (packages / "new-1.0.dist-info").mkdir()
    os.utime(packages, ns=(0, 1))
    assert template.fingerprint(sys.executable, [str(packages)], {}) != before


async def test_a_library_that_starts_a_thread_makes_it_go_and_not_come_again(
    sockets: Path, tmp_path: Path
) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    environment = ENVIRONMENT | {"PYTHONPATH": str(tmp_path)}
    launcher = Launcher(sockets, idle=60, preload=("threaded",))
    launcher.warm_up(environment)
    gone = launcher.socket(environment)
    async with asyncio.timeout(PATIENCE):
        while not gone.with_suffix(".unfit").exists():
            await asyncio.sleep(0.02)
    assert not launcher.is_warm(environment)
    launcher.warm_up(environment)
    assert not gone.exists()


async def test_a_stranger_is_not_served(sockets: Path) -> None:
    """Somebody else's process may not even reach the socket."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    launcher = Launcher(sockets, idle=60, preload=("json",))
    await warm(launcher, ENVIRONMENT)
    sockets.chmod(0o755)  # even where the folder is open
    launcher.socket(ENVIRONMENT).chmod(0o777)
    code = (
        "import os, socket\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\n"
        f"s.connect({str(launcher.socket(ENVIRONMENT))!r})\n"
        "print(s.recv(2))"
    )
    said = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True)
    assert said.stdout == "b''\n", said.stderr
    os.kill(owner(launcher, ENVIRONMENT), 9)


async def test_many_kernels_at_once_warm_up_only_one(sockets: Path) -> None:
    for _ in range(4):
        Launcher(sockets, idle=60, preload=("json",)).warm_up(ENVIRONMENT)
    launcher = Launcher(sockets, idle=60, preload=("json",))
    await warm(launcher, ENVIRONMENT)
    pid = owner(launcher, ENVIRONMENT)
    assert template.is_alone(launcher.socket(ENVIRONMENT)) is None
    os.kill(pid, 9)


def test_warming_is_off_where_the_setting_says_so(sockets: Path) -> None:
    Launcher(sockets, idle=60, preload=("json",), warm=False).warm_up(ENVIRONMENT)
    assert list(sockets.iterdir()) == []
