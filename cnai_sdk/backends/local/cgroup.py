"""Memory limits by cgroup v2, where this process may make groups below its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def own_group(root: Path = ROOT, *, proc: Path = PROC) -> Path | None:
    """The folder of this process's group in a pure v2 hierarchy, or None."""
    if not (root / "cgroup.controllers").exists():
        return None
    with contextlib.suppress(OSError):
        for line in (proc / "self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                folder = root / line[3:].lstrip("/")
                return folder if folder.is_dir() else None
    return None


def usable(root: Path = ROOT, *, proc: Path = PROC) -> str | None:
    """None when worker groups can be made, otherwise the reason, a sentence."""
    own = own_group(root, proc=proc)
    if own is None:
        return "This machine does not show a cgroup v2 hierarchy."
    parent = own.parent
    if own == root:
        return "This process runs in the root cgroup, below which groups are not its own to make."
    if "memory" not in _read(parent / "cgroup.subtree_control").split():
        return f"The memory controller is not handed down by {parent}."
    needed = (parent, parent / "cgroup.procs")
    if not all(os.access(place, os.W_OK) for place in needed):
        return f"The cgroup {parent} is not delegated to this user."
    return None


class WorkerGroup:
    """The group of one worker, beside this process's own group.

    A group that has controllers for its children may hold no process itself, so the workers'
    groups are siblings of the supervisor's, not its children.

    Args:
        folder: the group's folder; it is made.
        limit: bytes.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        self._folder = folder
        folder.mkdir()
        try:
            (folder / "memory.max").write_text(str(limit))
            (folder / "memory.oom.group").write_text("1")
            with contextlib.suppress(OSError):
                (folder / "memory.swap.max").write_text("0")
        except OSError:
            self.close()
            raise

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from then on is in the group too."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def oom_kills(self) -> int:
        """How many of its processes the kernel killed for memory."""
        return field(self._folder / "memory.events", "oom_kill")

    def peak(self) -> int | None:
        """The most bytes it has used, where the kernel tells."""
        text = (
            _read(self._folder / "memory.peak") or _read(self._folder / "memory.current")
        ).strip()
        return int(text) if text.isdigit() else None

    def close(self) -> None:
        """Remove the group, which must be empty; one that is not stays for its processes' end."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def machine_oom_kills(proc: Path = PROC, groups: Iterable[Path] = ()) -> int:
    """How many processes the kernel has killed for memory: on the machine, and in these groups."""
    total = field(proc / "vmstat", "oom_kill")
    for group in groups:
        total += field(group / "memory.events", "oom_kill")
        total += field(group / "memory.oom_control", "oom_kill")
    return total


def field(path: Path, name: str) -> int:
    """A number from a file of 'name number' lines; 0 when it is not there."""
    rows = (line.split() for line in _read(path).splitlines())
    return next((int(row[1]) for row in rows if len(row) == 2 and row[0] == name), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
