"""The cause before its consequences, and the first worker before those that followed."""

from __future__ import annotations

import msgspec
import pytest

from cnai_sdk.explain import Facts, diagnose
from cnai_sdk.model.event import LOG_INCOMPLETE, Event
from cnai_sdk.model.metric import Metric, Number
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Replica
from tests.unit.explain.workloads import GLOO, failed, log, raised, verdict

BAD_LABEL = raised("ValueError: bad label 7")
LOST_PEER = raised(GLOO)
REFUSED = "The client socket has timed out after 4000ms while trying to connect to (far, 1)."
WATCHDOG = (
    "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1, OpType=BROADCAST, "
    "NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600081 milliseconds before timing out."
)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_worker_that_raised_is_named_whoever_was_seen_to_end_first(order) -> None:
    said = [(rank, BAD_LABEL if rank == 1 else LOST_PEER) for rank in order]
    found = verdict(said, exits=dict.fromkeys(order, 1))
    assert (found.id, found.rank) == ("USER_EXCEPTION", 1)
    assert found.happened == "Your code raised ValueError in worker 1: bad label 7"
    assert found.why == (
        "Cell [3], line 9 raised it. Worker 0 then lost its peer; that error is only a consequence."
    )


def test_the_evidence_has_the_root_first_and_the_consequences_last() -> None:
    found = verdict([(0, LOST_PEER), (1, BAD_LABEL)], exits={0: 1, 1: 1})
    assert [(e.where, e.root) for e in found.evidence] == [
        ("worker 1, line 10", True),
        ("cell [3], line 9", True),
        ("worker 0, line 5", False),
    ]
    assert found.evidence[0].text == "ValueError: bad label 7"
    assert (found.evidence[0].rank, found.evidence[0].line) == (1, 10)
    assert found.evidence[1].text == "step(batch)"


def test_a_cell_can_be_gone_to_and_the_function_debugged_alone() -> None:
    found = verdict([(1, BAD_LABEL)], exits={1: 1, 0: 143})
    assert found.cell == "cell [3]"
    assert found.fix == "Correct cell [3] and run it again. To debug it alone:"
    assert found.code == "cnai.train(digits, workers=1)"


@pytest.mark.parametrize(
    ("call", "alone"),
    [
        ("digits(lr=0.5, layers=[1, 2])", "args={'lr': 0.5, 'layers': [1, 2]}"),
        ("digits(**{'lr': 0.5})", None),
        ("digits(lr=schedule)", None),
        (f"digits(text={'x' * 500!r})", None),
        ("digits(lr=0.5", None),
    ],
)
def test_alone_it_gets_the_arguments_that_it_had_or_runs_again_as_it_was(
    call: str, alone: str | None
) -> None:
    entered = "in <module>\n"
    assert entered in BAD_LABEL
    page = BAD_LABEL.replace(entered, f"{entered}    _cnai_result = {call}\n")
    found = verdict([(1, page)], exits={1: 1, 0: 143})
    expected = f"cnai.train(digits, workers=1, {alone})" if alone else "job.rerun(workers=1)"
    assert found.code == expected


def test_a_single_worker_is_already_alone() -> None:
    found = verdict([(0, BAD_LABEL)])
    assert (found.fix, found.code) == ("Correct cell [3] and run it again.", "")


def test_a_worker_that_was_ended_with_the_job_is_no_consequence_to_speak_of() -> None:
    found = verdict([(1, BAD_LABEL), (0, "epoch 1")], exits={1: 1, 0: -15})
    assert found.why == "Cell [3], line 9 raised it."
    assert all(line.rank != 0 for line in found.evidence)


def test_a_worker_that_raised_and_was_ended_while_it_left_is_still_the_root() -> None:
    found = verdict([(1, BAD_LABEL), (0, LOST_PEER)], exits={0: 1, 1: 143})
    assert (found.id, found.rank) == ("USER_EXCEPTION", 1)


def test_a_crash_without_a_line_comes_before_a_lost_peer_with_many() -> None:
    found = verdict([(0, LOST_PEER)], exits={0: 1, 1: -11})
    assert (found.id, found.rank) == ("SEGFAULT", 1)
    assert "Worker 0 then lost its peer" in found.why


@pytest.mark.parametrize(
    ("code", "id"),
    [
        (-11, "SEGFAULT"), (-6, "ABORTED"), (-7, "BUS_ERROR"), (-9, "KILLED"), (-15, "EXIT_143"),
        (-4, "ILLEGAL_INSTRUCTION"), (-8, "SIGFPE"), (-2, "INTERRUPTED"), (137, "KILLED"),
        (3, "EXIT_CODE"), (-34, "EXIT_CODE"),
    ],
)  # fmt: skip
def test_an_end_without_a_word_is_told_by_its_code(code: int, id: str) -> None:
    found = verdict([(1, "epoch 1")], exits={1: code, 0: 143})
    assert (found.id, found.rank) == (id, 1)
    assert "worker 1" in found.happened.lower()
    assert found.evidence, "what the backend saw"


def test_an_exit_code_without_a_traceback_shows_the_last_lines() -> None:
    found = verdict([(0, "reading data\nno data to train on")])
    assert found.happened == "Worker 0 ended with exit code 1 and printed no traceback."
    assert found.evidence[1].text == "no data to train on"


def test_what_the_log_lacks_stands_beside_what_proves_the_verdict() -> None:
    gap = Event(reason="LogIncomplete", message="Nobody read the log.", warning=True)
    proof = verdict(exits={0: 3}, events=[gap]).evidence
    assert [line.text for line in proof][-1] == "Nobody read the log."
    assert (proof[-1].where, proof[-1].root) == ("log", False)


def test_an_image_for_another_processor_is_told_by_the_only_line_of_its_log() -> None:
    """A container runtime finds out when the container counts as started."""
    assert (
        verdict([(0, "exec /usr/bin/python3: exec format error")], exits={0: 255}).id == "IMG_ARCH"
    )
    tool = raised("OSError: [Errno 8] Exec format error: './tool'")
    assert verdict([(0, tool)], exits={0: 1}).id != "IMG_ARCH"


def test_all_workers_that_fail_alike_are_not_called_consequences() -> None:
    missing = raised("FileNotFoundError: [Errno 2] No such file or directory: 'a.csv'")
    found = verdict([(1, missing), (0, missing), (2, missing)], exits={1: 1, 0: 1, 2: 1})
    assert (found.id, found.rank) == ("FILE_MISSING", 1)
    assert found.why.endswith("Workers 0, 2 failed in the same way.")


def test_a_watchdog_is_never_the_cause_where_somebody_raised() -> None:
    found = verdict([(0, WATCHDOG), (1, BAD_LABEL)], exits={0: -6, 1: 1})
    assert (found.id, found.rank) == ("USER_EXCEPTION", 1)
    assert "Worker 0 then waited for it in vain" in found.why


def test_a_watchdog_alone_says_what_it_waited_in() -> None:
    found = verdict([(0, WATCHDOG)], exits={0: -6})
    assert found.id == "NCCL_WATCHDOG"
    assert found.short == "a worker never came (BROADCAST)"


def test_a_line_of_nccl_explains_an_exception_that_does_not() -> None:
    said = (
        "a:1:1 [0] NCCL WARN Error: failed to extend /dev/shm/nccl-x to 9637892 bytes\n"
        + raised("torch.distributed.DistBackendError: ncclSystemError: System call failed")
    )
    assert verdict([(0, said)]).id == "NCCL_SHM"


def test_a_host_that_is_not_known_explains_the_time_that_ran_out() -> None:
    said = (
        "[c10d] The IPv6 network addresses of (far, 29599) cannot be retrieved "
        "(gai error: -2 - Name or service not known).\n" + raised(f"DistNetworkError: {REFUSED}")
    )
    assert verdict([(1, said)], exits={1: 1, 0: 143}).id == "RDZV_DNS"


def test_workers_with_uneven_batches_are_told_from_a_worker_that_died() -> None:
    found = verdict([(1, raised(GLOO))], exits={0: 0, 1: 1})
    assert (found.id, found.rank) == ("UNEVEN_BATCHES", 1)
    assert found.happened == "Worker 0 had finished while worker 1 still waited for it."
    assert "drop_last=True" in found.fix
    assert "model.join()" in found.fix


def test_a_lost_peer_alone_sends_to_the_others_log() -> None:
    found = verdict([(0, raised(GLOO))], exits={0: 1, 1: 143})
    assert found.id == "GLOO_PEER_DIED"
    assert "job.logs(rank=1" in found.fix
    found = verdict([(1, raised(GLOO))], exits={1: 1, 0: 143})
    assert "job.logs(rank=0" in found.fix


def test_what_was_printed_on_the_way_is_not_taken_for_the_end() -> None:
    said = f"CUDA out of memory. Tried to allocate 1 GiB, halving the batch\n{BAD_LABEL}"
    assert verdict([(0, said)]).id == "USER_EXCEPTION"


def test_an_exception_whose_traceback_was_not_kept_is_read_from_its_line() -> None:
    found = verdict([(1, "[rank1]: torch.MyError: bad label 7")], exits={1: 1, 0: 143})
    assert found.happened == "Your code raised MyError in worker 1: bad label 7"
    assert (found.fix, found.code) == ("Correct the code and run it again.", "")


def test_a_line_of_pip_is_no_exception() -> None:
    assert verdict([(0, "ERROR: no such option")]).id == "EXIT_CODE"


def test_a_direct_cause_is_named_and_what_it_ended_as() -> None:
    cause = raised("KeyError: 'lr'", line=4)
    link = "\nThe above exception was the direct cause of the following exception:\n"
    found = verdict([(0, f"{cause}\n{link}\n{raised('RuntimeError: broken')}")])
    assert found.happened == "Your code raised KeyError in worker 0: 'lr'"
    assert found.why == "Cell [3], line 4 raised it. It ended the worker as RuntimeError: broken."


def test_only_the_last_attempt_counts() -> None:
    events = (
        Event(reason="WorkerFailed", rank=0, exit_code=1, warning=True, time=10.0),
        Event(reason="WorkerExited", rank=0, exit_code=1, time=10.0),
        Event(reason="Retrying", time=11.0),
        Event(reason="WorkerExited", rank=1, exit_code=-11, time=20.0),
        Event(reason="WorkerFailed", rank=1, exit_code=-11, warning=True, time=20.0),
    )
    workload = failed(exits={0: None, 1: -11}, more={"attempt": 1}).workload
    lines = tuple(msgspec.structs.replace(line, time=9.0) for line in log((0, BAD_LABEL)))
    found = diagnose(Facts(workload=workload, events=events, lines=lines))
    assert found is not None
    assert (found.id, found.rank) == ("SEGFAULT", 1)
    assert "It failed in each of its 2 attempts." in found.why


GONE = Event(reason=LOG_INCOMPLETE, message="Nobody read the log.", warning=True)


@pytest.mark.parametrize(
    ("words", "id", "happened"),
    [
        ("ValueError: bad label 7", "USER_EXCEPTION", "raised ValueError in worker 1: bad label 7"),
        ("NameError: name 'pd' is not defined", "PY_NAME_MISSING", "The name pd is not defined"),
        ("OSError: [Errno 28] No space left on device", "DISK_FULL", "the disk is full"),
        ("KeyboardInterrupt", "INTERRUPTED", "Worker 1 was interrupted"),
    ],
)
def test_what_a_worker_said_of_its_end_is_read_where_its_log_is_gone(
    words: str, id: str, happened: str
) -> None:
    said = Event(
        reason="WorkerFailed",
        message=f"Worker 1 raised {words}",
        rank=1,
        exit_code=1,
        warning=True,
    )
    found = diagnose(failed(exits={1: None}, events=(said, GONE)))
    assert found is not None
    assert (found.id, found.rank) == (id, 1)
    assert happened in found.happened
    assert [line.text for line in found.evidence][:2] == [said.message, GONE.message]


def test_a_log_that_is_there_says_more_than_the_last_words() -> None:
    said = Event(
        reason="WorkerFailed", message="Worker 0 raised RuntimeError: stop", rank=0, exit_code=1
    )
    found = diagnose(failed([(0, BAD_LABEL)], events=(said,)))
    assert found is not None
    assert found.happened == "Your code raised ValueError in worker 0: bad label 7"


STOPPED = raised("KeyboardInterrupt")


@pytest.mark.parametrize("code", [130, -2])
def test_an_interrupted_worker_is_told_by_its_line_however_its_end_is_counted(code: int) -> None:
    """A cluster tells the exit code 130 as the signal that it stands for."""
    found = verdict([(0, STOPPED)], exits={0: code})
    assert found.id == "INTERRUPTED"
    assert "Cell [3], line 9 raised it." in found.why
    assert found.evidence[0].text == "KeyboardInterrupt"
    assert (found.evidence[1].where, found.evidence[1].text) == ("cell [3], line 9", "step(batch)")


def test_an_exception_that_was_dealt_with_did_not_interrupt_a_worker() -> None:
    found = verdict([(0, BAD_LABEL), (0, "it goes on")], exits={0: -2})
    assert (found.id, found.happened) == (
        "INTERRUPTED",
        "Worker 0 was interrupted (KeyboardInterrupt).",
    )


def test_the_same_facts_give_the_same_verdict() -> None:
    facts = failed([(0, LOST_PEER), (1, BAD_LABEL)], exits={0: 1, 1: 1})
    assert diagnose(facts) == diagnose(facts)


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.QUEUED, Phase.STOPPED, Phase("Paused")])
def test_what_has_not_failed_has_no_verdict(phase: Phase) -> None:
    facts = failed([(0, BAD_LABEL)], more={"phase": phase})
    assert diagnose(facts) is None


def test_a_success_with_output_needs_no_verdict() -> None:
    more = {"phase": Phase.SUCCEEDED, "reason": "", "started": 1.0, "ended": 1.5}
    more["replicas"] = (Replica(rank=0, exit_code=0),)
    assert diagnose(failed([(0, "done")], more=more, left=False)) is None
    assert diagnose(failed(more=more, left=True)) is None
    assert diagnose(failed(more=more)) is None, "not known whether it left something"


def test_a_success_that_left_nothing_is_said() -> None:
    more = {"phase": Phase.SUCCEEDED, "reason": "", "started": 1.0, "ended": 1.5}
    found = diagnose(failed(more=more, left=False))
    assert found is not None
    assert found.id == "NOOP_SUCCESS"
    assert "0.5\xa0s" in found.happened


def test_a_success_whose_log_nobody_read_is_not_said_to_have_done_nothing() -> None:
    more = {"phase": Phase.SUCCEEDED, "reason": "", "started": 1.0, "ended": 1.5}
    gap = Event(reason=LOG_INCOMPLETE, message="Nobody read the log.", warning=True)
    assert diagnose(failed(more=more, left=False, events=(gap,))) is None


def test_numbers_that_stay_nan_are_said_with_the_step_where_it_began() -> None:
    values: list[Number] = ["NaN", 0.9, "NaN", "NaN"]
    metrics = tuple(Metric(values={"loss": v}, step=n, seq=n) for n, v in enumerate(values))
    found = diagnose(failed(more={"phase": Phase.SUCCEEDED}, metrics=metrics))
    assert found is not None
    assert (found.id, found.short) == ("NAN_LOSS", "loss is NaN")
    assert found.happened == "Training diverged: loss is NaN since step 2."


def test_a_number_that_came_back_and_a_best_value_of_infinity_are_well() -> None:
    metrics = (
        Metric(values={"loss": "NaN", "best": "Infinity"}, step=0, seq=1),
        Metric(values={"loss": 0.5}, step=1, seq=2),
    )
    assert diagnose(failed(more={"phase": Phase.SUCCEEDED}, metrics=metrics)) is None


def test_a_failure_that_nothing_explains_says_what_is_known() -> None:
    found = verdict(exits={0: None}, reason="Vanished", message="It is no longer there")
    assert (found.id, found.happened) == ("UNEXPLAINED", "The job failed: It is no longer there")
