"""The workers of one job keep in touch, so that a run that failed starts again on all of them.

Rank 0 listens; each other worker keeps one connection to it, a JSON document a line. Whoever fails
says so, and so does a connection that breaks: then all of them start the next attempt, or end when
none is left. A worker whose pod was made anew joins the attempt that runs. A worker that is done
waits for the rest, since it may be needed again.
"""

import contextlib
import hmac
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from .ranks import Place

_AGAIN = 0.5
_FIRST = 60.0
_LATER = 600.0
"""Seconds to wait for somebody who was never heard of, such as behind a firewall, and for somebody
who was, whose pod may be made anew elsewhere."""

_LONGEST = 4096

Tell = Callable[..., None]
"""Takes ('run', attempt), ('over',) or ('end',)."""


class Crew(Protocol):
    """What a worker does with the others."""

    def unheard(self) -> float:
        """Seconds since when nobody can be heard who has to be, beyond those that one waits."""

    def say(self, what: str, attempt: int) -> None:
        """Say that this worker is 'done' or has 'failed'."""

    def close(self) -> None:
        """Let go of the connections."""


def join(place: Place, settings: dict[str, Any], attempt: int, *, tell: Tell) -> Crew:
    """Listen as rank 0, or find rank 0; returns at once.

    Args:
        attempt: the one that this worker begins with.
    """
    port = place.port + 1
    if place.rank == 0:
        return _Lead(place, settings, attempt, port, tell)
    return _Member(place, settings, attempt, port, tell)


class _Wire:
    """One connection: documents out and in. Sending is safe from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, **document: Any) -> None:
        """Send one; a connection that is gone is noticed by the one that reads."""
        with self._lock:
            try:
                self._connection.sendall(json.dumps(document).encode() + b"\n")
            except OSError:
                return

    def receive(self) -> dict[str, Any] | None:
        """The next one, or None when the other side is gone."""
        try:
            line = self._lines.readline(_LONGEST)
            return dict(json.loads(line)) if line else None
        except (OSError, ValueError, TypeError):
            return None

    def close(self) -> None:
        """End it, also for a thread that reads from it."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class _Lead:
    """Rank 0: knows which attempt runs, and who is done with it."""

    def __init__(
        self, place: Place, settings: dict[str, Any], attempt: int, port: int, tell: Tell
    ) -> None:
        self._world = place.world
        self._begun = time.monotonic()
        self._met: set[int] = set()
        self._retries = settings["retries"]
        self._secret = settings["id"]
        self._tell = tell
        self._attempt = attempt
        self._session = os.urandom(8).hex()
        self._wires: dict[int, _Wire] = {}
        self._bodies: dict[int, str] = {}
        self._done: set[int] = set()
        self._ended = ""
        self._lock = threading.RLock()
        self._server = socket.create_server(("", port), backlog=place.world)
        threading.Thread(target=self._accept, daemon=True).start()

    def unheard(self) -> float:
        if len(self._met) == self._world - 1:
            return 0.0
        return max(0.0, time.monotonic() - self._begun - _FIRST)

    def say(self, what: str, attempt: int) -> None:
        with self._lock:
            self._heard(0, what, attempt)

    def close(self) -> None:
        with self._lock:
            self._server.close()
            for wire in self._wires.values():
                wire.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(_Wire(connection),), daemon=True).start()

    def _serve(self, wire: _Wire) -> None:
        hello = wire.receive()
        if hello is None or not hmac.compare_digest(str(hello.get("secret")), self._secret):
            wire.close()
            return
        rank = int(hello["rank"])
        with self._lock:
            self._welcome(rank, wire, hello)
        while (document := wire.receive()) is not None:
            with self._lock:
                self._heard(rank, str(document["say"]), int(document["attempt"]))
        with self._lock:
            if self._wires.get(rank) is wire:
                del self._wires[rank]
                self._bodies.pop(rank, None)
                if rank not in self._done:
                    self._heard(rank, "failed", self._attempt)

    def _welcome(self, rank: int, wire: _Wire, hello: dict[str, Any]) -> None:
        """Somebody comes, or comes again; with another body it has lost what it was doing."""
        anew = self._bodies.get(rank, hello["body"]) != hello["body"]
        mine_is_new = hello["session"] not in ("", self._session)
        self._wires[rank], self._bodies[rank] = wire, hello["body"]
        self._met.add(rank)
        wire.send(session=self._session, attempt=self._attempt)
        theirs = int(hello["attempt"])
        if mine_is_new or anew:
            self._go_on(max(theirs, self._attempt + 1) if anew else theirs + 1)
        elif theirs > self._attempt:
            self._go_on(theirs)
        elif theirs < self._attempt:
            wire.send(event="run", attempt=self._attempt)
        if self._ended:
            wire.send(event=self._ended, attempt=self._attempt)
        elif hello["say"] and theirs == self._attempt:
            self._heard(rank, hello["say"], theirs)

    def _heard(self, rank: int, what: str, attempt: int) -> None:
        if self._ended or attempt < self._attempt:
            return
        if what == "failed":
            self._go_on(self._attempt + 1)
            return
        self._done.add(rank)
        if len(self._done) == self._world:
            self._end("over")

    def _go_on(self, attempt: int) -> None:
        if self._ended or attempt <= self._attempt:
            return
        if attempt > self._retries:
            self._end("end")
            return
        self._attempt = attempt
        self._done.clear()
        self._everybody("run", attempt)

    def _end(self, how: str) -> None:
        self._ended = how
        self._everybody(how)

    def _everybody(self, event: str, *about: int) -> None:
        for wire in self._wires.values():
            wire.send(event=event, attempt=self._attempt)
        self._tell(event, *about)


class _Member:
    """Any other rank: does what rank 0 says."""

    def __init__(
        self, place: Place, settings: dict[str, Any], attempt: int, port: int, tell: Tell
    ) -> None:
        self._place = place
        self._lost: float | None = time.monotonic()
        self._secret = settings["id"]
        self._port = port
        self._tell = tell
        self._attempt = attempt
        self._said = ""
        self._body = os.urandom(8).hex()
        self._session = ""
        self._wire: _Wire | None = None
        self._closed = threading.Event()
        self._lock = threading.RLock()
        threading.Thread(target=self._stay, daemon=True).start()

    def unheard(self) -> float:
        lost = self._lost
        if lost is None:
            return 0.0
        return max(0.0, time.monotonic() - lost - (_LATER if self._session else _FIRST))

    def say(self, what: str, attempt: int) -> None:
        with self._lock:
            self._said, self._attempt = what, attempt
            if self._wire is not None:
                self._wire.send(say=what, attempt=attempt)

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            if self._wire is not None:
                self._wire.close()

    def _stay(self) -> None:
        """Rank 0 may come up late, or come again elsewhere."""
        while not self._closed.is_set():
            try:
                address = (self._place.master, self._port)
                connection = socket.create_connection(address, timeout=5.0)
            except OSError:
                self._closed.wait(_AGAIN)
                continue
            connection.settimeout(None)
            self._talk(_Wire(connection))
            self._lost = self._lost or time.monotonic()
            self._closed.wait(_AGAIN)

    def _talk(self, wire: _Wire) -> None:
        with self._lock:
            wire.send(
                secret=self._secret,
                rank=self._place.rank,
                body=self._body,
                session=self._session,
                attempt=self._attempt,
                say=self._said,
            )
            self._wire = wire
        while (document := wire.receive()) is not None:
            self._lost = None
            if "session" in document:
                self._session = str(document["session"])
                continue
            with self._lock:
                event, attempt = str(document["event"]), int(document["attempt"])
                if event == "run":
                    self._attempt, self._said = attempt, ""
            self._tell(event, *([attempt] if event == "run" else []))
        with self._lock:
            self._wire = None
        wire.close()
