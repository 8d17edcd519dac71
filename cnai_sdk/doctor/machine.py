"""What jobs may use here: cores, memory, GPUs; and what holds them to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cnai_sdk.doctor.finding import Finding
from cnai_sdk.model.quantity import show_bytes, show_number

if TYPE_CHECKING:
    from cnai_sdk.backends.local.capacity import Machine

LINUX = sys.platform == "linux"

_WHY = {
    "hardware": "all that the hardware has",
    "affinity": "the cores that this process may use",
    "cgroup limit": "a limit of the container or of the user's group",
}


def system() -> Iterable[Finding]:
    """Whether jobs can run here at all."""
    if LINUX:
        yield Finding(check="system", state="ok", what="Linux: jobs run on this machine")
    else:
        yield Finding(
            check="system",
            state="problem",
            what=f"Jobs on this machine need Linux; this is {sys.platform}.",
            fix="Use WSL2 or a Linux machine.",
        )


def capacity(machine: Machine | None = None) -> Iterable[Finding]:
    """How much jobs may use together, and what decides it.

    Args:
        machine: the machine to ask; this one when None.
    """
    if not LINUX:
        return
    from cnai_sdk.backends.local.capacity import LocalMachine

    found = (machine or LocalMachine()).capacity(gpus=False)
    cores = "core" if found.cpu == 1 else "cores"
    yield Finding(
        check="cpu", state="ok", what=f"{show_number(found.cpu)} {cores}: {_WHY[found.cpu_why]}"
    )
    yield Finding(
        check="memory",
        state="ok",
        what=f"{show_bytes(found.memory)}: {_WHY[found.memory_why]}; "
        f"{show_bytes(found.memory_available)} free now",
    )


def memory_limits(reason: Callable[[], str | None] | None = None) -> Iterable[Finding]:
    """What ends a worker that needs more than its memory=.

    Args:
        reason: says why cgroup v2 cannot be used, or None; asks this machine when None.
    """
    if not LINUX:
        return
    from cnai_sdk.backends.local.cgroup import usable

    why = (reason or usable)()
    if why is None:
        what = "The kernel holds memory= through cgroup v2."
        yield Finding(check="memory limit", state="ok", what=what)
    else:
        yield Finding(
            check="memory limit",
            state="note",
            what=f"memory= is watched, ten times a second, not held by the kernel. {why}",
            fix="Nothing needs doing. Where an administrator delegates cgroup v2 to you, the "
            "kernel holds it.",
        )


def gpus(machine: Machine | None = None) -> Iterable[Finding]:
    """Which GPUs and slices there are, and how a share of one is made.

    Args:
        machine: the machine to ask; this one when None.
    """
    if not LINUX:
        return
    from cnai_sdk.backends.local.capacity import LocalMachine
    from cnai_sdk.doctor.software import installed, torch_build

    found = (machine or LocalMachine()).capacity()
    if not found.gpus:
        fix = "Reboot or reinstall NVIDIA's driver." if found.gpu_present else ""
        yield Finding(check="gpu", state="note", what=f"None. {found.gpu_looked}".strip(), fix=fix)
        return
    for device in found.gpus:
        share = f"slice {device.profile}" if device.parent else f"shares by {device.mechanism}"
        what = f"{device.model}, {show_bytes(device.memory)}, {share}"
        yield Finding(check="gpu", state="ok", what=what)
    daemon = f"runs ({found.mps_pipes})" if found.mps_pipes else "does not run"
    yield Finding(check="mps", state="ok", what=f"The MPS daemon {daemon}")
    if installed("torch") and torch_build() == "built for the CPU":
        yield Finding(
            check="gpu",
            state="problem",
            what="There is a GPU, and torch was built for the CPU, so no job can use it.",
            fix="Run: pip install --force-reinstall torch, from the default index.",
        )


def inotify() -> Iterable[Finding]:
    """Whether a follow is woken when something is written."""
    if not LINUX:
        return
    from asyncinotify import Inotify

    try:
        Inotify().close()
    except OSError as error:
        yield Finding(
            check="inotify",
            state="problem",
            what=f"Following a job does not work: {error.strerror}.",
            fix="Close programs that watch many files, or raise fs.inotify.max_user_instances: "
            "sudo sysctl fs.inotify.max_user_instances=512",
        )
    else:
        yield Finding(check="inotify", state="ok", what="Changes are told at once")


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (
    system,
    capacity,
    memory_limits,
    gpus,
    inotify,
)
