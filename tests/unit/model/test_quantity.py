"""Amounts of memory and time, as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quantity import parse_memory, show_bytes, show_duration, show_number

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("8Gi", 8 * 2**30),
        ("512Mi", 512 * 2**20),
        ("1.5Gi", 3 * 2**29),
        (" 2 Ti ", 2 * 2**40),
        ("2048Ki", 2 * 2**20),
        (2**30, 2**30),
        (str(2**30), 2**30),
    ],
)
def test_a_quantity_is_read_as_bytes(written: object, amount: int) -> None:
    assert parse_memory(written) == amount


@pytest.mark.parametrize(
    ("written", "offered"),
    [
        ("8GB", 'memory="8Gi"'),
        ("8 gigs", 'memory="8Gi"'),
        ("8G", 'memory="8Gi"'),
        ("512mb", 'memory="512Mi"'),
        ("8gi", 'memory="8Gi"'),
        ("much", 'memory="8Gi"'),
        ("", 'memory="8Gi"'),
    ],
)
def test_another_unit_is_refused_and_the_binary_one_offered(written: str, offered: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_memory(written)
    assert repr(written) in refusal.value.what
    assert offered in refusal.value.next_step


@pytest.mark.parametrize("written", [None, True, 1.5, ["8Gi"], b"8Gi"])
def test_what_is_neither_text_nor_a_whole_number_is_refused(written: object) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_memory(written)
    assert refusal.value.next_step


@pytest.mark.parametrize("written", [0, -1, -(2**40), 8, "8", "0Gi", "1Ki", 2**20 - 1])
def test_less_than_a_mebibyte_is_refused_since_the_unit_was_forgotten(written: object) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_memory(written)
    assert "bytes" in refusal.value.what


def test_a_number_without_its_unit_is_offered_with_one() -> None:
    with pytest.raises(InvalidRequest, match='memory="8Gi"'):
        parse_memory(8)


def test_the_refusal_names_the_argument_that_was_written() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_memory("10GB", argument="gpu_memory")
    assert 'gpu_memory="10Gi"' in refusal.value.next_step


@given(st.integers(1, 4096), st.sampled_from(["Mi", "Gi", "Ti"]))
def test_what_a_refusal_would_offer_is_accepted(number: int, unit: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_memory(f"{number}{unit[0]}B")
    offered = refusal.value.next_step.split('"')[1]
    assert parse_memory(offered) == parse_memory(f"{number}{unit}")


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_an_explained_refusal(text: str) -> None:
    refusal: InvalidRequest | None = None
    amount = 2**20
    try:
        amount = parse_memory(text)
    except InvalidRequest as error:
        refusal = error
    assert amount >= 2**20
    assert refusal is None or refusal.next_step


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1 KiB"),
        (1.2 * 2**30, "1.2 GiB"),
        (2**50, "1,024 TiB"),
    ],
)
def test_bytes_are_shown_in_binary_units(amount: float, shown: str) -> None:
    assert show_bytes(amount) == shown.replace(" ", NBSP)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.91249, "0.912"),
        (8.0, "8"),
        (0.0, "0"),
        (1204, "1,204"),
        (-1204567, "-1,204,567"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_numbers_are_shown_with_three_digits(value: float, shown: str) -> None:
    assert show_number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0·s"),
        (-3, "0·s"),
        (0.4, "0.4·s"),
        (9.0, "9·s"),
        (59.6, "1·m"),
        (192, "3·m 12·s"),
        (3600, "1·h"),
        (3900, "1·h 5·m"),
        (90061, "1·d 1·h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown.replace("·", NBSP)
