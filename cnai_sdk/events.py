"""What happened to a workload, as a notebook or a terminal shows it."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence

from cnai_sdk.model.event import Event
from cnai_sdk.text.columns import padded
from cnai_sdk.text.foreign import one_line
from cnai_sdk.text.tables import html_table


class EventList(Sequence[Event]):
    """What happened, oldest first; shown as a table."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = tuple(events)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._events[index]

    def __len__(self) -> int:
        return len(self._events)

    def rows(self) -> list[tuple[str, str, str]]:
        """The time of day, or the date before today; the reason in a word; and the sentence."""
        today = time.localtime()[:3]
        return [
            (_clock(each.time, today), one_line(each.reason), one_line(_said(each)))
            for each in self._events
        ]

    def __repr__(self) -> str:
        rows = self.rows()
        if not rows:
            return "Nothing has happened yet."
        times, reasons = (padded([row[n] for row in rows]) for n in (0, 1))
        return "\n".join(
            f"{when}  {reason}  {said}".rstrip()
            for when, reason, (_, _, said) in zip(times, reasons, rows, strict=True)
        )

    def _repr_html_(self) -> str:
        if not self._events:
            return f"<p>{html.escape(repr(self))}</p>"
        return html_table(("Time", "Event", "What happened"), self.rows())


def _clock(moment: float, today: tuple[int, ...]) -> str:
    when = time.localtime(moment)
    return time.strftime("%H:%M:%S" if when[:3] == today else "%Y-%m-%d %H:%M:%S", when)


def _said(event: Event) -> str:
    """The sentence, with its worker where it does not name one."""
    if event.rank is None or "worker" in event.message.lower():
        return event.message
    return f"worker {event.rank}: {event.message}"
