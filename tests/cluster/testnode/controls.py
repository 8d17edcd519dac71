"""The control socket, as tests use it."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any


class Controls:
    """`run` is the test node's folder."""

    def __init__(self, run: Path) -> None:
        self._path = run / "control.sock"

    def evict(
        self, namespace: str, pod: str, *, resource: str = "memory", message: str = ""
    ) -> None:
        """The kubelet's end of a pod under node pressure, or for what a message says of the pod
        itself; returns when it has ended."""
        wanted = {"namespace": namespace, "pod": pod, "resource": resource, "message": message}
        self._ask("POST", "/evict", wanted)

    def lose(self, node: str) -> None:
        """The node falls silent and its pods' links go down."""
        self._ask("POST", f"/nodes/{node}/lose")

    def back(self, node: str) -> None:
        """The node speaks again."""
        self._ask("POST", f"/nodes/{node}/return")

    def condition(
        self, node: str, kind: str, status: str, *, reason: str = "", message: str = ""
    ) -> None:
        """Set a condition of a node, such as MemoryPressure."""
        body = {"type": kind, "status": status, "reason": reason, "message": message}
        self._ask("POST", f"/nodes/{node}/condition", body)

    def disk(self, node: str, left: int | None) -> None:
        """What a node's disk has left for each folder of a pod that comes there from now on; None:
        as much as this machine has."""
        self._ask("POST", f"/nodes/{node}/disk", {"left": left})

    def pods(self) -> list[dict[str, Any]]:
        """What runs: uid, namespace, name, node, address, pids by container."""
        found: list[dict[str, Any]] = self._ask("GET", "/pods")
        return found

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60)
        connection.sock.connect(str(self._path))
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body or {}), headers)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path}: {reply.status} {text.decode()}")
        return json.loads(text)
