"""Python, torch, what packages= needs, and the optional extras."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cnai_sdk.doctor.finding import Finding

OLDEST = (3, 11)

EXTRAS = {
    "train": ("torch", "training with PyTorch"),
    "tune": ("optuna", "searching for good parameters"),
    "serve": ("kserve", "serving a model behind an address"),
    "pipelines": ("kfp", "pipelines from notebooks"),
    "kubernetes": ("lightkube", "the same cells on a cluster"),
    "lab": ("jupyterlab", "the live card and the side panel"),
    "examples": ("matplotlib", "job.plot() and the example notebooks"),
}
"""Extra → the distribution that shows that it is installed, and what it is for."""


def installed(distribution: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def python() -> Iterable[Finding]:
    """The interpreter that runs this, and jobs submitted from it."""
    what = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if sys.version_info < OLDEST:
        yield Finding(
            check="python",
            state="problem",
            what=f"{what} is too old",
            fix=f"Install Python {OLDEST[0]}.{OLDEST[1]} or later.",
        )
    else:
        yield Finding(check="python", state="ok", what=what)


def torch() -> Iterable[Finding]:
    """Which torch jobs would import, and whether it was built for GPUs."""
    found = installed("torch")
    if found is None:
        yield Finding(
            check="torch",
            state="note",
            what="Not installed; jobs that do not import it run.",
            fix='Run: pip install "cnai-sdk[train]". On a machine without a GPU, install torch '
            "from PyTorch's index of CPU builds first; it is a tenth of the size.",
        )
        return
    yield Finding(check="torch", state="ok", what=f"{found}, {torch_build()}")


def torch_build() -> str:
    """What torch was built for, read from its version file, since importing it takes seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return "build unknown"
    return build_named(Path(spec.origin).with_name("version.py"))


def build_named(path: Path) -> str:
    """What a torch/version.py says that its torch was built for.

    >>> build_named(Path("/nowhere/version.py"))
    'build unknown'
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return "build unknown"
    named = re.findall(r"^(cuda|hip)\b[^=\n]*=\s*'([^']+)'", text, re.MULTILINE)
    words = {"cuda": "CUDA", "hip": "ROCm"}
    return ", ".join(f"built for {words[kind]} {number}" for kind, number in named) or (
        "built for the CPU"
    )


def layers() -> Iterable[Finding]:
    """What packages= needs to make an environment."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        yield Finding(
            check="packages=",
            state="note",
            what=f"Cannot install packages for a job: Python has no {' and no '.join(missing)}.",
            fix="Install your system's venv package for this Python, such as python3-venv.",
        )
    else:
        yield Finding(check="packages=", state="ok", what="venv and pip are there")


def extras() -> Iterable[Finding]:
    """Which optional parts are installed."""
    for extra, (distribution, purpose) in EXTRAS.items():
        found = installed(distribution)
        if extra in ("train", "lab"):
            continue  # `torch` and `jupyterlab` say more about these
        if found is not None:
            what = f"{distribution} {found}: {purpose}"
            yield Finding(check=f"[{extra}]", state="ok", what=what)
        else:
            yield Finding(
                check=f"[{extra}]",
                state="note",
                what=f"Not installed: {purpose}.",
                fix=f'If you want it: pip install "cnai-sdk[{extra}]"',
            )


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (python, torch, layers, extras)
