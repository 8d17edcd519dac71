"""Facts about failed jobs, as the local backend leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cnai_sdk.explain import Facts, diagnose
from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Replica, Workload

GLOO = (
    "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] "
    "Connection closed by peer [127.0.0.1]:6020"
)


def log(*said: tuple[int, str]) -> tuple[LogLine, ...]:
    """Lines from (rank, text); a text of many lines becomes as many."""
    lines = [(rank, line) for rank, text in said for line in text.split("\n")]
    return tuple(LogLine(rank=r, text=t, number=n) for n, (r, t) in enumerate(lines, start=1))


def raised(error: str, *, cell: int = 3, line: int = 9, function: str = "digits") -> str:
    """A traceback as a worker prints it."""
    return (
        "Traceback (most recent call last):\n"
        '  File "/store/jobs/digits/payload/script.py", line 40, in <module>\n'
        f'  File "cell [{cell}]", line {line}, in {function}\n'
        "    step(batch)\n"
        f"{error}"
    )


def failed(
    said: Sequence[tuple[int, str]] = (),
    *,
    exits: Mapping[int, int | None] | None = None,
    reason: str = "WorkerFailed",
    message: str = "",
    events: Sequence[Event] = (),
    resources: Resources | None = None,
    more: Mapping[str, Any] | None = None,
    **facts: Any,
) -> Facts:
    """A job that failed; `exits` are the exit codes in the order in which the workers ended."""
    codes = {0: 1} if exits is None else dict(exits)
    first = next((rank for rank, code in codes.items() if code), None)
    happened: list[Event] = []
    for rank, code in codes.items():
        if code is not None:
            happened.append(Event(reason="WorkerExited", rank=rank, exit_code=code))
        if rank == first and reason == "WorkerFailed":
            happened.append(
                Event(
                    reason="WorkerFailed",
                    message=f"Worker {rank} ended with exit code {code}",
                    rank=rank,
                    exit_code=code,
                    warning=True,
                )
            )
    workload = Workload(
        id="w1",
        name="digits",
        kind=Kind.TRAIN,
        phase=Phase.FAILED,
        backend="local",
        reason=reason,
        message=message,
        resources=resources or Resources(),
        replicas=tuple(
            Replica(rank=rank, phase=Phase.FAILED, exit_code=code)
            for rank, code in sorted(codes.items())
        ),
    )
    if more:
        workload = msgspec.structs.replace(workload, **more)
    return Facts(workload=workload, events=(*happened, *events), lines=log(*said), **facts)


def verdict(said: Sequence[tuple[int, str]] = (), **facts: Any) -> Diagnosis:
    """The verdict on `failed(...)`."""
    diagnosis = diagnose(failed(said, **facts))
    assert diagnosis is not None
    return diagnosis
