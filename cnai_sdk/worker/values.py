"""Opens the values that travel pickled beside the script."""

import os
import pickle
import sys
from typing import Any

from .reporting import CnaiError

HEADER = b"cnai-values "


class OtherPython(CnaiError, RuntimeError):
    """The values were pickled by another Python than the one that opens them."""


class _Unpickler(pickle.Unpickler):
    """Finds the script's own definitions, and modules, by name."""

    def persistent_load(self, pid: Any) -> Any:
        kind, name = pid
        if kind == "module":
            __import__(name)
            return sys.modules[name]
        found: Any = sys.modules["__main__"]
        for part in name.split("."):
            found = getattr(found, part)
        return found


def load(path: str) -> Any:
    """The values in one file of the payload, in the order in which the script names them.

    Args:
        path: relative to the payload's folder, such as 'values/1.pkl'.

    Raises:
        OtherPython: before anything is opened, when the Python version differs.
    """
    with open(os.path.join(_folder(), path), "rb") as file:
        header = file.readline(100)
        written = header[len(HEADER) :].decode("ascii", "replace").strip()
        running = "{}.{}".format(*sys.version_info[:2])
        if not header.startswith(HEADER) or written != running:
            raise OtherPython(_words(path, written, running))
        return _Unpickler(file).load()


def _words(path: str, written: str, running: str) -> str:
    return (
        f"{path} was written by Python {written}, and this worker runs Python {running}.\n"
        "Why: a pickled value opens safely only on the Python version that wrote it.\n"
        f"What to do: run the notebook on Python {running}, or use workers with Python {written}; "
        "or build these values inside the function, so that nothing is pickled."
    )


def _folder() -> str:
    folder = os.environ.get("CNAI_PAYLOAD")
    if folder and os.path.isdir(os.path.join(folder, "values")):
        return folder
    return os.path.dirname(os.path.abspath(sys.modules["__main__"].__file__ or ""))
