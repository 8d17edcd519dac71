"""Names that are valid on every backend."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.name import LIMIT, check_name, label_for, numbered

RFC_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@pytest.mark.parametrize("name", ["digits", "digits-2", "a", "0", "3-layers", "d" * LIMIT])
def test_a_label_is_a_name(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../up",
        "a/b",
        "a b",
        "Digits",
        "-a",
        "a-",
        "a_b",
        "a.b",
        "训练",
        "🚀",
        "a\n",
        "a\0b",
        "d" * (LIMIT + 1),
        "d" * 300,
    ],
)
def test_what_is_no_label_is_refused_with_a_name_that_is(name: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_name(name)
    offered = refusal.value.next_step.split('"')[1]
    assert check_name(offered) == offered
    assert len(refusal.value.what) < 120


@pytest.mark.parametrize("name", [None, 3, b"digits", ["digits"]])
def test_what_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_name(name)
    assert refusal.value.next_step


@pytest.mark.parametrize(
    ("title", "label", "display"),
    [
        ("train_digits", "train-digits", ""),
        ("Digits", "digits", ""),
        ("训练", "job", "训练"),
        ("训练 v2", "v2", "训练 v2"),
        ("Größe", "groe", "Größe"),
        ("café", "cafe", "café"),
        ("__", "job", ""),
        ("<lambda>", "lambda", ""),
    ],
)
def test_a_title_becomes_a_label_and_stays_visible_when_it_is_not_ascii(
    title: str, label: str, display: str
) -> None:
    assert label_for(title) == (label, display)


@given(st.text())
def test_every_title_has_a_label(title: str) -> None:
    label, display = label_for(title)
    assert check_name(label) == label
    assert display in ("", title)


@given(st.from_regex(RFC_1123, fullmatch=True).filter(lambda s: len(s) <= LIMIT), st.integers(2))
def test_a_numbered_name_is_a_name_and_ends_with_its_number(base: str, number: int) -> None:
    name = numbered(base, number % 10**6 + 2)
    assert check_name(name) == name
    assert name.endswith(f"-{number % 10**6 + 2}")


@given(st.from_regex(RFC_1123, fullmatch=True).filter(lambda s: len(s) <= LIMIT))
def test_numbers_make_different_names(base: str) -> None:
    assert len({numbered(base, number) for number in range(2, 30)}) == 28
