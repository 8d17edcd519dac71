"""Jobs as they stand in the pictures of the card, and as they might stand at worst."""

from __future__ import annotations

import math
from typing import Any

from cnai_sdk.model.diagnosis import Diagnosis, Evidence
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Progress, Replica, Workload

GIB = 2**30

WORKERS = (
    Replica(rank=0, phase=Phase.RUNNING, cpu=1.91, memory=int(1.2 * GIB)),
    Replica(rank=1, phase=Phase.RUNNING, cpu=1.93, memory=int(1.1 * GIB)),
)
REPORTS = tuple(
    Metric(values={"accuracy": 1 - math.exp(-n / 5), "loss": math.exp(-n / 4)}, step=n)
    for n in range(12)
)
VERDICT = Diagnosis(
    id="USER_EXCEPTION",
    short="ValueError in worker 1",
    happened="Your code raised ValueError in worker 1: bad label 7",
    why="Cell [3], line 9 raised it. Worker 0 then lost its peer; that error is only a "
    "consequence.",
    fix="Correct cell [3] and run it again. To debug it alone:",
    code="cnai.train(digits, workers=1)",
    evidence=(
        Evidence(where="worker 1, line 318", text="ValueError: bad label 7"),
        Evidence(where="cell [3], line 9", text='    raise ValueError(f"bad label {y}")'),
        Evidence(
            where="worker 0, line 317",
            text="Connection closed by peer [127.0.0.1]:6020",
            root=False,
        ),
    ),
)


def workload(phase: Phase, **changes: Any) -> Workload:
    """A job of two workers with two cores each, created at 1000."""
    usual: dict[str, Any] = {
        "id": "1",
        "name": "digits-3",
        "kind": Kind.TRAIN,
        "phase": phase,
        "backend": "local",
        "place": "this machine",
        "created": 1000.0,
        "started": 1000.0,
        "resources": Resources(cpu=2, memory=4 * GIB),
        "replicas": WORKERS,
    }
    return Workload(**(usual | changes))


def running() -> JobView:
    return JobView(
        workload=workload(
            Phase.RUNNING,
            progress=Progress(done=12, total=30, unit="epoch", since=1000),
            metrics={"accuracy": 0.9123, "loss": 0.2838},
        ),
        metrics=REPORTS,
        tail=(
            LogLine(text="epoch 11  loss 0.301  accuracy 0.904"),
            LogLine(text="epoch 12  loss 0.286", rank=1),
            LogLine(text="epoch 12  loss 0.284  accuracy 0.912"),
        ),
        now=1072,
    )


def failed() -> JobView:
    return JobView(
        workload=workload(Phase.FAILED, name="digits-2", ended=1041.0),
        diagnosis=VERDICT,
        now=1041,
    )


def succeeded() -> JobView:
    return JobView(
        workload=workload(
            Phase.SUCCEEDED,
            name="digits",
            ended=1192.0,
            metrics={"accuracy": 0.974, "loss": 0.0911},
        ),
        metrics=REPORTS,
        result='{"accuracy": 0.974, "epochs": 30}',
        outputs=(
            OutputFile(path="model.pt", size=int(1.2 * 2**20)),
            OutputFile(path="confusion.png", size=48 * 1024),
        ),
        now=1192,
    )


def made_of(text: str, phase: Phase) -> JobView:
    """A job in which everything that others write is this text."""
    line = LogLine(text=text)
    evidence = Evidence(where=text, text=text)
    return JobView(
        workload=workload(
            phase,
            name="digits",
            display_name=text,
            place=text,
            message=text,
            ended=1041.0 if phase.ended else None,
            metrics={text: 1.5},
            progress=Progress(done=1, total=4, unit=text, since=1000),
            replicas=(Replica(rank=0, message=text), Replica(rank=1, phase=phase, message=text)),
        ),
        metrics=(Metric(values={text: 1.0}), Metric(values={text: 1.5})),
        tail=(line, line),
        diagnosis=Diagnosis(
            id="X", short=text, happened=text, why=text, fix=text, code=text, evidence=(evidence,)
        ),
        result=text,
        outputs=(OutputFile(path=text, size=1),),
        now=1041,
    )
