"""A live function's own source."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cnai_sdk.capture.cells import Origins, Piece
from cnai_sdk.capture.effects import magic_of
from cnai_sdk.capture.names import dotted_path
from cnai_sdk.capture.nodes import Part
from cnai_sdk.capture.statements import (
    definition_at,
    expression_of,
    first_line,
    lambda_of,
    shifted,
    text_of,
    tree_of,
)
from cnai_sdk.errors import CaptureError


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A function and where its source was found.

    Attributes:
        node: the definition, or the lambda.
        lines: whether the source's text is a statement; otherwise it is an expression.
    """

    piece: Piece
    node: Any
    statement: bool


def source_of(function: types.FunctionType, origins: Origins) -> Found | None:
    """Where a function was written, by its code's own place; None when that is gone."""
    code = function.__code__
    source = origins.of_code(code)
    if source is None:
        return None
    if code.co_name == "<lambda>":
        node = lambda_of(source.text, code)
        if node is None:
            return None
        text = expression_of(source.text, node)
        piece = Piece(text=text, source=source, first=node.lineno)
        return Found(piece=piece, node=node, statement=False)
    found = definition_at(source.text, code.co_name, code.co_firstlineno)
    if found is None:
        return None
    piece = Piece(text=text_of(source.text, found), source=source, first=first_line(found))
    return Found(piece=piece, node=found, statement=True)


def inside(value: Any, accept: Callable[[types.FunctionType], bool]) -> types.FunctionType | None:
    """The function that decorators have wrapped, found through closures and attributes."""
    waiting = [value]
    seen: set[int] = set()
    while waiting and len(seen) < 200:
        item = waiting.pop(0)
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, types.FunctionType) and accept(item):
            return item
        waiting.extend(_held(item))
    return None


def _held(item: Any) -> Iterator[Any]:
    for name in ("__wrapped__", "__func__", "func", "fget"):
        held = getattr(item, name, None) if not isinstance(item, type) else None
        if callable(held):
            yield held
    for cell in getattr(item, "__closure__", None) or ():
        try:
            content = cell.cell_contents
        except ValueError:
            continue
        if callable(content):
            yield content
    if isinstance(getattr(item, "__dict__", None), dict) and not isinstance(
        item, type | types.ModuleType
    ):
        yield from (held for held in vars(item).values() if callable(held))


def refuse_notebook_syntax(piece: Piece, name: str) -> None:
    """Refuse magics, shell lines and the shell itself inside code that travels.

    Raises:
        CaptureError: names the magic, the cell and the line.
    """
    for node in ast.walk(tree_of(piece.text)):
        if not isinstance(node, ast.Call):
            continue
        magic = magic_of(node)
        if magic or dotted_path(node.func) == "get_ipython":
            line = piece.source.line(piece.first + node.lineno - 1)
            shown = magic or "get_ipython()"
            raise CaptureError(
                f"{name} uses {shown} ({piece.source.label}, line {line}).",
                why="workers run plain Python, without IPython.",
                next_step="move that line out of the function, or write it in Python"
                + (" (subprocess.run)" if magic in ("!", "%%bash", "%sx") else "")
                + ".",
                name=shown,
                cell=piece.source.label,
            )


def changed_defaults(
    found: Found, function: types.FunctionType, same: Callable[[ast.expr, object], bool]
) -> Iterator[tuple[ast.expr, str, object]]:
    """Default values that running the definition again would not give: where, argument, value.

    Args:
        same: whether an expression gives that very value in the namespace as it is now.
    """
    given = found.node.args
    positional = [*given.posonlyargs, *given.args]
    live = function.__defaults__ or ()
    if len(live) == len(given.defaults):
        named = zip(positional[len(positional) - len(live) :], given.defaults, live, strict=True)
        yield from ((e, a.arg, v) for a, e, v in named if not same(e, v))
    keyword = function.__kwdefaults__ or {}
    for argument, expression in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        if expression is not None and argument.arg in keyword:
            if not same(expression, keyword[argument.arg]):
                yield expression, argument.arg, keyword[argument.arg]


def replaced(piece: Piece, changes: list[tuple[ast.expr, str]]) -> Piece:
    """The piece with expressions replaced; positions are those in the source's whole text.

    An expression over several lines keeps its lines, so that line numbers stay right.
    """
    lines = piece.source.text.splitlines()
    text = piece.text.splitlines()
    for node, new in sorted(changes, key=lambda c: (c[0].lineno, c[0].col_offset), reverse=True):
        if node.end_lineno != node.lineno:
            continue
        old = lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode()
        row = node.lineno - piece.first
        whole = lines[node.lineno - 1]
        before = len(whole.encode()[: node.col_offset].decode())
        if node.lineno == piece.first and not whole.endswith(text[row]):
            before -= whole.find(text[row][:20])  # an expression taken from within its line
        else:
            before -= len(whole) - len(text[row])  # a statement moved to the margin
        if text[row][before : before + len(old)] == old:
            text[row] = text[row][:before] + new + text[row][before + len(old) :]
    return Piece(text="\n".join(text), source=piece.source, first=piece.first)


def factory(
    name: str, function: types.FunctionType, found: Found, free: dict[str, str]
) -> tuple[Part, ...]:
    """Source that makes a function again, with the values that its variables have now."""
    own = function.__code__.co_name
    label, line = found.piece.source.label, found.piece.line
    if not found.statement and not free:
        return (Part(text=f"{name} = {found.piece.text}", source=label, line=line),)
    maker = f"_make_{name.strip('_')}"
    head = Part(text=f"def {maker}({', '.join(free)}):")
    if found.statement:
        body = Part(text=shifted(found.piece.text, 4), source=label, line=line)
        tail = f"    return {own}"
    else:
        body = Part(text=f"    return {found.piece.text}", source=label, line=line)
        tail = ""
    given = ", ".join(f"{variable}={value}" for variable, value in free.items())
    return head, body, Part(text=f"{tail}\n\n\n{name} = {maker}({given})".lstrip("\n"))
