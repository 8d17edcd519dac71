"""A workload in one sentence, for a row of a list."""

from __future__ import annotations

import re

from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_bytes, show_duration
from cnai_sdk.model.workload import Workload
from cnai_sdk.text.foreign import one_line
from cnai_sdk.text.words import metric_that_matters, ordinal, progress_text, time_text

_WIDTH = 78
_RANK = re.compile(r"worker (\d+)", re.IGNORECASE)


def row_text(workload: Workload, *, now: float, short: str = "") -> str:
    """The phase and the fact that matters: 'Running 40% · 0.912 accuracy'.

    Args:
        now: Unix seconds; durations are counted to it.
        short: the verdict's short form, where it is known.
    """
    phase = workload.phase
    if phase is Phase.FAILED:
        cause = short or _cause(workload)
        sentence = f"Failed: {cause}" if cause else "Failed"
    elif phase is Phase.QUEUED:
        sentence = _queued(workload)
    else:
        state = {
            Phase.RUNNING: _running,
            Phase.SUCCEEDED: lambda w: f"Succeeded {time_text(w, now)}".rstrip(),
            Phase.STOPPED: _stopped,
        }.get(phase, _plain)(workload)
        sentence = " · ".join(part for part in (state, _number(workload)) if part)
    return one_line(sentence, _WIDTH)


def _queued(workload: Workload) -> str:
    if workload.suspended:
        return "Queued, paused"
    queued = workload.queued
    if queued:
        return f"Queued, {ordinal(queued.position)} in line"
    why = one_line(workload.message)
    return f"Queued: {why[:1].lower()}{why[1:]}" if workload.reason and why else "Queued"


def _running(workload: Workload) -> str:
    progress = workload.progress
    if progress is None:
        return "Running"
    if progress.fraction is None:
        return f"Running, {progress_text(progress)}"
    return f"Running {100 * progress.fraction:.0f}%"


def _stopped(workload: Workload) -> str:
    return workload.message or "Stopped"


def _plain(workload: Workload) -> str:
    """Starting, Ready, and a phase that a newer writer uses."""
    phase = workload.phase
    word = phase.label if phase.known else f"Unknown ({phase.value})"
    return f"{word} · {workload.message}" if workload.message else word


def _number(workload: Workload) -> str:
    phase, progress = workload.phase, workload.progress
    if phase is Phase.STOPPED and progress is not None:
        return progress_text(progress)
    return metric_that_matters(workload.metrics) if phase is not Phase.STARTING else ""


def _cause(workload: Workload) -> str:
    reason, message = workload.reason, one_line(workload.message)
    found = _RANK.search(message)
    where = f" in worker {found[1]}" if found else ""
    if reason == "MemoryExceeded":
        limit = workload.resources.memory
        return f"out of memory{where}" + (f" ({show_bytes(limit)})" if limit else "")
    if reason == "MachineOutOfMemory":
        return f"the machine ran out of memory{where}"
    if reason == "Timeout" and workload.timeout:
        return f"not done within {show_duration(workload.timeout)}"
    return message[:1].lower() + message[1:] or _words(reason)


def _words(reason: str) -> str:
    """A CamelCase word as words.

    >>> _words("DiskFull")
    'disk full'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", reason).lower()
