"""The extension takes its colours from JupyterLab's themes, whichever a person chose."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHEETS = sorted((ROOT / "labextension" / "style").glob("*.css"))
SOURCES = sorted(
    path
    for path in (ROOT / "labextension" / "src").rglob("*.ts*")
    if "__tests__" not in path.parts and "generated" not in path.parts
)
THEMES = sorted(Path(sys.prefix, "share/jupyter/lab/themes/@jupyterlab").glob("*/index.css"))
COLOURED = re.compile(
    r"(?:.*-)?(?:color|background|border(?:-(?:top|right|bottom|left))?|outline|fill|stroke"
    r"|box-shadow|text-shadow|text-decoration|filter|column-rule)$|background-image$"
)
MEASURE = re.compile(r"-?[\d.]+(?:px|em|rem|%|deg|ch|ms|s)?$")
PLAIN = {
    # no colour of its own
    *("none", "transparent", "currentcolor", "inherit", "unset", "0"),
    # how a line or a surface is drawn
    *("solid", "dashed", "dotted", "underline", "inset", "in", "srgb"),
    *("color-mix", "linear-gradient", "repeating-linear-gradient", "var", "calc"),
}
OWN_WORDS = {
    # JupyterLab's own accepting button is white on this colour, in every theme of its.
    ("side.css", ".cnai-Panel .cnai-Button.cnai-mod-main", "color: white"),
    ("job.css", ".cnai-Job-button.cnai-mod-main", "color: white"),
}
"""Declarations that name a colour, and why they may."""
OWN_MARKS = {
    # LabIcon's convention: the theme paints what has the class jp-icon3, or our own style does.
    ("icons.ts", "#616161"),
    ("symbols.ts", "#616161"),
    ("glyphs.tsx", "#616161"),
}
"""Colours in sources, and why they may."""

Declaration = tuple[str, str, str, str]


def declarations(sheet: Path) -> Iterator[Declaration]:
    """Every declaration: the sheet, the selector, the property and the value, each on one line."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
    for selector, body in re.findall(r"([^{}]*)\{([^{}]*)\}", text):
        for each in filter(None, map(str.strip, body.split(";"))):
            name, _, value = each.partition(":")
            yield sheet.name, _line(selector), name.strip(), _line(value)


def _line(text: str) -> str:
    return " ".join(text.split())


ALL = [each for sheet in SHEETS for each in declarations(sheet)]


def words(value: str) -> Iterator[str]:
    """What a value says beside its measures and the names of variables; fallbacks are said too."""
    for word in re.findall(r"[^\s,()/*]+", value):
        if not MEASURE.match(word) and not word.startswith("--"):
            yield word.lower()


def variables(value: str) -> Iterator[tuple[str, bool]]:
    """The variables that a value takes, and whether it says what else where there is none."""
    for name, after in re.findall(r"var\(\s*(--[\w-]+)\s*([,)])", value):
        yield name, after == ","


def test_the_sheets_are_read() -> None:
    assert len(SHEETS) >= 8 and len(ALL) > 500
    sheets, selectors, names, _ = (set(column) for column in zip(*ALL, strict=True))
    assert {"side.css", "job.css"} <= sheets
    assert ".cnai-Panel" in selectors and "background" in names


@pytest.mark.parametrize(
    "value", ["#fff", "rgb(0 0 0 / 50%)", "1px solid red", "var(--jp-x, #333)", "hsl(0 0% 0%)"]
)
def test_a_colour_of_its_own_would_be_found(value: str) -> None:
    assert set(words(value)) - PLAIN


def test_no_colour_is_written_but_taken_from_the_theme() -> None:
    found = {
        (sheet, selector, f"{name}: {value}")
        for sheet, selector, name, value in ALL
        if (COLOURED.match(name) or name.startswith("--")) and set(words(value)) - PLAIN
    }
    assert found == OWN_WORDS


def test_nothing_else_of_a_sheet_holds_a_colour() -> None:
    """Whatever the property is called: a number of a colour, or a function that makes one."""
    made = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|hwb|(?:ok)?la[bc]h?|color)\(", re.I)
    assert [each for each in ALL if made.search(each[3])] == []


def test_every_variable_is_one_of_jupyterlab_or_made_of_those() -> None:
    taken = {name for *_, value in ALL for name, _ in variables(value)}
    sources = "".join(path.read_text("utf-8") for path in SOURCES)
    made = {name for _, _, name, _ in ALL if name.startswith("--")}
    made |= set(re.findall(r"'(--cnai-[\w-]+)'", sources))
    assert {name for name in taken if not name.startswith(("--jp-", "--cnai-"))} == set()
    assert {name for name in taken if name.startswith("--cnai-")} == made


@pytest.mark.skipif(not THEMES, reason="JupyterLab is not installed in this environment")
def test_a_variable_without_a_substitute_is_in_every_theme_of_jupyterlab() -> None:
    assert len(THEMES) >= 3, "light, dark and high contrast"
    sources = "".join(path.read_text("utf-8") for path in SOURCES)
    taken = {name for *_, value in ALL for name, spare in variables(value) if not spare}
    taken |= set(re.findall(r"'(--jp-[\w-]+)'", sources))
    for theme in THEMES:
        known = set(re.findall(r"(--jp-[\w-]+)\s*:", theme.read_text("utf-8")))
        missing = {name for name in taken if name.startswith("--jp-")} - known
        assert missing == set(), theme.parent.name


def test_no_source_paints_with_a_colour_of_its_own() -> None:
    painted = re.compile(
        r"#[0-9a-fA-F]{6}\b|(?<![\w&])#[0-9a-fA-F]{3}\b"
        r"|\b(?:rgba?|hsla?)\(|(?:fill|stroke|color)\s*[=:]\s*['\"](?!none|currentColor)[a-z]+['\"]"
    )
    found = {
        (path.name, mark) for path in SOURCES for mark in painted.findall(path.read_text("utf-8"))
    }
    assert found == OWN_MARKS
