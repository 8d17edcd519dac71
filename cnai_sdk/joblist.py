"""The list of jobs: what is asked of it, and how a notebook or a terminal shows it."""

from __future__ import annotations

import difflib
import html
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cnai_sdk.errors import InvalidRequest, NotFound
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quantity import show_duration, show_given
from cnai_sdk.model.workload import Workload
from cnai_sdk.text import clean, row_text
from cnai_sdk.text.columns import padded
from cnai_sdk.text.tables import html_table

W = TypeVar("W", Phase, Kind)


class JobList(Sequence[Any]):
    """Handles, newest first; shown as a table.

    Args:
        narrowed: whether there may be others, which were not asked for.

    Attributes:
        workloads: how each stood when the list was made.
    """

    def __init__(
        self,
        workloads: Sequence[Workload],
        attach: Callable[[Workload], Any],
        *,
        narrowed: bool = False,
    ) -> None:
        self.workloads = tuple(workloads)
        self._attach = attach
        self._narrowed = narrowed

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
            if self._narrowed:
                return "No such jobs."
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


def chosen(
    workloads: Sequence[Workload], phase: Phase | None = None, kind: Kind | None = None
) -> list[Workload]:
    """Those in a phase and of a kind; None is any."""
    return [w for w in workloads if phase in (None, w.phase) and kind in (None, w.kind)]


def parse_phase(value: object) -> Phase | None:
    """A phase by its name, in whatever case.

    Raises:
        InvalidRequest: there is none of that name.

    >>> parse_phase("failed"), parse_phase(None)
    ('Failed', None)
    """
    return _one_of(Phase, "phase", value)


def parse_kind(value: object) -> Kind | None:
    """A kind of workload by its name; raises as `parse_phase` does."""
    return _one_of(Kind, "kind", value)


def _one_of(words: type[W], label: str, value: object) -> W | None:
    if value is None:
        return None
    known = list(words)
    found = [each for each in known if isinstance(value, str) and each.lower() == value.lower()]
    if not found:
        near = difflib.get_close_matches(str(value).lower(), [each.lower() for each in known], 1)
        like = next((each for each in known if each.lower() in near), None)
        raise InvalidRequest(
            f"{label}={show_given(value)} is not a {label} of a job.",
            why=f"There is {', '.join(known)}.",
            next_step=f'Did you mean {label}="{like.value}"?'
            if like
            else f'Write {label}="{known[-2].value}", for one.',
        )
    return found[0]


def named(workloads: Sequence[Workload], name: str) -> Workload:
    """The one with that id or that very name, or the newest run under it.

    Raises:
        NotFound: there is none; with the names that are nearest.
    """
    exact = [w for w in workloads if name == w.id]
    others = [w for w in workloads if name in (w.name, w.base, w.display_name)]
    for candidates in (exact, others):
        if candidates:
            return max(candidates, key=lambda w: (w.created, w.seq))
    near = difflib.get_close_matches(name, [w.name for w in workloads], n=3)
    hint = f"Near it are {', '.join(near)}. " if near else ""
    raise NotFound(f"There is no job named {name}.", next_step=f"{hint}cnai.jobs() lists all.")
