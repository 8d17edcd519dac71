"""suspend and resume, from the terminal and by the handle."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cnai_sdk import runtime
from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.client import Client
from cnai_sdk.errors import InvalidRequest, Unsupported
from cnai_sdk.handle import Handle
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, TrainSpec

from .conftest import Cnai

Submitted = Callable[..., str]


def test_jobs_are_paused_and_go_on(cnai: Cnai, memory: MemoryBackend, submitted: Submitted) -> None:
    ids = [submitted("one"), submitted("two")]
    memory.start(ids[0])
    paused = cnai("suspend", "one", "two")
    assert (paused.exit_code, "cnai resume one" in paused.stdout) == (0, True)
    assert all(runtime.call(memory.get(id)).suspended for id in ids)
    assert cnai("resume", "one", "two").exit_code == 0
    now = [runtime.call(memory.get(id)) for id in ids]
    assert [(each.suspended, each.phase) for each in now] == [(False, Phase.QUEUED)] * 2


def test_with_json_they_answer_how_the_jobs_stand(cnai: Cnai, submitted: Submitted) -> None:
    submitted()
    (paused,) = json.loads(cnai("suspend", "digits", "--json").stdout)
    assert (paused["name"], paused["suspended"]) == ("digits", True)
    (again,) = json.loads(cnai("resume", "digits", "--json").stdout)
    assert "suspended" not in again


@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_with_one_unknown_name_none_is_touched(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted, verb: str
) -> None:
    id = submitted("one")
    before = runtime.call(memory.get(id))
    assert cnai(verb, "one", "nobody").exit_code == 1
    assert runtime.call(memory.get(id)) == before


@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_what_has_ended_is_not_paused(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted, verb: str
) -> None:
    id = submitted()
    memory.start(id)
    memory.finish(id)
    answer = cnai(verb, "digits")
    assert answer.exit_code == 2
    assert "digits has ended" in answer.stderr


def test_a_handle_pauses_its_job_and_lets_it_go_on(
    memory: MemoryBackend, submitted: Submitted
) -> None:
    job = Client(memory).job(submitted())
    assert job.suspend().workload.suspended
    assert not job.resume().workload.suspended
    memory.start(job.id)
    memory.finish(job.id)
    with pytest.raises(InvalidRequest, match="has ended"):
        job.suspend()


@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_where_nothing_can_be_paused_the_handle_says_what_else_can_be_done(verb: str) -> None:
    backend = MemoryBackend(suspend=False)
    spec = TrainSpec(name="digits", payload=Payload(entry="digits", files={"script.py": b""}))
    job = Handle(backend, runtime.call(backend.submit(spec, secrets={})))
    with pytest.raises(Unsupported) as refusal:
        getattr(job, verb)()
    assert "Stop it" in refusal.value.next_step
