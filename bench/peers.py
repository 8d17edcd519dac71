"""Ways to start two workers that everybody has, and an environment for a peer that few have."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
TORCHRUN = (
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node=2",
)


def torchrun(script: Path, *, environment: Mapping[str, str] | None = None) -> str:
    """Run a script under torchrun, on two workers of this machine; what it printed."""
    command = [*TORCHRUN, str(script)]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True)
    return answer.stdout.decode()


def plain_processes(script: Path) -> str:
    """Run a script in two processes at once; what they printed."""
    environment = dict(os.environ) | {"OMP_NUM_THREADS": "1"}  # as torchrun sets it
    running = [
        subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    printed = [process.communicate()[0].decode() for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"{script.name} failed: {printed}")
    return "".join(printed)


def kubeflow_sdk() -> tuple[str, str]:
    """The Python of an environment with the kubeflow SDK, made at first use, and its version."""
    folder = Path(os.environ["CNAI_HOME"]).parent / "kubeflow"
    python = str(folder / "bin" / "python")
    if not folder.exists():
        venv.create(folder, with_pip=True)
        # Beside the SDK only pip is asked, since its local jobs call pip too.
        subprocess.run([python, "-m", "pip", "install", "--quiet", "kubeflow"], check=True)
    code = "from importlib.metadata import version; print(version('kubeflow'))"
    answer = subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return python, answer.stdout.strip()


def times(lines: Sequence[str], word: str) -> list[float]:
    """The clock in the lines that start with the word, earliest first.

    >>> times(["first 2.5", "torch 3.0 2.15", "first 1.5"], "first")
    [1.5, 2.5]
    """
    return sorted(float(line.split()[1]) for line in lines if line.startswith(f"{word} "))
