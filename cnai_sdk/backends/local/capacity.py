"""What this machine has for jobs: the least of hardware, affinity and cgroup limits.

The kernel's files are read below two roots, so that recorded ones can stand in for them.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import MOST

_UNLIMITED_V1 = 2**60
_A_CORE = 100
"""So many workers start on a core within the minutes for which they wait for each other."""
_WORKER = 8 * 2**20
"""Bytes that a worker takes which does nothing."""
_WORKER_FILES, _SUPERVISOR_FILES = 2, 24
"""What a supervisor has open: a worker's output and its end, and the rest."""


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What all jobs together may use.

    Attributes:
        cpus: numbers of the cores that may be used.
        cpu: cores; less than `cpus` where a quota says so.
        cpu_why: what decides `cpu`: 'hardware', 'affinity' or 'cgroup limit'.
        memory: bytes.
        memory_available: bytes that nobody uses now.
        memory_why: what decides `memory`: 'hardware' or 'cgroup limit'.
        workers: the most that one job can have, whatever they ask for.
        workers_why: what decides that, a sentence.
        gpus: cards and slices; empty when they were not asked for.
        gpu_looked: how GPUs were looked for, a sentence.
        gpu_present: a driver for GPUs is loaded; known without asking it.
        mps_pipes: the folder of a running MPS daemon's pipes, or ''.
    """

    cpus: tuple[int, ...]
    cpu: float
    memory: int
    memory_available: int
    cpu_why: str = "hardware"
    memory_why: str = "hardware"
    workers: int = MOST
    workers_why: str = ""
    gpus: tuple[Device, ...] = ()
    gpu_looked: str = ""
    gpu_present: bool = False
    mps_pipes: str = ""


class Machine(Protocol):
    """What admission asks. A ledger of a shared machine can stand in its place."""

    def capacity(self, *, gpus: bool = True) -> Capacity:
        """What there is now. `gpus=False` does not ask a driver."""


class LocalMachine:
    """This machine.

    Args:
        proc, cgroup: where the kernel's files are.
        affinity: the cores that this process may use.
        files: how many files a process may have open.
    """

    def __init__(
        self,
        *,
        proc: Path = Path("/proc"),
        cgroup: Path = Path("/sys/fs/cgroup"),
        affinity: Callable[[], set[int]] = lambda: os.sched_getaffinity(0),
        files: Callable[[], int] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    ) -> None:
        self.proc = proc
        self.cgroup = cgroup
        self._affinity = affinity
        self._files = files

    def capacity(self, *, gpus: bool = True) -> Capacity:
        """What there is now."""
        cpus, cpu, cpu_why = self._cores()
        memory, available, memory_why = self._memory()
        most, most_why = min(self._bounds(cpu, memory))
        found, looked, pipes = self._gpus() if gpus else ((), "", "")
        return Capacity(
            cpus=cpus,
            cpu=cpu,
            cpu_why=cpu_why,
            memory=memory,
            memory_available=available,
            memory_why=memory_why,
            workers=most,
            workers_why=most_why,
            gpus=found,
            gpu_looked=looked,
            gpu_present=(self.proc / "driver/nvidia/version").exists(),
            mps_pipes=pipes,
        )

    def _bounds(self, cpu: float, memory: int) -> Iterator[tuple[int, str]]:
        """What bounds the workers of a job, each with its sentence."""
        yield (
            max(int(cpu * _A_CORE), 1),
            f"At most {_A_CORE} workers share a core, and it has {show_number(cpu)}, so that the "
            "last has started before the first gives up waiting for it.",
        )
        if memory:
            yield (
                memory // _WORKER,
                f"A worker takes {show_bytes(_WORKER)} of memory at least, and it has "
                f"{show_bytes(memory)}.",
            )
        files = self._files()
        if files != resource.RLIM_INFINITY:
            yield (
                (files - _SUPERVISOR_FILES) // _WORKER_FILES,
                f"A process may have {files} files open here (ulimit -n), and a job needs "
                f"{_WORKER_FILES} for each worker.",
            )
        for folder in cgroup_folders(self.proc, self.cgroup, "pids"):
            if (processes := _number(folder / "pids.max")) is not None:
                yield processes, f"A cgroup allows it {processes} processes (pids.max)."

    def _gpus(self) -> tuple[tuple[Device, ...], str, str]:
        from cnai_sdk.backends.local.nvml import read_gpus

        found = read_gpus(proc=self.proc)
        return found.devices, found.looked, found.mps_pipes

    def _cores(self) -> tuple[tuple[int, ...], float, str]:
        cpus = tuple(sorted(self._affinity()))
        text = _read(self.proc / "cpuinfo")
        hardware = sum(line.startswith("processor") for line in text.splitlines()) or len(cpus)
        why = "affinity" if len(cpus) < hardware else "hardware"
        quota = min(self._quotas(), default=float("inf"))
        if quota < len(cpus):
            return cpus, quota, "cgroup limit"
        return cpus, float(len(cpus)), why

    def _quotas(self) -> Iterator[float]:
        for folder in cgroup_folders(self.proc, self.cgroup, "cpu"):
            quota, _, period = _read(folder / "cpu.max").partition(" ")
            if quota.isdigit() and period.strip().isdigit():
                yield int(quota) / int(period)
            v1 = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
            if v1[0] is not None and v1[1] and v1[0] > 0:
                yield v1[0] / v1[1]

    def _memory(self) -> tuple[int, int, str]:
        info = _fields(self.proc / "meminfo")
        total = info.get("MemTotal:", 0) * 1024
        available = info.get("MemAvailable:", info.get("MemFree:", 0)) * 1024
        why = "hardware"
        for folder in cgroup_folders(self.proc, self.cgroup, "memory"):
            limit, used = _limit_and_use(folder)
            if limit is None:
                continue
            if limit < total:
                total, why = limit, "cgroup limit"
            available = min(available, max(limit - used, 0))
        return total, min(available, total), why


def cgroup_folders(proc: Path, cgroup: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups for a controller, innermost first, up to the root.

    In a container the path that the kernel names may lie outside of what is mounted; then only the
    mount's root, which is the container's own group, is there to be read.
    """
    for line in _read(proc / "self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            mounts = [cgroup, cgroup / "unified"]
        elif controller in controllers.split(","):
            mounts = [cgroup / controllers, cgroup / controller]
        else:
            continue
        for mount in mounts:
            if mount.is_dir():
                inner = mount / path.lstrip("/")
                yield from (f for f in (inner, *inner.parents) if _within(f, mount) and f.is_dir())
                break


def _within(folder: Path, mount: Path) -> bool:
    return folder == mount or mount in folder.parents


def _limit_and_use(folder: Path) -> tuple[int | None, int]:
    limit = _number(folder / "memory.max")
    used = _number(folder / "memory.current")
    if limit is None:
        limit = _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.usage_in_bytes")
    if limit is None or limit >= _UNLIMITED_V1:
        return None, 0
    stat = _fields(folder / "memory.stat")
    cache = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    return limit, max((used or 0) - cache, 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.removeprefix("-").isdigit() else None


def _fields(path: Path) -> dict[str, int]:
    rows = (line.split() for line in _read(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
