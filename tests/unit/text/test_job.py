"""A job as text: the words and the layout of its card, within its columns, whatever is in it."""

from __future__ import annotations

import time

import msgspec
import pytest

from cnai_sdk.model.diagnosis import Diagnosis, Evidence
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.stream import Interruption
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Progress, Queued, Replica
from cnai_sdk.text import job_text, verdict_text
from cnai_sdk.text.columns import display_width
from tests.unit.text.hostile import CORPUS
from tests.unit.text.test_foreign import obeyed
from tests.unit.text.views import VERDICT, failed, made_of, running, succeeded, workload


def as_typed(text: str) -> str:
    """With plain spaces, to compare with what a person typed."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_running_job_shows_progress_numbers_workers_and_its_last_lines() -> None:
    assert as_typed(job_text(running())).split("\n") == [
        "▶ Running    digits-3   2 workers × 2 CPU, this machine              1 m 12 s",
        "  ████████████▊···················   40%   epoch 12 of 30   about 2 min left",
        "  accuracy   0.912  ▁▂▃▅▅▆▇▇████       loss   0.284  █▇▅▄▃▂▂▁▁▁▁▁",
        "  worker 0   running   CPU 1.9 of 2   1.2 of 4 GiB",
        "  worker 1   running   CPU 1.9 of 2   1.1 of 4 GiB",
        "  0 │ epoch 11  loss 0.301  accuracy 0.904",
        "  1 │ epoch 12  loss 0.286",
        "  0 │ epoch 12  loss 0.284  accuracy 0.912",
    ]


def test_a_job_of_a_backend_that_is_away_says_when_it_stood_so_and_why() -> None:
    away = Interruption(what="lab cannot be reached.", why="No route.", next_step="Ask for help.")
    lines = as_typed(job_text(msgspec.structs.replace(running(), interruption=away))).split("\n")
    then = time.strftime("%H:%M:%S", time.localtime(running().now))
    assert lines[2] == f"  As of {then}: lab cannot be reached. No route. Ask for help."
    assert "As of" not in job_text(running())


def test_a_failed_job_is_its_verdict() -> None:
    assert as_typed(job_text(failed())).split("\n") == [
        "✗ Failed     digits-2   2 workers × 2 CPU, this machine            after 41 s",
        "",
        "  What happened  Your code raised ValueError in worker 1: bad label 7",
        "  Why            Cell [3], line 9 raised it. Worker 0 then lost its peer;",
        "                 that error is only a consequence.",
        "  What to do     Correct cell [3] and run it again. To debug it alone:",
        "                 cnai.train(digits, workers=1)",
        "  Evidence       worker 1, line 318  ValueError: bad label 7",
        '                 cell [3], line 9        raise ValueError(f"bad label {y}")',
        "                 worker 0, line 317  Connection closed by peer",
        "                                     [127.0.0.1]:6020",
    ]


def test_a_finished_job_shows_its_last_numbers_its_result_and_its_outputs() -> None:
    head, metrics, result, outputs = as_typed(job_text(succeeded())).split("\n")
    assert head.startswith("✓ Succeeded  digits   2 workers × 2 CPU, this machine")
    assert head.endswith("in 3 m 12 s")
    assert metrics.startswith("  accuracy   0.974  ▁")
    assert "loss   0.0911  █" in metrics
    assert result == '  result     {"accuracy": 0.974, "epochs": 30}'
    assert outputs == "  outputs    model.pt 1.2 MiB, confusion.png 48 KiB"


def test_a_queued_job_says_its_place_and_what_it_waits_for() -> None:
    view = JobView(
        workload=workload(
            Phase.QUEUED, queued=Queued(position=2, waits_for="digits-1"), started=None
        ),
        now=1005,
    )
    assert as_typed(job_text(view)).split("\n")[1:] == ["  2nd in line, waits for digits-1"]


def test_a_starting_job_says_how_many_workers_are_up() -> None:
    replicas = (Replica(rank=0, phase=Phase.RUNNING), Replica(rank=1, phase=Phase.STARTING))
    view = JobView(
        workload=workload(Phase.STARTING, message="1 of 2 workers is up", replicas=replicas)
    )
    assert job_text(view).split("\n")[1:] == [
        "  1 of 2 workers is up",
        "  worker 0   running",
        "  worker 1   starting",
    ]


def test_a_stopped_job_says_who_stopped_it_and_how_far_it_was() -> None:
    view = JobView(
        workload=workload(
            Phase.STOPPED,
            message="Stopped by you",
            ended=1041.0,
            progress=Progress(done=7, total=20, unit="epoch"),
        )
    )
    assert job_text(view).split("\n")[1:] == ["  epoch 7 of 20", "  Stopped by you"]


def test_a_job_of_unknown_length_says_what_is_done() -> None:
    view = JobView(workload=workload(Phase.RUNNING, progress=Progress(done=1204, unit="step")))
    assert "  step 1,204" in job_text(view).split("\n")


def test_a_failed_job_without_a_verdict_still_says_what_is_known() -> None:
    view = JobView(workload=workload(Phase.FAILED, ended=1041.0, message="Worker 1 ended"))
    assert "  Worker 1 ended" in job_text(view).split("\n")


def test_a_finished_job_with_something_to_note_says_it_last() -> None:
    note = Diagnosis(id="NOOP_SUCCESS", short="did nothing", happened="It did nothing")
    shown = job_text(msgspec.structs.replace(succeeded(), diagnosis=note))
    assert shown.split("\n")[-1] == "  What happened  It did nothing"


def test_a_phase_of_a_newer_version_is_shown_as_unknown() -> None:
    assert job_text(JobView(workload=workload(Phase("Hibernating")))).startswith("? Unknown")


def test_what_does_not_fit_is_counted() -> None:
    view = JobView(
        workload=workload(Phase.RUNNING, replicas=tuple(Replica(rank=n) for n in range(64))),
        metrics=(Metric(values={f"metric{n}": float(n) for n in range(9)}),),
    )
    shown = job_text(view).split("\n")
    assert "  and 56 more workers" in shown
    assert "  and 3 more metrics" in shown
    many = tuple(OutputFile(path=f"{n}.pt", size=1) for n in range(20))
    assert "and 14 more" in job_text(msgspec.structs.replace(succeeded(), outputs=many))


def test_a_number_that_is_not_finite_is_named() -> None:
    view = JobView(workload=workload(Phase.RUNNING, metrics={"loss": "NaN"}))
    assert "loss   NaN" in job_text(view)


@pytest.mark.parametrize("width", [80, 60, 40])
@pytest.mark.parametrize("view", [running(), failed(), succeeded()], ids=lambda v: v.workload.phase)
def test_no_line_is_wider_than_asked(view: JobView, width: int) -> None:
    shown = job_text(view, width=width)
    assert max(display_width(line) for line in shown.split("\n")) <= width


@pytest.mark.parametrize("view", [running(), failed(), succeeded()], ids=lambda v: v.workload.phase)
def test_in_ascii_it_says_the_same_with_characters_that_every_terminal_has(view: JobView) -> None:
    shown = job_text(view, ascii=True)
    assert shown.isascii()
    assert "\\u" not in shown, "a character of ours has no stand-in"
    assert len(shown.split("\n")) == len(job_text(view).split("\n"))


def test_in_ascii_a_foreign_name_is_written_as_an_escape_within_the_columns() -> None:
    view = JobView(workload=workload(Phase.RUNNING, display_name="训练" * 20))
    shown = job_text(view, ascii=True)
    assert "\\u8bad" in shown
    assert max(len(line) for line in shown.split("\n")) <= 80


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS.keys())
def test_foreign_text_breaks_no_line_and_commands_no_terminal(text: str, phase: Phase) -> None:
    view = made_of(text, phase)
    for ascii in (False, True):
        shown = job_text(view, ascii=ascii)
        assert obeyed(shown) == set()
        assert max(display_width(line) for line in shown.split("\n")) <= 80
        assert shown.split("\n")[0][0] not in " \n"


def test_a_name_cannot_forge_a_line_of_its_own() -> None:
    view = JobView(workload=workload(Phase.RUNNING, display_name="digits\n✓ Succeeded  other"))
    assert not any(line.startswith("✓") for line in job_text(view).split("\n"))


def test_a_verdict_leaves_out_the_parts_that_it_does_not_have() -> None:
    bare = Diagnosis(id="X", short="x", happened="It broke")
    assert verdict_text(bare) == "What happened  It broke"


def test_a_verdict_names_its_code_once() -> None:
    once = msgspec.structs.replace(VERDICT, fix="Run cnai.train(digits, workers=1) alone.")
    assert verdict_text(once).count("cnai.train(digits, workers=1)") == 1


def test_evidence_with_a_long_place_still_has_room_for_its_text() -> None:
    long = Diagnosis(
        id="X",
        short="x",
        happened="It broke",
        evidence=(Evidence(where="a file with a very long name.py, line 9", text="word " * 20),),
    )
    assert all(display_width(line) <= 76 for line in verdict_text(long).split("\n"))
    assert verdict_text(long).count("word") == 20


def test_a_verdict_with_far_too_much_in_it_stays_readable() -> None:
    endless = made_of("a word " * 9_000, Phase.FAILED).diagnosis
    assert endless is not None
    lines = verdict_text(endless).split("\n")
    assert len(lines) < 60
    assert sum(line.endswith("…") for line in lines) >= 4
