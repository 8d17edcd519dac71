"""The verbs choose a backend, say which and why, and find what exists on it."""

from __future__ import annotations

from pathlib import Path

import pytest

import cnai_sdk as cnai
from cnai_sdk import runtime
from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.client import Client, default_client
from cnai_sdk.config import Config
from cnai_sdk.errors import InvalidRequest, NotFound, WaitTimeout
from cnai_sdk.handle import Handle
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, ServeSpec
from cnai_sdk.training import TrainJob


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture
def client(backend: MemoryBackend, tmp_path: Path) -> Client:
    return Client(backend, config=Config(home=tmp_path / "nothing-is-kept-here"))


def work() -> int:
    return 1


def test_the_first_answer_says_which_backend_serves_and_why(tmp_path: Path) -> None:
    client = Client(config=Config(home=tmp_path / "store", backend_why="CNAI_BACKEND"))
    assert client.use() == "local: this machine (CNAI_BACKEND)"
    assert client.use("local") == "local: this machine (cnai.use)"


def test_a_backend_that_this_version_has_not_is_refused_with_those_it_has(client: Client) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        client.use("cloud")
    assert "cloud" in refusal.value.what
    assert "local" in refusal.value.why


def test_nothing_is_made_before_the_first_verb(tmp_path: Path) -> None:
    Client(config=Config(home=tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_the_module_has_one_client_for_all_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnai_sdk.client._default", None)
    assert default_client() is default_client()
    assert len(cnai.jobs()) == 0
    assert "CPU cores" in repr(cnai.quota())


def test_a_handle_is_made_for_the_kind(client: Client, backend: MemoryBackend) -> None:
    job = client.train(work)
    assert isinstance(client.job(job.name), TrainJob)
    spec = ServeSpec(name="answers", payload=Payload(entry="work", files={"script.py": b""}))
    served = runtime.call(backend.submit(spec, secrets={}))
    handle = client.attach(served)
    assert isinstance(handle, Handle)
    assert not isinstance(handle, TrainJob)


def test_an_id_is_found_before_a_name_and_the_newest_of_a_name(
    client: Client, backend: MemoryBackend
) -> None:
    first = client.train(work, name="digits")
    backend.start(first.id)
    backend.finish(first.id)
    second = client.train(work, name="digits")
    assert second.name == "digits-2"
    assert client.job("digits").id == second.id
    assert client.job("digits-2").id == second.id
    assert client.job(first.id).id == first.id
    with pytest.raises(NotFound) as missing:
        client.job("digit")
    assert "digits" in missing.value.next_step


def test_the_list_is_newest_first_and_reads_as_a_table(
    client: Client, backend: MemoryBackend
) -> None:
    assert "cnai.train(fn)" in repr(client.jobs())
    names = [client.train(work, name=name).name for name in ("one", "two")]
    jobs = client.jobs()
    assert [job.name for job in jobs] == names[::-1]
    assert jobs[0].name == "two"
    assert [job.name for job in jobs[:1]] == ["two"]
    assert repr(jobs).splitlines()[0].startswith("two")
    assert jobs._repr_html_().startswith("<table>")


def test_waiting_and_stopping_are_the_same_on_every_backend(
    client: Client, backend: MemoryBackend
) -> None:
    job = client.train(work)
    with pytest.raises(WaitTimeout):
        job.wait(timeout=0.05)
    backend.start(job.id)
    backend.finish(job.id)
    assert job.wait(10).status is Phase.SUCCEEDED
    other = client.train(work)
    assert other.stop().wait(10).status is Phase.STOPPED


def test_what_cannot_be_prepared_is_left_alone(client: Client) -> None:
    client.warm_up()
