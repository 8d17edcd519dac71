"""Commands in running containers, over the WebSocket protocols that the API server speaks."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import termios

from aiohttp import WSMsgType, web

from tests.cluster.testnode.attendance import inside

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


async def execute(request: web.Request, pid: int) -> web.StreamResponse:
    """Run what the request asks for, its streams in the channels of one WebSocket."""
    query = request.query
    wanted = {
        name: query.get(name) in ("1", "true") for name in ("input", "output", "error", "tty")
    }
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0)
    if not socket.can_prepare(request):
        raise web.HTTPBadRequest(text="the test node serves exec over WebSockets only")
    await socket.prepare(request)
    try:
        argv, env = inside(pid, query.getall("command"))
        run = _terminal if wanted["tty"] else _plain
        code = await run(socket, argv, env, wanted)
        status = {"metadata": {}, "status": "Success"} if code == 0 else _failure(code)
    except OSError as error:
        status = {"metadata": {}, "status": "Failure", "message": str(error), "code": 500}
    with contextlib.suppress(ConnectionError):
        await socket.send_bytes(bytes([ERROR]) + json.dumps(status).encode())
    await socket.close()
    return socket


def _failure(code: int) -> dict[str, object]:
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def _plain(
    socket: web.WebSocketResponse, argv: list[str], env: dict[str, str], wanted: dict[str, bool]
) -> int:
    pipe = asyncio.subprocess.PIPE
    ran = await asyncio.create_subprocess_exec(
        *argv,
        stdin=pipe if wanted["input"] else asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        env=env,
        start_new_session=True,
    )
    assert ran.stdout is not None
    assert ran.stderr is not None
    pumps = [
        asyncio.create_task(_send(socket, STDOUT, ran.stdout)),
        asyncio.create_task(_send(socket, STDERR, ran.stderr)),
    ]
    feeding = asyncio.create_task(_receive(socket, ran))
    code = await ran.wait()
    await asyncio.gather(*pumps)
    feeding.cancel()
    return 128 - code if code < 0 else code


async def _send(socket: web.WebSocketResponse, channel: int, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(2**15):
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes([channel]) + data)


async def _receive(socket: web.WebSocketResponse, ran: asyncio.subprocess.Process) -> None:
    """What the person types; a client that is gone ends the command."""
    async for message in socket:
        if message.type != WSMsgType.BINARY or not message.data or ran.stdin is None:
            continue
        if message.data[0] == STDIN:
            ran.stdin.write(message.data[1:])
            await ran.stdin.drain()
        elif message.data[0] == CLOSE:
            ran.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(ran.pid, signal.SIGKILL)


async def _terminal(
    socket: web.WebSocketResponse, argv: list[str], env: dict[str, str], wanted: dict[str, bool]
) -> int:
    ours, theirs = pty.openpty()
    loop = asyncio.get_running_loop()
    try:
        ran = await asyncio.create_subprocess_exec(
            *argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"TERM": "xterm", **env},
            start_new_session=True,
        )
    finally:
        os.close(theirs)
    os.set_blocking(ours, False)
    read: asyncio.Queue[bytes] = asyncio.Queue()

    def readable() -> None:
        try:
            data = os.read(ours, 2**15)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(ours)
        read.put_nowait(data)

    loop.add_reader(ours, readable)
    typing = asyncio.create_task(_typed(socket, ours, ran, allowed=wanted["input"]))
    while data := await read.get():
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes([STDOUT]) + data)
    code = await ran.wait()
    typing.cancel()
    os.close(ours)
    return 128 - code if code < 0 else code


async def _typed(
    socket: web.WebSocketResponse, terminal: int, ran: asyncio.subprocess.Process, *, allowed: bool
) -> None:
    async for message in socket:
        if message.type != WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel == STDIN and allowed:
            os.write(terminal, data)
        elif channel == RESIZE:
            size = json.loads(data)
            packed = struct.pack("HHHH", size["Height"], size["Width"], 0, 0)
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, packed)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(ran.pid, signal.SIGKILL)
