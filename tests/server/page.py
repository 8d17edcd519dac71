"""A page's end of the stream: it says messages, and waits for the one that a test is about.

Every message that a test says or hears is held against the schema that the server publishes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec
from jsonschema import Draft202012Validator
from tornado.websocket import WebSocketClientConnection

from cnai_server_ext.messages import Ack, Heard, LogPiece, RowsChange, RowsSnapshot, Spoken, Start
from cnai_server_ext.schema import stream_schema

T = TypeVar("T")

WITHIN = 60.0


def described(direction: Literal["spoken", "heard"]) -> Draft202012Validator:
    """What `stream.json` says of one direction; a field that it does not name is an error here.

    Pages are to bear fields that they do not know, so the published schema leaves objects open.
    """
    schema = stream_schema()
    definitions = {
        name: {"additionalProperties": False, **each} if "properties" in each else each
        for name, each in schema["$defs"].items()
    }
    return Draft202012Validator({**schema["properties"][direction], "$defs": definitions})


SPOKEN, HEARD = described("spoken"), described("heard")


@dataclass
class Page:
    """One socket, and everything that was heard on it so far."""

    loop: asyncio.AbstractEventLoop
    socket: WebSocketClientConnection
    heard: list[Spoken] = field(default_factory=list)

    def start(self, **positions: Any) -> None:
        """Say the first message."""
        self.say(Start(positions=positions))

    def say(self, *messages: Heard) -> None:
        """Send messages."""
        for message in messages:
            data = msgspec.json.encode(message)
            HEARD.validate(msgspec.json.decode(data))
            self.send(data)

    def send(self, data: bytes) -> None:
        """Send bytes, whatever they are."""
        self.wait(self.socket.write_message(data))

    def hear(self, kind: type[T], where: Callable[[T], bool] = lambda _: True) -> T:
        """The next message of this kind for which `where` holds."""
        late = time.monotonic() + WITHIN
        while time.monotonic() < late:
            message = self.next()
            assert message is not None, f"closed with {self.socket.close_code}"
            if isinstance(message, kind) and where(message):
                return message
        raise AssertionError(f"no {kind.__name__} within {WITHIN:.0f} s")

    def next(self) -> Spoken | None:
        """The next message, or None when the server has closed the socket."""
        data = self.wait(self.socket.read_message())
        if data is None:
            return None
        SPOKEN.validate(msgspec.json.decode(data))
        message: Spoken = msgspec.json.decode(data, type=Spoken)
        self.heard.append(message)
        return message

    def closed(self) -> int | None:
        """The code with which the server closes the socket."""
        while self.next() is not None:
            pass
        return self.socket.close_code

    def silent(self, seconds: float) -> bool:
        """True when nothing is heard for so long."""
        read = asyncio.ensure_future(self.socket.read_message(), loop=self.loop)
        done, _ = self.loop.run_until_complete(asyncio.wait([read], timeout=seconds))
        return not done

    def log(self, channel: str, pieces: int | None = None) -> list[LogPiece]:
        """Pieces of a followed log, each acknowledged, until the last or so many."""
        found: list[LogPiece] = []
        while not found or not found[-1].done:
            found.append(self.hear(LogPiece, lambda piece: piece.channel == channel))
            self.say(Ack(channel=channel, number=found[-1].number))
            if pieces is not None and len(found) >= pieces:
                break
        return found

    def rows(self) -> dict[str, Any]:
        """Every workload as this page knows it now, by id."""
        known: dict[str, Any] = {}
        for message in self.heard:
            if isinstance(message, RowsSnapshot):
                known = {row.workload.id: row for row in message.rows}
            elif isinstance(message, RowsChange):
                known |= {row.workload.id: row for row in message.rows}
                known = {id: row for id, row in known.items() if id not in message.deleted}
        return known

    def close(self) -> None:
        """Go away."""
        self.socket.close()

    def vanish(self) -> None:
        """Go away without a word, as when a machine is switched off."""
        protocol = self.socket.protocol
        assert protocol is not None and protocol.stream is not None
        protocol.stream.close()

    def wait(self, work: Awaitable[T]) -> T:
        """The server runs on the same loop, and so only while something is waited for."""
        return self.loop.run_until_complete(asyncio.wait_for(work, WITHIN))


def until(loop: asyncio.AbstractEventLoop, holds: Callable[[], Any]) -> None:
    """Let the server run until a condition holds."""

    async def looked() -> None:
        async with asyncio.timeout(WITHIN):
            while not holds():
                await asyncio.sleep(0.01)

    loop.run_until_complete(looked())
