"""REST: stop, run again, delete, suspend and resume, one or many at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, ServeSpec, TrainSpec
from cnai_sdk.model.workload import Workload
from cnai_server_ext import actions

from .conftest import Fetch


@pytest.fixture
def jp_server_config(memory: MemoryBackend, store: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"backends": {"memory": "tests.server.made:first"}},
    }


SCRIPT = b"""
def work(lr=0.1, epochs=3):
    return lr


if __name__ == "__main__":
    _cnai_result = work(lr=0.1)
"""


@pytest.fixture
def get(memory: MemoryBackend, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Callable[..., Any]:
    """Ask the backend itself: `get("spec", id)`."""
    return lambda what, *given, **named: jp_asyncio_loop.run_until_complete(
        getattr(memory, what)(*given, **named)
    )


@pytest.fixture
def submit(get: Callable[..., Any]) -> Callable[..., str]:
    """Create a workload, and give its id."""

    def submitted(name: str = "digits", **fields: Any) -> str:
        payload = Payload(entry="work", files={"script.py": SCRIPT})
        workload: Workload = get(
            "submit", TrainSpec(name=name, payload=payload, **fields), secrets={}
        )
        return workload.id

    return submitted


@pytest.fixture
def act(fetch: Fetch) -> Callable[..., Any]:
    """What is answered to an action that is understood."""

    def acted(do: str, *ids: str, **more: Any) -> Any:
        body = {"do": do, "ids": ids, **more}
        answer = fetch("jobs/memory/actions", method="POST", body=body)
        assert answer.code == 200, answer.body
        return json.loads(answer.body)

    return acted


def test_a_job_is_stopped(act: Any, submit: Any, get: Any) -> None:
    id = submit()
    assert act("stop", id) == {"done": [id]}
    assert get("get", id).phase is Phase.STOPPED


def test_one_refusal_does_not_stop_the_others(act: Any, submit: Any, get: Any) -> None:
    first, second = submit("a"), submit("b")
    answer = act("stop", first, "never-was", second)
    assert answer["done"] == [first, second]
    [refused] = answer["refused"]
    assert refused["id"] == "never-was"
    assert "never-was" in refused["problem"]["what"]
    assert {get("get", id).phase for id in (first, second)} == {Phase.STOPPED}


def test_an_error_that_nobody_expected_is_one_refusal_too(
    act: Any, submit: Any, memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = submit("a"), submit("b")
    stop = memory.stop

    async def breaks(id: str) -> None:
        if id == first:
            raise RuntimeError("password=hunter2")
        await stop(id)

    monkeypatch.setattr(memory, "stop", breaks)
    answer = act("stop", first, second)
    assert answer["done"] == [second]
    assert "hunter2" not in json.dumps(answer)


def test_a_thousand_at_once_but_few_at_a_time(
    act: Any, memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, most = 0, 0

    async def counted(id: str) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    monkeypatch.setattr(memory, "delete", counted)
    ids = [f"job-{number}" for number in range(1000)]
    assert act("delete", *ids)["done"] == ids
    assert 1 < most <= actions._AT_ONCE


def test_an_id_that_is_named_twice_is_acted_on_once(act: Any, submit: Any, get: Any) -> None:
    id = submit()
    assert len(act("rerun", id, id)["made"]) == 1
    assert len(get("list")) == 2


def test_deleting_what_is_gone_is_done(act: Any, submit: Any, get: Any) -> None:
    id = submit()
    assert act("delete", id, "never-was") == {"done": [id, "never-was"]}
    assert get("list") == []


def test_suspend_and_resume(act: Any, submit: Any, get: Any) -> None:
    id = submit()
    act("suspend", id)
    assert get("get", id).suspended
    act("resume", id)
    assert not get("get", id).suspended


class TestAgain:
    def test_the_same_code_runs_again_under_a_name_of_its_own(
        self, act: Any, submit: Any, get: Any
    ) -> None:
        id = submit()
        answer = act("rerun", id)
        [made] = answer["made"]
        assert answer["done"] == [id]
        assert (made["base"], made["name"]) == ("digits", "digits-2")
        assert get("spec", made["id"]).payload == get("spec", id).payload

    def test_with_changes(self, act: Any, submit: Any, get: Any) -> None:
        changes = {"workers": 2, "cpu": 1, "args": {"lr": 0.5}, "name": "other"}
        [made] = act("rerun", submit(), changes=changes)["made"]
        spec = get("spec", made["id"])
        assert (spec.workers, spec.resources.cpu, spec.name) == (2, 1.0, "other")
        assert "lr=0.5" in spec.payload.script

    def test_it_runs_with_the_python_that_the_first_one_had(
        self, act: Any, submit: Any, get: Any
    ) -> None:
        [made] = act("rerun", submit(interpreter="/opt/kernel/bin/python"))["made"]
        assert get("spec", made["id"]).interpreter == "/opt/kernel/bin/python"

    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            ({"wrkers": 2}, "workers"),
            ({"workers": 0}, "workers"),
            ({"env": {"API_TOKEN": "x"}}, "API_TOKEN"),
            ({"args": {"no_such": 1}}, "no_such"),
            ({"data": ["train.csv"]}, "whole path"),
            ({"secrets": ["NOT_SET_ANYWHERE"]}, "NOT_SET_ANYWHERE"),
        ],
    )
    def test_a_change_that_cannot_be_is_refused_and_nothing_is_made(
        self, act: Any, submit: Any, get: Any, changes: Any, word: str
    ) -> None:
        answer = act("rerun", submit(), changes=changes)
        assert "made" not in answer
        assert word in " ".join(answer["refused"][0]["problem"].values())
        assert len(get("list")) == 1

    def test_an_endpoint_is_not_run_again(self, act: Any, get: Any) -> None:
        made = get("submit", ServeSpec(name="x", payload=Payload(entry="X")), secrets={})
        assert act("rerun", made.id)["refused"][0]["id"] == made.id

    @pytest.mark.parametrize(
        "body", [{"do": "rerun", "ids": ["a", "b"]}, {"do": "stop", "ids": ["a"]}]
    )
    def test_changes_are_for_one_job_only(self, fetch: Fetch, body: Any) -> None:
        asked = {**body, "changes": {"workers": 2}}
        assert fetch("jobs/memory/actions", method="POST", body=asked).code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"do": "stop"}',
        b'{"do": "stop", "ids": []}',
        b'{"do": "explode", "ids": ["a"]}',
        b'{"do": "stop", "ids": ["a"], "more": 1}',
        b'{"do": "stop", "ids": "a"}',
        b'{"do": "stop", "ids": [""]}',
        b'{"do": "stop", "ids": ["' + b"a" * 201 + b'"]}',
        json.dumps({"do": "stop", "ids": [str(n) for n in range(1001)]}).encode(),
        b"\xff\xfe",
        b"[" * 30_000,
    ],
)
def test_a_body_that_is_not_understood_is_400_in_the_one_shape(fetch: Fetch, body: bytes) -> None:
    answer = fetch("jobs/memory/actions", method="POST", body=body)
    assert answer.code == 400
    assert set(json.loads(answer.body)) == {"what", "why", "next_step"}


def test_an_action_in_a_place_that_is_none_is_404(fetch: Fetch) -> None:
    body = {"do": "stop", "ids": ["a"]}
    assert fetch("jobs/nowhere/actions", method="POST", body=body).code == 404
