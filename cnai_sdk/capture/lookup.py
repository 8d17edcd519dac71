"""What live namespaces and values hold, found without running any code of theirs."""

from __future__ import annotations

import ast
import builtins
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.names import dotted_path


def same(one: object, other: object) -> bool:
    """Whether two are one object, or are written the same."""
    return one is other or (literal(one) is not None and literal(one) == literal(other))


def reach(space: Mapping[str, Any], path: str) -> object:
    """What a dotted path gives in a namespace, or None."""
    first, *rest = path.split(".")
    value = space.get(first)
    for part in rest:
        value = getattr(value, part, None)
    return value


def gives(space: Mapping[str, Any]) -> Callable[[ast.expr, object], bool]:
    """Tells whether an expression gives a value in the namespace as it is now."""

    def gives_now(node: ast.expr, value: object) -> bool:
        path = dotted_path(node)
        if path:
            return same(reach({**vars(builtins), **space}, path), value)
        try:
            return same(ast.literal_eval(node), value)
        except (ValueError, TypeError, SyntaxError, MemoryError):
            return isinstance(node, ast.Lambda)

    return gives_now


def containers(value: Any) -> Iterator[Any]:
    """The list, dict or set itself, and those inside it."""
    if isinstance(value, list | dict | set):
        yield value
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set):
        for item in value:
            yield from containers(item)


def is_environment(value: object) -> bool:
    """Whether a dict was copied from this process's environment."""
    if not isinstance(value, dict) or len(value) < 6:
        return False
    if not all(isinstance(item, str) for pair in value.items() for item in pair):
        return False
    return len(value.items() & os.environ.items()) > 0.8 * len(value)


def is_shell_own(name: str, value: object) -> bool:
    """Whether IPython put its own stand-in for a built-in into the notebook's namespace."""
    if not hasattr(builtins, name):
        return False
    code = getattr(value, "__globals__", {})
    return str(code.get("__name__", "")).startswith("IPython.")


def is_dispatcher(value: Any) -> bool:
    """Whether `functools.singledispatch` made it."""
    return hasattr(value, "registry") and hasattr(value, "dispatch") and callable(value)


def name_of(value: object, space: Mapping[str, Any]) -> str:
    """The first public name that a namespace has for this very object, or ''."""
    named = (name for name, item in list(space.items()) if item is value)
    return next((name for name in named if not name.startswith("_")), "")


def filled_later(name: str, value: object, text: str) -> tuple[str, str]:
    """A container's beginning and filling statements; empty for other values.

    >>> filled_later("REG", {}, "{'a': a}")
    ('REG = {}', "REG.clear()\\nREG.update({'a': a})")
    """
    kinds: dict[type, tuple[str, str]] = {
        list: ("[]", "extend"),
        dict: ("{}", "update"),
        set: ("set()", "update"),
    }
    empty, fill = kinds.get(type(value), ("", ""))
    if not empty:
        return "", ""
    return f"{name} = {empty}", f"{name}.clear()\n{name}.{fill}({text})"
