"""A metric as a few characters."""

from __future__ import annotations

import math

import pytest

from cnai_sdk.text import sparkline
from cnai_sdk.text.spark import bar


def test_it_rises_from_the_lowest_block_to_the_highest() -> None:
    assert sparkline(range(8)) == "▁▂▃▄▅▆▇█"


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("count", [2, 17, 18, 19, 10_000])
def test_it_is_never_wider_than_asked_and_keeps_both_ends(count: int, ascii: bool) -> None:
    shown = sparkline([n / count for n in range(count)], 18, ascii=ascii)
    assert len(shown) == min(count, 18)
    assert (shown[0], shown[-1]) == (("_", "#") if ascii else ("▁", "█"))


def test_a_value_that_is_not_finite_is_a_gap() -> None:
    assert sparkline([0, math.nan, 1, math.inf, -math.inf]) == "▁ █  "


@pytest.mark.parametrize("values", [[], [1.0], [math.nan, math.nan], [math.nan, 1.0]])
def test_less_than_two_values_draw_nothing(values: list[float]) -> None:
    assert sparkline(values) == ""


def test_equal_values_are_a_level_line() -> None:
    assert len(set(sparkline([3.0] * 5))) == 1


def test_values_at_the_ends_of_floats_do_not_overflow() -> None:
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"


@pytest.mark.parametrize("fraction", [-1, 0, 0.001, 0.4, 0.999, 1, 2])
@pytest.mark.parametrize("ascii", [False, True])
def test_a_bar_is_as_wide_as_asked(fraction: float, ascii: bool) -> None:
    assert len(bar(fraction, 32, ascii=ascii)) == 32


def test_a_bar_is_full_only_at_the_end() -> None:
    assert bar(1, 4) == "████"
    assert bar(0, 4) == "····"
    assert bar(0.99, 32) != bar(1, 32)
