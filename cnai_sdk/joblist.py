"""The list of jobs, as a notebook or a terminal shows it."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from typing import Any

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quantity import show_duration, show_given
from cnai_sdk.model.workload import Workload
from cnai_sdk.text import clean, row_text
from cnai_sdk.text.columns import padded
from cnai_sdk.text.tables import html_table


class JobList(Sequence[Any]):
    """Handles, newest first; shown as a table.

    Attributes:
        workloads: how each stood when the list was made.
    """

    def __init__(self, workloads: Sequence[Workload], attach: Callable[[Workload], Any]) -> None:
        self.workloads = tuple(workloads)
        self._attach = attach

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, str):
            raise InvalidRequest(
                f"The list of jobs has numbers, and {show_given(index)} is none.",
                next_step=f"A job by its name: cnai.job({show_given(index)})",
            )
        if isinstance(index, slice):
            return [self._attach(w) for w in self.workloads[index]]
        return self._attach(self.workloads[index])

    def __len__(self) -> int:
        return len(self.workloads)

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, state and age of each."""
        now = time.time()
        return [
            (clean(w.shown, colours=False), row_text(w, now=now), show_duration(now - w.created))
            for w in self.workloads
        ]

    def __repr__(self) -> str:
        rows = self.rows()
        if not rows:
            return "No jobs yet. cnai.train(fn) starts one."
        names = padded([name for name, _, _ in rows])
        return "\n".join(
            f"{name}  {state}  ({age} ago)"
            for name, (_, state, age) in zip(names, rows, strict=True)
        )

    def _repr_html_(self) -> str:
        if not self.workloads:
            return f"<p>{html.escape(repr(self))}</p>"
        return html_table(("Job", "State", "Age"), self.rows())
