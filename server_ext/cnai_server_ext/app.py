"""The extension as Jupyter Server loads it: its settings and its routes."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Int, Unicode

from cnai_server_ext.routes import routes

PROTOCOL = 1


class CnaiServerApp(ExtensionApp):
    """Serves `cnai/api/` to the pages of JupyterLab and Notebook.

    Its settings go into a `jupyter_server_config.py` as `c.CnaiServerApp.<name>`.
    """

    name = "cnai_server_ext"
    app_name = "cnai"
    description = "Cloud-native AI from a notebook: the server half of cnai-sdk."
    extension_url = "/cnai"
    load_other_extensions = True

    reported_version = Unicode(
        help="The version that pages are told. A page of another version offers to reload."
    ).tag(config=True)

    protocol = Int(
        PROTOCOL,
        help="The version of the messages between page and server; pages of another one reload.",
    ).tag(config=True)

    def _reported_version_default(self) -> str:
        return version("cnai-sdk")

    def initialize_settings(self) -> None:
        """Hand the handlers what they answer from."""
        self.settings["cnai_handshake"] = {
            "version": self.reported_version,
            "protocol": self.protocol,
        }

    def initialize_handlers(self) -> None:
        """Add the routes below the server's base URL."""
        added: list[Any] = self.handlers
        added.extend(routes())
