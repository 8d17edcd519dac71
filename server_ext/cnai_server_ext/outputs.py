"""The files that a job wrote, to download."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cnai_sdk.errors import InvalidRequest, NotFound
from cnai_server_ext.operation import Call, File, Operation

_CHUNK = 256 * 2**10


async def output(call: Call) -> File:
    """One file of the outputs, never one outside of them."""
    backend, id, path = (
        call.places.backend(call.path["source"]),
        call.path["id"],
        call.path["path"],
    )
    name = PurePosixPath(path).name or "output"
    folder = await backend.folder(id)
    if folder is None:
        data = await backend.read(id, path)
        return File(name=name, chunks=_whole(data), size=len(data))
    opened = await asyncio.to_thread(_open, Path(folder), path)
    size = (await asyncio.to_thread(lambda: Path(opened.name).stat())).st_size
    return File(name=name, chunks=_pieces(opened), size=size)


def _open(folder: Path, path: str) -> BinaryIO:
    root = folder.resolve()
    target = None if "\0" in path else (root / path).resolve()
    if target is None or not target.is_relative_to(root):
        raise InvalidRequest(
            f"{path[:200]!r} is not inside the job's outputs.",
            next_step="The job's page lists the files that can be read.",
        )
    try:
        return target.open("rb")
    except OSError as error:
        raise NotFound(
            f"The job wrote no file {path[:200]!r}.",
            next_step="The job's page lists its files.",
        ) from error


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while data := await asyncio.to_thread(file.read, _CHUNK):
            yield data


OPERATIONS = (
    Operation(
        method="GET",
        path="jobs/{source}/{id}/outputs/{path*}",
        answer=File,
        summary="A file that the job wrote, to download.",
        call=output,
    ),
)
