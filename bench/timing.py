"""Medians of interleaved runs: A B A B, so that a busy moment hits everybody alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.table import seconds

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Spread:
    """What the runs of one way gave, in seconds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one.

        >>> Spread((3.0, 1.0, 2.0)).median
        2.0
        """
        return statistics.median(self.values)

    def __str__(self) -> str:
        """The median, with the fastest and the slowest.

        >>> print(Spread((0.030, 0.028, 0.041)))
        30 ms (28 ms to 41 ms)
        """
        middle, low, high = map(seconds, (self.median, min(self.values), max(self.values)))
        return middle if len(self.values) == 1 else f"{middle} ({low} to {high})"


def interleaved(
    runs: int, ways: Sequence[Callable[[], Figures]], *, discard: int = 0
) -> dict[str, Spread]:
    """Run each way in turn, `runs` times, and gather each figure that they return by its name.

    Args:
        discard: how many rounds before those that count, to fill caches.

    >>> interleaved(2, [lambda: {"a": 1.0}, lambda: {"b": 2.0, "c": 3.0}])["c"].values
    (3.0, 3.0)
    """
    gathered: dict[str, list[float]] = {}
    for number in range(discard + runs):
        for way in ways:
            figures = way()
            if number >= discard:
                for name, value in figures.items():
                    gathered.setdefault(name, []).append(value)
    return {name: Spread(tuple(values)) for name, values in gathered.items()}
