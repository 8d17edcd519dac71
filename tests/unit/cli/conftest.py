"""The command line in this process over the in-memory backend, and as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from cnai_sdk import runtime
from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.cli.app import app
from cnai_sdk.client import Client
from cnai_sdk.model.spec import Payload, TrainSpec

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "cnai_sdk.cli")


class Cnai(Protocol):
    def __call__(self, *words: str, input: str | None = None) -> Result: ...


@pytest.fixture
def memory() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture
def cnai(memory: MemoryBackend) -> Cnai:
    """Run the command line in this process, on the in-memory backend."""

    def run(*words: str, input: str | None = None) -> Result:
        return CliRunner().invoke(app, words, obj=Client(backend=memory), input=input)

    return run


@pytest.fixture
def submitted(memory: MemoryBackend) -> Callable[..., str]:
    """Submit a training job; answers its id."""

    def submit(name: str = "digits", workers: int = 1) -> str:
        spec = TrainSpec(
            name=name,
            workers=workers,
            payload=Payload(entry=name, files={"script.py": b"print(1)\n"}),
        )
        return runtime.call(memory.submit(spec, secrets={})).id

    return submit


class Terminal:
    """The command line as processes of their own, in one folder with one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"CNAI_WARM": "false", "PYTHONPATH": str(ROOT)}

    def __call__(
        self, *words: str, input: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.environment | variables,
            input=input,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, name: str, lines: Sequence[str]) -> str:
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return name


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)
