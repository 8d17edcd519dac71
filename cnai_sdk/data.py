"""data=: files and folders that the workers find under a relative path."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from cnai_sdk.errors import InvalidRequest, NotFound
from cnai_sdk.model.spec import DataLink
from cnai_sdk.remote import is_address, link_of, on_cluster

_READ_ONLY = (
    "The workers see the data through links; nothing on this machine stops them from writing to it."
)


def here() -> Path:
    """The current folder, or '/' when it has been deleted under this process."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def links_for(data: object, here: Path) -> tuple[tuple[DataLink, ...], list[str]]:
    """Where each piece of data is and where the workers find it, and what to tell the caller.

    A path below `here` keeps its relative path; another appears under its own last name.

    Raises:
        InvalidRequest: not a list of paths, or two of them would take one place.
        NotFound: nothing is there.
    """
    if isinstance(data, str | bytes) or not isinstance(data, Sequence):
        raise InvalidRequest(
            f"data={data!r} is not a list of paths.",
            next_step='Write data=["train.csv", "images/"].',
        )
    found: dict[str, DataLink] = {}
    notices: list[str] = []
    for item in data:
        if not isinstance(item, str | os.PathLike):
            raise InvalidRequest(
                f"data has {item!r}, which is not a path.", next_step='Write data=["train.csv"].'
            )
        link = link_of(str(item)) if is_address(item) else _link(Path(item), here)
        if not on_cluster(link) and link.path != _as_written(item):
            notices.append(f"{item} appears to the workers as {link.path}.")
        if link.path in found:
            raise InvalidRequest(
                f"data has two entries that would appear as {link.path}.",
                next_step="Give one of them another name, or keep one.",
            )
        found[link.path] = link
    if any(not on_cluster(link) for link in found.values()):
        notices.append(_READ_ONLY)
    _refuse_nesting(found)
    return tuple(found.values()), notices


def _as_written(item: str | os.PathLike[str]) -> str:
    return Path(item).as_posix().rstrip("/").removeprefix("./")


def _link(path: Path, here: Path) -> DataLink:
    source = Path(os.path.normpath(here / path.expanduser()))
    if not source.exists():
        raise NotFound(
            f"data has {str(path)!r}, and nothing is there.",
            why=f"It was looked for at {source}.",
            next_step="Correct the path; it is relative to the notebook's folder.",
        )
    name = source.relative_to(here).as_posix() if source.is_relative_to(here) else source.name
    if source == here or not name:
        raise InvalidRequest(
            f"data has {str(path)!r}, which is all of {source}.",
            next_step="Name the files and folders that the workers need.",
        )
    return DataLink(path=name, source=str(source))


def _refuse_nesting(paths: Collection[str]) -> None:
    for inner in paths:
        outer = next((str(p) for p in PurePosixPath(inner).parents if str(p) in paths), None)
        if outer is not None:
            raise InvalidRequest(
                f"data has {inner!r}, which is inside {outer!r}.",
                next_step=f"Keep {outer!r}; it brings everything in it.",
            )
