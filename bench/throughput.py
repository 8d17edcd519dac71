"""What jobs that train beside each other reported, as samples a second of the same moments."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WARM = 3
"""A job counts from this report on: before, its libraries choose their kernels."""


@dataclass(frozen=True)
class Report:
    """What a job said of itself at one moment.

    Attributes:
        at: monotonic seconds, the same clock for all processes of a machine.
        samples: seen since it began.
        peak: bytes that torch has held at most.
    """

    at: float
    samples: float
    loss: float
    peak: float

    @staticmethod
    def of(row: Mapping[str, float]) -> Report:
        """From a row of `job.reports()`; what was not reported is not a number."""
        return Report(*(row.get(name, math.nan) for name in ("at", "samples", "loss", "peak")))


def rate(reports: Sequence[Report], begin: float, end: float) -> float:
    """Samples a second of one job between two moments, along straight lines between its reports.

    Raises:
        ValueError: it did not train all that time.

    >>> rate([Report(0, 0, 1, 0), Report(2, 200, 1, 0), Report(4, 600, 1, 0)], 1, 3)
    150.0
    """
    if not reports or begin < reports[0].at or end > reports[-1].at or begin >= end:
        raise ValueError(f"it was not seen to train from {begin:.1f} to {end:.1f}")
    return (_samples(reports, end) - _samples(reports, begin)) / (end - begin)


def _samples(reports: Sequence[Report], at: float) -> float:
    after = min(bisect_right([each.at for each in reports], at), len(reports) - 1)
    low, high = reports[after - 1], reports[after]
    return low.samples + (high.samples - low.samples) * (at - low.at) / (high.at - low.at)


def together(jobs: Sequence[Sequence[Report]]) -> tuple[float, ...]:
    """Samples a second of each job, over the time in which all of them trained.

    Raises:
        ValueError: there was no such time.

    >>> one = [Report(n, 10 * n, 1, 0) for n in range(9)]
    >>> other = [Report(n + 2, 30 * n, 1, 0) for n in range(9)]
    >>> together([one, other])
    (10.0, 30.0)
    """
    warm = [reports[WARM:] for reports in jobs]
    if not warm or not all(warm):
        raise ValueError("a job trained too shortly to be counted")
    begin, end = max(each[0].at for each in warm), min(each[-1].at for each in warm)
    return tuple(rate(reports, begin, end) for reports in jobs)


def most_held(jobs: Iterable[Sequence[Report]]) -> float:
    """Bytes that torch has held at most, in any of the jobs; 0 where none said so.

    >>> most_held([[Report(0, 0, 1, 5), Report(1, 1, 1, 9)], [Report(0, 0, 1, 7)]])
    9
    """
    return max((report.peak for reports in jobs for report in reports), default=0.0)


def still_learns(reports: Sequence[Report], since: float) -> bool:
    """Whether a job went on after a moment: reports came, and its loss is lower than it began.

    >>> went = [Report(0, 0, 2.0, 0), Report(1, 8, 1.0, 0), Report(2, 16, 0.5, 0)]
    >>> still_learns(went, 1.5), still_learns(went, 3), still_learns(went[:1], 0)
    (True, False, False)
    """
    after = [report.loss for report in reports if report.at > since]
    return bool(after) and all(map(math.isfinite, after)) and after[-1] < reports[0].loss


@dataclass(frozen=True)
class Disturbance:
    """Samples a second of those beside a job that overran, all together.

    Attributes:
        before: until it was submitted.
        during: from then until it had ended.
        after: from then on.
    """

    before: float
    during: float
    after: float

    @staticmethod
    def of(
        jobs: Sequence[Sequence[Report]], submitted: float, ended: float, window: float
    ) -> Disturbance:
        """Of the neighbours' reports, `window` seconds on both sides.

        >>> steady = [Report(n, 10 * n, 1, 0) for n in range(30)]
        >>> Disturbance.of([steady, steady], submitted=10, ended=12, window=5).after
        20.0
        """
        moments = (
            (submitted - window, submitted),
            (submitted, ended),
            (ended, ended + window),
        )
        return Disturbance(*(sum(rate(each, *moment) for each in jobs) for moment in moments))
