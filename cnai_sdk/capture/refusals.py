"""What capture says when a name cannot travel."""

from __future__ import annotations

from cnai_sdk.capture.live import live
from cnai_sdk.errors import CaptureError


def cannot_travel(
    name: str, value: object, *, cell: str, failure: Exception | None = None
) -> CaptureError:
    """For a value that lives in one process, or that cannot be pickled.

    Args:
        name: as the code spells it, such as 'CFG["lock"]'.
        cell: where it was bound, or ''.
        failure: what pickling it raised, for a value of which nothing else is known.
    """
    found = live(value)
    kind = type(value)
    typed = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if found is not None:
        why = f"it is {found.kind} ({typed}), which lives in this process."
        fix = found.fix
    else:
        why = f"its type, {typed}, cannot be pickled: {failure}"
        fix = "make it inside the function, or pass the values that it is made from"
    return CaptureError(
        f"{name}{_place(cell)} cannot travel to a worker.",
        why=why,
        next_step=f"{fix}.",
        name=name,
        cell=cell,
    )


def undefined(name: str, *, cell: str) -> CaptureError:
    """For a name that neither the notebook nor Python has."""
    return CaptureError(
        f"{name} is used, and not defined ({cell or 'in the notebook'}).",
        why="the worker would stop with NameError when it comes to that line.",
        next_step=f"run the cell that defines {name}, or correct its spelling.",
        name=name,
        cell=cell,
    )


def asks_for_input(*, cell: str) -> CaptureError:
    """For a function that reads from the keyboard."""
    return CaptureError(
        f"The function asks for input(){_place(cell)}, and a worker has nobody to ask.",
        next_step="read the value in the notebook, and pass it in args={...}.",
        name="input",
        cell=cell,
    )


def two_meanings(name: str, *, cell: str) -> CaptureError:
    """For a name that two namespaces give different values."""
    return CaptureError(
        f"{name}{_place(cell)} means two things in the code that is captured.",
        why="one comes from a module whose function was made there, one from here.",
        next_step=f"give one of the two {name} another name.",
        name=name,
        cell=cell,
    )


def environment_copy(name: str, *, cell: str) -> CaptureError:
    """For a dict that holds what os.environ holds."""
    return CaptureError(
        f"{name}{_place(cell)} is a copy of this process's environment.",
        why="it holds secrets, and belongs to this machine.",
        next_step="read os.environ inside the function; env={...} adds to it.",
        name=name,
        cell=cell,
    )


def no_source(name: str, *, cell: str) -> CaptureError:
    """For a function whose text is gone."""
    return CaptureError(
        f"The source of {name} cannot be found{_place(cell)}.",
        why="it was made by exec or eval, or its file has changed.",
        next_step="define it with def in a cell or a file.",
        name=name,
        cell=cell,
    )


def no_class_source(name: str, *, cell: str) -> CaptureError:
    """For a class that no cell defines at its top level."""
    return CaptureError(
        f"The source of the class {name} cannot be found{_place(cell)}.",
        why="it is defined inside a function, or was made by a call.",
        next_step="define it with `class` at the top level of a cell.",
        name=name,
        cell=cell,
    )


def _place(cell: str) -> str:
    return f" ({cell})" if cell else ""
