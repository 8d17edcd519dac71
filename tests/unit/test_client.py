"""The verbs choose a backend, say which and why, and find what exists on it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("verb", ["train", "use", "fits", "job", "jobs", "quota", "gpus"])
def test_a_verb_shows_what_may_be_written_in_its_call(verb: str) -> None:
    shown = inspect.signature(getattr(cnai, verb)).parameters
    meant = inspect.signature(getattr(Client(MemoryBackend()), verb)).parameters
    assert list(shown.values()) == [each for each in meant.values() if each.name != "unknown"]
    assert all(each.kind is not each.VAR_KEYWORD for each in shown.values())


@pytest.mark.parametrize("name", [3, None])
def test_what_is_no_name_of_a_job_is_refused(client: Client, name: object) -> None:
    with pytest.raises(InvalidRequest, match="no name of a job") as refusal:
        client.job(name)  # type: ignore[arg-type]
    assert "cnai.jobs()" in refusal.value.next_step


def test_the_list_of_jobs_sends_a_name_to_where_names_go(client: Client) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        client.jobs()["digits"]
    assert "cnai.job('digits')" in refusal.value.next_step


def test_the_list_of_jobs_can_be_narrowed_as_in_the_terminal(
    client: Client, backend: MemoryBackend
) -> None:
    running, queued = client.train(work, name="running"), client.train(work, name="queued")
    backend.start(running.id)
    assert [job.name for job in client.jobs(phase="running")] == [running.name]
    assert [job.name for job in client.jobs(phase=Phase.QUEUED, kind="train")] == [queued.name]
    assert repr(client.jobs(phase="Failed")) == "No such jobs."
    assert len(client.jobs(phase=None, kind=None)) == 2


@pytest.mark.parametrize(
    ("asked", "what", "step"),
    [
        ({"phase": "Faild"}, "phase='Faild' is not a phase of a job.", 'mean phase="Failed"?'),
        ({"phase": 3}, "phase=3 is not a phase of a job.", "Write phase="),
        ({"kind": "training"}, "kind='training' is not a kind of a job.", 'mean kind="train"?'),
        ({"phse": "Failed"}, "jobs() has no argument phse.", "Did you mean phase='Failed'?"),
        ({"limit": 3}, "jobs() has no argument limit.", "jobs() takes phase, kind."),
    ],
)
def test_a_mistyped_question_for_jobs_is_answered_with_what_may_be_asked(
    client: Client, asked: dict[str, Any], what: str, step: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        client.jobs(**asked)
    assert refusal.value.what == what
    assert step in refusal.value.next_step
    if "not a phase" in what:
        assert refusal.value.why.startswith("There is Queued, Starting, Running, ")


def test_a_mistyped_choice_of_a_place_is_answered_with_what_may_be_chosen(client: Client) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        client.use("kubernetes", namspace="team-a")
    assert refusal.value.next_step == "Did you mean namespace='team-a'?"


def test_a_variable_that_is_handed_on_is_not_said_to_stay_behind(
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = 'import os\n\nos.environ["TK"] = "x"\n\n\ndef reads():\n    return os.environ["TK"]\n'
    (tmp_path / "with_token.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TK", "")
    module = importlib.import_module("with_token")
    monkeypatch.delitem(sys.modules, "with_token")
    client.train(module.reads, env={"TK": "x"})
    client.train(module.reads, secrets=["TK"])
    assert "does not travel" not in capsys.readouterr().err
    client.train(module.reads)
    assert "os.environ['TK'] changes the environment" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda job: job.wait(timeout="soon"), "timeout='soon' is not a length of time"),
        (lambda job: job.wait(timeout=-1), "timeout=-1 is not a length of time"),
        (lambda job: job.logs(tail="5"), "tail='5' is not a number of lines"),
        (lambda job: job.logs(tail=-1), "tail=-1 is not a number of lines"),
        (lambda job: job.logs(rank=2), "work has no worker 2"),
        (lambda job: job.logs(follow=True, rank=-1), "work has no worker -1"),
        (lambda job: job.reports(rank=5), "work has no worker 5"),
        (lambda job: job.reports().plot("nosuch"), "No metric 'nosuch' was reported"),
    ],
)
def test_what_a_handle_cannot_be_asked_is_refused_and_not_answered_with_nothing(
    client: Client, ask: Callable[[TrainJob], object], said: str
) -> None:
    job = client.train(work, workers=2)
    with pytest.raises(InvalidRequest) as refusal:
        ask(job)
    assert said in refusal.value.what
    assert refusal.value.next_step


def test_a_wait_takes_a_length_of_time_as_train_does(client: Client) -> None:
    with pytest.raises(WaitTimeout, match=r"has not ended in 0\.1 s"):
        client.train(work).wait(timeout="0.1s")


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
