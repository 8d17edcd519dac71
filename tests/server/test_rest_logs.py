"""REST: pages of a log, the search in it, and downloads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tornado.simple_httpclient import HTTPStreamClosedError

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_server_ext import logs

from .conftest import Ask, Fetch


@pytest.fixture
def jp_server_config(memory: MemoryBackend, store: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"backends": {"memory": "tests.server.made:first"}},
    }


Printed = Callable[..., str]


@pytest.fixture
def printed(memory: MemoryBackend, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Printed:
    """A running job that has printed these lines, its workers in turns; its id."""

    def made(*lines: str, workers: int = 1) -> str:
        spec = TrainSpec(name="digits", workers=workers, payload=Payload(entry="digits"))
        id = jp_asyncio_loop.run_until_complete(memory.submit(spec, secrets={})).id
        memory.start(id)
        for number, line in enumerate(lines):
            memory.print_line(id, line, rank=number % workers)
        return id

    return made


def numbers(body: Any) -> list[int]:
    """Of the lines of a page."""
    return [line["number"] for line in body.get("lines", [])]


class TestPages:
    def test_without_a_place_it_is_the_end(self, ask: Ask, printed: Printed) -> None:
        id = printed(*"abcdef")
        body = ask(f"jobs/memory/{id}/lines?count=2").body
        assert numbers(body) == [5, 6]
        assert (body.get("first", False), body["last"]) == (False, True)

    def test_before_pages_back_until_the_first(self, ask: Ask, printed: Printed) -> None:
        id = printed(*"abcdefg")
        before, pages = 8, []
        while True:
            body = ask(f"jobs/memory/{id}/lines?count=3&before={before}").body
            pages.append(numbers(body))
            assert "last" not in body
            if body.get("first"):
                break
            before = pages[-1][0]
        assert pages == [[5, 6, 7], [2, 3, 4], [1]]

    def test_after_goes_on(self, ask: Ask, printed: Printed) -> None:
        id = printed(*"abcde")
        body = ask(f"jobs/memory/{id}/lines?count=2&after=1").body
        assert numbers(body) == [2, 3]
        assert "last" not in body
        body = ask(f"jobs/memory/{id}/lines?count=9&after=3").body
        assert numbers(body) == [4, 5]
        assert body["last"] is True

    def test_one_workers_lines_keep_their_numbers(self, ask: Ask, printed: Printed) -> None:
        id = printed(*"abcdef", workers=2)
        assert numbers(ask(f"jobs/memory/{id}/lines?rank=1&count=2").body) == [4, 6]
        assert numbers(ask(f"jobs/memory/{id}/lines?rank=1&before=6").body) == [2, 4]

    def test_an_empty_log_is_first_and_last(self, ask: Ask, printed: Printed) -> None:
        assert ask(f"jobs/memory/{printed()}/lines").body == {"first": True, "last": True}

    def test_long_lines_make_a_page_shorter_and_nothing_is_skipped(
        self, ask: Ask, printed: Printed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logs, "_PAGE_TEXT", 1000)
        id = printed(*(letter * 400 for letter in "abcde"))
        body = ask(f"jobs/memory/{id}/lines").body
        assert numbers(body) == [4, 5]
        assert "first" not in body
        assert numbers(ask(f"jobs/memory/{id}/lines?before=4").body) == [2, 3]
        assert numbers(ask(f"jobs/memory/{id}/lines?after=0").body) == [1, 2]

    def test_half_a_surrogate_pair_is_still_an_answer(self, ask: Ask, printed: Printed) -> None:
        id = printed("a\ud800b")
        assert ask(f"jobs/memory/{id}/lines").status == 200


class TestSearch:
    def test_it_finds_lines_whatever_their_case(self, ask: Ask, printed: Printed) -> None:
        id = printed("Loss 1", "step", "LOSS 2", "\x1b[31mlo\x1b[0mss 3")
        body = ask(f"jobs/memory/{id}/search?text=loss").body
        assert body == {"numbers": [1, 3, 4], "total": 3, "searched": 4, "complete": True}
        assert ask(f"jobs/memory/{id}/search?text=LOSS&match_case=true").body["numbers"] == [3]

    def test_it_is_no_pattern(self, ask: Ask, printed: Printed) -> None:
        id = printed("a.c", "abc")
        assert ask(f"jobs/memory/{id}/search?{urlencode({'text': 'a.c'})}").body["numbers"] == [1]

    def test_it_finds_one_workers_lines(self, ask: Ask, printed: Printed) -> None:
        id = printed("x", "x", "x", workers=2)
        assert ask(f"jobs/memory/{id}/search?text=x&rank=1").body["numbers"] == [2]

    def test_more_than_was_asked_for_is_counted(self, ask: Ask, printed: Printed) -> None:
        body = ask(f"jobs/memory/{printed(*'xxxx')}/search?text=x&count=2").body
        assert (body["numbers"], body["total"]) == ([1, 2], 4)

    def test_out_of_time_it_says_how_far_it_came_and_goes_on_there(
        self, ask: Ask, printed: Printed, memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        id = printed("x", "y", "x")
        memory.print_line(id, "x…", partial=True)
        monkeypatch.setattr(logs, "_SEARCH_SECONDS", -1.0)
        body = ask(f"jobs/memory/{id}/search?text=x").body
        assert body == {"numbers": [1, 3], "total": 2, "searched": 3}
        memory.print_line(id, "x…x")
        body = ask(f"jobs/memory/{id}/search?text=x&after={body['searched']}").body
        assert body["numbers"] == [4]

    def test_a_search_for_nothing_is_refused(self, ask: Ask, printed: Printed) -> None:
        id = printed("x")
        assert ask(f"jobs/memory/{id}/search?text=").status == 400
        assert ask(f"jobs/memory/{id}/search").status == 400
        assert ask(f"jobs/memory/{id}/search?text={'x' * 1001}").status == 400


class TestDownloads:
    def test_the_log_is_saved_as_text(self, fetch: Fetch, printed: Printed) -> None:
        answer = fetch(f"jobs/memory/{printed('one', 'two <b>')}/log.txt")
        assert answer.body == b"one\ntwo <b>\n"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith(
            'attachment; filename="digits.log.txt"'
        )

    def test_an_empty_log_is_an_empty_file(self, fetch: Fetch, printed: Printed) -> None:
        answer = fetch(f"jobs/memory/{printed()}/log.txt")
        assert (answer.body, answer.headers["Content-Type"]) == (b"", "text/plain; charset=utf-8")

    def test_several_workers_are_told_apart(self, fetch: Fetch, printed: Printed) -> None:
        id = printed("a", "b", workers=2)
        assert fetch(f"jobs/memory/{id}/log.txt").body == b"0 | a\n1 | b\n"
        one = fetch(f"jobs/memory/{id}/log.txt?rank=1")
        assert one.body == b"b\n"
        assert "digits-rank1.log.txt" in one.headers["Content-Disposition"]

    def test_an_output_is_saved_and_never_shown(
        self, fetch: Fetch, printed: Printed, memory: MemoryBackend
    ) -> None:
        id, page = printed(), b"<script>alert(1)</script>"
        memory.write(id, "plots/page.html", page)
        answer = fetch(f"jobs/memory/{id}/outputs/plots/page.html")
        assert answer.body == page
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Length"] == str(len(page))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="page.html"')

    @pytest.mark.parametrize("name", ['a"b\r\nX: y', "模型.pt", "a;b,c", "..."])
    def test_a_foreign_name_stays_within_its_header(
        self, fetch: Fetch, printed: Printed, memory: MemoryBackend, name: str
    ) -> None:
        id = printed()
        memory.write(id, name, b"x")
        answer = fetch(f"jobs/memory/{id}/outputs/{quote(name, safe='')}")
        assert answer.body == b"x"
        assert "X" not in answer.headers
        plain, _, full = answer.headers["Content-Disposition"].partition("; filename*=UTF-8''")
        assert plain.count('"') == 2
        assert full == quote(name, safe="")

    def test_an_output_that_is_not_there_is_404(self, fetch: Fetch, printed: Printed) -> None:
        answer = fetch(f"jobs/memory/{printed()}/outputs/none.pt")
        assert answer.code == 404
        assert set(json.loads(answer.body)) == {"what", "why", "next_step"}

    def test_half_a_log_does_not_look_like_a_whole_one(
        self,
        fetch: Fetch,
        printed: Printed,
        memory: MemoryBackend,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        id, whole = printed("one"), memory.logs

        async def breaks(id: str, **which: Any) -> Any:
            async for batch in whole(id, **which):
                yield batch
            raise OSError("the disk is gone")

        monkeypatch.setattr(memory, "logs", breaks)
        with pytest.raises(HTTPStreamClosedError):
            fetch(f"jobs/memory/{id}/log.txt")

    def test_a_browser_that_goes_away_ends_the_reading(
        self,
        jp_serverapp: Any,
        jp_http_port: int,
        http_server_client: Any,
        jp_asyncio_loop: asyncio.AbstractEventLoop,
        printed: Printed,
        memory: MemoryBackend,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        id, ended = printed(), asyncio.Event()

        async def endless(id: str, **which: Any) -> Any:
            try:
                while True:
                    yield [LogLine(text="x" * 60_000, number=1)]
            finally:
                ended.set()

        async def leaves() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
            address = f"{jp_serverapp.base_url}cnai/api/jobs/memory/{id}/log.txt"
            token = jp_serverapp.identity_provider.token
            writer.write(
                f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{jp_http_port}\r\n"
                f"Authorization: token {token}\r\n\r\n".encode()
            )
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            writer.close()
            await asyncio.wait_for(ended.wait(), 20)

        monkeypatch.setattr(memory, "logs", endless)
        jp_asyncio_loop.run_until_complete(leaves())
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
