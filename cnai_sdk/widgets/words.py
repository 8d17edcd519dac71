"""The sentences of a card that are not foreign text."""

from __future__ import annotations

import time

from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_bytes, show_duration, show_number
from cnai_sdk.model.workload import Progress, Workload

_SPACE = "\N{NO-BREAK SPACE}"


def size_text(workload: Workload) -> str:
    """How many workers, what each may use, and where.

    Foreign text: the place and the device come from a backend.
    """
    count = len(workload.replicas)
    workers = f"{count} worker{'' if count == 1 else 's'}"
    granted = workload.granted
    cpu = (granted and granted.cpu) or workload.resources.cpu
    each = [f"{show_number(cpu)}{_SPACE}CPU"] if cpu else []
    gpu = (granted and granted.gpu) or workload.resources.gpu
    if gpu:
        each.append(f"{show_number(gpu)}{_SPACE}GPU")
    size = " × ".join([workers, " and ".join(each)]) if each else workers
    return " · ".join(part for part in (size if count else "", workload.place) if part)


def time_text(workload: Workload, now: float) -> str:
    """How long it ran or waits: '1 m 12 s', 'in 3 m 12 s', 'after 41 s'."""
    since = workload.started or workload.created
    if not since:
        return ""
    long = show_duration(max((workload.ended or now) - since, 0.0))
    if workload.phase is Phase.SUCCEEDED:
        return f"in {long}"
    return f"after {long}" if workload.phase.ended else long


def progress_text(progress: Progress) -> str:
    """How far it is, in its own unit; the unit is foreign text."""
    unit = progress.unit
    name = f"{unit[:1].upper()}{unit[1:]} " if unit else ""
    done = show_number(progress.done)
    return f"{name}{done}" if progress.total is None else f"{name}{done} of {show_number(progress.total)}"


def left_text(workload: Workload, now: float) -> str:
    """How far in per cent, and an estimate of what is left, rounded and said to be one."""
    progress = workload.progress
    if progress is None or progress.fraction is None:
        return ""
    share = f"{100 * progress.fraction:.0f}%"
    since = progress.since or workload.started
    if workload.phase is not Phase.RUNNING or not since or not 0 < progress.fraction < 1:
        return share
    left = (now - since) * (1 - progress.fraction) / progress.fraction
    return f"{share} · about {_rounded(left)} left" if left >= 1 else share


def _rounded(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)}{_SPACE}{unit}"
    return f"{max(round(seconds, -1), 10):.0f}{_SPACE}s" if seconds >= 10 else f"10{_SPACE}s"


def cpu_text(used: float | None, limit: float | None) -> str:
    """Cores in use, of those granted; '–' when it is not known."""
    if used is None:
        return "–"
    return f"{used:.1f} of {show_number(limit)}" if limit else f"{used:.1f}"


def memory_text(used: int | None, limit: int | None) -> str:
    """Memory in use, of what is granted, in one unit; '–' when it is not known."""
    if used is None:
        return "–"
    if limit is None:
        return show_bytes(used)
    amount, unit = show_bytes(limit).split(_SPACE)
    size = {"MiB": 2**20, "GiB": 2**30, "TiB": 2**40}.get(unit, 1)
    return f"{show_number(used / size)} of {amount}{_SPACE}{unit}"


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
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
