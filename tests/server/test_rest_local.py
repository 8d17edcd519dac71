"""REST over real processes of this machine: a long log, files, a rerun, activity of the server."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cnai_sdk.backends.record.logbook import SEGMENT, LogWriter, headers_of, segments
from cnai_server_ext import logs
from cnai_server_ext.activity import has_store, keep_alive
from cnai_server_ext.messages import Follow, RowsSnapshot
from cnai_server_ext.places import Places, local_backend

from .conftest import Ask, Connect, Fetch
from .local import Local
from .page import until


@pytest.fixture
def jp_server_config(store: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"looks_for_jobs_every": 0.1},
    }


def test_a_job_from_its_start_to_its_file(ask: Ask, fetch: Fetch, local: Local) -> None:
    id = local.submit()
    assert local.ended(id).phase.value == "Succeeded"
    job = ask(f"jobs/local/{id}").body
    assert json.loads(job["result"]) == "first"
    assert job["outputs"] == [{"path": "said.txt", "size": 5}]
    assert [line["text"] for line in ask(f"jobs/local/{id}/lines").body["lines"]] == ["it is first"]
    assert fetch(f"jobs/local/{id}/outputs/said.txt").body == b"first"
    assert ask("jobs/local").body["rows"][0]["workload"]["id"] == id


def test_it_runs_again_with_another_argument(fetch: Fetch, local: Local) -> None:
    id = local.submit()
    local.ended(id)
    body = {"do": "rerun", "ids": [id], "changes": {"args": {"word": "second"}}}
    [made] = json.loads(fetch("jobs/local/actions", method="POST", body=body).body)["made"]
    assert local.ended(made["id"]).phase.value == "Succeeded"
    assert local.run(local.backend.result(made["id"])) == b'"second"'


def test_a_running_job_is_stopped_and_deleted(fetch: Fetch, local: Local) -> None:
    id = local.submit("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    until(local._loop, lambda: local.get(id).phase.value == "Running")
    for do in ("stop", "delete"):
        body = {"do": do, "ids": [id]}
        answer = fetch("jobs/local/actions", method="POST", body=body)
        assert json.loads(answer.body) == {"done": [id]}
    assert local.run(local.backend.list()) == []


class TestALongLog:
    LINES = 300_000

    @pytest.fixture
    def id(self, local: Local) -> str:
        """An ended job with a log of several segments, in many segments."""
        id = local.submit()
        local.ended(id)
        folder = local.backend._index.folder(id).log
        for path in folder.iterdir():
            path.unlink()
        writer = LogWriter(folder, 2**30)
        for start in range(0, self.LINES, 100):
            text = "".join(f"line {n} {'.' * 40}\n" for n in range(start + 1, start + 101))
            writer.feed(0, text.encode())
        return id

    def test_it_opens_at_its_end_and_pages_back(self, ask: Ask, local: Local, id: str) -> None:
        before = self.LINES + 1
        for page in range(5):
            where = "" if page == 0 else f"&before={before}"
            body = ask(f"jobs/local/{id}/lines?count=500{where}").body
            numbers = [line["number"] for line in body["lines"]]
            assert numbers == list(range(before - 500, before))
            before = numbers[0]

    def test_a_page_in_the_middle_is_found_by_its_number(self, ask: Ask, id: str) -> None:
        body = ask(f"jobs/local/{id}/lines?count=10&before=150000").body
        assert [line["number"] for line in body["lines"]] == list(range(149_990, 150_000))

    def test_a_search_stops_in_time_and_goes_on(
        self, ask: Ask, id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logs, "_SEARCH_SECONDS", 0.05)
        found: list[int] = []
        after, turns = 0, 0
        while True:
            body = ask(f"jobs/local/{id}/search?text=line+299999+&after={after}").body
            found += body.get("numbers", [])
            turns += 1
            if body.get("complete"):
                break
            assert body["searched"] > after
            after = body["searched"]
        assert found == [299_999]
        assert turns > 1

    def test_one_of_a_gigabyte_opens_at_its_end_without_being_read(
        self, ask: Ask, connect: Connect, local: Local, id: str
    ) -> None:
        last = lengthen(local.backend._index.folder(id).log, 2**30)
        before = bytes_read()
        assert ask(f"jobs/local/{id}/lines?count=500").body["lines"][-1]["number"] == last
        assert bytes_read() - before < 3 * SEGMENT
        page = connect()
        page.start()
        page.hear(RowsSnapshot)
        before = bytes_read()
        page.say(Follow(channel="log", source="local", id=id, tail=500))
        numbers = [line.number for piece in page.log("log") for line in piece.lines]
        assert numbers == list(range(last - 499, last + 1))
        assert bytes_read() - before < 3 * SEGMENT

    def test_a_download_is_whole_and_kept_in_no_memory(
        self, local: Local, jp_serverapp: Any, jp_http_port: int, http_server_client: Any, id: str
    ) -> None:
        """Read slowly: what the server holds meanwhile stays small."""
        most, got = local.run(_slowly(jp_serverapp, jp_http_port, f"jobs/local/{id}/log.txt"))
        assert got > 15 * 2**20
        assert most < 12 * 2**20


def lengthen(log: Path, size: int) -> int:
    """Make a log as long as that, by its first segment again and again; its last line's number.

    A segment's name is the number of its first line, so one file serves as all of them.
    """
    first, *others = segments(log)
    for path in others:
        path.unlink()
    lines = sum(header.lines for header in headers_of(first.read_bytes(), first=1))
    for each in range(1, size // first.stat().st_size + 1):
        (log / f"{each * lines + 1:012d}").hardlink_to(first)
    names = segments(log)
    assert sum(path.stat().st_size for path in names) >= size
    return len(names) * lines


def bytes_read() -> int:
    """How many bytes this process, in which the server is, has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


async def _slowly(app: Any, port: int, address: str) -> tuple[int, int]:
    """Download by a client that pauses first; by how much this process grew, and what came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
    token = app.identity_provider.token
    lines = (
        f"GET {app.base_url}cnai/api/{address} HTTP/1.1",
        f"Host: localhost:{port}",
        f"Authorization: token {token}",
        "Connection: close",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()
    before, most = _resident(), 0
    got = len(await reader.read(2**16))
    for _ in range(50):
        await asyncio.sleep(0.01)
        most = max(most, _resident() - before)
    while data := await reader.read(2**20):
        got += len(data)
        most = max(most, _resident() - before)
    writer.close()
    return most, got


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class TestFiles:
    @pytest.fixture
    def id(self, local: Local) -> str:
        """An ended job."""
        id = local.submit()
        local.ended(id)
        return id

    def test_a_large_file_comes_whole(self, fetch: Fetch, local: Local, id: str) -> None:
        data = os.urandom(3 * 2**20 + 17)
        (local.folder(id) / "weights.pt").write_bytes(data)
        answer = fetch(f"jobs/local/{id}/outputs/weights.pt")
        assert answer.headers["Content-Length"] == str(len(data))
        assert answer.body == data

    def test_an_empty_file_is_empty(self, fetch: Fetch, local: Local, id: str) -> None:
        (local.folder(id) / "none").touch()
        answer = fetch(f"jobs/local/{id}/outputs/none")
        assert (answer.code, answer.body) == (200, b"")
        assert answer.headers["Content-Type"] == "application/octet-stream"

    @pytest.mark.parametrize("place", ["/etc/passwd", "../spec.json", "../../../outside"])
    def test_a_link_that_leads_out_is_refused(
        self, fetch: Fetch, local: Local, id: str, place: str
    ) -> None:
        (local.folder(id) / "link").symlink_to(place)
        assert fetch(f"jobs/local/{id}/outputs/link").code == 400

    def test_a_pipe_keeps_nobody_waiting(self, fetch: Fetch, local: Local, id: str) -> None:
        os.mkfifo(local.folder(id) / "pipe")
        assert fetch(f"jobs/local/{id}/outputs/pipe").code == 404

    def test_a_folder_is_no_file(self, fetch: Fetch, local: Local, id: str) -> None:
        (local.folder(id) / "plots").mkdir()
        assert fetch(f"jobs/local/{id}/outputs/plots").code == 404

    @pytest.mark.parametrize(
        "path",
        [
            "../spec.json",
            "%2e%2e%2fspec.json",
            "..%2Fspec.json",
            "%2e%2e/%2e%2e/%2e%2e/config.toml",
            "%2Fetc%2Fpasswd",
            "/etc/passwd",
            "a/../../spec.json",
            "said.txt%00.png",
            "%00",
            "..%5c..%5cspec.json",
            quote("．．／spec.json"),
            "%c0%ae%c0%ae/spec.json",
            "%ff",
            "a" * 4097,
            "x/" * 1500 + "x",
        ],
    )
    def test_a_path_never_leaves_the_outputs(self, fetch: Fetch, id: str, path: str) -> None:
        answer = fetch(f"jobs/local/{id}/outputs/{path}")
        assert answer.code in (400, 404)
        assert b"root:" not in answer.body
        assert set(json.loads(answer.body)) == {"what", "why", "next_step"}


class TestActivity:
    @pytest.fixture(autouse=True)
    def started(self, jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> None:
        """As a server does once its loop runs."""
        starting = jp_serverapp.extension_manager.start_all_extensions()
        jp_asyncio_loop.run_until_complete(starting)

    def test_a_running_job_counts_and_an_ended_one_does_not(
        self, local: Local, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        times: dict[str, datetime] = jp_serverapp.web_app.settings["last_activity_times"]
        assert "cnai_jobs" not in times
        id = local.submit("import time\ntime.sleep(600)\n")
        until(local._loop, lambda: "cnai_jobs" in times)
        seen = times["cnai_jobs"]
        until(local._loop, lambda: times["cnai_jobs"] > seen)
        assert jp_serverapp.web_app.last_activity() >= times["cnai_jobs"]
        local.run(local.backend.stop(id))
        local.ended(id)
        looks = looks_at(jp_serverapp.web_app.settings["cnai"].backend("local"), monkeypatch)
        # The first of them may have begun before the end was written.
        until(local._loop, lambda: len(looks) > 2)
        seen = times["cnai_jobs"]
        until(local._loop, lambda: len(looks) > 4)
        assert times["cnai_jobs"] == seen

    def test_what_a_page_reads_does_not_count(
        self, ask: Ask, fetch: Fetch, jp_serverapp: Any
    ) -> None:
        app = jp_serverapp.web_app
        before = app.last_activity()
        for address in ("version", "sources", "jobs/local", "quota/local", "no/such"):
            ask(address)
        fetch("fits/local", method="POST", body={"wishes": {}, "count": 1})
        assert app.last_activity() == before

    def test_what_a_person_does_counts(self, fetch: Fetch, jp_serverapp: Any) -> None:
        app = jp_serverapp.web_app
        before = app.last_activity()
        body = {"do": "delete", "ids": ["never-was"]}
        fetch("jobs/local/actions?no_track_activity=1", method="POST", body=body)
        assert app.last_activity() == before
        fetch("jobs/local/actions", method="POST", body=body)
        assert app.last_activity() > before

    def test_looking_makes_no_store(
        self, store: Path, jp_asyncio_loop: asyncio.AbstractEventLoop
    ) -> None:
        looks: list[bool] = []

        def worth_it() -> bool:
            looks.append(has_store())
            return looks[-1]

        places = Places({"local": local_backend})
        looking = keep_alive(places, {}, every=0.01, worth_it=worth_it)
        task = jp_asyncio_loop.create_task(looking)
        until(jp_asyncio_loop, lambda: len(looks) > 2)
        task.cancel()
        assert not any(looks) and not store.exists()


def looks_at(backend: Any, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by each look at the list of jobs."""
    looks: list[None] = []
    listed = backend.list

    async def look() -> Any:
        found = await listed()
        looks.append(None)
        return found

    monkeypatch.setattr(backend, "list", look)
    return looks


class TestWithoutActivity:
    @pytest.fixture
    def jp_server_config(self, store: Path) -> dict[str, Any]:
        return {
            "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
            "CnaiServerApp": {"looks_for_jobs_every": 0.05, "running_jobs_keep_alive": False},
        }

    def test_the_setting_turns_it_off(self, local: Local, jp_serverapp: Any) -> None:
        local.run(jp_serverapp.extension_manager.start_all_extensions())
        local.submit("import time\ntime.sleep(600)\n")
        assert not any(
            "keep_alive" in str(task.get_coro()) for task in asyncio.all_tasks(local._loop)
        )
        assert "cnai_jobs" not in jp_serverapp.web_app.settings["last_activity_times"]
