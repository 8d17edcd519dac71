"""Folders for sockets, whose paths are shorter than those of pytest's own folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_of_sockets() -> Iterator[Path]:
    """One that goes with all that is in it."""
    with tempfile.TemporaryDirectory(
        prefix="cnai-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)
