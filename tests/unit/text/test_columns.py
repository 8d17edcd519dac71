"""Text measured in columns."""

from __future__ import annotations

import pytest

from cnai_sdk.text.columns import cut, display_width, pad, wrap


@pytest.mark.parametrize(
    ("text", "columns"),
    [("digits", 6), ("训练", 4), ("ｆｕｌｌ", 8), ("e\u0301", 1), ("", 0), ("a训", 3)],
)
def test_a_han_character_takes_two_columns_and_an_accent_none(text: str, columns: int) -> None:
    assert display_width(text) == columns


@pytest.mark.parametrize(
    "text", ["a long name of a job", "训练一个很长的名字", "a训b练c训b练c", "e\u0301" * 9]
)
@pytest.mark.parametrize("width", [1, 2, 3, 7, 8])
def test_a_cut_text_is_never_wider_and_says_that_it_was_cut(text: str, width: int) -> None:
    shown = cut(text, width)
    assert display_width(shown) <= width
    assert shown.endswith("…")


def test_what_fits_is_not_cut() -> None:
    assert cut("训练", 4) == "训练"


def test_padding_counts_columns() -> None:
    assert display_width(pad("训", 6)) == 6
    assert pad("wider than that", 3) == "wider than that"


@pytest.mark.parametrize(
    "text",
    [
        "Worker 0 then lost its peer; that error is only a consequence.",
        "一个没有空格的很长的句子，它必须在某个地方断开。",
        "a" * 100,
        "word " + "b" * 50 + " word",
        "    indented source line that is long enough to wrap",
    ],
)
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(text: str) -> None:
    lines = wrap(text, 20)
    assert all(display_width(line) <= 20 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_wrapping_breaks_at_spaces_where_it_can() -> None:
    assert wrap("Worker 0 then lost its peer", 14) == ["Worker 0 then", "lost its peer"]


def test_wrapping_keeps_the_indent_of_a_source_line() -> None:
    assert wrap("    raise ValueError(y)", 40) == ["    raise ValueError(y)"]


def test_wrapping_keeps_line_ends_and_a_number_with_its_unit() -> None:
    assert wrap("one\ntwo", 20) == ["one", "two"]
    assert wrap("it used 8.1\N{NO-BREAK SPACE}GiB", 12) == ["it used", "8.1\N{NO-BREAK SPACE}GiB"]


def test_a_word_of_two_wide_characters_breaks_between_characters() -> None:
    assert wrap("训练模型", 5) == ["训练", "模型"]
    assert wrap("ab " + "训" * 5, 4) == ["ab", "训训", "训训", "训"]
