"""Cells of a notebook, run by IPython's own shell in this process."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

_NO_FILE = Config(HistoryManager={"hist_file": ":memory:"})


class Notebook:
    """One shell, whose cells see each other.

    Args:
        cells: run at once, in order.
    """

    def __init__(self, *cells: str) -> None:
        self._shell = InteractiveShell.instance(config=_NO_FILE)
        for cell in cells:
            self.run(cell)

    def run(self, cell: str) -> None:
        """Run a cell as a person would; what it raises is raised here."""
        answer: Any = self._shell.run_cell(cell, store_history=True)  # type: ignore[no-untyped-call]
        answer.raise_error()

    def __getitem__(self, name: str) -> Any:
        return self._shell.user_ns[name]
