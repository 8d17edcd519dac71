"""Where source comes from: a notebook's executed cells, or a file."""

from __future__ import annotations

import ast
import linecache
import re
import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.capture.statements import Binding, bindings, definition_at, imported_modules

_TIMED = re.compile(r"\s*%%(?:time|timeit|capture|prun)\b[^\n]*\n")
_CELL = re.compile(r"In\[(\d+)\]")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Python text that has run.

    Attributes:
        label: 'cell [3]', or a file's name.
        text: plain Python; IPython's syntax is already translated.
        raw: the text as it was typed.
        skipped: lines of `raw` before the Python in it begins.
    """

    label: str
    text: str
    raw: str
    skipped: int = 0

    def line(self, number: int) -> int:
        """The line of the cell, from 1, that line `number` of the text stands for."""
        guess = number + self.skipped
        typed, ours = self.raw.splitlines(), self.text.splitlines()
        if not 0 < number <= len(ours):
            return guess
        wanted = ours[number - 1].strip()
        if not wanted or (guess <= len(typed) and typed[guess - 1].strip() == wanted):
            return guess
        same = [place for place, line in enumerate(typed, 1) if line.strip() == wanted]
        return min(same, key=lambda place: abs(place - guess), default=guess)


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of a source.

    Attributes:
        text: the statement, not indented.
        source: where it was found.
        first: the line of `source.text` where it begins.
    """

    text: str
    source: Source
    first: int

    @property
    def line(self) -> int:
        """The line of the cell or file where it begins."""
        return self.source.line(self.first)


class Origins:
    """Everything that has run in one namespace, oldest first.

    Args:
        namespace: the globals of the function that is captured.
        cwd: file names are shown relative to it.
    """

    def __init__(self, namespace: dict[str, Any], *, cwd: Path) -> None:
        self._cwd = cwd
        self._shell = _shell_of(namespace)
        self.sources = self._history() if self._shell else self._own_file(namespace)

    @property
    def interactive(self) -> bool:
        """Whether the namespace is a notebook's."""
        return self._shell is not None

    def bound(self, name: str) -> Iterator[tuple[Source, Binding]]:
        """Statements that bind a name, the newest first."""
        for source in reversed(self.sources):
            for binding in reversed(bindings(source.text)):
                if binding.name == name or (
                    binding.kind == "star" and name in vars(_loaded(binding.module))
                ):
                    yield source, binding

    def label(self, name: str) -> str:
        """The cell that last bound a name, or ''."""
        return next((source.label for source, _ in self.bound(name)), "")

    def imported(self) -> frozenset[str]:
        """Dotted modules that an import statement names."""
        return frozenset().union(*(imported_modules(source.text) for source in self.sources))

    def of_code(self, code: types.CodeType) -> Source | None:
        """The source that a code object was compiled from, or None."""
        if code.co_filename in ("<timed exec>", "<timed eval>"):
            return next((s for s in reversed(self.sources) if _defines(s, code)), None)
        text = "".join(linecache.getlines(code.co_filename))
        if not text:
            return None
        number = self._cell_number(code.co_filename)
        if number is None:
            return Source(label=self._file_label(code.co_filename), text=text, raw=text)
        raw = self._raw()[number] if number < len(self._raw()) else text
        return Source(label=f"cell [{number}]", text=text, raw=raw, skipped=_skipped(raw))

    def _history(self) -> list[Source]:
        translate = self._shell.transform_cell
        found = []
        for number, raw in enumerate(self._raw()):
            body, skipped = _body(raw)
            text = _translated(translate, body)
            if text.strip():
                label = f"cell [{number}]"
                found.append(Source(label=label, text=text, raw=raw, skipped=skipped))
        return found

    def _raw(self) -> list[str]:
        return list(self._shell.history_manager.input_hist_raw) if self._shell else []

    def _own_file(self, namespace: dict[str, Any]) -> list[Source]:
        path = namespace.get("__file__")
        text = "".join(linecache.getlines(path)) if isinstance(path, str) else ""
        return [Source(label=self._file_label(str(path)), text=text, raw=text)] if text else []

    def _cell_number(self, filename: str) -> int | None:
        if self._shell is None:
            return None
        said = self._shell.compile.format_code_name(filename)
        found = _CELL.search(str(said))
        return int(found[1]) if found else None

    def _file_label(self, filename: str) -> str:
        path = Path(filename)
        return str(path.relative_to(self._cwd)) if path.is_relative_to(self._cwd) else path.name


def _shell_of(namespace: dict[str, Any]) -> Any:
    """The running IPython, when the namespace is the one that its cells run in."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    shell = get_ipython()  # type: ignore[no-untyped-call]
    return shell if shell is not None and shell.user_ns is namespace else None


def _loaded(module: str) -> types.ModuleType:
    return sys.modules.get(module) or types.ModuleType(module)


def _skipped(raw: str) -> int:
    body, skipped = _body(raw)
    return skipped + _blank(body)


def _blank(text: str) -> int:
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines) if line.strip()), 0)


def _body(raw: str) -> tuple[str, int]:
    """A cell's Python without its leading blank lines, and how many lines come before it."""
    skipped = 0
    timed = _TIMED.match(raw)
    while timed:
        skipped += timed[0].count("\n")
        raw = raw[timed.end() :]
        timed = _TIMED.match(raw)
    if raw.lstrip().startswith("%%"):
        return "", skipped
    blank = _blank(raw)
    return "\n".join(raw.splitlines()[blank:]), skipped + blank


@lru_cache(maxsize=4096)
def _translated(translate: Any, body: str) -> str:
    text = str(translate(body))
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return ""  # the cell did not run either
    return text


def _defines(source: Source, code: types.CodeType) -> bool:
    return definition_at(source.text, code.co_name, code.co_firstlineno) is not None
