"""Text measured in a terminal's columns: a Han character takes two of them, an accent none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_TOKEN = re.compile(r" +|[^ ]+")


def char_width(char: str) -> int:
    """Columns that one character takes.

    >>> char_width("a"), char_width("训"), char_width("\\u0301")
    (1, 2, 0)
    """
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def display_width(text: str) -> int:
    """Columns that a text without controls takes.

    >>> display_width("训练 2")
    6
    """
    return len(text) if text.isascii() else sum(map(char_width, text))


def cut(text: str, width: int, *, mark: str = "…") -> str:
    """The text in at most so many columns, with a mark where something is left out.

    >>> cut("accuracy", 5), cut("训练作业", 6)
    ('accu…', '训练…')
    """
    if len(_head(text, width)) == len(text):
        return text
    return _head(text, max(width - 1, 0)) + mark[:width]


def _head(text: str, width: int) -> str:
    used = 0
    for position, char in enumerate(text):
        used += char_width(char)
        if used > width:
            return text[:position]
    return text


def pad(text: str, width: int) -> str:
    """The text with spaces up to a width.

    >>> pad("训", 4) + "|"
    '训  |'
    """
    return text + " " * (width - display_width(text))


def padded(cells: Sequence[str]) -> list[str]:
    """The cells of a column, all equally wide on a screen.

    >>> padded(["a", "训练"])
    ['a   ', '训练']
    """
    most = max(map(display_width, cells), default=0)
    return [pad(cell, most) for cell in cells]


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most so many columns, broken at spaces, or inside a word that is too long.

    Leading spaces stay, since a line of source has them.

    >>> wrap("Worker 0 then lost its peer", 14)
    ['Worker 0 then', 'lost its peer']
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _wrap_one(paragraph.expandtabs(4), max(width, 2))
    return lines


def _wrap_one(text: str, width: int) -> list[str]:
    lines, line, used = [], "", 0
    for token in _TOKEN.findall(text):
        size = display_width(token)
        if used + size <= width:
            line, used = line + token, used + size
            continue
        if token[0] == " ":
            lines.append(line)
            line, used = "", 0
            continue
        if line.strip():
            lines.append(line.rstrip())
            line = ""
        *whole, token = _pieces(token, width)
        lines += whole
        line, used = token, display_width(token)
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _pieces(token: str, width: int) -> list[str]:
    """A word in pieces that fit; one piece when it fits."""
    pieces, start, used = [], 0, 0
    for position, char in enumerate(token):
        size = char_width(char)
        if used + size > width:
            pieces.append(token[start:position])
            start, used = position, 0
        used += size
    return [*pieces, token[start:]]
