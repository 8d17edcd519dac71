"""One table in Markdown, whatever was measured, with the machine that it was measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

_HEAD = ("what", "ours", "beside it", "ratio", "goal")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        ours: our figure, with its unit.
        peers: who was measured in the same run, and their figures.
        ratio: our figure divided by the peer's, or None where that means nothing.
        goal: what the figure should be; empty where there is no goal.
        met: whether it is.
    """

    what: str
    ours: str
    peers: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """The columns, in the order of the table.

        >>> Row(what="start", ours="30 ms", ratio=0.25, goal="≤ 60 ms", met=True).cells()
        ('start', '30 ms', '', '0.25', '≤ 60 ms: met')
        """
        verdict = {None: "", True: ": met", False: ": **missed**"}[self.met]
        ratio = "" if self.ratio is None else f"{self.ratio:.2g}"
        return (self.what, self.ours, self.peers, ratio, self.goal + verdict)


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table, with a line below it that names the machine."""
    lines = [_HEAD, tuple("---" for _ in _HEAD), *(row.cells() for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{table}\n\n{machine_line()}"


def machine_line() -> str:
    """Cores, the versions that matter, and how busy the machine was."""
    cores = len(os.sched_getaffinity(0))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{cores} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, torch {version('torch')}; "
        f"load average over 1, 5 and 15 minutes {load}"
    )


def version(package: str) -> str:
    """A package's version, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def seconds(value: float) -> str:
    """A time as a person reads it.

    >>> seconds(0.0314), seconds(2.345), seconds(0.00071)
    ('31 ms', '2.35 s', '0.71 ms')
    """
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.0f} ms" if value >= 0.01 else f"{value * 1e3:.2f} ms"


def mebibytes(value: float) -> str:
    """Bytes as MiB.

    >>> mebibytes(200 * 2**20)
    '200 MiB'
    """
    return f"{value / 2**20:.0f} MiB"
