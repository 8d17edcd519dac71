"""Statements of a source, by the names that they bind and the lines that they take."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import msgspec

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """One name that a top-level statement binds.

    Attributes:
        kind: 'star' stands for every name that `from module import *` brings.
        module, attribute: what an import names; attribute is '' for `import module`.
    """

    name: str
    kind: Literal["def", "class", "import", "star", "value"]
    node: ast.stmt
    module: str = ""
    attribute: str = ""


@lru_cache(maxsize=4096)
def tree_of(text: str) -> ast.Module:
    """The parsed text; an empty module when it is not Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


@lru_cache(maxsize=4096)
def bindings(text: str) -> tuple[Binding, ...]:
    """What the top level of `text` binds, in order, with that in if, try, with and loops.

    >>> [b.name for b in bindings("import numpy as np\\nif True:\\n    n = 1")]
    ['np', 'n']
    """
    return tuple(_bindings(tree_of(text).body))


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at the top level, with those inside compound statements."""
    for node in body:
        yield node
        if isinstance(node, Definition):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from top_level(getattr(node, field, []))
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from top_level(part.body)


def _bindings(body: list[ast.stmt]) -> Iterator[Binding]:
    for node in top_level(body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Binding(name=node.name, kind="def", node=node)
        elif isinstance(node, ast.ClassDef):
            yield Binding(name=node.name, kind="class", node=node)
        elif isinstance(node, ast.Import):
            yield from (_import(node, alias) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (_import_from(node, alias) for alias in node.names)
        else:
            yield from (Binding(name=n, kind="value", node=node) for n in _targets(node))


def _import(node: ast.Import, alias: ast.alias) -> Binding:
    name = alias.asname or alias.name.split(".")[0]
    module = alias.name if alias.asname else name
    return Binding(name=name, kind="import", node=node, module=module)


def _import_from(node: ast.ImportFrom, alias: ast.alias) -> Binding:
    module = "." * node.level + (node.module or "")
    if alias.name == "*":
        return Binding(name="*", kind="star", node=node, module=module)
    name = alias.asname or alias.name
    return Binding(name=name, kind="import", node=node, module=module, attribute=alias.name)


def _targets(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.If | ast.While | ast.Try | ast.Match):
        return
    if isinstance(node, ast.For | ast.AsyncFor):
        looked: list[ast.AST] = [node.target]
    elif isinstance(node, ast.With | ast.AsyncWith):
        looked = [item.optional_vars for item in node.items if item.optional_vars]
    else:
        looked = [node]
    for part in looked:
        for inner in ast.walk(part):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


@lru_cache(maxsize=4096)
def imported_modules(text: str) -> frozenset[str]:
    """Modules with a dot that `import a.b` names anywhere in the text."""
    names = (
        alias.name
        for node in ast.walk(tree_of(text))
        if isinstance(node, ast.Import)
        for alias in node.names
    )
    return frozenset(name for name in names if "." in name)


def first_line(node: ast.AST) -> int:
    """Where a definition begins, its decorators included."""
    lines = [d.lineno for d in getattr(node, "decorator_list", ())]
    return int(min([*lines, getattr(node, "lineno", 1)]))


def definition_at(text: str, name: str, line: int) -> Definition | None:
    """The definition of that name whose code begins at that line, or None."""
    for node in ast.walk(tree_of(text)):
        if isinstance(node, Definition) and node.name == name:
            if line in (first_line(node), node.lineno):
                return node
    return None


def lambda_of(text: str, code: types.CodeType) -> ast.Lambda | None:
    """The lambda that a code object was compiled from: by its place in the line, or None."""
    found = [
        node
        for node in ast.walk(tree_of(text))
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    if len(found) > 1:
        places = set(code.co_positions())
        found = [node for node in found if _extent(node.body) in places]
    return found[0] if len(found) == 1 else None


def _extent(node: ast.expr) -> tuple[int | None, ...]:
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)


def text_of(text: str, node: ast.stmt) -> str:
    """A statement as it was written, moved to the left margin."""
    lines = text.splitlines()
    first, last = first_line(node), node.end_lineno or node.lineno
    whole = "\n".join(lines[first - 1 : last])
    kept = {line - first + 1 for line in _inside_strings(node)}
    moved = shifted(whole, -node.col_offset, kept=kept)
    alone = tree_of(moved).body
    if len(alone) == 1 and type(alone[0]) is type(node):
        return moved
    return ast.get_source_segment(text, node) or ast.unparse(node)


def shifted(text: str, columns: int, *, kept: set[int] | None = None) -> str:
    """Text moved sideways, except for lines that begin inside a string.

    Args:
        columns: to the right; to the left when negative.
        kept: numbers of the lines, from 1, that stay; found from the text when not given.
    """
    if kept is None:
        kept = set(_inside_strings(tree_of(text)))
    moved = []
    for number, line in enumerate(text.splitlines(), 1):
        if number in kept or not line.strip():
            moved.append(line)
        elif columns >= 0:
            moved.append(" " * columns + line)
        else:
            moved.append(line[min(-columns, len(line) - len(line.lstrip())) :])
    return "\n".join(moved)


def _inside_strings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno:
            yield from range(node.lineno + 1, node.end_lineno + 1)


def expression_of(text: str, node: ast.expr) -> str:
    """An expression as it was written, in parentheses when it takes several lines."""
    segment = ast.get_source_segment(text, node) or ast.unparse(node)
    return f"({segment})" if "\n" in segment else segment
