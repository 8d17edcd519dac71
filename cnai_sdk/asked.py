"""Checks what a handle, and whoever looks for one, is asked for, before anything is read."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quantity import as_count, as_number, parse_duration, show_given
from cnai_sdk.model.workload import Workload


def check_job(name: object) -> None:
    """Whether that can be the name of a job.

    Raises:
        InvalidRequest: it is no text.
    """
    if not isinstance(name, str):
        raise InvalidRequest(
            f"{show_given(name)} is no name of a job.",
            next_step='Write cnai.job("digits"). cnai.jobs() lists them; [0] is the newest.',
        )


def check_wait(timeout: object) -> float | None:
    """Seconds to wait, 0 too, from a number or text such as '30m'; None for as long as it takes.

    >>> check_wait(0), check_wait("2m"), check_wait(None)
    (0.0, 120.0, None)
    """
    seconds = as_number(timeout)
    if timeout is None or (seconds is not None and 0 <= seconds < 1e9):
        return seconds
    return parse_duration(timeout)


def check_tail(tail: object) -> int | None:
    """How many of the last lines are wanted; None for all.

    Raises:
        InvalidRequest: it is no number of lines.
    """
    count = as_count(tail)
    if tail is not None and (count is None or count < 0):
        raise InvalidRequest(
            f"tail={show_given(tail)} is not a number of lines.",
            next_step="Write tail=20, for the last 20.",
        )
    return count


def check_rank(workload: Workload, rank: object) -> int | None:
    """Which worker is meant; None for all of them.

    Raises:
        InvalidRequest: the workload has no such worker.
    """
    known = {replica.rank for replica in workload.replicas}
    asked = as_count(rank)
    if rank is None or (asked is not None and asked >= 0 and (asked in known or not known)):
        return asked
    count = len(known)
    raise InvalidRequest(
        f"{workload.name} has no worker {show_given(rank)}.",
        why=f"It has {count}, numbered from 0." if count else "Workers are numbered from 0.",
        next_step=f"Write rank={max(count - 1, 0)}{' or below' if count > 1 else ''}.",
    )


def check_names(names: Sequence[object], known: Sequence[str]) -> None:
    """Whether these metrics were reported.

    Raises:
        InvalidRequest: one was not; with what is near, or what there is.
    """
    for name in names:
        if name in known:
            continue
        near = difflib.get_close_matches(str(name), known, n=1)
        there = f"Reported were {', '.join(known)}." if known else "Nothing was reported yet."
        raise InvalidRequest(
            f"No metric {show_given(name)} was reported.",
            why=there,
            next_step=f'Did you mean "{near[0]}"?'
            if near
            else "Name one of them, or none for all."
            if known
            else "cnai.report(step=epoch, loss=loss) in the function reports one.",
        )
