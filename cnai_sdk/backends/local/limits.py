"""What the ranks use, and what happens to one that needs more memory than it was given.

Where a cgroup v2 may be used, the kernel holds the limit. Elsewhere it is watched: a worker that is
found above it is ended, a fraction of a second after it got there.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from cnai_sdk.backends.local import cgroup, tree, usage
from cnai_sdk.backends.local.capacity import cgroup_folders
from cnai_sdk.backends.local.usage import Usage
from cnai_sdk.model.quantity import show_bytes

_LOOK = 0.1
_SAMPLE = 1.0


class MemoryGuard:
    """Watches the ranks of one run.

    Args:
        limit: bytes for each rank and its children, or None.
        name: names the cgroups, where they are used.
        root, proc: where the kernel's files are.
    """

    def __init__(
        self, *, limit: int | None, name: str, root: Path = cgroup.ROOT, proc: Path = cgroup.PROC
    ) -> None:
        self._limit = limit
        self._name = name
        self._pids: dict[int, int] = {}
        self._groups: dict[int, cgroup.WorkerGroup] = {}
        self._root, self._proc = root, proc
        self._kernel_holds = limit is not None and cgroup.usable(root, proc=proc) is None
        self._kills_before = self._machine_kills()
        self._others = frozenset(tree.children(os.getpid()))  # of no rank: they were there before
        self._spent: dict[int, tuple[float, float]] = {}
        now = time.monotonic()
        self._next_look = now + _LOOK
        self._next_sample = now + _SAMPLE
        self._over: tuple[int, str] | None = None

    def add(self, rank: int, pid: int) -> None:
        """A rank has started."""
        self._pids[rank] = pid
        own = cgroup.own_group(self._root, proc=self._proc) if self._kernel_holds else None
        if own is None or self._limit is None:
            return
        with contextlib.suppress(OSError):
            group = cgroup.WorkerGroup(own.parent / f"{self._name}-{rank}", limit=self._limit)
            group.add(pid)
            self._groups[rank] = group

    def forget(self, rank: int) -> None:
        """A rank has ended."""
        self._pids.pop(rank, None)

    def due(self) -> float | None:
        """Seconds until there is something to look at."""
        if not self._pids:
            return None
        watched = self._limit is not None and len(self._groups) < len(self._pids)
        nearest = min(self._next_look, self._next_sample) if watched else self._next_sample
        return nearest - time.monotonic()

    def sample(self) -> dict[int, Usage]:
        """What each rank that lives uses, once a second; empty in between."""
        now = time.monotonic()
        if now < self._next_sample:
            return {}
        self._next_sample = now + _SAMPLE
        found = {rank: self._usage(rank, pid, now) for rank, pid in self._pids.items()}
        # One that has ended, and was not waited for yet, has no memory: what it had stays known.
        return {rank: used for rank, used in found.items() if used.memory}

    def _usage(self, rank: int, pid: int, now: float) -> Usage:
        pids = self._tree(rank, pid)
        spent = usage.cpu_seconds(pids)
        then, before = self._spent.get(rank, (now, spent))
        self._spent[rank] = (now, spent)
        cores = max(spent - before, 0.0) / (now - then) if now > then else None
        return Usage(cpu=cores, memory=usage.exact_memory(pids))

    def _tree(self, rank: int, pid: int) -> list[int]:
        """The rank's processes; children that left their parent count as the first rank's."""
        pids = usage.tree(pid)
        if rank == min(self._pids):
            known = self._others.union(self._pids.values())
            for orphan in set(tree.children(os.getpid())) - known:
                pids += usage.tree(orphan)
        return pids

    def exceeded(self) -> tuple[int, str] | None:
        """The first rank that was found above its limit, and a sentence."""
        now = time.monotonic()
        if self._limit is None or now < self._next_look or self._over:
            return self._over
        self._next_look = now + _LOOK
        for rank, pid in self._pids.items():
            if rank in self._groups:
                continue
            pids = self._tree(rank, pid)
            if usage.upper_memory(pids) <= self._limit:
                continue
            used = usage.exact_memory(pids)
            if used > self._limit:
                self._over = rank, self._sentence(rank, used)
        return self._over

    def killed_by_kernel(self, rank: int) -> tuple[str, str] | None:
        """Why the kernel killed a rank, when it was for memory: the reason word and a sentence."""
        group = self._groups.get(rank)
        if group is not None and group.oom_kills():
            return "MemoryExceeded", self._sentence(rank, group.peak())
        if self._machine_kills() > self._kills_before:
            return "MachineOutOfMemory", f"The machine had no memory left when worker {rank} grew"
        return None

    def _machine_kills(self) -> int:
        return cgroup.machine_oom_kills(
            self._proc, cgroup_folders(self._proc, self._root, "memory")
        )

    def _sentence(self, rank: int, used: int | None) -> str:
        limit = show_bytes(self._limit or 0)
        reached = f"; it used {show_bytes(used)}" if used and used > (self._limit or 0) else ""
        return f"Worker {rank} needed more than its memory of {limit}{reached}"

    def close(self) -> None:
        """Remove the cgroups, which are empty now."""
        for group in self._groups.values():
            with contextlib.suppress(OSError):
                group.close()
