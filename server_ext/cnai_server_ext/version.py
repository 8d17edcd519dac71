"""The handshake: which version the server half is, so that an older page can say reload."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from cnai_server_ext.handler import CnaiHandler


class VersionHandler(CnaiHandler):
    """`GET cnai/api/version` → `{"version": "0.1.0", "protocol": 1}`."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the version of the wheel and that of the messages."""
        self.finish(self.settings["cnai_handshake"])
