"""Who may ask, and what hostile requests cannot do: over every route, as the table has them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.config import load_config
from cnai_sdk.places import Place, note
from cnai_server_ext.openapi import document
from cnai_server_ext.operation import Operation
from cnai_server_ext.rest import BODY, OPERATIONS
from cnai_server_ext.routes import routes

from .conftest import Fetch

SHAPE = {"what", "why", "next_step"}
ACT = {"do": "stop", "ids": ["never-was"]}
USED = Place(context="gpu-lab", namespace="team-a")
BODIES = {
    "jobs/{source}/actions": ACT,
    "serving": {"source": "local"},
    "sources/forget": {"source": USED.id},
    "fits/{source}": {"wishes": {"cpu": 1}, "count": 2},
}

every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}"
)
every_change = pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if each.method != "GET"],
    ids=lambda each: f"{each.method} {each.path}",
)


@pytest.fixture
def jp_server_config(memory: MemoryBackend, store: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"backends": {"memory": "tests.server.made:first"}},
    }


def address_of(operation: Operation) -> str:
    """An address that would be answered."""
    address = re.sub(r"\{source\}", "memory", operation.path)
    address = re.sub(r"\{[^}]+\}", "x", address)
    return address + ("?text=x" if operation.path.endswith("/search") else "")


@pytest.fixture
def signed_in(fetch: Fetch, jp_serverapp: Any, jp_asyncio_loop: Any, jp_http_port: int) -> str:
    """The cookies of a browser that opened the server with its token."""
    root = f"{host(jp_http_port)}{jp_serverapp.base_url}"
    token = jp_serverapp.identity_provider.token
    kept: dict[str, str] = {}
    for url in (f"{root}login", f"{root}api/status?token={token}"):
        answer = jp_asyncio_loop.run_until_complete(
            AsyncHTTPClient().fetch(url, follow_redirects=False, raise_error=False)
        )
        for cookie in answer.headers.get_list("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            kept[name] = value
    assert "_xsrf" in kept and any(name.startswith("username-") for name in kept)
    return "; ".join(f"{name}={value}" for name, value in kept.items())


def host(port: int) -> str:
    """The server's own origin, as a browser names it."""
    return f"http://127.0.0.1:{port}"


class TestWhoMayAsk:
    def test_every_route_of_ours_is_one_of_these(self) -> None:
        """A handler beside the table would escape the tests below."""
        patterns = [route[0] for route in routes()]
        assert len(patterns) == len({each.path for each in OPERATIONS}) + 2
        assert patterns[-2:] == ["/cnai/api/stream", "/cnai/api(?:/.*)?"]

    @every_operation
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}])
    def test_without_the_token_it_is_403(
        self, operation: Operation, fetch: Fetch, headers: dict[str, str]
    ) -> None:
        body = BODIES.get(operation.path)
        answer = fetch(address_of(operation), method=operation.method, body=body, headers=headers)
        assert answer.code == 403
        assert set(json.loads(answer.body)) == SHAPE

    @every_change
    def test_a_cookie_without_the_xsrf_header_is_403(
        self, operation: Operation, fetch: Fetch, signed_in: str, store: Path
    ) -> None:
        body, headers = BODIES[operation.path], {"Cookie": signed_in}
        answer = fetch(address_of(operation), method=operation.method, body=body, headers=headers)
        assert answer.code == 403
        assert not store.parent.joinpath("config.toml").exists()

    @every_change
    def test_a_cookie_with_the_xsrf_header_is_answered(
        self, operation: Operation, fetch: Fetch, signed_in: str
    ) -> None:
        xsrf = re.search(r"_xsrf=([^;]+)", signed_in)
        assert xsrf is not None
        headers = {"Cookie": signed_in, "X-XSRFToken": xsrf[1]}
        body = BODIES[operation.path]
        note(load_config(), USED)
        answer = fetch(address_of(operation), method=operation.method, body=body, headers=headers)
        assert answer.code == 200

    @every_operation
    def test_a_cookie_from_a_foreign_origin_is_refused(
        self, operation: Operation, fetch: Fetch, signed_in: str
    ) -> None:
        xsrf = re.search(r"_xsrf=([^;]+)", signed_in)
        assert xsrf is not None
        headers = {
            "Cookie": signed_in,
            "Origin": "https://evil.example",
            "X-XSRFToken": xsrf[1],
        }
        body = BODIES.get(operation.path)
        answer = fetch(address_of(operation), method=operation.method, body=body, headers=headers)
        assert answer.code in (403, 404)
        assert json.loads(answer.body)["what"].startswith("The server could not answer")
        assert "Access-Control-Allow-Origin" not in answer.headers

    @every_operation
    @pytest.mark.parametrize("method", ["DELETE", "PATCH", "HEAD"])
    def test_no_other_method_is_open(self, operation: Operation, fetch: Fetch, method: str) -> None:
        assert fetch(address_of(operation), method=method, headers={}).code in (403, 405)
        assert fetch(address_of(operation), method=method).code == 405

    def test_a_download_opens_from_a_page_of_this_server(
        self, fetch: Fetch, signed_in: str, jp_http_port: int, memory: MemoryBackend
    ) -> None:
        headers = {"Cookie": signed_in, "Referer": f"{host(jp_http_port)}/lab"}
        assert fetch("jobs/memory/never-was/log.txt", headers=headers).code == 404


class TestAuthorized:
    """A person who may only read, as an administrator's authorizer says."""

    @pytest.fixture
    def jp_server_config(self, memory: MemoryBackend, store: Path) -> dict[str, Any]:
        return {
            "ServerApp": {
                "jpserver_extensions": {"cnai_server_ext": True},
                "authorizer_class": "tests.server.made.OnlyReads",
            },
            "CnaiServerApp": {"backends": {"memory": "tests.server.made:first"}},
        }

    @every_operation
    def test_reading_is_allowed_and_nothing_else(self, operation: Operation, fetch: Fetch) -> None:
        body = BODIES.get(operation.path)
        answer = fetch(address_of(operation), method=operation.method, body=body)
        assert (answer.code == 403) == (operation.method != "GET")


class TestSocket:
    @pytest.fixture
    def opened(
        self, fetch: Fetch, jp_serverapp: Any, jp_http_port: int, jp_asyncio_loop: Any
    ) -> Callable[[dict[str, str]], int]:
        """The status with which the socket is refused, or 101."""

        def tried(headers: dict[str, str]) -> int:
            url = f"ws://127.0.0.1:{jp_http_port}{jp_serverapp.base_url}cnai/api/stream"
            opening = websocket_connect(HTTPRequest(url, headers=headers))
            try:
                jp_asyncio_loop.run_until_complete(opening).close()
            except HTTPClientError as error:
                return int(error.code)
            return 101

        return tried

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}])
    def test_without_the_token_it_stays_shut(self, opened: Any, headers: dict[str, str]) -> None:
        assert opened(headers) == 403

    def test_a_cookie_from_a_foreign_origin_stays_outside(
        self, opened: Any, signed_in: str, jp_http_port: int
    ) -> None:
        foreign = {"Cookie": signed_in, "Origin": "https://evil.example"}
        assert opened(foreign) == 403
        assert opened({"Cookie": signed_in, "Origin": host(jp_http_port)}) == 101


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    '<a data-commandlinker-command="x">',
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "\u202egpj.exe",
    "a\x00b",
    "../../../etc/passwd",
    "..\\..\\x",
    "' OR 1=1 --",
    "%s%n{0}{__class__}",
    "．．／",
    "é" * 150,
)


class TestHostileNames:
    @pytest.mark.parametrize("name", HOSTILE)
    @pytest.mark.parametrize("source", ["memory", "local"])
    @pytest.mark.parametrize("rest", ["", "/script", "/lines", "/log.txt", "/outputs/x"])
    def test_an_id_that_is_none_is_404_as_json(
        self, fetch: Fetch, source: str, name: str, rest: str
    ) -> None:
        answer = fetch(f"jobs/{source}/{quote(name, safe='')}{rest}")
        assert answer.code == 404
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert set(json.loads(answer.body)) == SHAPE

    @pytest.mark.parametrize("source", ["memory", "local"])
    @pytest.mark.parametrize("do", ["stop", "rerun", "suspend", "resume", "delete"])
    def test_actions_on_them_are_refused_one_by_one(
        self, fetch: Fetch, source: str, do: str
    ) -> None:
        body = {"do": do, "ids": HOSTILE}
        answer = fetch(f"jobs/{source}/actions", method="POST", body=body)
        assert answer.code == 200
        told = json.loads(answer.body)
        if do == "delete":
            assert told == {"done": list(HOSTILE)}
        else:
            assert [each["id"] for each in told["refused"]] == list(HOSTILE)

    def test_half_a_surrogate_pair_is_no_id(self, fetch: Fetch) -> None:
        body = b'{"do": "stop", "ids": ["\\ud800"]}'
        assert fetch("jobs/local/actions", method="POST", body=body).code in (200, 400)

    @pytest.mark.parametrize(
        "path",
        ["../x", "%2e%2e%2fx", "%2Fetc%2Fpasswd", "..%5cx", "x%00", "%00", "%ff", "a" * 5000],
    )
    def test_an_output_outside_is_refused(self, fetch: Fetch, path: str) -> None:
        assert fetch(f"jobs/memory/never-was/outputs/{path}").code in (400, 404)


class TestBodies:
    def test_one_over_the_limit_is_413_before_it_is_read(self, fetch: Fetch) -> None:
        body = b'{"do": "stop", "ids": ["' + b"a" * BODY + b'"]}'
        answer = fetch("jobs/memory/actions", method="POST", body=body)
        assert answer.code == 413
        assert set(json.loads(answer.body)) == SHAPE

    def test_one_that_does_not_say_its_length_is_413_too(
        self, fetch: Fetch, jp_serverapp: Any, jp_http_port: int, jp_asyncio_loop: Any
    ) -> None:
        token = jp_serverapp.identity_provider.token
        status = jp_asyncio_loop.run_until_complete(
            _chunked(jp_http_port, f"{jp_serverapp.base_url}cnai/api/jobs/memory/actions", token)
        )
        assert status == 413

    def test_one_of_the_largest_that_is_allowed_is_read(self, fetch: Fetch) -> None:
        body = json.dumps(ACT).encode()
        body += b" " * (BODY - len(body))
        assert fetch("jobs/memory/actions", method="POST", body=body).code == 200


async def _chunked(port: int, path: str, token: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: token {token}\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode())
    for _ in range(BODY // 1000 + 5):
        writer.write(b"3e8\r\n" + b"a" * 1000 + b"\r\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


# -- anything at all, made from the OpenAPI document ------------------------------------

DESCRIBED = document(OPERATIONS, version="0")
TEXT = st.text(max_size=30) | st.sampled_from(HOSTILE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly what a schema allows, sometimes anything."""
    if "$ref" in schema:
        return of(DESCRIBED["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of([of(each) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | JSON
    if schema.get("type") == "object":
        fields = {name: of(each) for name, each in schema.get("properties", {}).items()}
        return st.fixed_dictionaries({}, optional=fields) | JSON
    if schema.get("type") == "array":
        return st.lists(of(schema["items"]), max_size=3) | JSON
    if schema.get("type") == "integer":
        return st.integers() | st.integers(0, 10)
    if schema.get("type") == "boolean":
        return st.sampled_from(["true", "false", "1", "maybe"])
    return TEXT


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What is refused is logged, and a thousand of it is much to print."""
    with caplog.at_level("CRITICAL"):
        yield


@every_operation
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_is_asked_is_answered_and_never_breaks(
    operation: Operation, fetch: Fetch, quiet: None, data: st.DataObject
) -> None:
    address = "/" + operation.path.replace("*}", "}")
    described = DESCRIBED["paths"][address][operation.method.lower()]
    places, query = {}, {}
    for parameter in described["parameters"]:
        if parameter["in"] == "path":
            known = st.sampled_from(["memory", "local"]) if parameter["name"] == "source" else TEXT
            places[parameter["name"]] = data.draw(known | TEXT) or "x"
        elif data.draw(st.booleans()):
            query[parameter["name"]] = data.draw(of(parameter["schema"]))
    query |= data.draw(st.dictionaries(TEXT.filter(bool), TEXT, max_size=1))
    body = None
    if operation.body is not None:
        content = described["requestBody"]["content"]["application/json"]["schema"]
        body = data.draw(of(content).map(lambda it: json.dumps(it).encode()) | st.binary())
    filled = re.sub(r"\{(\w+)\*?\}", lambda it: quote(places[it[1]], safe=""), operation.path)
    answer = fetch(
        f"{filled}?{urlencode(query, errors='replace')}", method=operation.method, body=body
    )
    assert answer.code in (200, 400, 404, 501), answer.body
    if answer.code != 200:
        assert set(json.loads(answer.body)) == SHAPE
