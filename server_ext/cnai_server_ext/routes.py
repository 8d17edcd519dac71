"""The route table: every address that the extension answers, in one place."""

from __future__ import annotations

from typing import Any

from cnai_server_ext.handler import NoSuchRoute
from cnai_server_ext.rest import operation_routes
from cnai_server_ext.socket import StreamHandler

ROOT = r"/cnai/api"


def routes() -> list[tuple[Any, ...]]:
    """Each address, as a regular expression below the base URL, and who answers it."""
    return [
        *operation_routes(ROOT),
        (rf"{ROOT}/stream", StreamHandler),
        (rf"{ROOT}(?:/.*)?", NoSuchRoute),
    ]
