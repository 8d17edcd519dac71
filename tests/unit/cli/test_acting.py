"""stop, rerun, delete, and what `train` refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cnai_sdk import runtime
from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import TrainSpec

from .conftest import Cnai

Submitted = Callable[..., str]


def names(memory: MemoryBackend) -> list[str]:
    return [w.name for w in runtime.call(memory.list())]


def test_several_jobs_are_stopped_at_once(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    ids = [submitted("one"), submitted("two")]
    assert cnai("stop", "one", "two").exit_code == 0
    assert all(runtime.call(memory.get(id)).phase is Phase.STOPPED for id in ids)


def test_with_one_unknown_name_none_is_stopped(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted("one")
    assert cnai("stop", "one", "nobody").exit_code == 1
    assert not runtime.call(memory.get(id)).phase.ended


def test_stopping_an_ended_job_says_that_it_had_ended(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted()
    memory.start(id)
    memory.finish(id)
    assert "had ended before: Succeeded" in cnai("stop", "digits").stdout


@pytest.mark.parametrize("count", [1, 2])
def test_stopping_an_ended_job_names_its_later_runs_that_go_on(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted, count: int
) -> None:
    memory.finish(_started(memory, submitted()))
    submitted("other")
    later = [submitted() for _ in range(count)]
    said = cnai("stop", "digits").stdout
    assert "digits had ended before: Succeeded" in said
    runs = [f"digits-{n}" for n in range(2, 2 + count)]
    assert all(run in said for run in runs)
    assert "other" not in said
    assert cnai(*said.strip().rpartition("Stop it: cnai ")[2].split()).exit_code == 0
    assert all(runtime.call(memory.get(id)).phase is Phase.STOPPED for id in later)


def test_delete_asks_and_takes_no_for_an_answer(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    submitted()
    answer = cnai("delete", "digits", input="n\n")
    assert answer.exit_code == 1
    assert names(memory) == ["digits"]


@pytest.mark.parametrize(("words", "said"), [((), "y\n"), (("--yes",), "")])
def test_delete_removes_what_it_may(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted, words: tuple[str, ...], said: str
) -> None:
    submitted()
    assert cnai("delete", "digits", *words, input=said).exit_code == 0
    assert names(memory) == []


@pytest.mark.parametrize("verb", [("delete", "--yes"), ("stop",)])
def test_a_name_is_first_that_of_one_job_and_then_of_its_newest_run(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted, verb: tuple[str, ...]
) -> None:
    first, second, third = (submitted() for _ in range(3))
    assert cnai(*verb, "digits").exit_code == 0
    assert left(memory) == {second, third}
    runtime.call(memory.delete(first))
    assert cnai(*verb, "digits").exit_code == 0
    assert left(memory) == {second}


def test_a_job_that_is_named_twice_is_deleted_once(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    submitted()
    id = submitted()
    answer = cnai("delete", "digits-2", id, "digits-2", "--yes", "--json")
    assert json.loads(answer.stdout) == ["digits-2"]
    assert names(memory) == ["digits"]


def left(memory: MemoryBackend) -> set[str]:
    """The ids of jobs that neither were deleted nor have ended."""
    return {w.id for w in runtime.call(memory.list()) if not w.phase.ended}


def test_delete_as_json_never_asks(cnai: Cnai, memory: MemoryBackend, submitted: Submitted) -> None:
    submitted()
    answer = cnai("delete", "digits", "--json")
    assert answer.exit_code == 2
    assert "--yes" in json.loads(answer.stderr)["next_step"]
    assert names(memory) == ["digits"]


def test_rerun_changes_what_is_given_and_keeps_the_rest(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    memory.finish(_started(memory, submitted("digits", 2)))
    words = ("--memory", "2Gi", "--timeout", "90", "--retries", "1", "--env", "A=1=2")
    again = json.loads(cnai("rerun", "digits", *words, "--json").stdout)
    spec = runtime.call(memory.spec(again["id"]))
    assert isinstance(spec, TrainSpec)
    assert (spec.workers, spec.resources.memory, spec.timeout) == (2, 2 * 2**30, 90.0)
    assert (spec.retries, spec.env) == (1, {"A": "1=2"})


def _started(memory: MemoryBackend, id: str) -> str:
    memory.start(id)
    return id


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workers", "0"), "--workers 0 is not a number of workers."),
        (("--workers", "0"), "such as --workers 2."),
        (("--memory", "8GB"), "--memory 8G"),
        (("--timeout", "soon"), "length of time"),
        (("--env", "hf_abcdefghijklmnopqrstuvwxyz0123456789"), "NAME=VALUE"),
        (("--cpu", "-1"), "or leave --cpu out."),
        (("--secret", "NOT_KEPT"), "cnai secrets set NOT_KEPT"),
        (("--image", "Not An Image"), "Write --image pytorch/pytorch:"),
        (("--data", "nowhere.csv"), "nothing is there"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(
    cnai: Cnai,
    memory: MemoryBackend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("script.py").write_text("print(1)\n")
    answer = cnai("train", "script.py", *words)
    assert answer.exit_code in (1, 2)
    assert said in answer.stderr
    assert "hf_abcdef" not in answer.output
    assert names(memory) == []


@pytest.mark.parametrize(
    "words",
    [
        ("--token", "q9Zx81LmPw02Vb77"),
        ("--api-key=q9Zx81LmPw02Vb77",),
        ("hf_abcdefghijklmnopqrstuvwxyz0123456789",),
    ],
)
def test_a_secret_is_no_argument_of_a_script(
    cnai: Cnai,
    memory: MemoryBackend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("script.py").write_text("print(1)\n")
    answer = cnai("train", "script.py", "--", *words)
    assert answer.exit_code == 2
    assert "looks like a secret" in answer.stderr
    assert "q9Zx81LmPw02Vb77" not in answer.output
    assert names(memory) == []


@pytest.mark.parametrize("words", [("--lr", "0.5"), ("--lr=0.5",)])
def test_an_option_of_the_script_is_told_where_it_goes(cnai: Cnai, words: tuple[str, ...]) -> None:
    answer = cnai("train", "fit.py", *words)
    assert answer.exit_code == 2
    assert "train fit.py -- --lr" in answer.stderr
    assert "Did you mean" not in answer.stderr
    asked = json.loads(cnai("train", "fit.py", *words, "--json").stderr)
    assert "go after --" in asked["what"]


def test_a_slip_in_an_option_of_train_is_put_right(cnai: Cnai) -> None:
    assert "Did you mean --memory?" in cnai("train", "fit.py", "--memroy", "8Gi").stderr


@pytest.mark.parametrize(("file", "said"), [("lesson.ipynb", "cnai.train(fn)"), ("a.sh", ".py")])
def test_only_python_scripts_are_trained(cnai: Cnai, file: str, said: str) -> None:
    answer = cnai("train", file)
    assert answer.exit_code == 2
    assert said in answer.stderr
