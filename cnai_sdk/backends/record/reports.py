"""What the workers' frames say: metrics, progress, and the exception that one ended with."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from cnai_sdk.model.metric import Metric, Number
from cnai_sdk.model.workload import Progress

_METRIC_NAMES = 100
_NONSENSE = (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError)


@contextlib.contextmanager
def leaving_out_nonsense() -> Iterator[None]:
    """User code can print frames of its own; one that makes no sense is left out."""
    with contextlib.suppress(*_NONSENSE):
        yield


def metric_of(frame: dict[str, Any], *, rank: int, attempt: int, seq: int) -> Metric:
    """One call of report().

    >>> metric_of({"metrics": {"loss": 0.5}, "step": 1, "time": 2}, rank=0, attempt=0, seq=7)
    Metric(values={'loss': 0.5}, step=1.0, time=2.0, rank=0, attempt=0, seq=7)
    """
    told = {
        "values": frame["metrics"],
        "step": frame.get("step"),
        "time": frame.get("time", 0.0),
    }
    return msgspec.convert(told | {"rank": rank, "attempt": attempt, "seq": seq}, Metric)


def progress_of(frame: dict[str, Any], before: Progress | None, *, now: float) -> Progress:
    """One call of progress().

    Args:
        before: what was said last in this run, or `begun_again` of it.
        now: Unix seconds.

    The clock that was started goes on, unless the work began anew: it went back, or counts
    something else.

    >>> first = progress_of({"progress": [1, 4, "epoch"]}, None, now=9.0)
    >>> first
    Progress(done=1.0, total=4.0, unit='epoch', since=9.0, begun=1.0)
    >>> progress_of({"progress": [3, 4, "epoch"]}, first, now=11.0)
    Progress(done=3.0, total=4.0, unit='epoch', since=9.0, begun=1.0)
    """
    done, total, unit = frame["progress"]
    told = {"done": done, "total": total, "unit": str(unit)[:40], "since": now, "begun": done}
    new = msgspec.convert(told, Progress)
    if before is None or not before.since or _anew(before, new):
        return new
    return msgspec.structs.replace(new, since=before.since, begun=before.begun)


def begun_again(before: Progress | None) -> Progress | None:
    """How far it was, when the code starts once more: what it says next starts a new clock."""
    return before and msgspec.structs.replace(before, since=0.0, begun=0.0)


def _anew(before: Progress, new: Progress) -> bool:
    same = (before.total, before.unit) == (new.total, new.unit)
    return new.done < before.done or not same


def raised_of(frame: dict[str, Any]) -> str:
    """The exception that a worker ended with, in one line.

    >>> raised_of({"error": {"type": "ValueError", "message": "bad label\\nmore"}})
    'ValueError: bad label'
    """
    kind, text = frame["error"]["type"], str(frame["error"]["message"]).strip()
    first = text.splitlines()[0][:200] if text else ""
    return f"{kind}: {first}" if first else str(kind)


def last_values(before: dict[str, Number], values: dict[str, Number]) -> dict[str, Number]:
    """The last values of the names that came first; every report is kept as it was."""
    return dict(itertools.islice((before | values).items(), _METRIC_NAMES))
