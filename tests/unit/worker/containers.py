"""A worker's container as processes of this machine, in a folder of the test's own."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnai_sdk.backends.record.frames import FrameFilter

WORKER = Path(__file__).parents[3] / "cnai_sdk" / "worker"
ENTRY = (
    "import sys; sys.path.insert(0, sys.argv[1]); from cnai_sdk.pod import main; main(sys.argv[2])"
)


class Container:
    """One container: its folder outlives what runs in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.message = home / "message"
        self.outputs = home / "outputs"
        self.python = sys.executable
        (home / "job" / "worker").mkdir(parents=True)
        (home / "job" / "worker" / "cnai_sdk").symlink_to(WORKER)
        self.settings: dict[str, Any] = {
            "id": "abcd",
            "name": "digits",
            "retries": 0,
            "workers": 1,
            "packages": [],
            "argv": [],
            "secrets": [],
            "data": {},
            "fetch": {},
            "outputs": "",
            "bucket": "",
            "cache": "",
        }

    def start(self, script: str, *, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        (self.home / "job" / "script.py").write_text(script)
        (self.home / "job" / "pod.json").write_text(json.dumps(self.settings))
        spans = [{"first": 1, "last": 99, "source": "cell [3]", "line": 1}]
        (self.home / "job" / "spans.json").write_text(json.dumps(spans))
        told = {"PATH": os.environ["PATH"], "CNAI_MESSAGE": str(self.message), **(env or {})}
        return subprocess.Popen(
            [self.python, "-c", ENTRY, str(self.home / "job" / "worker"), str(self.home)],
            env=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, script: str, *, env: dict[str, str] | None = None) -> tuple[int, str, list[Any]]:
        """Exit code, log and frames."""
        process = self.start(script, env=env)
        data = process.communicate(timeout=240)[0]
        text, frames = FrameFilter().feed(data)
        return process.returncode, text.decode(), frames

    @property
    def said(self) -> dict[str, Any]:
        found = json.loads(self.message.read_text())
        assert isinstance(found, dict)
        return found


def free_port() -> int:
    """One whose next is free as well, where the kernel takes none by itself for a connection."""
    while True:
        port = random.randrange(15_000, 30_000, 2)
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("", port))
                two.bind(("", port + 1))
            except OSError:
                continue
            return port


def read_until(process: subprocess.Popen[bytes], end: bytes, *, skip: bytes = b"\0") -> bytes:
    """The first line that ends so; lines that begin with `skip` are left out."""
    assert process.stdout is not None
    read: Callable[[], bytes] = process.stdout.readline
    while line := read():
        if not line.startswith(skip) and line.endswith(end):
            return line
    raise AssertionError("it ended")
