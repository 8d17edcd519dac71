"""The socket on which a supervisor takes requests from processes of the same user."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import Any

import msgspec

_LIMIT = 64 * 2**10


def listen(path: Path) -> socket.socket:
    """A listening socket at the path, for this user only."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    path.chmod(0o600)
    server.listen(64)
    return server


def same_user(connection: socket.socket) -> bool:
    """True when the process at the other end belongs to this user."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return bool(struct.unpack("3i", credentials)[1] == os.getuid())


def accept(server: socket.socket) -> dict[str, Any] | None:
    """One request, or None when it is not from this user or makes no sense."""
    try:
        connection, _ = server.accept()
    except OSError:
        return None
    with connection:
        connection.settimeout(1.0)
        if not same_user(connection):
            return None
        try:
            request = msgspec.json.decode(connection.recv(_LIMIT), type=dict[str, Any])
        except (OSError, msgspec.DecodeError):
            return None
        with contextlib.suppress(OSError):  # who did not wait for the answer has asked all the same
            connection.sendall(b"ok")
        return request


def ask(path: Path, request: dict[str, Any], *, timeout: float = 2.0) -> bool:
    """Send a request; False when nobody takes it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, contextlib.suppress(OSError):
        client.settimeout(timeout)
        client.connect(str(path))
        client.sendall(msgspec.json.encode(request))
        return client.recv(16) == b"ok"
    return False
