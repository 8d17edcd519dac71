"""Values that a short expression says better than a pickle, though they are not literals."""

from __future__ import annotations

import enum
import functools
import logging
import pathlib
import re
import sys
import types
from collections.abc import Callable
from typing import Any

from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.modules import public_path

Refer = Callable[[Any], str]
"""The name of a class, function or module in the script; it may define it there."""

_ITEMS = 200


class _NoExpression(Exception):
    pass


def expression(value: object, refer: Refer) -> str | None:
    """Source that gives an equal value in the script, or None where it has to be pickled.

    >>> expression(logging.getLogger("digits"), refer=lambda value: value.__name__)
    "logging.getLogger('digits')"
    """
    text = literal(value)
    if text is not None:
        if "pathlib.Path(" in text:
            refer(pathlib)
        return text
    try:
        return _written(value, refer, 0)
    except _NoExpression:
        return None


def _written(value: Any, refer: Refer, depth: int) -> str:
    text = literal(value)
    if text is not None and "pathlib." not in text:
        return text
    if depth > 5:
        raise _NoExpression

    def inner(item: Any) -> str:
        return _written(item, refer, depth + 1)

    kind = type(value)
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | type):
        if isinstance(value, types.BuiltinFunctionType) and public_path(value) is None:
            raise _NoExpression
        return refer(value)
    if isinstance(value, logging.Logger):
        name = "" if isinstance(value, logging.RootLogger) else repr(value.name)
        return f"{refer(logging)}.getLogger({name})"
    if kind is re.Pattern:
        flags = value.flags & ~re.UNICODE
        return f"{refer(re)}.compile({value.pattern!r}{f', {flags}' if flags else ''})"
    if isinstance(value, enum.Enum) and value.name in kind.__members__:
        return f"{refer(kind)}.{value.name}"
    if kind is functools.partial:
        return _partial(value, refer, inner)
    if f"{kind.__module__}.{kind.__name__}" in ("torch.dtype", "torch.device"):
        torch = refer(sys.modules["torch"])
        if kind.__name__ == "device":
            return f"{torch}.device({str(value)!r})"
        return f"{torch}.{str(value).removeprefix('torch.')}"
    if kind in (list, tuple, dict, set) and 0 < len(value) <= _ITEMS and _has_code(value):
        return _container(value, inner)
    raise _NoExpression


def _partial(value: Any, refer: Refer, inner: Callable[[Any], str]) -> str:
    named = [f"{key}={inner(item)}" for key, item in value.keywords.items()]
    parts = [inner(value.func), *map(inner, value.args), *named]
    return f"{refer(functools)}.partial({', '.join(parts)})"


def _has_code(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value
    return any(callable(i) or isinstance(i, enum.Enum | list | tuple | dict) for i in items)


def _container(value: Any, inner: Callable[[Any], str]) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{inner(k)}: {inner(v)}' for k, v in value.items())}}}"
    items = ", ".join(map(inner, value))
    if isinstance(value, tuple):
        return f"({items}{',' if len(value) == 1 else ''})"
    return f"[{items}]" if isinstance(value, list) else f"{{{items}}}"
