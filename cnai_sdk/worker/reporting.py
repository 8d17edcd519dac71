"""report() and its companions.

A report is printed twice in one write: as `name=value`, which Katib's default metrics collector
reads, and as a framed line, which the SDK parses out of the log and hides.
"""

import contextlib
import fcntl
import json
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

FRAME = b"\x1ecnai "
"""Starts a framed line: a record separator, which no terminal shows and no text file uses."""

_PROGRESS_INTERVAL = 0.05
_PROGRESS_BURST = 20.0
_lock = threading.Lock()
_channel = 1
_last_progress = 0.0
_burst = _PROGRESS_BURST
_unsaid: dict[str, Any] | None = None


class CnaiError(Exception):
    """Something that the SDK refuses, with what to do instead."""


def rank() -> int:
    """This worker's number, from 0; 0 outside a job.

    >>> rank()
    0
    """
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many workers train together; 1 outside a job.

    >>> world_size()
    1
    """
    return int(os.environ.get("WORLD_SIZE", "1"))


def output_dir() -> Path:
    """The folder whose files become `job.outputs`; the current folder outside a job."""
    return Path(os.environ.get("CNAI_OUTPUT_DIR") or Path.cwd())


def checkpoint_dir() -> Path:
    """A folder that is kept when a run is retried, made when first asked for."""
    folder = output_dir() / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def report(*unnamed: NoReturn, step: float | None = None, **metrics: Any) -> None:
    """Report metrics of this step, such as `report(step=epoch, accuracy=0.97)`.

    Rank 0 speaks for the job; the values of other ranks are kept beside it.

    Args:
        unnamed: nothing; values have names.
        step: where on the metrics' axis these values belong; counted from 0 when left out.
        metrics: name to number. Anything that `float()` takes, such as a tensor of one element.

    Raises:
        CnaiError: no metric was given, or one without a name, a value is not one number, or the
            step is not finite.

    >>> report(step=1, accuracy=0.5)
    step=1 accuracy=0.5
    """
    if unnamed:
        raise CnaiError(
            "report() takes metrics by their names, and was given a value without one.\n"
            "What to do: name it, such as cnai.report(step=epoch, loss=loss); a dict of metrics is "
            "cnai.report(step=epoch, **metrics)."
        )
    if not metrics:
        raise CnaiError(
            "report() was called without a metric.\n"
            "What to do: name at least one, such as cnai.report(step=epoch, loss=loss)."
        )
    values = {name: _number(name, value, "report") for name, value in metrics.items()}
    where = None if step is None else _finite("step", step, "report")
    shown = dict(values) if where is None else {"step": where, **values}
    line = " ".join(f"{name}={_plain(value)}" for name, value in shown.items())
    say_progress()
    _say(line, {"metrics": {n: _wire(v) for n, v in values.items()}, "step": where})


def progress(done: float, total: float | None = None, *, unit: str = "step") -> None:
    """Say how far the work is: `progress(epoch, epochs, unit="epoch")`.

    It is shown on the card and printed nowhere; calling it in a tight loop is cheap.

    Args:
        done: how many units are done.
        total: how many there are, or None when nobody knows.
        unit: one of them, in the singular.
    """
    global _unsaid
    limit = None if total is None else _finite("total", total, "progress")
    _unsaid = {"progress": [_finite("done", done, "progress"), limit, str(unit)[:1000]]}
    ended = total is not None and done >= total
    if ended or _may_say_progress():
        say_progress()


def say_progress() -> None:
    """Send the progress that was held back, if there is one."""
    global _unsaid
    if _unsaid is not None:
        frame, _unsaid = _unsaid, None
        _say(None, frame)


def _may_say_progress() -> bool:
    """A burst goes through, so that a long step after it stands right; a tight loop is thinned."""
    global _last_progress, _burst
    now = time.monotonic()
    _burst = min(_burst + (now - _last_progress) / _PROGRESS_INTERVAL, _PROGRESS_BURST)
    _last_progress = now
    if _burst < 1:
        return False
    _burst -= 1
    return True


def in_job() -> bool:
    """True on a worker that the SDK started."""
    return "CNAI_JOB_ID" in os.environ


def attempt() -> dict[str, int]:
    """Which run of the job this is, where only the worker knows it."""
    told = os.environ.get("CNAI_ATTEMPT", "")
    return {"attempt": int(told)} if told.isdigit() else {}


def say_frame(frame: dict[str, Any]) -> None:
    """Send one framed line; nothing outside a job."""
    _say(None, frame)


def _say(line: str | None, frame: dict[str, Any]) -> None:
    if not in_job():
        if line is not None:
            print(line)
        return
    frame["time"] = time.time()
    text = b"" if line is None else line.encode("utf-8", "replace") + b"\n"
    data = text + FRAME + json.dumps(frame, separators=(",", ":")).encode() + b"\n"
    with _lock:
        flush(sys.stdout)
        write(data)


def open_channel() -> None:
    """Keep the log's descriptor for reports, whatever the user's code does with 1 and 2."""
    global _channel
    _channel = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 100)


def write(data: bytes) -> None:
    """Write to the log itself, past sys.stdout and sys.stderr."""
    while data:
        data = data[os.write(_channel, data) :]


def flush(stream: Any) -> None:
    """Flush a stream that the user's code may have replaced, closed or taken away."""
    with contextlib.suppress(Exception):
        stream.flush()


def _finite(name: str, value: Any, verb: str) -> float:
    number = _number(name, value, verb)
    if not math.isfinite(number):
        raise CnaiError(
            f"{verb}({name}={number}) is not a place on an axis.\nWhat to do: pass a finite number."
        )
    return number


def _number(name: str, value: Any, verb: str) -> float:
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        example = "1" if name in ("step", "done", "total") else "float(value.mean())"
        raise CnaiError(
            f"{verb}({name}=…) was given {type(value).__name__}, which is not one number.\n"
            f"What to do: pass a number, such as {name}={example}."
        ) from error


def _plain(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _wire(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
