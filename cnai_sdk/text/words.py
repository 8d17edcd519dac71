"""The sentences about a workload that every surface says in the same words."""

from __future__ import annotations

import time
from collections.abc import Iterable

from cnai_sdk.model.metric import Number, from_wire
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import (
    show_about,
    show_bytes,
    show_bytes_of,
    show_duration,
    show_number,
)
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Progress, Workload
from cnai_sdk.text.foreign import one_line

SPACE = "\N{NO-BREAK SPACE}"
_WORTH_SAYING = 5.0
_MATTERS = ("acc", "f1", "auc", "reward", "bleu", "iou", "map", "r2", "perplexity", "loss", "error")


def ordinal(number: int) -> str:
    """A place in a line.

    >>> ordinal(1), ordinal(12), ordinal(22)
    ('1st', '12th', '22nd')
    """
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{dict(enumerate(('st', 'nd', 'rd'), 1)).get(number % 10, 'th')}"


def size_text(workload: Workload) -> str:
    """How many workers, and what each asked for: '2 workers × 2 CPU'; '' when there is none.

    What was granted may be a little less, as slices and fractions go; `job.granted` says how much.
    """
    count = len(workload.replicas)
    if not count:
        return ""
    granted, asked = workload.granted, workload.resources
    cpu = asked.cpu or (granted.cpu if granted else None)
    gpu = asked.gpu or (granted.gpu if granted else 0.0)
    each = [f"{show_number(cpu)}{SPACE}CPU"] if cpu else []
    if asked.gpu_memory is not None and not asked.gpu:
        each.append(f"{show_bytes(asked.gpu_memory)} of a GPU")
    elif gpu:
        each.append(f"{show_number(gpu)}{SPACE}GPU")
    return " × ".join([f"{count} worker{'' if count == 1 else 's'}", *each])


def time_text(workload: Workload, now: float) -> str:
    """How long it runs or waits, or ran: '1 m 12 s', 'in 3 m 12 s', 'after 41 s'.

    Args:
        now: Unix seconds.
    """
    since = workload.started or workload.created
    if not since:
        return ""
    lasted = show_duration(max((workload.ended or now) - since, 0.0))
    if workload.phase is Phase.SUCCEEDED:
        return f"in {lasted}"
    return f"after {lasted}" if workload.phase.ended else lasted


def progress_text(progress: Progress) -> str:
    """How far it is in its own unit.

    >>> progress_text(Progress(done=12, total=30, unit="epoch"))
    'epoch 12 of 30'
    """
    unit = one_line(progress.unit, 20)
    done = show_number(progress.done)
    so_far = done if progress.total is None else f"{done} of {show_number(progress.total)}"
    return f"{unit} {so_far}" if unit else so_far


def left_text(workload: Workload, now: float) -> str:
    """An estimate of what is left, rounded and said to be one; '' when there is none to make."""
    progress = workload.progress
    if progress is None or progress.fraction is None or workload.phase is not Phase.RUNNING:
        return ""
    seconds = progress.left(now) or 0.0
    return f"about {show_about(seconds)} left" if seconds >= _WORTH_SAYING else ""


def share_text(used: float | None, limit: float | None) -> str:
    """Cores in use, of those granted; '–' when it is not known.

    >>> share_text(1.92, 2), share_text(None, 2)
    ('1.9 of 2', '–')
    """
    if used is None:
        return "–"
    return f"{used:.1f} of {show_number(limit)}" if limit else f"{used:.1f}"


def memory_text(used: int | None, limit: int | None) -> str:
    """Memory in use, of what is granted, in one unit; '–' when it is not known.

    >>> memory_text(2**30, 2**32)
    '1 of 4\\xa0GiB'
    """
    if used is None:
        return "–"
    return show_bytes_of(used, limit) if limit else show_bytes(used)


def metric_that_matters(metrics: dict[str, Number]) -> str:
    """The one number of a row, value first: '0.912 accuracy'; '' without metrics.

    >>> metric_that_matters({"loss": 0.284, "accuracy": 0.9121})
    '0.912 accuracy'
    """
    name = name_that_matters(metrics)
    if not name:
        return ""
    return f"{show_number(from_wire(metrics[name]))} {one_line(name, 24)}"


def name_that_matters(names: Iterable[str]) -> str:
    """The metric that a row shows, of those there are; '' without metrics.

    >>> name_that_matters(["loss", "accuracy"])
    'accuracy'
    """
    known = list(names)
    for word in _MATTERS:
        for name in known:
            if word in name.lower():
                return name
    return known[0] if known else ""


def waiting_text(workload: Workload) -> str:
    """What a workload that does not run yet waits for."""
    queued = workload.queued
    if workload.phase is not Phase.QUEUED or queued is None:
        return workload.message
    place = f"{ordinal(queued.position)} in line"
    return f"{place}, waits for {queued.waits_for}" if queued.waits_for else place


def away_text(view: JobView) -> str:
    """That a view is how things stood at its time, and why no more is known; else ''."""
    away = view.interruption
    if away is None:
        return ""
    then = time.strftime("%H:%M:%S", time.localtime(view.now))
    said = " ".join(part for part in (away.what, away.why, away.next_step) if part)
    return f"As of {then}: {said}"
