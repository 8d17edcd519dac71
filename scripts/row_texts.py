"""Write the sentences that page and terminal must say alike: `python scripts/row_texts.py`.

The table is kept in the repository. A test compares it with what Python says now, and one of the
page with what TypeScript says.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quantity import show_bytes, show_bytes_of, show_duration, show_number
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Granted, Progress, Queued, Replica, Workload
from cnai_sdk.text import one_line, row_text, size_text
from cnai_server_ext.answers import Row

TARGET = Path(__file__).resolve().parent.parent / "labextension/src/__tests__/row-texts.json"
NOW = 1_800_000_192.0
GIB = 2**30
METRICS = {"loss": 0.284, "accuracy": 0.9121}
NUMBERS = (
    *(0.0, 1.0, 8.0, 0.91249, 0.8125, 0.8135, 0.0625, 12.5, 13.5, 99.95, 99.96, 100.5, 101.5, 1204),
    *(1e-4, 9.9999e-5, 1.5e-5, -0.284, -1204.4, 1e9, 3.14159, 2.675, 0.1 + 0.2),
)
SECONDS = (0, 0.04, 0.25, 0.35, 0.4, 5.05, 9.94, 9.96, 10.5, 11.5, 59.6, 61, 192, 3599.6, 3605)
LONGER = (3900, 86_399, 86_405, 90_000, 864_000)
BYTES = (0, 1, 1023, 1024, 1536, 1.2 * GIB, 8 * GIB, 1023.9 * 2**20, 2.5 * 2**50)
PARTS = ((1.2 * GIB, 4 * GIB), (512 * 2**20, 8 * GIB), (3.2 * GIB, 8 * GIB))
FOREIGN = (
    *("two\nlines", "40%\r100%", "a\tb  c", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07done"),
    *("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x9b31mred\x9b0m", "pay\u200bpal"),
    *("\x9d8;;http://evil.example\x9cclick\x9d8;;\x9c", "a\x00b\x07c", "训练 2", "8\u00a0GiB"),
    *("invoice\u202egnp.exe", "<img src=x onerror=alert(1)>", "100%\r", "\x1b[2K\rdone", "x\x1b"),
)


def table() -> dict[str, Any]:
    """What is given, and what is said."""
    return {
        "rows": [_row(workload, short) for workload, short in _rows()],
        "sizes": [[_plain(workload), size_text(workload)] for workload in _sizes()],
        "numbers": [[value, show_number(value)] for value in NUMBERS],
        "durations": [[value, show_duration(value)] for value in (*SECONDS, *LONGER)],
        "bytes": [[value, show_bytes(value)] for value in BYTES],
        "parts": [[*pair, show_bytes_of(*pair)] for pair in PARTS],
        "foreign": [[text, one_line(text)] for text in FOREIGN],
    }


def written(given: dict[str, Any]) -> str:
    """As the file holds it, one case a line."""
    parts = []
    for name, cases in given.items():
        lines = ",\n".join(f"    {json.dumps(case)}" for case in cases)
        parts.append(f'  "{name}": [\n{lines}\n  ]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _row(workload: Workload, short: str) -> dict[str, Any]:
    text = row_text(workload, now=NOW, short=short)
    return {"row": _plain(Row(workload=workload, short=short)), "now": NOW, "text": text}


def _rows() -> list[tuple[Workload, str]]:
    return [
        *((_work(Phase.QUEUED, **changes), "") for changes in _queues()),
        *((_work(Phase.STARTING, **changes), "") for changes in _messages()),
        *((_work(Phase.READY, **changes), "") for changes in _messages()),
        *((_work(Phase("Hibernating"), **changes), "") for changes in _messages()),
        *((_work(Phase.RUNNING, **changes), "") for changes in _progress()),
        *((_work(Phase.SUCCEEDED, **changes), "") for changes in _ends()),
        *((_work(Phase.STOPPED, **changes), "") for changes in _stops()),
        *((_work(Phase.FAILED, **changes), "") for changes in _failures()),
        (_work(Phase.FAILED, reason="MemoryExceeded"), "out of memory in worker 1 (8 GiB)"),
    ]


def _queues() -> list[dict[str, Any]]:
    places = (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 112)
    lines = [{"queued": Queued(position=place)} for place in places]
    stuck = {"reason": "Unschedulable", "message": "No node has room: of 2 nodes, 2 are reserved"}
    return [{}, {"suspended": True}, {"metrics": METRICS}, stuck, {"message": "Waits"}, *lines]


def _messages() -> list[dict[str, Any]]:
    return [{}, {"message": "1 of 4 workers is up"}, {"metrics": METRICS}]


def _progress() -> list[dict[str, Any]]:
    progress = (
        *(Progress(done=done, total=total) for done, total in ((2, 5), (1, 8), (3, 8), (9, 8))),
        *(Progress(done=0, total=30), Progress(done=1, total=1), Progress(done=1, total=200)),
        *(Progress(done=7, unit="step"), Progress(done=1204), Progress(done=7, total=0)),
    )
    metrics: tuple[dict[str, float], ...] = (
        {},
        METRICS,
        {"lr": 1e-5},
        {"step_time": 12.5},
        {"loss": float("nan")},
    )
    return [
        *({"progress": each} for each in progress),
        *({"metrics": _numbers(each)} for each in metrics),
        {"progress": progress[0], "metrics": METRICS},
    ]


def _numbers(metrics: dict[str, float]) -> dict[str, Any]:
    return {name: "NaN" if value != value else value for name, value in metrics.items()}


def _ends() -> list[dict[str, Any]]:
    lasted = ({"ended": NOW}, {"ended": NOW - 130.5}, {"started": NOW - 0.25, "ended": NOW})
    return [*lasted, {"ended": NOW, "metrics": {"accuracy": 0.974}}]


def _stops() -> list[dict[str, Any]]:
    progress = Progress(done=7, total=20, unit="epoch")
    return [
        *({}, {"message": "Stopped by you"}, {"message": "Stopped by the server"}),
        *({"message": "Stopped by you", "progress": progress}, {"metrics": METRICS}),
    ]


def _failures() -> list[dict[str, Any]]:
    memory = {"resources": Resources(memory=8 * GIB)}
    reasons = ("MemoryExceeded", "MachineOutOfMemory", "WorkerFailed", "DiskFull", "")
    messages = ("", "Worker 1 needed more than it has", "Two\nlines")
    together = itertools.product(reasons, messages, ({}, memory))
    cases = [{"reason": r, "message": m, **more} for r, m, more in together]
    return [*cases, {"reason": "Timeout", "timeout": 5400.0}, {"reason": "Timeout"}]


def _sizes() -> list[Workload]:
    asked = Resources(cpu=2, memory=4 * GIB)
    two = (Replica(rank=0), Replica(rank=1))
    share = Resources(gpu_memory=10 * GIB)
    quarter = Resources(gpu=0.25)
    return [
        _work(Phase.RUNNING),
        _work(Phase.RUNNING, replicas=two[:1], resources=asked),
        _work(Phase.RUNNING, replicas=two, resources=asked),
        _work(Phase.RUNNING, replicas=two, resources=Resources(cpu=0.5, gpu=0.25)),
        _work(Phase.RUNNING, replicas=two, resources=share),
        _work(Phase.RUNNING, replicas=two, resources=asked, granted=Granted(cpu=1.5, gpu=1)),
        _work(Phase.RUNNING, replicas=two, resources=quarter, granted=Granted(gpu=0.244)),
        _work(Phase.RUNNING, replicas=two, resources=share, granted=Granted(gpu=0.0698)),
    ]


def _work(phase: Phase, **changes: Any) -> Workload:
    usual: dict[str, Any] = {
        "id": "1",
        "name": "digits-3",
        "kind": Kind.TRAIN,
        "phase": phase,
        "backend": "local",
        "created": NOW - 200,
        "started": NOW - 192,
    }
    return Workload(**usual | changes)


def _plain(value: object) -> Any:
    return json.loads(msgspec.json.encode(value, enc_hook=str))


if __name__ == "__main__":
    TARGET.write_text(written(table()))
