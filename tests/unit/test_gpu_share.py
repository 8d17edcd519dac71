"""What the gpu_share bench makes of reports; the reports themselves need a card."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.gpu_share import CROWD, cores_each, models_for, rows_of, rows_of_overrun
from bench.throughput import (
    WARM,
    Disturbance,
    Report,
    most_held,
    rate,
    still_learns,
    together,
)
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.quota import Device

GIB = 2**30
CARD = Device(id="GPU-0", model="NVIDIA H200", memory=140 * GIB)


def trains(
    rate: float, *, begin: float = 0.0, end: float = 30.0, peak: float = GIB, every: float = 0.5
) -> list[Report]:
    """A job that trains evenly, and learns."""
    count = int((end - begin) / every) + 1
    return [
        Report(at=begin + n * every, samples=rate * n * every, loss=2.0 / (1 + n), peak=peak)
        for n in range(count)
    ]


# -- samples a second --------------------------------------------------------------------------


def test_a_rate_is_counted_between_moments_that_lie_between_reports() -> None:
    assert rate(trains(100), 1.25, 7.6) == pytest.approx(100)


def test_a_job_that_slowed_down_has_the_rate_of_that_time() -> None:
    fast = trains(100, end=10)
    slow = [
        Report(at=10 + n, samples=fast[-1].samples + 20 * n, loss=0.1, peak=0) for n in range(1, 11)
    ]
    assert rate([*fast, *slow], 12, 18) == pytest.approx(20)


@pytest.mark.parametrize(("begin", "end"), [(-1, 5), (5, 31), (7, 7), (8, 7)])
def test_a_time_in_which_it_was_not_seen_to_train_has_no_rate(begin: float, end: float) -> None:
    with pytest.raises(ValueError, match="not seen to train"):
        rate(trains(100), begin, end)


def test_jobs_are_counted_only_while_all_of_them_train() -> None:
    """The first had the card for itself at its beginning, and the last at its end."""
    alone = [Report(at=n, samples=1000 * n, loss=1, peak=0) for n in range(11)]
    shared = [Report(at=10 + n, samples=10_000 + 100 * n, loss=1, peak=0) for n in range(1, 21)]
    late = trains(100, begin=10, end=40)
    rates = together([[*alone, *shared], late])
    assert rates == pytest.approx((100, 100))


def test_what_comes_before_a_job_is_warm_does_not_count() -> None:
    slow = [Report(at=10 * n, samples=n, loss=1, peak=0) for n in range(WARM)]
    fast = [Report(at=10 * WARM + n, samples=WARM + 50 * n, loss=1, peak=0) for n in range(20)]
    assert together([[*slow, *fast]]) == pytest.approx((50,))


@pytest.mark.parametrize("jobs", [[], [[]], [trains(9, end=1.0)[:WARM]]])
def test_jobs_that_were_never_seen_together_are_not_counted(jobs: list[list[Report]]) -> None:
    with pytest.raises(ValueError, match="too shortly"):
        together(jobs)
    with pytest.raises(ValueError, match="not seen to train"):
        together([trains(9, end=5.0), trains(9, begin=20.0)])


def test_a_report_is_read_from_a_row_and_what_is_missing_is_no_number() -> None:
    report = Report.of({"step": 4.0, "at": 7.5, "samples": 640.0, "loss": 0.5, "peak": 9.0})
    assert report == Report(7.5, 640.0, 0.5, 9.0)
    assert math.isnan(Report.of({"at": 1.0}).loss)


def test_a_neighbour_goes_on_when_reports_came_afterwards_and_its_loss_has_fallen() -> None:
    went = trains(10)
    assert still_learns(went, since=20)
    assert not still_learns(went, since=30), "nothing came any more"
    broken = [*went, Report(at=31, samples=310, loss=math.nan, peak=0)]
    assert not still_learns(broken, since=20)
    stuck = [Report(at=n, samples=n, loss=2.0, peak=0) for n in range(9)]
    assert not still_learns(stuck, since=3)


def test_the_neighbours_are_counted_before_during_and_after_an_overrun() -> None:
    def neighbour() -> list[Report]:
        found, samples = [], 0.0
        for second in range(31):
            found.append(Report(at=second, samples=samples, loss=1 / (1 + second), peak=0))
            samples += 50 if 10 <= second < 12 else 100
        return found

    seen = Disturbance.of([neighbour(), neighbour()], submitted=10, ended=12, window=8)
    assert seen == Disturbance(before=200, during=100, after=200)


# -- lines of the table --------------------------------------------------------------------------


def test_jobs_that_share_are_compared_in_sum_with_one_that_had_the_card_alone() -> None:
    found = {
        ("residual", "whole", 1): [[trains(1000)], [trains(1200)]],
        ("residual", "fraction", 2): [[trains(500), trains(600)], [trains(550), trains(550)]],
    }
    throughput, memory = rows_of(found, CARD)
    assert throughput.what == "residual, 2 jobs share a NVIDIA H200 by fraction"
    assert throughput.ours == "1,100 samples/s, each 500 to 600"
    assert throughput.peers == "one alone 1,100 samples/s"
    assert throughput.ratio == pytest.approx(1)
    assert (memory.ours, memory.met) == (show_bytes(GIB), True)
    assert memory.ratio == pytest.approx(1 / 70)


def test_a_job_that_held_more_than_its_share_misses_the_goal() -> None:
    crowd = [trains(10, peak=GIB), trains(10, peak=36 * GIB), *[trains(10)] * 2]
    assert most_held(crowd) == 36 * GIB
    runs = {("m", "whole", 1): [[trains(30)]], ("m", "mps", 4): [crowd]}
    assert rows_of(runs, CARD)[1].met is False


def overran(**changes):
    given: dict[str, Any] = {
        "verdict": "CUDA_OOM: GPU memory full in worker 0",
        "held": 34.9 * GIB,
        "share": 35 * GIB,
        "neighbours": [trains(100)] * 3,
        "moments": (12.0, 15.0, 8.0),
    }
    return rows_of_overrun("1 of 4", **(given | changes))


def test_an_overrun_that_hurts_its_owner_only_meets_every_goal() -> None:
    rows = overran()
    assert [row.met for row in rows] == [True, True, True]
    assert rows[0].ours == "CUDA_OOM: GPU memory full in worker 0"
    assert "of which 3 go on and learn" in rows[2].what
    assert rows[2].ratio == pytest.approx(1)


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({"verdict": "it did not fail"}, [False, True, True]),
        ({"held": 60 * GIB}, [True, False, True]),
        ({"held": 9 * GIB}, [True, False, True]),
        ({"held": most_held([[]])}, [True, False, True]),
        (
            {"neighbours": [trains(100), trains(100), [Report(n, n, 1.0, 0) for n in range(31)]]},
            [True, True, False],
        ),
    ],
)
def test_what_is_not_so_misses_its_goal(changes: dict[str, object], met: list[bool]) -> None:
    assert [row.met for row in overran(**changes)] == met


def test_neighbours_that_are_slower_afterwards_miss_the_goal() -> None:
    slowed = [*trains(100, end=14.5)]
    slowed += [
        Report(at=15 + n, samples=slowed[-1].samples + 60 * n, loss=0.01, peak=0) for n in range(16)
    ]
    assert overran(neighbours=[slowed] * 3)[2].met is False


@pytest.mark.parametrize(
    ("gib", "models"),
    [
        (140, (("residual", 64), ("transformer", 16))),
        (24, (("residual", 64), ("transformer", 4))),
        (15, (("residual", 64),)),
    ],
)
def test_a_model_is_trained_where_it_fits_into_the_smallest_share(gib: int, models: object) -> None:
    assert models_for(Device(id="GPU-0", model="a card", memory=gib * GIB)) == models


@pytest.mark.parametrize(("cores", "each"), [(16, 4), (6, 1), (2, 0.5)])
def test_a_whole_crowd_has_room_on_the_processor(cores: int, each: float) -> None:
    assert cores_each(range(cores)) == each
    assert each * CROWD <= cores
