"""What processes use, read cheaply from /proc."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from pathlib import Path

import msgspec

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = resource.getpagesize()
PROC = Path("/proc")


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a tree of processes uses.

    Attributes:
        cpu: cores in use since the last look; None at the first.
        memory: bytes.
    """

    cpu: float | None = None
    memory: int = 0


def tree(pid: int, *, proc: Path = PROC) -> list[int]:
    """A process and all its descendants, those that exist now."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        try:
            tasks = os.listdir(proc / str(each) / "task")
        except OSError:
            continue
        found.append(each)
        for task in tasks:
            text = _read(proc / str(each) / "task" / task / "children")
            waiting.extend(int(word) for word in text.split())
    return found


def cpu_seconds(pids: Iterable[int], *, proc: Path = PROC) -> float:
    """Processor time that these processes, and children that they waited for, have used."""
    ticks = 0
    for pid in pids:
        # The name in brackets may itself hold spaces and brackets.
        fields = _read(proc / str(pid) / "stat").rpartition(")")[2].split()
        ticks += sum(int(word) for word in fields[11:15])
    return ticks / _TICKS


def upper_memory(pids: Iterable[int], *, proc: Path = PROC) -> int:
    """Bytes, never less than `exact_memory` but for swap: shared pages count for each process."""
    total = 0
    for pid in pids:
        fields = _read(proc / str(pid) / "statm").split()
        total += int(fields[1]) * _PAGE if len(fields) > 1 else 0
    return total


def exact_memory(pids: Iterable[int], *, proc: Path = PROC) -> int:
    """Bytes: a page that n processes share counts as one n-th for each, and swap counts.

    Workers that were forked from one warm process share hundreds of MiB with it, which must not be
    held against each of them. Reading this costs the kernel a walk over the page tables.
    """
    total = 0
    for pid in pids:
        rollup = _read(proc / str(pid) / "smaps_rollup")
        if not rollup:
            total += upper_memory([pid], proc=proc)
        for line in rollup.splitlines():
            if line.startswith(("Pss:", "SwapPss:")):
                total += int(line.split()[1]) * 1024
    return total


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
