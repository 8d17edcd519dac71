"""`cnai/api/stream`: the one WebSocket of a page.

Belongs here: who may open it, and how its bytes leave. What is said is `stream`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.ioloop import PeriodicCallback
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from cnai_server_ext.pace import Limits
from cnai_server_ext.stream import Conversation

_ROOM = 4


class StreamHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """Carries one conversation; its traffic is nobody's activity, so no setting is touched."""

    auth_resource = "cnai"
    _conversation: Conversation | None = None
    _telling: asyncio.Task[None] | None = None

    @property
    def max_message_size(self) -> int:
        """Beyond our own limit, up to which a page is told why it loses its socket."""
        limits: Limits = self.settings["cnai_limits"]
        return limits.message * _ROOM

    @ws_authenticated
    @authorized(action="read")  # type: ignore[untyped-decorator]
    async def get(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Open the socket, for a page of this server whose person may read."""
        await super().get(*args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin the conversation."""
        super().open(*args, **kwargs)
        self.set_nodelay(True)
        self._conversation = Conversation(
            self.settings["cnai"],
            **self.settings["cnai_handshake"],
            limits=self.settings["cnai_limits"],
            send=self._send,
            shut=self.close,
        )
        self._telling = asyncio.get_running_loop().create_task(self._tell(self._conversation))

    async def on_message(self, message: str | bytes) -> None:
        """Take one message; the next is read when this one was dealt with."""
        if self._conversation is not None:
            await self._conversation.hear(message)

    def on_close(self) -> None:
        """End everything that was done for this page."""
        if self._telling is not None:
            self._telling.cancel()
        pings: PeriodicCallback | None = self.ping_callback
        if pings is not None:
            pings.stop()
        self._conversation = self._telling = None

    async def _tell(self, conversation: Conversation) -> None:
        with contextlib.suppress(WebSocketClosedError):
            try:
                await conversation.run()
            except (asyncio.CancelledError, WebSocketClosedError):
                raise
            except Exception:
                self.log.exception("The stream to a page broke")
                self.close(1011, "internal error")

    async def _send(self, message: bytes) -> None:
        """Write, and return when the operating system has taken it all."""
        await self.write_message(message)
