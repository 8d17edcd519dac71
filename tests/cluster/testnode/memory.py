"""Memory limits without cgroups: what a container's processes use, ten times a second."""

import asyncio
import logging
import os
from pathlib import Path

from tests.cluster.testnode.process import Process

EVERY = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")
log = logging.getLogger(__name__)


class Memory:
    """The containers with a limit; one that passes it is killed whole."""

    def __init__(self) -> None:
        self._limits: dict[Process, int] = {}

    def limit(self, process: Process, size: int) -> None:
        self._limits[process] = size

    def forget(self, process: Process) -> None:
        self._limits.pop(process, None)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            for process, size in list(self._limits.items()):
                # Resident sizes count shared pages in each process: only a hint, and cheap.
                if sum(map(resident, tree(process.pid))) > size and used(process.pid) > size:
                    process.out_of_memory = True
                    process.kill()
                    self.forget(process)


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found, left = [], [pid]
    while left:
        one = left.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                left += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def used(pid: int) -> int:
    """Bytes of a process and all below it, shared pages counted once (proportional set size)."""
    return sum(map(proportional, tree(pid)))


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def proportional(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return resident(pid)
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line[:4] == "Pss:")
