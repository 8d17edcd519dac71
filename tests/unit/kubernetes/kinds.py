"""A cluster of objects of many kinds behind a real server, which nothing changes."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

from .https import Reply, Request, Server


class Cluster:
    """Objects by the path of their kind; what has none is empty.

    Attributes:
        instead: what is answered for a path, and `posted` to what is created there.
    """

    def __init__(self, server: Server) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.instead: dict[str, Reply] = {}
        self.posted: dict[str, Reply] = {}
        self._ends: queue.Queue[None] = queue.Queue()
        server.answer = self._answer

    def _answer(self, request: Request) -> Reply:
        if request.method == "POST":
            return self.posted[request.path]
        if request.path in self.instead:
            return self.instead[request.path]
        if "watch" in request.query:
            return Reply(pieces=self._held())
        items = self.objects.get(request.path, [])
        return Reply(200, {"metadata": {"resourceVersion": "1"}, "items": items})

    def _held(self) -> Iterator[bytes]:
        self._ends.get()
        self._ends.put(None)
        yield b""

    def close(self) -> None:
        self._ends.put(None)


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"u-{name}", "namespace": "team-a"}, **more}
