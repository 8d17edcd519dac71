"""An MPS daemon of the bench's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cnai_sdk.backends.local.nvml import mps_pipes

PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
_CONTROL = "nvidia-cuda-mps-control"
_BESIDE_THE_DRIVER = "/usr/local/nvidia/bin:/usr/bin"
_PATIENCE = 15.0


class NoMps(Exception):
    """The daemon cannot be started here; with the reason."""


@contextmanager
def folder_for_mps(root: Path) -> Iterator[None]:
    """Let a folder of `root` be where a daemon's pipes would be, for all that is started meanwhile.

    A template of the SDK is asked for by the variables that were there when it began, so these stay
    the same whether a daemon runs or not.
    """
    before = {name: os.environ.get(name) for name in (PIPES, LOGS)}
    for name, folder in ((PIPES, root / "mps"), (LOGS, root / "mps-log")):
        folder.mkdir(exist_ok=True)
        os.environ[name] = str(folder)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def daemon() -> Iterator[None]:
    """MPS, as long as the block lasts.

    Raises:
        NoMps: no such program, it does not start, or the SDK does not see it.
    """
    path = f"{os.environ.get('PATH', '')}:{_BESIDE_THE_DRIVER}"
    control = shutil.which(_CONTROL, path=path)
    if control is None:
        raise NoMps(f"{_CONTROL} is not on PATH")
    begun = subprocess.run([control, "-d"], capture_output=True, text=True)
    if begun.returncode:
        raise NoMps(f"{_CONTROL} -d ended with {begun.returncode}: {_words(begun)}")
    try:
        if not _becomes(lambda: bool(mps_pipes())):
            raise NoMps(f"{_CONTROL} was started and is not seen to run")
        yield
    finally:
        subprocess.run([control], input="quit\n", capture_output=True, text=True)
        _becomes(lambda: not mps_pipes())
        for left in Path(os.environ[PIPES]).iterdir():  # a pipe without its daemon is an error
            left.unlink(missing_ok=True)


def _words(answer: subprocess.CompletedProcess[str]) -> str:
    return " ".join(f"{answer.stdout} {answer.stderr}".split())[:200]


def _becomes(so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
