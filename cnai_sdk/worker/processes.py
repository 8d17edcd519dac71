"""What makes a forked worker and a fresh one give the same answers."""

import json
import os
import random
import signal
import sys
import time
import types
from typing import Any, TextIO

from . import reporting

_TORCH_FIXED_SEED = 67280421310721
_stops = True


def prepare(*, loaded_with: int = 0) -> None:
    """Streams, signals, random state and thread counts, before any code of the user runs.

    Args:
        loaded_with: the thread count under which libraries were loaded before a fork, or 0.
    """
    reporting.open_channel()
    if hasattr(time, "tzset"):
        time.tzset()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = _stream(descriptor)  # a fork's own remember what the template wrote to
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.signal(signal.SIGTERM, _asked_to_stop)
    os.register_at_fork(after_in_child=_end_when_asked)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    _reseed_loaded()
    threads = int(os.environ.get("CNAI_THREADS", "0"))
    if loaded_with and threads not in (0, loaded_with):
        _limit_threads(threads)


def settle(stops: bool = False) -> None:
    """No handler of a library may interrupt the end: a DataLoader's raises when its child died.

    Args:
        stops: whether a request to stop still does, as while threads are waited for.
    """
    global _stops
    _stops = stops
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def fresh_main(script: str) -> dict[str, Any]:
    """An empty `__main__` that stands for the script; classes pickle by reference to it."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=script, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    sys.argv = [script, *json.loads(os.environ.get("CNAI_ARGV", "[]"))]
    return main.__dict__


def _stream(descriptor: int) -> TextIO:
    return open(
        descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )


def _asked_to_stop(number: int, frame: object) -> None:
    """Unwind, so that `finally` blocks run and files are whole; a second request ends at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _stops:
        raise SystemExit(128 + number)


def _end_when_asked() -> None:
    """A child that the user's code forks ends at SIGTERM, as multiprocessing expects."""
    if signal.getsignal(signal.SIGTERM) is _asked_to_stop:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _reseed_loaded() -> None:
    """Libraries that a template seeded when it was imported are seeded anew, as in a new process.

    torch before 2.15 starts every process from one and the same seed; that stays.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    torch = sys.modules.get("torch")
    if torch is not None and torch.initial_seed() != _TORCH_FIXED_SEED:
        torch.seed()


def _limit_threads(count: int) -> None:
    """Libraries that are loaded already took their thread counts from the template; those that
    come later read the environment."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)
    try:
        import threadpoolctl
    except ImportError:
        return
    threadpoolctl.threadpool_limits(count)
