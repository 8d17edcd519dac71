"""The files that a job wrote, to download."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cnai_sdk.errors import InvalidRequest, NotFound
from cnai_server_ext.operation import Call, File, Operation

_CHUNK = 256 * 2**10
# A pipe that a job left among its outputs would keep whoever opens it waiting.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


async def output(call: Call) -> File:
    """One file of the outputs, never one outside of them."""
    backend = call.places.backend(call.path["source"])
    id, path = call.path["id"], call.path["path"]
    name = PurePosixPath(path).name or "output"
    folder = await backend.folder(id)
    if folder is None:
        data = await backend.read(id, path)
        return File(name=name, chunks=_whole(data), size=len(data))
    file, size = await asyncio.to_thread(_open, Path(folder), path)
    return File(name=name, chunks=_pieces(file, size), size=size)


def _open(folder: Path, path: str) -> tuple[BinaryIO, int]:
    root = folder.resolve()
    target = _inside(root, path)
    try:
        descriptor = os.open(target, _READ)
    except (OSError, UnicodeError) as error:
        raise _missing(path) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise _missing(path)
    return os.fdopen(descriptor, "rb"), found.st_size


def _inside(root: Path, path: str) -> Path:
    try:
        target = (root / path).resolve()
    except (ValueError, OSError, RuntimeError):  # a zero byte; too long; links in a circle
        target = None
    if target is None or not target.is_relative_to(root):
        raise InvalidRequest(
            f"{path[:200]!r} is not inside the job's outputs.",
            next_step="The job's page lists the files that can be read.",
        )
    return target


def _missing(path: str) -> NotFound:
    return NotFound(
        f"The job wrote no file {path[:200]!r}.", next_step="The job's page lists its files."
    )


async def _whole(data: bytes) -> AsyncGenerator[bytes]:
    yield data


async def _pieces(file: BinaryIO, size: int) -> AsyncGenerator[bytes]:
    """As many bytes as were promised, also of a file that still grows."""
    with file:
        while size and (data := await asyncio.to_thread(file.read, min(_CHUNK, size))):
            size -= len(data)
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
