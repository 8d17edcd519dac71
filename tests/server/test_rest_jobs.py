"""REST: what a page reads of places, jobs and quotas, and the backend of notebooks to come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.config import load_config
from cnai_sdk.model.spec import DataLink, Payload, Resources, TrainSpec

from .conftest import Ask, Fetch

Submit = Callable[..., str]


@pytest.fixture
def jp_server_config(memory: MemoryBackend, store: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"backends": {"memory": "tests.server.made:first"}},
    }


@pytest.fixture
def submit(memory: MemoryBackend, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Submit:
    """Create a workload in memory, and give its id."""

    def submitted(name: str = "digits", **fields: Any) -> str:
        payload = Payload(entry=name, files={"script.py": b"print('hi')\n", "code/a.py": b""})
        spec = TrainSpec(name=name, payload=payload, **fields)
        secrets = dict.fromkeys(spec.secrets, "hunter2")
        return jp_asyncio_loop.run_until_complete(memory.submit(spec, secrets=secrets)).id

    return submitted


def test_the_sources_say_where_jobs_run_and_what_serves(ask: Ask) -> None:
    body = ask("sources").body
    assert [source["id"] for source in body["sources"]] == ["local", "memory"]
    assert body["serving"] == {
        "backend": "local",
        "source": "local",
        "why": "default",
        "choices": ["local"],
    }


def test_the_list_is_newest_first(ask: Ask, submit: Submit) -> None:
    first, second = submit("first"), submit("second")
    body = ask("jobs/memory").body
    assert body["source"] == "memory"
    assert [row["workload"]["id"] for row in body["rows"]] == [second, first]


def test_a_job_is_answered_whole(ask: Ask, submit: Submit, memory: MemoryBackend) -> None:
    id = submit()
    memory.start(id)
    memory.report(id, step=1, accuracy=0.5)
    memory.write(id, "model.pt", b"weights")
    memory.finish(id, result={"accuracy": 0.5})
    job = ask(f"jobs/memory/{id}").body
    assert job["row"]["workload"]["phase"] == "Succeeded"
    assert job["metrics"][0]["values"] == {"accuracy": 0.5}
    assert job["events"][0]["reason"] == "Created"
    assert json.loads(job["result"]) == {"accuracy": 0.5}
    assert job["outputs"] == [{"path": "model.pt", "size": 7}]


def test_a_failed_job_has_its_verdict(ask: Ask, submit: Submit, memory: MemoryBackend) -> None:
    id = submit()
    memory.start(id)
    memory.print_line(id, "ValueError: no such class 'cat'")
    memory.fail(id)
    assert ask(f"jobs/memory/{id}").body["diagnosis"]["happened"]


def test_the_script_comes_with_names_of_secrets_and_no_value(fetch: Fetch, submit: Submit) -> None:
    id = submit(
        workers=3,
        resources=Resources(cpu=1.0),
        env={"EPOCHS": "3"},
        secrets=("API_TOKEN",),
        packages=("einops",),
        data=(DataLink(path="a.csv", source="/data/a.csv"),),
    )
    answer = fetch(f"jobs/memory/{id}/script")
    assert b"hunter2" not in answer.body
    body = json.loads(answer.body)
    assert body["text"] == "print('hi')\n"
    assert (body["entry"], body["files"], body["workers"]) == ("digits", ["code/a.py"], 3)
    assert (body["env"], body["secrets"]) == ({"EPOCHS": "3"}, ["API_TOKEN"])
    assert body["data"] == [{"path": "a.csv", "source": "/data/a.csv"}]


def test_the_quota_names_what_can_be_used(ask: Ask) -> None:
    body = ask("quota/memory").body
    assert body["quota"]["backend"] == "memory"
    assert body["quota"]["items"]


class TestWhetherSomethingFits:
    def fits(self, fetch: Fetch, **asked: Any) -> tuple[int, Any]:
        answer = fetch("fits/memory", method="POST", body=asked)
        return answer.code, json.loads(answer.body)

    def test_the_place_itself_says(self, fetch: Fetch, ask: Ask) -> None:
        status, body = self.fits(fetch, wishes={"workers": 1, "cpu": 1}, count=2)
        assert (status, body["fit"]["answer"], body["fit"]["now"]) == (200, "now", 2)
        status, body = self.fits(fetch, wishes={"cpu": 1000})
        assert (status, body["fit"]["answer"]) == (200, "never")
        assert body["fit"]["why"]
        assert not ask("jobs/memory").body.get("rows")

    @pytest.mark.parametrize(
        "asked",
        [
            {"wishes": {"cpu": "half"}},
            {"wishes": {"memory": "10GB"}},
            {"wishes": {"memroy": "1Gi"}},
            {"wishes": {"env": {"TOKEN": "x"}}},
            {"wishes": {}, "count": 0},
            {"wishes": {}, "count": 1001},
            {"wishes": {}, "count": "many"},
            {"of": {}},
        ],
    )
    def test_what_makes_no_sense_is_refused_with_a_reason(
        self, fetch: Fetch, asked: dict[str, Any]
    ) -> None:
        status, body = self.fits(fetch, **asked)
        assert status == 400
        assert body["what"] and body["next_step"]

    @pytest.mark.parametrize("count", [0, -1, 1.5, "half"])
    def test_a_number_of_jobs_is_refused_as_a_call_refuses_it(
        self, fetch: Fetch, count: object
    ) -> None:
        _, body = self.fits(fetch, wishes={"cpu": 1}, count=count)
        assert body["what"] == f"count={count!r} is not a number of jobs."


@pytest.mark.parametrize(
    "address",
    ["jobs/nowhere", "jobs/nowhere/x", "jobs/memory/never-was", "quota/nowhere"]
    + [f"jobs/memory/never-was/{part}" for part in ("script", "lines", "search?text=x", "log.txt")],
)
def test_what_is_not_there_is_404_in_the_one_shape(ask: Ask, address: str) -> None:
    answer = ask(address)
    assert answer.status == 404
    assert set(answer.body) == {"what", "why", "next_step"}


def test_jupyterlab_adds_the_time_to_each_address(ask: Ask, submit: Submit) -> None:
    id = submit()
    assert ask(f"jobs/memory/{id}/lines?count=5&1700000000000").status == 200
    assert ask("version?no_track_activity=1&1700000000000").status == 200


@pytest.mark.parametrize("query", ["cout=5", "count=0", "count=5001", "count=x", "before=0"])
def test_a_query_that_cannot_be_is_400(ask: Ask, submit: Submit, query: str) -> None:
    answer = ask(f"jobs/memory/{submit()}/lines?{query}")
    assert answer.status == 400
    assert answer.body["why"]


class TestServing:
    def test_choosing_writes_the_configuration(self, fetch: Fetch, store: Path) -> None:
        store.parent.joinpath("config.toml").write_text('# mine\nlog_limit = "1Mi"\n')
        answer = fetch("serving", method="PUT", body={"source": "local"})
        assert json.loads(answer.body) == {
            "backend": "local",
            "source": "local",
            "why": "configuration file",
            "choices": ["local"],
        }
        assert "# mine" in store.parent.joinpath("config.toml").read_text()
        assert load_config().backend_why == "configuration file"

    def test_a_backend_that_is_none_is_refused(self, fetch: Fetch, store: Path) -> None:
        answer = fetch("serving", method="PUT", body={"source": "mars"})
        assert answer.code == 400
        assert not store.parent.joinpath("config.toml").exists()

    def test_where_the_environment_decides_a_switch_is_refused(
        self, fetch: Fetch, ask: Ask, monkeypatch: pytest.MonkeyPatch, store: Path
    ) -> None:
        monkeypatch.setenv("CNAI_BACKEND", "local")
        assert ask("serving").body["fixed"] is True
        answer = fetch("serving", method="PUT", body={"source": "local"})
        assert answer.code == 400
        assert "CNAI_BACKEND" in json.loads(answer.body)["what"]
        assert not store.parent.joinpath("config.toml").exists()


class TestBroken:
    """A place that cannot be used now."""

    @pytest.fixture
    def jp_server_config(self, store: Path) -> dict[str, Any]:
        return {
            "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
            "CnaiServerApp": {"backends": {"away": "tests.server.made:broken"}},
        }

    @pytest.mark.parametrize("address", ["jobs/away", "jobs/away/x", "quota/away"])
    def test_it_is_503_with_the_reason(self, ask: Ask, address: str) -> None:
        answer = ask(address)
        assert answer.status == 503
        assert answer.body["what"] == "The cluster cannot be reached."

    def test_the_others_are_not_concerned(self, ask: Ask) -> None:
        assert ask("jobs/local").body == {"source": "local"}
