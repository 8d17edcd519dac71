"""A Jupyter server in this process, with our extension and no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

# Imported here, not a plugin of the whole run: it would give every async test its own event loop.
from pytest_jupyter.jupyter_core import *  # noqa: F403
from pytest_jupyter.jupyter_server import *  # noqa: F403


@dataclass(frozen=True)
class Answer:
    """What the server said: the HTTP status and the JSON."""

    status: int
    body: Any


Ask = Callable[..., Answer]


@pytest.fixture  # type: ignore[no-redef]
def jp_server_config() -> dict[str, Any]:
    """Our extension is on; what it is configured with, a test says by overriding this."""
    return {"ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}}}


@pytest.fixture(autouse=True)
def the_servers_loop_is_current(jp_asyncio_loop: asyncio.AbstractEventLoop) -> None:
    """An async test before may have left the thread without one, and the server asks for it."""
    asyncio.set_event_loop(jp_asyncio_loop)


@pytest.fixture
def ask(
    jp_serverapp: Any, http_server_client: Any, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Ask:
    """Ask an address below `cnai/api`, with the server's token unless `token` says otherwise.

    A plain function: the server runs on the loop of its own fixtures, and answers only there.
    """

    def asked(address: str, *, method: str = "GET", token: str | None = "") -> Answer:
        chosen = jp_serverapp.identity_provider.token if token == "" else token
        answer = jp_asyncio_loop.run_until_complete(
            http_server_client.fetch(
                f"{jp_serverapp.base_url}cnai/api/{address}",
                method=method,
                headers={} if chosen is None else {"Authorization": f"token {chosen}"},
                body="{}" if method in ("POST", "PUT", "PATCH") else None,
                follow_redirects=False,
                raise_error=False,
            )
        )
        return Answer(answer.code, json.loads(answer.body))

    return asked
