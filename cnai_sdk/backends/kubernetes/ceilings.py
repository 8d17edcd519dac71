"""What an administrator allows one job, and what is left: advice before anything is created.

Belongs here: reading ceilings, and whether a wish is below them; pure. The policies of
`cnai_sdk/admin` hold the same numbers against whoever sends a job by other means; what is left of a
namespace's GPU-hours is an estimate, and nothing holds it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping

import msgspec

from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.model.quantity import show_duration, show_number
from cnai_sdk.model.spec import TrainSpec
from cnai_sdk.model.workload import Workload

NAME = "cnai-ceilings"
WHOLE = ("workers-per-job", "gpus-per-job")
HOURS = ("hours-per-job", "gpu-hours-per-job", "gpu-hours-per-namespace")
_FORMS = dict.fromkeys(WHOLE, re.compile(r"[0-9]{1,6}", re.ASCII)) | dict.fromkeys(
    HOURS, re.compile(r"[0-9]{1,6}([.][0-9]{1,3})?", re.ASCII)
)
_HOUR = 3600.0
_LEAST = 60.0
"""Seconds below which no timeout is advised."""
_TINY = 1e-6


class Ceilings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds by name; one that is left out is none.

    Attributes:
        amounts: a name of `WHOLE` or `HOURS` to its number.
        where: the ConfigMap, for a person.
        ignored: what is written there and cannot be used, a sentence each.
    """

    amounts: Mapping[str, float] = {}
    where: str = ""
    ignored: tuple[str, ...] = ()

    def of(self, name: str) -> float | None:
        """One bound, or None."""
        return self.amounts.get(name)


def check_ceiling(name: str, text: object) -> str:
    """A ceiling as an administrator writes it, or '' to have none.

    Raises:
        InvalidRequest: no such ceiling, or no number.

    >>> check_ceiling("gpu-hours-per-job", "1.5")
    '1.5'
    """
    if name not in _FORMS:
        raise InvalidRequest(
            f"There is no ceiling {_quoted(name)}.", next_step=f"There are {', '.join(_FORMS)}."
        )
    if not isinstance(text, str) or (text and not _FORMS[name].fullmatch(text)):
        example = "8" if name in WHOLE else "1.5"
        raise InvalidRequest(
            f"The ceiling {name} is {_quoted(text)}, which is no number that it can have.",
            next_step=f'Write {name}: "{example}", for one.',
        )
    return text


def read(data: object, *, where: str) -> Ceilings:
    """The ceilings of a ConfigMap; what cannot be used is left out, and said.

    Args:
        data: the ConfigMap's own.
        where: 'namespace/name'.
    """
    amounts: dict[str, float] = {}
    ignored: list[str] = []
    if data is not None and not isinstance(data, Mapping):
        data, ignored = {}, [f"{where} has no data that can be read."]
    for name, text in (data or {}).items():
        try:
            if check_ceiling(name, text):
                amounts[name] = float(text)
        except InvalidRequest as error:
            ignored.append(f"{where} is malformed, and part of it is ignored: {error.what}")
    return Ceilings(amounts=amounts, where=where, ignored=tuple(ignored))


def _quoted(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


# -- what a job asks for, against them -----------------------------------------------------


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a job may use in all.

    Attributes:
        devices: GPUs and slices; a share counts as one device, as it does for the policy.
        gpus: GPUs, shares as shares.
        seconds: its timeout, or None.
    """

    workers: int
    devices: int
    gpus: float
    seconds: float | None

    @property
    def gpu_hours(self) -> float | None:
        """GPUs times timeout: the most that it can use; None when it may run for ever."""
        return None if self.seconds is None else self.gpus * self.seconds / _HOUR


def asked(spec: TrainSpec, gpu: float) -> Asked:
    """What a spec asks for.

    Args:
        gpu: what one worker gets: GPUs, or a share of one.
    """
    each = gpu if gpu else float(spec.resources.wants_gpu)
    # A share of an unknown size counts as a whole device.
    whole = -int(-each // 1)
    return Asked(
        workers=spec.workers,
        devices=whole * spec.workers,
        gpus=each * spec.workers,
        seconds=spec.timeout,
    )


def check(
    wish: Asked,
    ceilings: Ceilings,
    workloads: Iterable[Workload],
    *,
    place: str,
    now: float | None = None,
    count: int = 1,
    asking: bool = False,
) -> str:
    """Refuse what is above a ceiling; otherwise the estimate in a sentence, or ''.

    Args:
        workloads: those of the namespace that are listed.
        place: the namespace.
        now: Unix seconds.
        count: of so many such jobs, what all of them ask for is held against what is left.
        asking: nothing is made now, so that a timeout that is still to be written is only said.

    Raises:
        DoesNotFit: with the ceiling, what sets it, and what would be below it.
        InvalidRequest: GPUs without a timeout, where hours are counted.
    """
    _check_count("workers-per-job", wish.workers, ceilings, _workers, wish)
    if not wish.gpus:
        return ""
    _check_count("gpus-per-job", wish.devices, ceilings, _gpus, wish)
    hours = {name: ceilings.of(name) for name in HOURS}
    if all(each is None for each in hours.values()):
        return ""
    budget = _budget(ceilings, workloads, place, time.time() if now is None else now)
    if wish.seconds is None or wish.gpu_hours is None:
        timeout = _advised(wish, hours, budget)
        if asking:
            return f'It also has to say how long it may run, such as timeout="{timeout}".'
        raise InvalidRequest(
            "A job with GPUs says here how long it may run at most.",
            why=f"The administrator counts GPU-hours ({ceilings.where}), and without a timeout "
            "this one could use any number of them.",
            next_step=f'Write timeout="{timeout}", which is below every ceiling; a job that has '
            "not ended by then is stopped.",
        )
    longest = hours["hours-per-job"]
    if longest is not None and wish.seconds > longest * _HOUR + _TINY:
        raise DoesNotFit(
            f"timeout={show_duration(wish.seconds)} is above the ceiling of a job with GPUs.",
            why=f"hours-per-job is {show_number(longest)} in {ceilings.where}.",
            next_step=f'Write timeout="{_written(longest * _HOUR)}" or less, and go on from a '
            "checkpoint; or ask the administrator for a higher ceiling.",
        )
    total = wish.gpu_hours
    most = hours["gpu-hours-per-job"]
    if most is not None and total > most + _TINY:
        raise DoesNotFit(
            f"This job asks for up to {_gpu_hours(total)}: {_method(wish)}.",
            why=f"The ceiling gpu-hours-per-job is {show_number(most)} in {ceilings.where}.",
            next_step=f'Write timeout="{_written(most * _HOUR / wish.gpus)}" or less, or ask for '
            "fewer GPUs.",
        )
    estimate = f"Up to {_gpu_hours(total * count)}: {_method(wish, count)}"
    if budget is None:
        return f"{estimate}."
    if total * count > budget.left + _TINY:
        raise _above(wish, total, budget, count)
    be = "are" if asking else "were"  # the notice stays with the job
    room = f"about {show_number(round(budget.left, 2))} of {show_number(budget.of)} {be} left"
    return f"{estimate}; {room}, {budget.how}."


class _Budget(msgspec.Struct, frozen=True, kw_only=True):
    """GPU-hours of a namespace: in all, those used or promised, and how they were counted."""

    of: float
    spent: float
    how: str
    where: str

    @property
    def left(self) -> float:
        return max(self.of - self.spent, 0.0)

    @property
    def why(self) -> str:
        return (
            f"gpu-hours-per-namespace is {show_number(self.of)} in {self.where}, and "
            f"{show_number(round(self.spent, 2))} are used or promised, {self.how}."
        )


def _budget(
    ceilings: Ceilings, workloads: Iterable[Workload], place: str, now: float
) -> _Budget | None:
    of = ceilings.of("gpu-hours-per-namespace")
    if of is None:
        return None
    how = f"counted from the jobs of {place} that are still listed"
    return _Budget(of=of, spent=used(workloads, now=now), how=how, where=ceilings.where)


def _advised(wish: Asked, hours: Mapping[str, float | None], budget: _Budget | None) -> str:
    """A timeout that is below every ceiling, an hour at most.

    Raises:
        DoesNotFit: so little is left that there is none.
    """
    bounds = [_HOUR]
    if (longest := hours["hours-per-job"]) is not None:
        bounds.append(longest * _HOUR)
    if (most := hours["gpu-hours-per-job"]) is not None:
        bounds.append(most * _HOUR / wish.gpus)
    if budget is not None:
        if budget.left * _HOUR / wish.gpus < _LEAST:
            raise _above(wish, None, budget, 1)
        bounds.append(budget.left * _HOUR / wish.gpus)
    return _written(min(bounds))


def _above(wish: Asked, total: float | None, budget: _Budget, count: int) -> DoesNotFit:
    """More than is left of the namespace's."""
    left = f"about {show_number(round(budget.left, 2))} of {show_number(budget.of)} are left"
    jobs = "This job asks" if count == 1 else f"These {count} jobs ask"
    what = f"{jobs} for GPUs, and of the GPU-hours {left}."
    step = "Stop a job that holds GPUs, or ask the administrator for more."
    if total is not None:
        hours = f"{_gpu_hours(total * count)}, and {left}"
        what = f"{jobs} for up to {hours}: {_method(wish, count)}."
        if count > 1 and budget.left >= total:
            step = f"Ask for {int(budget.left / total + _TINY)} of them, or the administrator for "
            step += "more."
        elif budget.left * _HOUR / wish.gpus >= _LEAST:
            timeout = _written(budget.left * _HOUR / wish.gpus)
            step = f'Write timeout="{timeout}" or less, or ask the administrator for more.'
    return DoesNotFit(what, why=budget.why, next_step=step)


def used(workloads: Iterable[Workload], *, now: float) -> float:
    """GPU-hours that jobs have held, and those that run or wait are promised up to their timeout.

    One that is over counts as long as it ran. One without a timeout counts as long as it has run.
    """
    return sum(_used(each, now) for each in workloads)


def _used(workload: Workload, now: float) -> float:
    granted = workload.granted
    gpu = (granted.gpu if granted is not None else 0.0) or workload.resources.gpu
    gpus = gpu * max(len(workload.replicas), 1)
    if not gpus or (workload.started is None and workload.phase.ended):
        return 0.0
    began = workload.started if workload.started is not None else now
    end = workload.ended if workload.ended is not None else now
    seconds = max(end - began, 0.0)
    if not workload.phase.ended and workload.timeout is not None:
        seconds = max(workload.timeout, seconds)
    return gpus * seconds / _HOUR


def _check_count(
    name: str, wanted: int, ceilings: Ceilings, shown: Mapping[bool, str], wish: Asked
) -> None:
    most = ceilings.of(name)
    if most is not None and wanted > most:
        noun, fewer = shown[most == 1], _fewer(wish, int(most), name)
        asking = "sk the administrator for a higher ceiling."
        raise DoesNotFit(
            f"This job asks for {wanted} {shown[wanted == 1]}, and a job may have {most:.0f} "
            f"{noun} here.",
            why=f"It is the ceiling {name} in {ceilings.where}.",
            next_step=f"{fewer}, or a{asking}" if fewer else f"A{asking}",
        )


def _fewer(wish: Asked, most: int, name: str) -> str:
    """What to write instead; '' where nothing is allowed."""
    each = wish.devices // wish.workers if name == "gpus-per-job" else 1
    if not most:
        return ""
    if each <= most:
        return f"Write workers={most // each}"
    return f"Write gpu={most}{' with workers=1' if wish.workers > 1 else ''}"


_workers = {True: "worker", False: "workers"}
_gpus = {True: "GPU", False: "GPUs"}


def _gpu_hours(amount: float) -> str:
    """So many, in words."""
    return f"{show_number(amount)} GPU-hour{'' if amount == 1 else 's'}"


def _method(wish: Asked, count: int = 1) -> str:
    """How the estimate came about."""
    assert wish.seconds is not None
    each = wish.gpus / wish.workers
    jobs = f"{count} jobs × " if count > 1 else ""
    return (
        f"{jobs}{wish.workers} {_workers[wish.workers == 1]} × {show_number(each)} "
        f"{_gpus[each <= 1]} × {show_duration(wish.seconds)}, its timeout"
    )


def _written(seconds: float) -> str:
    """As timeout= takes it, never more."""
    whole = int(seconds + _TINY)
    for unit, size in (("h", 3600), ("m", 60)):
        if whole >= size and (whole % size == 0 or unit == "m"):
            return f"{whole // size}{unit}"
    return f"{max(whole, 1)}s"
