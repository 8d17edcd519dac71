"""What an administrator allows one job: read from a ConfigMap, and held against a wish."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.ceilings import HOURS, WHOLE, Ceilings, asked, check, read, used
from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from cnai_sdk.model.workload import Granted, Replica, Workload

NOW = 1_000_000.0
HOUR = 3600.0


def spec(*, gpu: float = 0.0, memory: int | None = None, **more: Any) -> TrainSpec:
    payload = Payload(entry="f", files={"script.py": b""})
    return TrainSpec(
        name="a", payload=payload, resources=Resources(gpu=gpu, gpu_memory=memory), **more
    )


def ceilings(**amounts: str) -> Ceilings:
    named = {name.replace("_", "-"): text for name, text in amounts.items()}
    found = read(named, where="cnai-shared/cnai-ceilings")
    assert found.ignored == ()
    return found


def held(
    spec: TrainSpec,
    against: Ceilings,
    *,
    gpu: float | None = None,
    jobs: Any = (),
    count: int = 1,
) -> str:
    wish = asked(spec, spec.resources.gpu if gpu is None else gpu)
    return check(wish, against, jobs, place="s01", now=NOW, count=count)


def workload(phase: Phase, *, gpu: float = 1.0, **more: Any) -> Workload:
    return Workload(
        id="i",
        name="a",
        kind=Kind.TRAIN,
        phase=phase,
        backend="kubernetes",
        granted=Granted(gpu=gpu),
        **more,
    )


# -- reading -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {"gpus-per-job": "four"},
        {"gpus-per-job": "-1"},
        {"gpus-per-job": "1.5"},
        {"gpus-per-job": "1e400"},
        {"gpus-per-job": "９"},
        {"gpus-per-job": "1" * 400},
        {"hours-per-job": "nan"},
        {"hours-per-job": "inf"},
        {"hours-per-job": "1h"},
        {"gpus": "4"},
        {"gpus-per-job": 4},
        {"gpus-per-job": None},
        ["gpus-per-job"],
        "gpus-per-job: 4",
    ],
)
def test_what_is_malformed_is_said_and_bounds_nothing(data: object) -> None:
    found = read(data, where="cnai-shared/cnai-ceilings")
    assert found.amounts == {}
    (said,) = found.ignored
    assert said.startswith("cnai-shared/cnai-ceilings ")
    assert len(said) < 300
    assert held(spec(gpu=64, workers=64), found) == ""


def test_one_slip_of_the_pen_takes_no_other_ceiling_away() -> None:
    found = read({"gpus-per-job": "two", "workers-per-job": "4"}, where="a/b")
    assert found.of("workers-per-job") == 4
    assert len(found.ignored) == 1


def test_nothing_published_bounds_nothing() -> None:
    assert read(None, where="a/b") == Ceilings(where="a/b")
    assert held(spec(gpu=512, workers=512), Ceilings()) == ""


# -- one job -------------------------------------------------------------------------------


def test_too_many_workers_are_refused_with_the_ceiling_and_who_set_it() -> None:
    with pytest.raises(DoesNotFit, match="17 workers, and a job may have 16 workers here") as told:
        held(spec(workers=17), ceilings(workers_per_job="16"))
    assert "workers-per-job in cnai-shared/cnai-ceilings" in told.value.why
    assert held(spec(workers=16), ceilings(workers_per_job="16")) == ""


def test_a_share_of_a_gpu_counts_as_one_device_as_it_does_for_the_policy() -> None:
    two = ceilings(gpus_per_job="2")
    assert held(spec(gpu=0.25, workers=2), two) == ""
    with pytest.raises(DoesNotFit, match="3 GPUs"):
        held(spec(gpu=0.25, workers=3), two)
    with pytest.raises(DoesNotFit, match="3 GPUs"):
        held(spec(memory=2**33, workers=3), two, gpu=0.0)


def test_a_job_without_gpus_needs_no_timeout() -> None:
    assert held(spec(workers=2), ceilings(hours_per_job="1", gpu_hours_per_job="1")) == ""


@pytest.mark.parametrize("name", HOURS)
def test_gpus_for_ever_are_refused_where_hours_are_counted(name: str) -> None:
    with pytest.raises(InvalidRequest, match="how long it may run") as told:
        held(spec(gpu=1), ceilings(**{name: "8"}))
    assert 'timeout="1h"' in told.value.next_step


def test_the_advised_timeout_is_below_every_ceiling() -> None:
    against = ceilings(hours_per_job="0.5", gpu_hours_per_job="1")
    with pytest.raises(InvalidRequest) as told:
        held(spec(gpu=4, workers=1), against)
    assert 'timeout="15m"' in told.value.next_step
    assert held(spec(gpu=4, timeout=900), against).startswith("Up to 1 GPU-hour: 1 worker × 4 GPUs")


def test_a_long_job_is_refused_with_the_longest_that_it_may_be() -> None:
    with pytest.raises(DoesNotFit) as told:
        held(spec(gpu=1, timeout=25 * HOUR), ceilings(hours_per_job="24"))
    assert 'timeout="24h"' in told.value.next_step


def test_gpu_hours_are_gpus_times_workers_times_timeout_and_the_method_is_said() -> None:
    wish = spec(gpu=2, workers=3, timeout=4 * HOUR)
    with pytest.raises(DoesNotFit, match=r"up to 24 GPU-hours: 3 workers × 2 GPUs × 4\sh") as told:
        held(wish, ceilings(gpu_hours_per_job="12"))
    assert 'timeout="2h"' in told.value.next_step
    assert held(wish, ceilings(gpu_hours_per_job="24")).startswith("Up to 24 GPU-hours: 3 workers")


def test_a_share_costs_its_share_of_an_hour() -> None:
    estimate = held(spec(gpu=0.25, timeout=2 * HOUR), ceilings(gpu_hours_per_job="1"))
    assert estimate.startswith("Up to 0.5 GPU-hours: 1 worker × 0.25 GPU")


@pytest.mark.parametrize("name", [*WHOLE, *HOURS])
def test_a_ceiling_of_nothing_allows_nothing(name: str) -> None:
    with pytest.raises(DoesNotFit):
        held(spec(gpu=1, timeout=60), ceilings(**{name: "0"}))


# -- what is left ----------------------------------------------------------------------------


def test_what_jobs_held_and_are_promised_is_counted() -> None:
    jobs = [
        workload(Phase.SUCCEEDED, started=0.0, ended=2 * HOUR),  # 2, its run
        workload(Phase.FAILED, started=0.0, ended=HOUR, gpu=0.5),  # 0.5
        workload(Phase.FAILED, ended=HOUR),  # never started: nothing
        workload(Phase.RUNNING, started=NOW - HOUR, timeout=3 * HOUR),  # 3, to its timeout
        workload(Phase.RUNNING, started=NOW - HOUR),  # 1, so far
        workload(Phase.QUEUED, timeout=HOUR, replicas=(Replica(rank=0), Replica(rank=1))),  # 2
        workload(Phase.RUNNING, started=NOW - HOUR, timeout=9 * HOUR, gpu=0.0),  # no GPU
        workload(Phase.RUNNING, started=NOW + HOUR),  # a clock that is behind
    ]
    assert used(jobs, now=NOW) == pytest.approx(8.5)


def test_more_than_is_left_is_refused_and_how_it_was_counted_is_said() -> None:
    budget = ceilings(gpu_hours_per_namespace="10")
    jobs = [workload(Phase.SUCCEEDED, started=0.0, ended=7 * HOUR)]
    with pytest.raises(DoesNotFit, match="about 3 of 10 are left") as told:
        held(spec(gpu=2, timeout=2 * HOUR), budget, jobs=jobs)
    assert "7 are used or promised" in told.value.why
    assert "still listed" in told.value.why
    assert 'timeout="90m"' in told.value.next_step
    said = held(spec(gpu=2, timeout=HOUR), budget, jobs=jobs)
    assert "about 3 of 10 were left" in said
    assert "still listed" in said


def test_where_nothing_is_left_no_timeout_is_advised() -> None:
    jobs = [workload(Phase.SUCCEEDED, started=0.0, ended=70 * HOUR)]
    with pytest.raises(DoesNotFit, match="about 0 of 10 are left") as told:
        held(spec(gpu=1, timeout=60), ceilings(gpu_hours_per_namespace="10"), jobs=jobs)
    assert "timeout=" not in told.value.next_step


def test_the_advised_timeout_is_within_what_is_left() -> None:
    budget = ceilings(gpu_hours_per_namespace="10", hours_per_job="24")
    jobs = [workload(Phase.SUCCEEDED, started=0.0, ended=9 * HOUR)]
    with pytest.raises(InvalidRequest) as told:
        held(spec(gpu=4), budget, jobs=jobs)
    assert 'timeout="15m"' in told.value.next_step
    assert "is stopped" in told.value.next_step
    assert held(spec(gpu=4, timeout=900), budget, jobs=jobs)


def test_who_only_asks_is_told_that_a_timeout_is_to_be_written() -> None:
    wish = asked(spec(gpu=1), 1.0)
    against = ceilings(hours_per_job="0.5")
    assert check(wish, against, (), place="s01", now=NOW, asking=True) == (
        'It also has to say how long it may run, such as timeout="30m".'
    )
    bounded = asked(spec(gpu=1, timeout=HOUR), 1.0)
    budget = ceilings(gpu_hours_per_namespace="10")
    assert "10 of 10 are left" in check(bounded, budget, (), place="s01", now=NOW, asking=True)
    assert "10 of 10 were left" in check(bounded, budget, (), place="s01", now=NOW)


def test_where_nothing_is_left_a_timeout_is_not_asked_for_first() -> None:
    jobs = [workload(Phase.SUCCEEDED, started=0.0, ended=70 * HOUR)]
    with pytest.raises(DoesNotFit, match="of the GPU-hours about 0 of 10 are left") as told:
        held(spec(gpu=1), ceilings(gpu_hours_per_namespace="10"), jobs=jobs)
    assert "timeout" not in told.value.next_step


def test_several_jobs_are_held_together_against_what_is_left() -> None:
    budget = ceilings(gpu_hours_per_namespace="10", gpu_hours_per_job="3")
    trial = spec(gpu=0.25, timeout=8 * HOUR)
    said = held(trial, budget, count=4)
    assert said.startswith("Up to 8 GPU-hours: 4 jobs × 1 worker × 0.25 GPU × 8")
    with pytest.raises(DoesNotFit, match="These 8 jobs ask for up to 16 GPU-hours") as told:
        held(trial, budget, count=8)
    assert told.value.next_step.startswith("Ask for 5 of them")
    assert held(trial, budget, count=5)


@pytest.mark.parametrize(
    ("wish", "against", "said"),
    [
        ({"workers": 17}, {"workers_per_job": "16"}, "Write workers=16, or ask"),
        ({"workers": 6, "gpu": 2}, {"gpus_per_job": "8"}, "Write workers=4, or ask"),
        ({"workers": 3, "gpu": 16}, {"gpus_per_job": "8"}, "Write gpu=8 with workers=1, or ask"),
        ({"gpu": 16}, {"gpus_per_job": "8"}, "Write gpu=8, or ask"),
        ({"gpu": 1}, {"gpus_per_job": "0"}, "Ask the administrator"),
    ],
)
def test_what_is_below_a_ceiling_is_said_and_taken(
    wish: dict[str, Any], against: dict[str, str], said: str
) -> None:
    with pytest.raises(DoesNotFit) as told:
        held(spec(**wish), ceilings(**against))
    assert told.value.next_step.startswith(said)
    if written := dict(re.findall(r"(workers|gpu)=(\d+)", told.value.next_step)):
        held(spec(**(wish | {k: int(v) for k, v in written.items()})), ceilings(**against))


@pytest.mark.parametrize("most", ["0.1", "1", "7.3", "64"])
@pytest.mark.parametrize("gpus", [0.1, 0.25, 1, 3])
def test_what_is_advised_is_taken(gpus: float, most: str) -> None:
    against = ceilings(gpu_hours_per_job=most)
    with pytest.raises(DoesNotFit) as told:
        held(spec(gpu=gpus, workers=2, timeout=9999 * HOUR), against)
    (number, unit) = re.findall(r'timeout="(\d+)([hms])"', told.value.next_step)[0]
    seconds = int(number) * {"h": 3600, "m": 60, "s": 1}[unit]
    assert math.isfinite(seconds)
    assert held(spec(gpu=gpus, workers=2, timeout=seconds), against)
