"""Values without a source: pickled, up to a limit, by the standard library's pickle."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cnai_sdk.capture.live import live
from cnai_sdk.capture.refusals import cannot_travel
from cnai_sdk.errors import CaptureError, CnaiError
from cnai_sdk.worker.values import HEADER

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python that the values are pickled by, and that can open them."""

Refer = Callable[[Any], str | None]
"""Gives a class's or function's name in the script, or None when an import finds it."""

_ATOMS = frozenset({type(None), bool, int, float, str, bytes})


class _TooLarge(Exception):
    """More bytes than the limit allows."""


class _Bounded:
    """A file that keeps at most `limit` bytes, or only counts them."""

    def __init__(self, limit: int, *, keep: bool = True) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self._limit = limit
        self._keep = keep

    def write(self, part: Any) -> int:
        size = len(memoryview(part).cast("B"))
        self.size += size
        if self.size > self._limit:
            raise _TooLarge
        if self._keep:
            self.parts.append(bytes(part))
        return size


class _Pickler(pickle.Pickler):
    def __init__(self, file: _Bounded, refer: Refer, limit: int, seen: Callable[[Any], None]):
        super().__init__(file, protocol=5)
        self._refer = refer
        self._limit = limit
        self._seen = seen

    def persistent_id(self, value: Any) -> tuple[str, str] | None:
        kind = type(value)
        if kind in _ATOMS:
            return None
        if kind in (list, dict, set):
            self._seen(value)
        elif live(value) is not None:
            raise CaptureError("it is alive")
        elif isinstance(value, types.ModuleType):
            return ("module", value.__name__)
        elif isinstance(value, types.FunctionType | type):
            name = self._refer(value)
            return ("name", name) if name else None
        elif (known_size(value) or 0) > self._limit:
            raise _TooLarge
        return None


def pickled(
    values: Mapping[str, object],
    *,
    refer: Refer,
    limit: int,
    where: Callable[[str], str],
    seen: Callable[[Any], None] = lambda value: None,
) -> bytes:
    """The content of one values file: a tuple of the values in their order.

    One file keeps what two values share one object.

    Args:
        values: name → value.
        refer: how a class or function of the notebook is called in the script.
        limit: bytes.
        where: name → the cell that it comes from.
        seen: told of every list, dict and set inside.

    Raises:
        CaptureError: names the value, or the place inside it, that cannot travel.
    """
    for name, value in values.items():
        if live(value) is not None:
            raise cannot_travel(name, value, cell=where(name))
    file = _Bounded(limit)
    try:
        _Pickler(file, refer, limit, seen).dump(tuple(values.values()))
    except _TooLarge:
        raise _too_large(values, refer, limit, where) from None
    except Exception as error:
        raise _blamed(values, error, refer, limit, where) from error
    return HEADER + f"{PYTHON}\n".encode() + b"".join(file.parts)


def known_size(value: Any) -> int | None:
    """Bytes that a value takes when that is known without pickling it, else None.

    >>> known_size(b"1234")
    4
    """
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    storage = getattr(value, "untyped_storage", None)
    if callable(storage) and not isinstance(value, type):
        return int(storage().nbytes()) if str(value.device) != "meta" else 0
    size = getattr(value, "nbytes", None)
    return size if isinstance(size, int) and not isinstance(value, type) else None


def _too_large(
    values: Mapping[str, object], refer: Refer, limit: int, where: Callable[[str], str]
) -> CaptureError:
    sizes = {name: _size(value, refer, limit) for name, value in values.items()}
    name, (size, exact) = max(sizes.items(), key=lambda item: item[1][0])
    total = "" if size > limit else " together with the other values"
    return CaptureError(
        f"{name} ({where(name) or 'the notebook'}) is too large to travel with the code: "
        f"{'' if exact else 'more than '}{_megabytes(size)}{total}; the limit is "
        f"{_megabytes(limit)}.",
        why="every worker would get a copy of it inside the job's payload.",
        next_step="save it to a file that the workers can read, and load it inside the function: "
        "data= takes a path for jobs on this machine, and an address such as "
        "'pvc://CLAIM/folder' or 's3://BUCKET/folder' for those on a cluster.",
        name=name,
        cell=where(name),
    )


def _size(value: object, refer: Refer, limit: int) -> tuple[int, bool]:
    known = known_size(value)
    if known is not None:
        return known, True
    file = _Bounded(limit * 20, keep=False)
    try:
        _Pickler(file, refer, limit * 20, lambda value: None).dump(value)
    except _TooLarge:
        return max(file.size, limit), False
    except Exception:  # what cannot be pickled has no size
        return 0, True
    return file.size, True


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB" if size >= 2**20 / 10 else f"{size:,} bytes"


def _blamed(
    values: Mapping[str, object],
    error: Exception,
    refer: Refer,
    limit: int,
    where: Callable[[str], str],
) -> CnaiError:
    """The refusal for the innermost part that fails by itself."""
    for name, value in values.items():
        failure = _failure(value, refer, limit)
        if failure is None:
            continue
        if isinstance(failure, CnaiError) and live(value) is None and failure.next_step:
            return failure
        spelled, part, failure = _innermost(name, value, failure, refer, limit)
        return cannot_travel(spelled, part, cell=where(name), failure=failure)
    raise error


def _innermost(
    spelled: str, value: object, failure: Exception, refer: Refer, limit: int
) -> tuple[str, object, Exception]:
    for _ in range(20):
        for step, part in _parts(value):
            inner = _failure(part, refer, limit)
            if inner is not None and not isinstance(inner, _TooLarge):
                spelled, value, failure = spelled + step, part, inner
                break
        else:
            break
    return spelled, value, failure


def _failure(value: object, refer: Refer, limit: int) -> Exception | None:
    if live(value) is not None:
        return CaptureError("it is alive")
    try:
        _Pickler(_Bounded(limit, keep=False), refer, limit, lambda value: None).dump(value)
    except Exception as error:
        return error
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in list(value.items())[:10_000])
    elif isinstance(value, list | tuple):
        yield from ((f"[{number}]", item) for number, item in enumerate(value[:10_000]))
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
        yield from ((f".{name}", item) for name, item in list(vars(value).items()))
