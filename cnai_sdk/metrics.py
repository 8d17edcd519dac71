"""What a rank reported, as a table."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Iterator, Sequence
from typing import Any

from cnai_sdk.asked import check_names
from cnai_sdk.model.metric import Metric, from_wire
from cnai_sdk.model.quantity import show_number

_SHOWN = 20


class MetricTable(Sequence[dict[str, float]]):
    """One row a report, in order; a step that was not given is counted from 0.

    `table["accuracy"]` is a column, `table[-1]` the last row.
    """

    def __init__(self, reports: Sequence[Metric]) -> None:
        self._rows: list[dict[str, float]] = []
        for count, report in enumerate(reports):
            step = float(count) if report.step is None else report.step
            values = {name: from_wire(value) for name, value in report.values.items()}
            if self._rows and self._rows[-1]["step"] == step and report.step is not None:
                self._rows[-1].update(values)
            else:
                self._rows.append({"step": step, **values})

    @property
    def names(self) -> list[str]:
        """The metrics' names, in the order in which they were first reported."""
        seen = dict.fromkeys(name for row in self._rows for name in row)
        return [name for name in seen if name != "step"]

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

        frame = pd.DataFrame(self._rows, columns=["step", *self.names])
        if len(frame) and (frame["step"] % 1 == 0).all():
            frame["step"] = frame["step"].astype("int64")
        return frame.set_index("step")

    def plot(self, *names: str, title: str = "") -> Any:
        """One chart a metric, over the steps; returns matplotlib's figure.

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
            axes.plot(self["step"], self[name])
            axes.set_title(name)
            axes.set_xlabel("step")
        return figure

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        head = ["step", *self.names]
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
