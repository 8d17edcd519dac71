"""The stream on the local backend: real workers, seen by a page as they run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.local.backend import LocalBackend
from cnai_sdk.config import load_config
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_server_ext.messages import (
    Follow,
    Hello,
    JobUpdate,
    Open,
    QuotaChange,
    RowsChange,
    RowsSnapshot,
)

from .conftest import Connect

SCRIPT = """
import cnai_sdk as cnai


def work():
    for step in range(3):
        cnai.report(step=step, accuracy=step / 10)
        print("line", step)
    return {"accuracy": 0.2}


if __name__ == "__main__":
    _cnai_result = work()
"""


@pytest.fixture(autouse=True)
def own_sockets(own_home: Path, sockets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets of its own, and workers that are started plainly."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(sockets))
    monkeypatch.setenv("CNAI_WARM", "0")


def test_a_job_that_another_process_starts_is_seen_through_to_its_end(
    connect: Connect, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    page = connect()
    page.start()
    assert page.hear(Hello).sources[0].id == "local"
    assert page.hear(RowsSnapshot).rows == ()
    resources = {item.resource for item in page.hear(QuotaChange).quota.items}
    assert {"cpu", "memory"} <= resources

    elsewhere = LocalBackend(load_config())
    payload = Payload(entry="work", files={"script.py": SCRIPT.encode()})
    spec = TrainSpec(name="digits", payload=payload)
    id = page.wait(elsewhere.submit(spec, secrets={})).id
    page.say(Open(source="local", id=id), Follow(source="local", id=id, channel="log"))

    def ended(update: Any) -> bool:
        return bool(update.whole) and update.job.row.workload.phase.ended

    texts = [line.text for piece in page.log("log") for line in piece.lines if not line.partial]
    assert [text for text in texts if text.startswith("line")] == ["line 0", "line 1", "line 2"]
    told = [message for message in page.heard if isinstance(message, JobUpdate) and ended(message)]
    job = (told[0] if told else page.hear(JobUpdate, ended)).job
    assert job.row.workload.phase is Phase.SUCCEEDED
    assert [metric.values["accuracy"] for metric in job.metrics] == [0.0, 0.1, 0.2]
    assert job.result is not None and "0.2" in job.result
    assert Path(job.folder).is_dir()

    while page.rows()[id].workload.phase is not Phase.SUCCEEDED:
        page.hear(RowsChange)
    page.wait(elsewhere.delete(id))
    assert page.hear(RowsChange, lambda change: bool(change.deleted)).deleted == (id,)
    page.wait(elsewhere.close())
