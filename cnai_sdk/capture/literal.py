"""Values that can be written down as Python source and read back equal."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable
from typing import Any

_CHARACTERS = 4000
_DEPTH = 20
_MUTABLE = (list, dict, set)


class _NotLiteral(Exception):
    pass


def literal(value: object) -> str | None:
    """Source text that evaluates to an equal value of the same type, or None.

    Only exact built-in types are written, and `Path`. A container that appears twice inside the
    value is not a literal, since its two places would no longer be one object.

    Args:
        value: anything.

    >>> literal({"lr": 0.1, "sizes": (64, 10)})
    "{'lr': 0.1, 'sizes': (64, 10)}"
    >>> literal(float("nan"))
    "float('nan')"
    >>> literal(object()) is None
    True
    """
    try:
        return _written(value, set(), 0, [_CHARACTERS])
    except _NotLiteral:
        return None


def _written(value: Any, seen: set[int], depth: int, room: list[int]) -> str:
    writer = _WRITERS.get(type(value))
    if writer is None or depth > _DEPTH:
        raise _NotLiteral
    if isinstance(value, _MUTABLE):
        if id(value) in seen:
            raise _NotLiteral
        seen.add(id(value))
    if isinstance(value, str | bytes) and len(value) > room[0]:
        raise _NotLiteral

    def inner(item: Any) -> str:
        return _written(item, seen, depth + 1, room)

    text = writer(value, inner)
    if not isinstance(value, (tuple, frozenset, slice, *_MUTABLE)):
        room[0] -= len(text) + 2
    if room[0] < 0:
        raise _NotLiteral
    return text


_Inner = Callable[[Any], str]


def _integer(value: int, inner: _Inner) -> str:
    if value.bit_length() > 4096:  # the interpreter limits how long a decimal it converts
        raise _NotLiteral
    return repr(value)


def _float(value: float, inner: _Inner) -> str:
    return repr(value) if math.isfinite(value) else f"float('{value}')"


def _complex(value: complex, inner: _Inner) -> str:
    return f"complex({inner(value.real)}, {inner(value.imag)})"


def _list(value: list[Any], inner: _Inner) -> str:
    return f"[{', '.join([inner(item) for item in value])}]"


def _tuple(value: tuple[Any, ...], inner: _Inner) -> str:
    return f"({', '.join([inner(item) for item in value])}{',' if len(value) == 1 else ''})"


def _dict(value: dict[Any, Any], inner: _Inner) -> str:
    return f"{{{', '.join([f'{inner(k)}: {inner(v)}' for k, v in value.items()])}}}"


def _set(value: set[Any], inner: _Inner) -> str:
    return f"{{{', '.join(sorted([inner(item) for item in value]))}}}" if value else "set()"


def _frozenset(value: frozenset[Any], inner: _Inner) -> str:
    return f"frozenset({_set(set(value), inner) if value else ''})"


def _slice(value: slice, inner: _Inner) -> str:
    return f"slice({inner(value.start)}, {inner(value.stop)}, {inner(value.step)})"


def _plain(value: object, inner: _Inner) -> str:
    return repr(value)


def _path(value: pathlib.PurePath, inner: _Inner) -> str:
    return f"pathlib.Path({str(value)!r})"


_WRITERS: dict[type, Callable[[Any, _Inner], str]] = {
    type(None): _plain,
    type(...): _plain,
    bool: _plain,
    int: _integer,
    float: _float,
    complex: _complex,
    str: _plain,
    bytes: _plain,
    range: _plain,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    slice: _slice,
    type(pathlib.Path()): _path,
}
