"""The route table: every address that the extension answers, in one place."""

from __future__ import annotations

from cnai_server_ext.handler import CnaiHandler, NoSuchRoute
from cnai_server_ext.version import VersionHandler

ROOT = r"/cnai/api"


def routes() -> list[tuple[str, type[CnaiHandler]]]:
    """Each address, as a regular expression below the base URL, and who answers it."""
    return [
        (rf"{ROOT}/version", VersionHandler),
        (rf"{ROOT}(?:/.*)?", NoSuchRoute),
    ]
