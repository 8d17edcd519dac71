"""The local backend under the suite: real processes, started plainly so that no test waits for
another's template."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cnai_sdk.backends.base import Backend
from cnai_sdk.backends.local.backend import LocalBackend
from cnai_sdk.config import Config
from cnai_sdk.model.phase import Kind
from cnai_sdk.model.spec import Resources

from .harness import Factory, Harness


@asynccontextmanager
async def _make(folder: Path) -> AsyncIterator[Harness]:
    config = Config(home=folder / "store", warm=False)
    backend = LocalBackend(config)
    cores = len(os.sched_getaffinity(0))

    async def release(id: str) -> None:
        folder = await backend.folder(id)
        assert folder is not None
        Path(folder, "release").touch()

    async def reopen() -> Backend:
        return LocalBackend(config)

    yield Harness(
        backend=backend,
        release=release,
        reopen=reopen,
        full=Resources(cpu=cores),
        excess=Resources(cpu=cores + 1),
    )
    await backend.close()


LOCAL = Factory(name="local", kinds=frozenset({Kind.TRAIN}), make=_make)
