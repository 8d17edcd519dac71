"""Which names a piece of source takes from the namespace around it."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from functools import lru_cache

import msgspec

_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_GIVEN = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__package__"})


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """The global names of one piece of source.

    Attributes:
        eager: read while the definition itself runs: decorators, defaults, bases, class bodies.
        lazy: read later, when a function's body runs.
        weak: may be absent: only in annotations, or guarded by `except NameError`.
        sets: assigned through a `global` statement.
        dotted: attribute paths that begin with a global name, such as 'torch.utils.data'.
    """

    eager: frozenset[str]
    lazy: frozenset[str]
    weak: frozenset[str]
    sets: frozenset[str]
    dotted: frozenset[str]


@lru_cache(maxsize=4096)
def uses(text: str) -> Uses:
    """The global names that `text` reads, built-in names included.

    Args:
        text: one or more statements, not indented.

    >>> sorted(uses("def f(x=A):\\n    return [g(y) for y in x]").lazy)
    ['g']
    """
    eager: set[str] = set()
    lazy: set[str] = set()
    own: set[str] = set()
    sets: set[str] = set()
    for table, now in _tables(symtable.symtable(text, "<capture>", "exec"), True):
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if symbol.is_declared_global() and symbol.is_assigned():
                sets.add(name)
            if not symbol.is_referenced() or name in _GIVEN:
                continue
            if str(table.get_type()) == "module" or symbol.is_global():
                (eager if now else lazy).add(name)
            elif _is_class(table) and symbol.is_local():
                own.add(name)  # `x = x` in a class body reads the global first
                eager.add(name)
    tree = ast.parse(text)
    said, guarded, dotted = _spoken(tree)
    annotated = _annotated(tree)
    found = eager | lazy
    weak = (found - said) | (guarded & found) | (own - lazy) | (annotated - found)
    return Uses(
        eager=frozenset(eager),
        lazy=frozenset(lazy | annotated - eager),
        weak=frozenset(weak),
        sets=frozenset(sets),
        dotted=frozenset(path for path in dotted if path.split(".")[0] in found),
    )


def _tables(table: symtable.SymbolTable, now: bool) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    yield table, now
    for child in table.get_children():
        yield from _tables(child, now and _runs_at_once(child))


def _runs_at_once(table: symtable.SymbolTable) -> bool:
    if table.get_name().strip("<>") in _COMPREHENSIONS:
        return True
    return not isinstance(table, symtable.Function)


def _is_class(table: symtable.SymbolTable) -> bool:
    return isinstance(table, symtable.Class)


def _annotations(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield node.returns


def _annotated(tree: ast.AST) -> set[str]:
    """Names inside annotations, in those written as strings too."""
    names: set[str] = set()
    for annotation in _annotations(tree):
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= _in_string(node.value)
    return names


def _in_string(text: str) -> set[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _spoken(tree: ast.AST) -> tuple[set[str], set[str], set[str]]:
    """Names outside annotations; those of them that NameError handlers guard; dotted paths."""
    skipped = {id(node) for annotation in _annotations(tree) for node in ast.walk(annotation)}
    said: set[str] = set()
    guarded: set[str] = set()
    dotted: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            path = dotted_path(node)
            if path:
                dotted.add(path)
        elif isinstance(node, ast.Name) and id(node) not in skipped:
            said.add(node.id)
        elif isinstance(node, ast.Try) and any(map(_catches_name_error, node.handlers)):
            inside = (part for statement in node.body for part in ast.walk(statement))
            guarded |= {part.id for part in inside if isinstance(part, ast.Name)}
        elif isinstance(node, ast.Global):
            said.update(node.names)
    return said, guarded, dotted


def _catches_name_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(n, ast.Name) and n.id == "NameError" for n in ast.walk(handler.type))


def dotted_path(node: ast.expr) -> str:
    """'a.b.c' for that attribute chain, '' for any other expression.

    >>> dotted_path(ast.parse("torch.nn.Linear", mode="eval").body)
    'torch.nn.Linear'
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])
