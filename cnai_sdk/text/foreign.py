"""Text that others wrote, made safe to show: for a terminal, for one line of it, and as HTML."""

from __future__ import annotations

import html
import re

from cnai_sdk.text.columns import cut
from cnai_sdk.text.screen import PLAIN, Colour, Style, harmless, runs

_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_BLANKS = re.compile(r"[ \t\n]+")  # not the no-break space, which holds a number to its unit


def clean(text: str, *, colours: bool) -> str:
    """The text as a terminal would show it, with nothing in it that a terminal would obey.

    A carriage return overwrites; links, titles, cursor moves and control characters are gone;
    characters that hide or reorder others are written as ⟨U+202E⟩.

    Args:
        text: anything, also with broken surrogates.
        colours: keep colours, bold, italics and underlining as SGR sequences, each one closed.

    >>> clean("40%\\r100% \\x1b]8;;http://x\\x07done\\x1b]8;;\\x07", colours=False)
    '100% done'
    """
    if harmless(text):
        return text
    if not colours:
        return "".join(shown for _, shown in runs(text))
    return "".join(_with_codes(style, shown) for style, shown in runs(text))


def one_line(text: str, width: int | None = None) -> str:
    """The text on one line, without colours, cut at a width in columns.

    >>> one_line("two\\nlines"), one_line("a long name", 7)
    ('two lines', 'a long…')
    """
    flat = _BLANKS.sub(" ", clean(text, colours=False)).strip(" ")
    return flat if width is None else cut(flat, width)


def to_html(text: str) -> str:
    """The cleaned text, escaped, its colours as spans with Jupyter's own class names.

    >>> to_html("\\x1b[31m<b>\\x1b[0m")
    '<span class="ansi-red-fg">&lt;b&gt;</span>'
    """
    return "".join(_span(style, html.escape(shown)) for style, shown in runs(text))


def _span(style: Style, escaped: str) -> str:
    if style == PLAIN:
        return escaped
    names, rules = _classes(style)
    attributes = f' class="{" ".join(names)}"' if names else ""
    attributes += f' style="{";".join(rules)}"' if rules else ""
    return f"<span{attributes}>{escaped}</span>"


def _classes(style: Style) -> tuple[list[str], list[str]]:
    fg, bg = style.fg, style.bg
    if style.bold and isinstance(fg, int) and fg < 8:
        fg += 8
    names: list[str] = []
    rules: list[str] = []
    if style.inverse:
        fg, bg = bg, fg
        names += ["ansi-default-inverse-fg"] if fg is None else []
        names += ["ansi-default-inverse-bg"] if bg is None else []
    for colour, where, rule in ((fg, "fg", "color"), (bg, "bg", "background-color")):
        if isinstance(colour, int):
            intense = "-intense" if colour >= 8 else ""
            names.append(f"ansi-{_NAMES[colour % 8]}{intense}-{where}")
        elif colour is not None:
            rules.append(f"{rule}: rgb({colour[0]},{colour[1]},{colour[2]})")
    names += [f"ansi-{name}" for name in ("bold", "underline") if getattr(style, name)]
    rules += ["font-style: italic"] if style.italic else []
    return names, rules


def _with_codes(style: Style, shown: str) -> str:
    if style == PLAIN:
        return shown
    flags = ((style.bold, "1"), (style.italic, "3"), (style.underline, "4"), (style.inverse, "7"))
    codes = [code for wanted, code in flags if wanted]
    codes += _colour_codes(style.fg, 30, 90, "38") + _colour_codes(style.bg, 40, 100, "48")
    return f"\x1b[{';'.join(codes)}m{shown}\x1b[0m"


def _colour_codes(colour: Colour | None, first: int, bright: int, extended: str) -> list[str]:
    if colour is None:
        return []
    if isinstance(colour, int):
        return [str(first + colour if colour < 8 else bright + colour - 8)]
    return [extended, "2", *map(str, colour)]
