"""Files that a workload wrote."""

from __future__ import annotations

import msgspec


class OutputFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a workload wrote: its path relative to the outputs, and its size in bytes."""

    path: str
    size: int
