"""The process that holds a cluster's namespaces: it makes the bridge, hands connections in, and
answers the API server's question whose token this is.

    python -m tests.cluster.testbed.holder CONFIG, inside new namespaces, as `Network` starts it
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.cluster.testbed import network

_CHUNK = 1 << 17
_PR_SET_PDEATHSIG = 1


async def main(config: dict[str, Any]) -> None:
    """Until this is ended, or the process that started it."""
    # Again: a new user namespace takes it away.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != config["parent"]:
        return
    make_bridge()
    for number, host, port in config["forward"]:
        opened = socket.socket(fileno=number)
        await asyncio.start_server(functools.partial(hand_in, host, port), sock=opened)
    answer = functools.partial(review_tokens, Path(config["users"]))
    await asyncio.start_server(answer, "127.0.0.1", network.USERS_PORT)
    Path(config["ready"]).touch()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


def make_bridge() -> None:
    """lo, and a bridge with the gateway's address."""
    length = network.SUBNET.partition("/")[2]
    for line in (
        "link set lo up",
        f"link add name {network.BRIDGE} type bridge",
        f"addr add {network.GATEWAY}/{length} dev {network.BRIDGE}",
        f"link set {network.BRIDGE} up",
    ):
        subprocess.run(["ip", *line.split()], check=True)


async def hand_in(
    host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection, from outside to what listens in here; refused there is reset here."""
    try:
        inner_reader, inner_writer = await asyncio.open_connection(host, port)
    except OSError:
        _reset(writer)
        return
    await asyncio.gather(_relay(reader, inner_writer), _relay(inner_reader, writer))


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    at_once = b"\x01\0\0\0\0\0\0\0"  # linger for no second: a reset
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


async def review_tokens(
    users: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer TokenReviews from a file that may change at any time."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.partition("content-length:")[2].split("\r\n", 1)[0]
            review = json.loads(await reader.readexactly(int(length)))
            review["status"] = _status(users, review["spec"]["token"])
            body = json.dumps(review).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            await writer.drain()
    writer.close()


def _status(users: Path, token: str) -> dict[str, Any]:
    try:
        found = json.loads(users.read_text()).get(token)
    except FileNotFoundError:
        found = None
    if found is None or found["expires"] < time.time():
        return {"authenticated": False}
    user = {"username": found["name"], "uid": found["name"], "groups": found["groups"]}
    return {"authenticated": True, "user": user}


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
