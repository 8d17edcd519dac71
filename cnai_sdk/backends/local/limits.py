"""Memory of the ranks: what they use, and what happens to one that uses too much."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from cnai_sdk.backends.local import tree
from cnai_sdk.model.quantity import show_bytes

_LOOK = 0.2
_SAMPLE = 1.0


class Sample(msgspec.Struct, frozen=True):
    """What one rank and its children use: cores and bytes."""

    cpu: float
    memory: int


class MemoryGuard:
    def __init__(self, *, limit: int | None, machine: object) -> None:
        self._limit = limit
        self._pids: dict[int, int] = {}

    def add(self, rank: int, pid: int) -> None:
        self._pids[rank] = pid

    def due(self) -> float | None:
        return None

    def sample(self) -> dict[int, Sample]:
        return {}

    def exceeded(self) -> tuple[int, str] | None:
        return None

    def killed_by_kernel(self, rank: int) -> tuple[str, str] | None:
        return None

    def close(self) -> None:
        return
