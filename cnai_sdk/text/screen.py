"""What a terminal would show of a text: carriage returns overwrite, colours stay, the rest goes.

A worker may print anything. Of its control sequences only colours (SGR) and the erasing of a line
(which progress bars use) mean something here; every other one is removed whole, so that no title,
link, clipboard or cursor command ever reaches a screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from cnai_sdk.text.columns import char_width

Colour = int | tuple[int, int, int]


class Style(NamedTuple):
    """How a run of characters looks. Colours: 0 to 15 of the palette, or red, green and blue."""

    fg: Colour | None = None
    bg: Colour | None = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False


PLAIN = Style()
_MARKS = 30  # on one character; the Stream-Safe Text Format of Unicode (UAX #15) has as many

# Linear: in no alternative does a repeated class overlap what may follow it.
_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<csi>(?:\x1b\[|\x9b)(?P<args>[0-?]*)[ -/]*(?P<final>[@-~]?))"
    r"|(?P<string>(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0a-\x1f\x7f-\x9f]*"
    r"(?:\x07|\x1b\\|\x9c))"
    r"|(?P<escape>\x1b[ -/]*[0-~]?)"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
_MOVES = re.compile(r"[\r\b]|(?:\x1b\[|\x9b)[0-?]*[ -/]*K")
# Invisible characters that reorder or hide what stands around them; joiners of emoji stay.
_HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ANYTHING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def harmless(text: str) -> bool:
    """True when a terminal shows the text as it is."""
    return _ANYTHING.search(text) is None


def runs(text: str) -> Iterator[tuple[Style, str]]:
    """The visible text in pieces of one style each; line ends are in them."""
    if harmless(text):
        if text:
            yield PLAIN, text
        return
    shown = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    shown = _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", shown)
    pieces = _Screen().show(shown) if _MOVES.search(shown) else _in_order(shown)
    for style, group in groupby(pieces, key=lambda piece: piece[1]):
        yield style, "".join(characters for characters, _ in group)


def _in_order(text: str) -> Iterator[tuple[str, Style]]:
    """The pieces of a text that never goes back, which is nearly every coloured line."""
    style = PLAIN
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "text" or match["control"] == "\t":
            yield match[0], style
        elif match["control"] == "\n":
            yield "\n", PLAIN
        elif match["final"] == "m":
            style = _styled(style, match["args"])


class _Screen:
    """One line at a time, as cells of a character and its style."""

    def __init__(self) -> None:
        self._done: list[tuple[str, Style]] = []
        self._line: list[tuple[str, Style]] = []
        self._column = 0
        self._style = PLAIN

    def show(self, text: str) -> list[tuple[str, Style]]:
        for match in _TOKEN.finditer(text):
            if match.lastgroup == "text":
                self._print(match["text"])
            elif match["csi"] is not None:
                self._control_sequence(match["args"], match["final"])
            elif match["control"] is not None:
                self._control(match["control"])
        return self._done + self._line

    def _print(self, text: str) -> None:
        self._line += [(" ", PLAIN)] * (self._column - len(self._line))
        for char in text:
            width = char_width(char)
            if width == 0 and self._column:
                before, style = self._line[self._column - 1]
                if len(before) <= _MARKS:
                    self._line[self._column - 1] = (before + char, style)
                continue
            cells = [(char, self._style)] + [("", self._style)] * (width - 1)
            end = self._column + len(cells)
            if self._column < len(self._line):
                self._split_wide(self._column)
                self._split_wide(end)
            self._line[self._column : end] = cells
            self._column = end

    def _split_wide(self, column: int) -> None:
        """A wide character of which a half is overwritten leaves a space."""
        if 0 < column < len(self._line) and self._line[column][0] == "":
            style = self._line[column][1]
            self._line[column - 1] = self._line[column] = (" ", style)

    def _control(self, char: str) -> None:
        if char == "\n":
            self._done += [*self._line, ("\n", PLAIN)]
            self._line, self._column = [], 0
        elif char == "\r":
            self._column = 0
        elif char == "\b":
            self._column = max(self._column - 1, 0)
        elif char == "\t":
            self._print("\t")

    def _control_sequence(self, args: str, final: str) -> None:
        if final == "m":
            self._style = _styled(self._style, args)
        elif final == "K":
            self._erase(args)

    def _erase(self, which: str) -> None:
        """Erased cells are no text: at the end of a line nothing is left of them."""
        if which in ("", "0"):
            del self._line[self._column :]
        elif which == "1":
            done = self._line[: self._column + 1]
            self._line[: len(done)] = [(" ", PLAIN)] * len(done)
        elif which == "2":
            self._line = []


_FLAGS = {1: "bold", 3: "italic", 4: "underline", 7: "inverse"}
_ENDS = {22: "bold", 23: "italic", 24: "underline", 27: "inverse"}


def _styled(style: Style, args: str) -> Style:
    """The style after a sequence of SGR codes; what is not known changes nothing."""
    if not re.fullmatch(r"[\d;:]*", args):
        return style
    codes = [int(code[:6] or 0) for code in re.split(r"[;:]", args)]
    position = 0
    while position < len(codes):
        code = codes[position]
        position += 1
        if code == 0:
            style = PLAIN
        elif code in _FLAGS:
            style = style._replace(**{_FLAGS[code]: True})
        elif code in _ENDS:
            style = style._replace(**{_ENDS[code]: False})
        elif code in (38, 48):
            colour, position = _extended(codes, position)
            if colour is not None:
                style = _coloured(style, colour, back=code == 48)
        else:
            style = _simple(style, code)
    return style


def _simple(style: Style, code: int) -> Style:
    if code in (39, 49):
        return _coloured(style, None, back=code == 49)
    for first, offset, back in ((30, 0, False), (40, 0, True), (90, 8, False), (100, 8, True)):
        if first <= code < first + 8:
            return _coloured(style, code - first + offset, back=back)
    return style


def _coloured(style: Style, colour: Colour | None, *, back: bool) -> Style:
    return style._replace(bg=colour) if back else style._replace(fg=colour)


def _extended(codes: list[int], position: int) -> tuple[Colour | None, int]:
    """A colour of 256 (5;n) or of red, green and blue (2;r;g;b)."""
    kind, rest = codes[position : position + 1], codes[position + 1 :]
    if kind == [5] and rest:
        return _of_256(rest[0]), position + 2
    if kind == [2] and len(rest) >= 3:
        red, green, blue = (min(value, 255) for value in rest[:3])
        return (red, green, blue), position + 4
    return None, len(codes)


def _of_256(number: int) -> Colour | None:
    if number < 16:
        return number
    if number < 232:
        steps = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
        red, green, blue = (55 + 40 * step if step else 0 for step in steps)
        return red, green, blue
    return (8 + 10 * (number - 232),) * 3 if number < 256 else None
