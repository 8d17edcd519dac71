"""One run of a container: started in its sandbox, its output logged, its end told."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import Callable
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
        self.gone = asyncio.Event()
        self.pumps: list[asyncio.Task[None]] = []

    async def wait(self) -> Exit:
        code = await self._inner.wait()
        self.gone.set()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self.pumps), 60)
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
            self.log.feed(stream, data)


async def start(
    box: Callable[[int], list[str]],
    argv: list[str],
    *,
    env: dict[str, str],
    namespace: Path,
    log: Log,
) -> Process:
    """Return when the command runs; `box(fd)` is a sandbox that writes its status to `fd`.

    Raises:
        StartError: there is no such command, or the sandbox could not be made.
    """
    reading, writing = os.pipe()
    nsenter, bwrap = shutil.which("nsenter") or "nsenter", shutil.which("bwrap") or "bwrap"
    try:
        inner = await asyncio.create_subprocess_exec(
            nsenter,
            f"--net={namespace}",
            "--",
            bwrap,
            *box(writing),
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[writing],
            start_new_session=True,
            env=env,
        )
    except OSError as error:
        os.close(reading)
        raise StartError(f"{RUNC}{error}") from None
    finally:
        os.close(writing)
    return await _begun(Process(inner, log), inner, reading, argv)


async def _begun(
    process: Process, inner: asyncio.subprocess.Process, reading: int, argv: list[str]
) -> Process:
    status, transport = await _status(reading)
    began = asyncio.Event()
    assert inner.stdout is not None
    assert inner.stderr is not None
    process.pumps = [
        asyncio.create_task(process.pump("stdout", inner.stdout, began)),
        asyncio.create_task(process.pump("stderr", inner.stderr, began)),
    ]
    try:
        if first := await status.readline():
            process.pid = int(json.loads(first)["child-pid"])
            while (program := _program(process.pid)) == "bwrap":
                await asyncio.sleep(0.002)
            if program:
                return process
        code = await inner.wait()
        if b"exit-code" in await status.read():  # it ran, and ended at once
            return process
        await process.pumps[1]
        raise StartError(_words(argv, process.said.decode(errors="replace"), code))
    finally:
        began.set()
        # To its end: the sandbox still writes there, and must not find it closed.
        process.pumps.append(asyncio.create_task(_drain(status, transport)))


async def _drain(status: asyncio.StreamReader, transport: asyncio.BaseTransport) -> None:
    await status.read()
    transport.close()


async def _status(reading: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
    )
    return reader, transport


def _program(pid: int) -> str:
    """What a process runs; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def _words(argv: list[str], said: str, code: int) -> str:
    name = argv[0]
    if "execvp" not in said:
        return f"{RUNC}{said.strip() or f'exit status {code}'}"
    if "Permission denied" in said:
        return f'{RUNC}exec: "{name}": permission denied'
    if "/" in name:
        return f'{RUNC}exec: "{name}": stat {name}: no such file or directory'
    return f'{RUNC}exec: "{name}": executable file not found in $PATH'
