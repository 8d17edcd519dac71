"""Numbers that a job reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""A metric's value on the wire. JSON has no NaN, and null would lose which one it was."""


def to_wire(value: float) -> Number:
    """The value as JSON can carry it.

    >>> to_wire(float("nan")), to_wire(0.5)
    ('NaN', 0.5)
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def from_wire(value: Number) -> float:
    """The value as a float; the inverse of `to_wire`.

    >>> from_wire("-Infinity")
    -inf
    """
    return float(value)


class Metric(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of report(): the values of one step, from one rank.

    Attributes:
        values: name to value.
        step: the step given to report(), or None.
        time: Unix seconds on the worker.
        rank: which worker spoke; rank 0 speaks for the job.
        attempt: 0 for the first run, 1 after one retry.
        seq: position in the job's own sequence, from 1.
    """

    values: dict[str, Number]
    step: float | None = None
    time: float = 0.0
    rank: int = 0
    attempt: int = 0
    seq: int = 0


def of_last_attempt(reports: Sequence[Metric]) -> Sequence[Metric]:
    """Those of the run that is the newest, since a retry may begin again at the first step.

    >>> [each.step for each in of_last_attempt([Metric(values={}, step=5), \
        Metric(values={}, step=0, attempt=1)])]
    [0]
    """
    newest = max((report.attempt for report in reports), default=0)
    return [report for report in reports if report.attempt == newest] if newest else reports
