"""What a rank reported, as a table."""

from __future__ import annotations

import html
import importlib.util
import math
from collections.abc import Iterator, Sequence
from typing import Any

from cnai_sdk.asked import check_names
from cnai_sdk.model.metric import Metric, from_wire
from cnai_sdk.model.quantity import show_number

_SHOWN = 20


class MetricTable(Sequence[dict[str, float]]):
    """One row a step, in order; a step that was not given is counted from 0.

    `table["accuracy"]` is a column, `table[-1]` the last row. Where a job was started again after a
    failure, the column `attempt` says which run a row is of: 0 is the first. It is `attempt_` where
    the job reports an `attempt` of its own.
    """

    def __init__(self, reports: Sequence[Metric]) -> None:
        attempt = "attempt"
        while any(attempt in report.values for report in reports):
            attempt += "_"
        several = len({report.attempt for report in reports}) > 1
        self._heads = ["step", attempt] if several else ["step"]
        self._rows: list[dict[str, float]] = []
        count, before = 0, None
        for report in reports:
            count = count + 1 if report.attempt == before else 0
            step = float(count) if report.step is None else report.step
            values = {name: from_wire(value) for name, value in report.values.items()}
            place = dict(zip(self._heads, (step, float(report.attempt)), strict=False))
            same = report.step is not None and report.attempt == before
            if same and self._rows[-1]["step"] == step:
                self._rows[-1].update(values | place)
            else:
                self._rows.append(place | values | place)
            before = report.attempt

    @property
    def names(self) -> list[str]:
        """The metrics' names, in the order in which they were first reported."""
        seen = dict.fromkeys(name for row in self._rows for name in row)
        return [name for name in seen if name not in self._heads]

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        if isinstance(key, str):
            return [row.get(key, float("nan")) for row in self._rows]
        return self._rows[key]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self._rows)

    def table(self) -> Any:
        """A pandas DataFrame with the step as its index, or this table without pandas."""
        if importlib.util.find_spec("pandas") is None:
            return self
        import pandas as pd

        frame = pd.DataFrame(self._rows, columns=[*self._heads, *self.names])
        for head in self._heads:
            if len(frame) and (frame[head] % 1 == 0).all():
                frame[head] = frame[head].astype("int64")
        return frame.set_index("step")

    def plot(self, *names: str, title: str = "") -> Any:
        """One chart a metric, over the steps, with a line an attempt; returns matplotlib's figure.

        Raises:
            InvalidRequest: no such metric was reported.
        """
        check_names(names, self.names)
        from matplotlib.figure import Figure

        shown = list(names) or self.names
        figure = Figure(figsize=(4 * max(len(shown), 1), 2.6), layout="constrained")
        figure.suptitle(title)
        for axes, name in zip(
            figure.subplots(1, max(len(shown), 1), squeeze=False)[0], shown, strict=False
        ):
            for attempt, rows in self._attempts().items():
                values = [row.get(name, math.nan) for row in rows]
                axes.plot([row["step"] for row in rows], values, label=_run(attempt))
            axes.set_title(name)
            axes.set_xlabel("step")
            if len(self._heads) > 1:
                axes.legend()
        return figure

    def _attempts(self) -> dict[int, list[dict[str, float]]]:
        found: dict[int, list[dict[str, float]]] = {}
        for row in self._rows:
            attempt = row[self._heads[1]] if len(self._heads) > 1 else 0
            found.setdefault(int(attempt), []).append(row)
        return found

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        head = [*self._heads, *self.names]
        rows = [
            [show_number(row[name]) if name in row else "–" for name in head]
            for row in self._rows[-_SHOWN:]
        ]
        return head, rows

    def __repr__(self) -> str:
        head, rows = self._cells()
        widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
        lines = [
            "  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in [head, *rows]
        ]
        if len(self._rows) > _SHOWN:
            lines.insert(1, f"… {len(self._rows) - _SHOWN} earlier rows")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, rows = self._cells()
        cells = ["".join(f"<th>{html.escape(c)}</th>" for c in head)]
        cells += ["".join(f"<td>{html.escape(c)}</td>" for c in row) for row in rows]
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _run(attempt: int) -> str:
    """The name of an attempt in a legend.

    >>> _run(0), _run(2)
    ('first run', 'retry 2')
    """
    return f"retry {attempt}" if attempt else "first run"
