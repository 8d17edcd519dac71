"""How a worker ends: nothing that the user's code left open is lost, and nothing hangs."""

import atexit
import gc
import io
import json
import os
import sys
import threading
from typing import Any, NoReturn

from . import processes, reporting
from .masking import Mask

_RESULT_LIMIT = 16 * 2**20


def exit_code(error: SystemExit) -> int:
    """The code that the interpreter would use."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def keep_result(namespace: dict[str, Any]) -> None:
    """Write rank 0's return value as JSON; one that is not JSON never fails the job."""
    value = namespace.get("_cnai_result")
    path = os.environ.get("CNAI_RESULT")
    if value is None or not path:
        return
    try:
        problem = _written(path, value)
    except OSError as error:
        problem = f"it could not be written: {error}"
    except Exception as error:  # a conversion is code of the value's own class
        problem = f"{type(value).__name__} is not JSON: {error}"
    if problem:
        print(
            f"The return value is not kept, because {problem}. To keep it, write it to a file in "
            "cnai.output_dir(), or return numbers, text, lists and dicts.",
            file=sys.stderr,
        )


def _written(path: str, value: Any) -> str:
    """Write the value; '' or why it was not."""
    text = Mask.of_environment().document(json.dumps(value, default=_plain))
    if len(text) > _RESULT_LIMIT:
        return f"it is {len(text)} bytes of JSON"
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".part", path)
    return ""


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy and torch, sets and paths, as JSON has them."""
    for convert in ("tolist", "__fspath__"):
        method = getattr(value, convert, None)
        if method is not None:
            return method()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def leave(code: int) -> NoReturn:
    """End the process as the interpreter would, without destroying its objects."""
    try:
        steps = (threading._shutdown, processes.settle, atexit._run_exitfuncs, _finish_files)  # type: ignore[attr-defined]
        for step in steps:
            try:
                step()
            except SystemExit:
                continue  # it was asked to end, which it does
            except BaseException as error:  # what went wrong at the end does not undo the work
                text = f"While the worker ended: {type(error).__name__}: {error}\n"
                reporting.write(text.encode("utf-8", "replace"))
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            reporting.flush(stream)
        _flush_c_streams()
    finally:
        os._exit(code)


def _finish_files() -> None:
    """Write out what open files still hold: text first, then archives, then buffers."""
    zips = getattr(sys.modules.get("zipfile"), "ZipFile", io.IOBase)
    kinds = (io.IOBase, zips)  # asked of the type: a proxy's __class__ may run code
    waiting: list[Any] = [o for o in gc.get_objects() if issubclass(type(o), kinds)]
    waiting.sort(key=_turn)
    for file in waiting:
        try:
            if _turn(file) == _ARCHIVE:
                file.close()  # what ends a compressed stream is only written by close
            elif not file.closed and file.writable():
                file.flush()
        except Exception:  # close() and flush() of a class of the user's
            continue


_TEXT, _ARCHIVE, _BUFFER, _RAW = range(4)


def _turn(file: object) -> int:
    if isinstance(file, io.TextIOBase):
        return _TEXT
    if isinstance(file, io.BufferedWriter | io.BufferedRandom | io.BufferedRWPair | io.BytesIO):
        return _BUFFER
    return _RAW if isinstance(file, io.RawIOBase | io.BufferedReader) else _ARCHIVE


def _flush_c_streams() -> None:
    try:
        import ctypes

        ctypes.CDLL(None).fflush(None)
    except (ImportError, OSError, AttributeError):
        return
