"""The ways to start two workers that everybody has: torchrun, and two plain processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
_TORCHRUN = (sys.executable, "-m", "torch.distributed.run")


def torchrun(
    script: Path, *, workers: int = 2, environment: Mapping[str, str] | None = None
) -> str:
    """Run a script under torchrun on one machine, and return what it printed."""
    command = [*_TORCHRUN, "--standalone", f"--nproc-per-node={workers}", str(script)]
    answer = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    return answer.stdout.decode()


def plain_processes(script: Path, *, workers: int = 2) -> str:
    """Run a script in so many processes at once, and return what they printed."""
    environment = dict(os.environ) | {"OMP_NUM_THREADS": "1"}  # as torchrun sets it
    running = [
        subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE)
        for _ in range(workers)
    ]
    printed = [process.communicate()[0].decode() for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"{script.name} failed: {printed}")
    return "".join(printed)


def times(lines: Sequence[str], word: str) -> list[float]:
    """The clock in the lines that start with the word, earliest first.

    >>> times(["first 2.5", "torch 3.0 2.15", "first 1.5"], "first")
    [1.5, 2.5]
    """
    return sorted(float(line.split()[1]) for line in lines if line.startswith(f"{word} "))
