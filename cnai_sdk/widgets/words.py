"""The sentences of a card that a terminal says in another way, or does not say."""

from __future__ import annotations

import time

from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_number
from cnai_sdk.model.workload import Workload
from cnai_sdk.text import progress_text
from cnai_sdk.text import size_text as workers_text


def size_text(workload: Workload) -> str:
    """How many workers, what each may use, and where; the place is foreign text.

    >>> from cnai_sdk.model.phase import Kind
    >>> size_text(Workload(id="", name="", kind=Kind.TRAIN, phase=Phase.QUEUED, backend="local"))
    'local'
    """
    workers = workers_text(workload)
    return " · ".join(part for part in (workers, workload.place or workload.backend) if part)


def done_text(workload: Workload) -> str:
    """How far it is in its own unit: 'Epoch 12 of 30'; the unit is foreign text."""
    said = progress_text(workload.progress) if workload.progress else ""
    return said[:1].upper() + said[1:]


def share_text(workload: Workload) -> str:
    """How far it is in per cent, or '' when the length is unknown."""
    fraction = workload.progress.fraction if workload.progress else None
    return "" if fraction is None else f"{fraction:.0%}"


def cpu_text(used: float | None, limit: float | None) -> str:
    """Cores in use, of those granted; '–' when it is not known.

    >>> cpu_text(1.94, 2), cpu_text(None, 2)
    ('1.9 of 2', '–')
    """
    if used is None:
        return "–"
    return f"{used:.1f} of {show_number(limit)}" if limit else f"{used:.1f}"


def moment_text(seconds: float) -> str:
    """A date and time with its zone, for what is read later."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def waiting_text(workload: Workload) -> str:
    """What a job that does not run yet waits for; foreign text."""
    queued = workload.queued
    if workload.phase is not Phase.QUEUED or queued is None:
        return workload.message
    place = f"{_ordinal(queued.position)} in line"
    return f"{place}: {queued.waits_for}" if queued.waits_for else place


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else endings.get(number % 10, 'th')}"
