"""jobs, logs, status, events, explain: what they show, and their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from click.testing import CliRunner

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.cli.app import app
from cnai_sdk.client import Client
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload

from .conftest import Cnai

Submitted = Callable[..., str]


def test_without_jobs_the_list_says_how_one_starts(cnai: Cnai) -> None:
    answer = cnai("jobs")
    assert answer.exit_code == 0
    assert answer.stdout == ""
    assert "cnai train script.py" in answer.stderr


def test_jobs_stand_below_one_another_newest_first(cnai: Cnai, submitted: Submitted) -> None:
    submitted("digits")
    submitted("a-much-longer-name")
    first, second = cnai("jobs").stdout.splitlines()
    assert first.startswith("a-much-longer-name  ")
    assert second.startswith("digits              ")


def test_the_list_can_be_narrowed_to_a_phase(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    running = submitted("running")
    submitted("queued")
    memory.start(running)
    found = msgspec.json.decode(cnai("jobs", "--phase", "running", "--json").stdout)
    assert [w["name"] for w in found] == ["running"]


def test_old_ended_jobs_are_left_out_and_counted_until_all_are_asked_for(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    memory.start(submitted("oldest"))
    for number in range(22):
        id = submitted(f"job-{number}")
        memory.start(id)
        memory.finish(id)
    answer = cnai("jobs")
    assert "oldest" in answer.stdout, "it has not ended"
    assert len(answer.stdout.splitlines()) == 21
    assert "2 older" in answer.stderr
    assert len(cnai("jobs", "--all").stdout.splitlines()) == 23


def test_json_of_jobs_and_status_is_the_workload(cnai: Cnai, submitted: Submitted) -> None:
    id = submitted("digits")
    (listed,) = msgspec.json.decode(cnai("jobs", "--json").stdout, type=list[Workload])
    shown = msgspec.json.decode(cnai("status", "digits", "--json").stdout, type=Workload)
    assert listed == shown
    assert shown.id == id


def test_colours_are_left_out_where_no_terminal_is(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted()
    memory.start(id)
    memory.print_line(id, "\x1b[31mred\x1b[0m")
    assert "\x1b" not in cnai("jobs").stdout + cnai("logs", "digits").stdout


def test_a_terminal_gets_colours_unless_no_color_is_set(
    memory: MemoryBackend, submitted: Submitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.start(submitted())

    def shown() -> str:
        client = Client(backend=memory)
        return CliRunner().invoke(app, ["jobs"], obj=client, color=True).stdout

    assert "\x1b[34m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown()


def test_lines_of_several_workers_carry_their_rank(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted(workers=2)
    memory.start(id)
    memory.print_line(id, "zero", rank=0)
    memory.print_line(id, "one", rank=1)
    assert cnai("logs", "digits").stdout == "0 │ zero\n1 │ one\n"
    assert cnai("logs", "digits", "--rank", "1").stdout == "one\n"
    assert cnai("logs", "digits", "--tail", "1").stdout == "1 │ one\n"


def test_json_of_logs_is_one_line_each(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted()
    memory.start(id)
    memory.print_line(id, "first")
    memory.print_line(id, "second")
    lines = cnai("logs", "digits", "--json").stdout.splitlines()
    assert [msgspec.json.decode(line, type=LogLine).text for line in lines] == ["first", "second"]


@pytest.mark.parametrize("words", [("--rank", "2"), ("--rank", "-1"), ("--tail", "-3")])
def test_a_worker_or_a_tail_that_cannot_be_is_refused(
    cnai: Cnai, submitted: Submitted, words: tuple[str, ...]
) -> None:
    submitted(workers=2)
    answer = cnai("logs", "digits", *words)
    assert answer.exit_code == 2
    assert "What to do" in answer.stderr


@pytest.mark.parametrize(("workers", "ranks"), [(1, "--rank 0, or"), (3, "--rank 2 or below, or")])
def test_which_workers_there_are_is_told(
    cnai: Cnai, submitted: Submitted, workers: int, ranks: str
) -> None:
    submitted(workers=workers)
    assert ranks in cnai("logs", "digits", "--rank", "7").stderr


def test_the_exit_code_of_status_says_whether_it_failed(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    good, bad = submitted("good"), submitted("bad")
    memory.start(good)
    memory.start(bad)
    assert cnai("status", "good").exit_code == 0
    memory.finish(good)
    memory.fail(bad)
    assert cnai("status", "good").exit_code == 0
    assert cnai("status", "bad").exit_code == 1
    assert cnai("status", "bad", "--json").exit_code == 1


def test_events_come_oldest_first(cnai: Cnai, memory: MemoryBackend, submitted: Submitted) -> None:
    memory.start(submitted())
    found = msgspec.json.decode(cnai("events", "digits", "--json").stdout, type=list[Event])
    assert found[0].reason == "Created"
    assert [event.seq for event in found] == sorted(event.seq for event in found)
    assert len(cnai("events", "digits").stdout.splitlines()) == len(found)


def test_explaining_a_job_that_went_well_says_so(
    cnai: Cnai, memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted()
    memory.start(id)
    memory.finish(id, result={"accuracy": 0.97})
    assert "Nothing went wrong" in cnai("explain", "digits").stdout
    assert cnai("explain", "digits", "--json").stdout == "null\n"


def test_a_failed_job_is_explained(cnai: Cnai, memory: MemoryBackend, submitted: Submitted) -> None:
    id = submitted()
    memory.start(id)
    memory.fail(id)
    assert "What happened" in cnai("explain", "digits").stdout
    assert json.loads(cnai("explain", "digits", "--json").stdout)["happened"]


@pytest.mark.parametrize("command", ["logs", "status", "events", "explain", "stop", "rerun"])
def test_a_name_that_is_not_there_is_told_with_the_nearest(
    cnai: Cnai, submitted: Submitted, command: str
) -> None:
    submitted("digits")
    answer = cnai(command, "digts")
    assert answer.exit_code == 1
    assert "digits" in answer.stderr
    assert "Traceback" not in answer.stderr
    error = json.loads(cnai(command, "digts", "--json").stderr)
    assert set(error) == {"what", "why", "next_step"}


def test_the_list_of_commands_cuts_no_sentence(cnai: Cnai) -> None:
    listed = cnai("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert len(listed) > 15
    listed += cnai("admin", "--help").stdout.partition("Commands:\n")[2].splitlines()
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_an_option_that_is_not_there_is_json_too(cnai: Cnai) -> None:
    answer = cnai("logs", "digits", "--colour", "--json")
    assert answer.exit_code == 2
    assert json.loads(answer.stderr)["next_step"] == "Run: cnai logs --help"


def test_what_is_not_ours_keeps_its_traceback(cnai: Cnai, memory: MemoryBackend) -> None:
    async def broken() -> list[Workload]:
        raise ZeroDivisionError("a bug")

    memory.list = broken  # type: ignore[method-assign]
    assert isinstance(cnai("jobs").exception, ZeroDivisionError)


def test_the_phases_that_can_be_asked_for_are_all_of_them(cnai: Cnai) -> None:
    for phase in Phase:
        assert cnai("jobs", "--phase", phase.value).exit_code == 0


def test_the_quota_says_what_may_be_used(cnai: Cnai) -> None:
    assert "cores" in cnai("quota").stdout
    found = msgspec.json.decode(cnai("quota", "--json").stdout)
    assert found["backend"] == "memory"
    assert found["items"]


def test_whether_something_fits_is_the_exit_code_too(cnai: Cnai) -> None:
    answer = cnai("fits", "--cpu", "1")
    assert (answer.exit_code, answer.stdout) == (0, "Fits now.\n")
    answer = cnai("fits", "--cpu", "1000")
    assert answer.exit_code == 1
    assert answer.stdout.startswith("Never fits. ")
    found = msgspec.json.decode(cnai("fits", "--cpu", "1", "--count", "2", "--json").stdout)
    assert (found["answer"], found["now"]) == ("now", 2)
    assert cnai("fits", "--count", "0").exit_code == 2
    assert cnai("jobs", "--json").stdout.strip() == "[]"
