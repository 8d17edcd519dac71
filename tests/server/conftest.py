"""A Jupyter server in this process, with our extension and no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Imported here, not a plugin of the whole run: it would give every async test its own event loop.
from pytest_jupyter.jupyter_core import *  # noqa: F403
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.websocket import websocket_connect

from cnai_sdk.backends.memory.backend import MemoryBackend
from tests.server.made import MADE

from .local import Local
from .page import Page


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
                request_timeout=60,
            )
        )
        return Answer(answer.code, json.loads(answer.body))

    return asked


Fetch = Callable[..., HTTPResponse]


@pytest.fixture
def fetch(
    jp_serverapp: Any, http_server_client: Any, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Fetch:
    """Ask an address below `cnai/api` for the whole response; the token is sent unless headers say
    otherwise, and a body that is no bytes is sent as JSON."""

    def fetched(
        address: str,
        *,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTTPResponse:
        token = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
        answer: HTTPResponse = jp_asyncio_loop.run_until_complete(
            http_server_client.fetch(
                f"{jp_serverapp.base_url}cnai/api/{address}",
                method=method,
                headers=token if headers is None else headers,
                body=body if body is None or isinstance(body, bytes) else json.dumps(body),
                allow_nonstandard_methods=True,
                follow_redirects=False,
                raise_error=False,
                request_timeout=60,
            )
        )
        return answer

    return fetched


@pytest.fixture
def store(tmp_path: Path, sockets: Path, monkeypatch: pytest.MonkeyPatch, jp_environ: None) -> Path:
    """A store, a configuration and a folder for sockets of the test's own."""
    monkeypatch.delenv("CNAI_BACKEND", raising=False)
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("CNAI_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("CNAI_SECRETS_FILE", str(tmp_path / "private" / "secrets.json"))
    monkeypatch.setenv("CNAI_WARM", "false")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(sockets))
    return tmp_path / "store"


@pytest.fixture
def local(store: Path, jp_serverapp: Any, jp_asyncio_loop: Any) -> Iterator[Local]:
    """The local backend beside the server; what a test leaves is deleted."""
    made = Local(jp_asyncio_loop)
    yield made
    for workload in made.run(made.backend.list()):
        made.run(made.backend.delete(workload.id))
    made.run(made.backend.close())


@pytest.fixture
def memory() -> Iterator[MemoryBackend]:
    """A backend that `"tests.server.made:first"` gives to the server."""
    MADE["first"] = backend = MemoryBackend()
    yield backend
    MADE.clear()


Connect = Callable[..., Page]


@pytest.fixture
def connect(
    jp_serverapp: Any,
    http_server_client: Any,
    jp_http_port: int,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Connect]:
    """Open a page's socket, with the server's token unless `headers` say otherwise."""
    pages: list[Page] = []

    def connected(headers: dict[str, str] | None = None) -> Page:
        token = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
        request = HTTPRequest(
            f"ws://localhost:{jp_http_port}{jp_serverapp.base_url}cnai/api/stream",
            headers=token if headers is None else headers,
        )
        opening = websocket_connect(request, max_message_size=64 * 2**20)
        pages.append(Page(jp_asyncio_loop, jp_asyncio_loop.run_until_complete(opening)))
        return pages[-1]

    yield connected
    for page in pages:
        page.close()
    conversations = jp_serverapp.web_app.settings["cnai"].close()
    jp_asyncio_loop.run_until_complete(conversations)
