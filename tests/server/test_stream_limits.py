"""Who may open the stream, and what a page cannot do to the server."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from cnai_sdk.backends.memory.backend import MemoryBackend
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_server_ext.messages import (
    Ack,
    Beat,
    Follow,
    Hello,
    LogPiece,
    Look,
    NotDone,
    RowsChange,
    RowsSnapshot,
)

from .conftest import Connect
from .page import HEARD, until


@pytest.fixture
def jp_server_config(memory: MemoryBackend) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"backends": {"local": "tests.server.made:first"}, "beat_every": 0.3},
    }


@pytest.fixture
def cookie(
    jp_serverapp: Any,
    http_server_client: Any,
    jp_http_port: int,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> str:
    """What a browser has after it was opened with the token."""
    token = jp_serverapp.identity_provider.token
    address = f"http://localhost:{jp_http_port}{jp_serverapp.base_url}api/status?token={token}"
    answer = jp_asyncio_loop.run_until_complete(AsyncHTTPClient().fetch(address))
    found = [each.split(";")[0] for each in answer.headers.get_list("Set-Cookie")]
    assert any(each.startswith("username-") for each in found)
    return "; ".join(found)


class TestRefused:
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}])
    def test_without_the_token_it_does_not_open(
        self, connect: Connect, headers: dict[str, str]
    ) -> None:
        with pytest.raises(HTTPClientError, match="403"):
            connect(headers)

    def test_a_cookie_opens_it_from_the_servers_own_pages(
        self, connect: Connect, cookie: str, jp_http_port: int
    ) -> None:
        page = connect({"Cookie": cookie, "Origin": f"http://localhost:{jp_http_port}"})
        page.start()
        assert page.hear(Hello).sources

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost", "null"])
    def test_a_cookie_does_not_open_it_from_elsewhere(
        self, connect: Connect, cookie: str, origin: str
    ) -> None:
        with pytest.raises(HTTPClientError, match="403"):
            connect({"Cookie": cookie, "Origin": origin})

    def test_one_who_may_not_read_does_not_open_it(
        self, connect: Connect, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def refuse(handler: Any, user: Any, action: str, resource: str) -> bool:
            asked.append((action, resource))
            return False

        monkeypatch.setattr(jp_serverapp.authorizer, "is_authorized", refuse)
        with pytest.raises(HTTPClientError, match="403"):
            connect()
        assert asked == [("read", "cnai")]


MALFORMED = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"start"',
    b'{"type":"nonsense"}',
    b'{"type":"look","source":"local"}',
    b'{"type":"look","source":"local","ids":[1]}',
    b'{"type":"open","source":"local","id":"","more":1}',
    b'{"type":"ack","channel":"a","number":1e400}',
    b'{"type":"follow","channel":"a","source":"local","id":"x","tail":-1}',
    b'{"type":"follow","channel":"a","source":"local","id":"x","tail":10001}',
    b"[" * 30_000,
)


class TestAbuse:
    @pytest.mark.parametrize("data", MALFORMED, ids=lambda data: repr(data[:40]))
    def test_a_malformed_message_is_refused_and_the_socket_stays_open(
        self, connect: Connect, data: bytes
    ) -> None:
        page = connect()
        page.start()
        page.hear(Hello)
        page.send(data)
        problem = page.hear(NotDone).problem
        assert problem.what and len(problem.why) <= 300 and problem.next_step
        page.hear(Beat)

    @pytest.mark.parametrize("data", MALFORMED, ids=lambda data: repr(data[:40]))
    def test_the_schema_refuses_it_as_the_server_does(self, data: bytes) -> None:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            return
        assert not HEARD.is_valid(message)

    def test_one_before_the_start_closes_it(self, connect: Connect) -> None:
        page = connect()
        page.send(b'{"type":"nonsense"}')
        assert page.closed() == 1008

    def test_the_first_message_must_be_the_start(self, connect: Connect) -> None:
        page = connect()
        page.say(Look(source="local", ids=()))
        assert page.closed() == 1008

    @pytest.mark.parametrize("size", [70_000, 200_000])
    def test_an_oversized_message_closes_it(self, connect: Connect, size: int) -> None:
        page = connect()
        page.start()
        page.hear(Hello)
        page.send(b'{"type":"start","pad":"' + b"x" * size + b'"}')
        assert page.closed() == 1009

    def test_a_gigantic_message_closes_it_before_it_was_read(self, connect: Connect) -> None:
        page = connect()
        page.start()
        page.hear(Hello)
        page.send(b" " * 2**20)
        assert page.closed() in (1009, None)  # the connection may break while it still writes

    def test_text_that_is_not_utf_8_closes_it(self, connect: Connect) -> None:
        page = connect()
        page.start()
        page.hear(Hello)
        page.send(b"\xff\xfe")
        page.closed()


class TestFloods:
    @pytest.fixture
    def jp_server_config(self, memory: MemoryBackend) -> dict[str, Any]:
        """One message a second, so that twenty are a flood however slowly they come."""
        own = {"backends": {"local": "tests.server.made:first"}, "messages_per_second": 1}
        return {
            "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
            "CnaiServerApp": {**own, "beat_every": 0.3},
        }

    def test_a_flood_closes_it(self, connect: Connect) -> None:
        page = connect()
        page.start()
        page.hear(Hello)
        page.say(*[Look(source="local", ids=())] * 20)
        assert page.closed() == 1008

    def test_a_flood_of_nonsense_closes_it_too(self, connect: Connect) -> None:
        page = connect()
        page.start()
        page.hear(Hello)
        for _ in range(20):
            page.socket.write_message(b"{")
        assert page.closed() == 1008

    def test_others_do_not_notice(self, connect: Connect) -> None:
        good, bad = connect(), connect()
        good.start()
        good.hear(RowsSnapshot)
        bad.start()
        bad.say(*[Look(source="local", ids=())] * 20)
        assert bad.closed() == 1008
        good.hear(Beat)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def _grown(since: int) -> float:
    """MiB that Python has more than then."""
    gc.collect()
    return (tracemalloc.get_traced_memory()[0] - since) / 2**20


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class TestSlowPages:
    LONG = "x" * 25_000

    @pytest.fixture
    def jp_server_config(self, memory: MemoryBackend) -> dict[str, Any]:
        own = {"backends": {"local": "tests.server.made:first"}, "changes_every": 0.001}
        return {
            "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
            "CnaiServerApp": {**own, "beat_every": 0.3},
        }

    def test_a_page_that_does_not_read_costs_nothing_and_is_told_the_newest_at_last(
        self,
        connect: Connect,
        memory: MemoryBackend,
        jp_asyncio_loop: asyncio.AbstractEventLoop,
        traced: None,
    ) -> None:
        deaf, awake = connect(), connect()
        specs = [TrainSpec(name=f"job-{n}", payload=Payload(entry="job")) for n in range(8)]
        ids = [awake.wait(memory.submit(spec, secrets={})).id for spec in specs]
        for id in ids:
            memory.start(id)
        for page in (deaf, awake):
            page.start()
        awake.hear(RowsSnapshot)
        before = _held()

        async def storm() -> int:
            """10,000 changes, told to the other page in 400 messages or more."""
            read = 0
            for number in range(10_000):
                memory.progress(ids[number % 8], number, unit=self.LONG)
                if number % 25 == 24:
                    read += len(await awake.socket.read_message() or "")
            return read

        assert jp_asyncio_loop.run_until_complete(storm()) > 60 * 2**20
        assert _grown(before) < 8

        memory.finish(ids[0])

        def newest(change: RowsChange) -> bool:
            return any(row.workload.phase is Phase.SUCCEEDED for row in change.rows)

        awake.hear(RowsChange, newest)
        deaf.hear(RowsChange, newest)
        assert sum(isinstance(message, RowsChange) for message in deaf.heard) < 100
        assert deaf.rows()[ids[7]].workload.progress.done == 9_999

    def test_a_log_of_a_million_lines_costs_what_one_piece_costs(
        self, connect: Connect, memory: MemoryBackend, traced: None
    ) -> None:
        spec = TrainSpec(name="digits", payload=Payload(entry="digits"))
        page = connect()
        id = page.wait(memory.submit(spec, secrets={})).id
        memory.start(id)
        memory.print_line(id, "a line as others are, of about sixty characters, and no more")
        record = memory._shelf.find(id)
        line = record.lines[0]
        record.lines.extend(replace(line, number=n) for n in range(2, 1_000_001))
        page.start()
        page.hear(RowsSnapshot)
        before = _held()
        page.say(Follow(source="local", id=id, channel="a"))
        page.hear(LogPiece)
        page.hear(Beat)
        assert _grown(before) < 20  # a list of a million references is 8 MB, as JSON it is 130 MB
        page.say(Ack(channel="a", number=1))
        pieces = page.log("a", 5)
        assert [piece.number for piece in pieces] == [2, 3, 4, 5, 6]
        assert _grown(before) < 20


class TestGathering:
    def test_a_page_that_reads_slowly_gets_few_messages_with_all_that_is_new(
        self,
        connect: Connect,
        memory: MemoryBackend,
        jp_asyncio_loop: asyncio.AbstractEventLoop,
    ) -> None:
        spec = TrainSpec(name="digits", payload=Payload(entry="digits"))
        page = connect()
        id = page.wait(memory.submit(spec, secrets={})).id
        memory.start(id)
        page.start()
        page.hear(RowsSnapshot)
        began = time.monotonic()

        async def storm() -> None:
            for number in range(1_000):
                memory.report(id, step=number, loss=1.0)
                await asyncio.sleep(0)

        jp_asyncio_loop.run_until_complete(storm())
        took = time.monotonic() - began
        memory.report(id, step=1_001, loss=0.5)
        page.hear(RowsChange, lambda change: change.rows[0].workload.metrics["loss"] == 0.5)
        changes = sum(isinstance(message, RowsChange) for message in page.heard)
        assert changes <= 3 + took / 0.03


def test_a_page_that_goes_away_in_the_middle_of_a_write_is_forgotten(
    connect: Connect,
    memory: MemoryBackend,
    jp_serverapp: Any,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> None:
    spec = TrainSpec(name="digits", payload=Payload(entry="digits"))
    page = connect()
    id = page.wait(memory.submit(spec, secrets={})).id
    memory.start(id)
    for _ in range(2_000):
        memory.print_line(id, "x" * 200)
    page.start()
    page.say(Follow(source="local", id=id, channel="a"))
    hub = jp_serverapp.web_app.settings["cnai"].hub("local")
    until(jp_asyncio_loop, lambda: hub.readers == 1)
    page.vanish()
    until(jp_asyncio_loop, lambda: hub.readers == 0)
