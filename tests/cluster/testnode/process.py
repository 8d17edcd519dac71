"""One run of a container: started in its sandbox, its output logged, its end told."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

import msgspec

from tests.cluster.testnode.logs import Log

RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: error during container init: "
)


class StartError(Exception):
    """The command cannot be run, in the words of containerd and runc."""


class Exit(msgspec.Struct, frozen=True):
    """How a run ended."""

    code: int
    reason: str


class Process:
    """A running container. `pid` is its first process, as this machine counts."""

    def __init__(self, inner: asyncio.subprocess.Process, log: Log) -> None:
        self._inner, self.log = inner, log
        self.pid = 0
        self.out_of_memory = False
        self.said = b""  # what the sandbox itself said, where it did not come to the command
        self._pumps: list[asyncio.Task[None]] = []

    async def wait(self) -> Exit:
        code = await self._inner.wait()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._pumps), 5)
        self.log.end()
        code = 128 - code if code < 0 else code
        if self.out_of_memory:
            return Exit(137, "OOMKilled")
        return Exit(code, "Completed" if code == 0 else "Error")

    def send(self, number: int) -> None:
        """A signal to the container's first process; SIGKILL ends all of it."""
        with contextlib.suppress(ProcessLookupError):
            if self._inner.returncode is None:
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    async def pump(self, stream: str, reader: asyncio.StreamReader, began: asyncio.Event) -> None:
        while data := await reader.read(2**16):
            if not began.is_set() and stream == "stderr":
                self.said += data
                if data.startswith(b"bwrap: "):
                    continue
                await began.wait()
            self.log.feed(stream, data)


async def start(
    box: list[str], argv: list[str], *, env: dict[str, str], namespace: Path, log: Log, status: int
) -> Process:
    """Return when the command runs; `box` writes its status to the descriptor `status`.

    Raises:
        StartError: there is no such command, or the sandbox could not be made.
    """
    reading, writing = os.pipe()
    os.dup2(writing, status)
    os.set_inheritable(status, True)
    os.close(writing)
    try:
        inner = await asyncio.create_subprocess_exec(
            "/usr/bin/env",
            "-i",
            "PATH=/usr/bin:/usr/sbin:/bin:/sbin",
            "nsenter",
            f"--net={namespace}",
            "--",
            *box,
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[status],
            start_new_session=True,
            env=env,
        )
    finally:
        os.close(status)
    return await _begun(Process(inner, log), inner, reading, argv)
