"""A live class's own source: never by `inspect`, which cannot find classes of cells."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from typing import Any

from cnai_sdk.capture.cells import Origins, Piece
from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.statements import bindings, first_line, text_of, tree_of

_MADE = frozenset(
    [
        "namedtuple",
        "NamedTuple",
        "TypeVar",
        "ParamSpec",
        "TypeVarTuple",
        "NewType",
        "TypedDict",
        "TypeAliasType",
        "Enum",
        "IntEnum",
        "StrEnum",
        "Flag",
        "IntFlag",
        "make_dataclass",
    ]
)


def class_source(cls: type, origins: Origins) -> tuple[Piece, ast.ClassDef] | None:
    """Where a class was written: by its methods' places, else the newest cell that fits it."""
    for function in methods(cls):
        source = origins.of_code(function.__code__)
        for node in ast.walk(tree_of(source.text)) if source else ():
            if source and isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                if first_line(node) <= function.__code__.co_firstlineno <= (node.end_lineno or 0):
                    return _piece(source, node), node
    for source, binding in origins.bound(cls.__name__):
        if isinstance(binding.node, ast.ClassDef) and _fits(cls, binding.node):
            return _piece(source, binding.node), binding.node
    return None


def _piece(source: Any, node: ast.ClassDef) -> Piece:
    return Piece(text=text_of(source.text, node), source=source, first=first_line(node))


def methods(cls: type) -> Iterator[types.FunctionType]:
    """Functions written in the class's own body."""
    for name, value in vars(cls).items():
        function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
        if isinstance(function, types.FunctionType):
            own = function.__qualname__ == f"{cls.__qualname__}.{name}"
            if own and not function.__code__.co_filename.startswith("<string"):
                yield function


def _fits(cls: type, node: ast.ClassDef) -> bool:
    """Whether the body binds what the class has."""
    have = set(vars(cls)) | set(vars(cls).get("__annotations__", ()))
    have |= set(getattr(cls, "__annotations__", ())) | set(getattr(cls, "__members__", ()))
    have |= set(getattr(cls, "_fields", ()))
    bound = set()
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            bound |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            bound.add(statement.target.id)
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            bound.add(statement.name)
    return {name for name in bound if not name.startswith("_")} <= have


def patched(cls: type, node: ast.ClassDef) -> Iterator[tuple[str, object]]:
    """Attributes that were set after the class was defined: methods, and plain constants."""
    written = {b.name for statement in node.body for b in bindings(ast.unparse(statement))}
    for name, value in list(vars(cls).items()):
        if isinstance(value, types.FunctionType):
            home = value.__qualname__.rpartition(".")[0]
            made = value.__code__.co_filename.startswith("<")
            cell = value.__code__.co_filename.startswith("<ipython-input")
            if home != cls.__qualname__ and value.__module__ == cls.__module__:
                if name not in _assigned(node) and (cell or not made):
                    yield name, value
        elif name not in written and not name.startswith("_") and literal(value) is not None:
            if name not in getattr(cls, "__members__", ()) and not _synthesised(cls):
                yield name, value
    for name, before in _constants(node):
        now = vars(cls).get(name)
        if type(now) is type(before) and now != before and name not in _members(cls):
            yield name, now


def _assigned(node: ast.ClassDef) -> set[str]:
    found = {
        t.id
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for t in statement.targets
        if isinstance(t, ast.Name)
    }
    decorated = (s for s in node.body if isinstance(s, ast.FunctionDef) and s.decorator_list)
    return found | {statement.name for statement in decorated}


def _constants(node: ast.ClassDef) -> Iterator[tuple[str, object]]:
    for statement in node.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(statement, ast.AnnAssign):
            target = statement.target
        value = getattr(statement, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
            yield target.id, value.value


def _members(cls: type) -> set[str]:
    return set(getattr(cls, "__members__", ())) | set(getattr(cls, "_fields", ()))


def _synthesised(cls: type) -> bool:
    """Enums and named tuples get attributes that their body does not show."""
    return hasattr(cls, "__members__") or hasattr(cls, "_fields") or bool(cls.__bases__[1:])


def made_by_call(node: ast.stmt) -> bool:
    """Whether an assignment defines a type: `P = namedtuple(...)`, `T = TypeVar("T")`."""
    value = getattr(node, "value", None)
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call):
        function = value.func
        name = function.attr if isinstance(function, ast.Attribute) else ""
        return (function.id if isinstance(function, ast.Name) else name) in _MADE
    return type(node).__name__ == "TypeAlias"
