"""A metric as a line, small enough to stand beside its number."""

from __future__ import annotations

import math
from collections.abc import Sequence

_WIDTH, _HEIGHT, _INSET = 180, 16, 2
_POINTS = 120


def sparkline_svg(values: Sequence[float], *, resting: bool = False) -> str:
    """The values from left to right, with a gap where one is not finite.

    It says nothing to a screen reader, since the number stands beside it as text.

    Args:
        resting: drawn in grey, for what does not change any more.

    >>> sparkline_svg([0.5])
    ''
    """
    thinned = _thinned(values)
    finite = [value for value in thinned if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    runs = _runs(thinned, low, high)
    lines = " ".join("M" + " ".join(f"{x:.1f} {y:.1f}" for x, y in run) for run in runs)
    x, y = runs[-1][-1]
    return (
        f'<svg class="cnai-spark{" cnai-rest" if resting else ""}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" '
        f'stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" '
        f'stroke-linecap="round" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="{lines}" vector-effect="non-scaling-stroke"/>'
        f'<path d="M{x:.1f} {y:.1f}h0" stroke-width="4" vector-effect="non-scaling-stroke"/></svg>'
    )


def _thinned(values: Sequence[float]) -> list[float]:
    if len(values) <= _POINTS:
        return list(values)
    step = (len(values) - 1) / (_POINTS - 1)
    return [values[round(n * step)] for n in range(_POINTS)]


def _runs(values: Sequence[float], low: float, high: float) -> list[list[tuple[float, float]]]:
    """Points of each unbroken stretch; a single point is drawn as a dot by its round cap."""
    across = (_WIDTH - 2 * _INSET) / max(len(values) - 1, 1)
    down = _HEIGHT - 2 * _INSET
    # Halved before they are subtracted: the span of two huge floats is infinite.
    span = high / 2 - low / 2
    runs: list[list[tuple[float, float]]] = [[]]
    for n, value in enumerate(values):
        if not math.isfinite(value):
            runs.append([])
            continue
        share = (value / 2 - low / 2) / span if span else 0.5
        runs[-1].append((_INSET + n * across, _INSET + down * (1 - share)))
    return [run if len(run) > 1 else run * 2 for run in runs if run]
