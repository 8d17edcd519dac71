"""What happened to a workload, as a list, as text and as HTML."""

from __future__ import annotations

import re
import time

from cnai_sdk.events import EventList
from cnai_sdk.model.event import Event

# With a date in the second after midnight.
CLOCK = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"


def happened(*events: Event) -> EventList:
    return EventList(events)


def test_each_event_is_a_line_with_a_time_of_day() -> None:
    now = time.time()
    said = repr(
        happened(
            Event(reason="Admitted", message="It got 2 cores", time=now, seq=1),
            Event(reason="WorkerExited", message="exit code 0", rank=1, time=now, seq=2),
        )
    ).splitlines()
    assert re.fullmatch(rf"{CLOCK}  Admitted      It got 2 cores", said[0])
    assert re.fullmatch(rf"{CLOCK}  WorkerExited  worker 1: exit code 0", said[1])


def test_an_older_one_has_its_date() -> None:
    long_ago = time.mktime((2026, 1, 31, 12, 0, 0, 0, 0, -1))
    assert repr(happened(Event(reason="Started", time=long_ago))) == "2026-01-31 12:00:00  Started"


def test_it_is_a_list_of_events_too() -> None:
    first, second = Event(reason="Admitted", seq=1), Event(reason="Started", seq=2)
    events = happened(first, second)
    assert (len(events), events[0], events[-1], list(events)) == (2, first, second, [first, second])


def test_nothing_is_said_in_words() -> None:
    assert repr(happened()) == "Nothing has happened yet."
    assert "Nothing has happened yet." in happened()._repr_html_()


def test_a_message_is_foreign_text() -> None:
    events = happened(Event(reason="Failed", message="<b>\x1b[2J\nHello</b>", time=time.time()))
    assert "&lt;b&gt;" in events._repr_html_()
    assert "\x1b" not in events._repr_html_() + repr(events)
    assert len(repr(events).splitlines()) == 1
