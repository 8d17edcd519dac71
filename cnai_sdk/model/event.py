"""What happened to a workload, and what it printed."""

from __future__ import annotations

import signal

import msgspec

LOG_INCOMPLETE = "LogIncomplete"
LOG_TRIMMED = "LogTrimmed"
LOG_GAPS = frozenset({LOG_INCOMPLETE, LOG_TRIMMED})
"""Reasons of events that say what a log lacks."""

_SIGNALS = {each.value: each.name for each in signal.Signals}


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to a workload, in the order it happened.

    Attributes:
        reason: one CamelCase word, as on Kubernetes ('Admitted', 'WorkerExited').
        message: a sentence.
        warning: True when a person should look.
        rank: the worker concerned, or None for the workload.
        time: Unix seconds.
        seq: position in the workload's own sequence, from 1.
        exit_code: how a process ended; negative is the number of a signal.
    """

    reason: str
    message: str = ""
    warning: bool = False
    rank: int | None = None
    time: float = 0.0
    seq: int = 0
    exit_code: int | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line that a worker printed, without its newline, with its escapes.

    Attributes:
        number: position in the job's log over all ranks, from 1. Numbers do not change when old
            lines are dropped.
        partial: True for a line without its newline yet, such as a progress bar; the next line
            of that rank replaces it.
        time: Unix seconds at which it arrived.
    """

    text: str
    rank: int = 0
    number: int = 0
    time: float = 0.0
    partial: bool = False


def exit_words(code: int) -> str:
    """How a process ended, in words; a negative code is the number of a signal.

    >>> exit_words(3), exit_words(-9), exit_words(-40)
    ('exit code 3', 'signal 9 (SIGKILL)', 'signal 40')
    """
    if code >= 0:
        return f"exit code {code}"
    return f"signal {-code} ({_SIGNALS[-code]})" if -code in _SIGNALS else f"signal {-code}"
