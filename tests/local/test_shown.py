"""What a handle shows and says of a job that changes while somebody looks, or has gone."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from cnai_sdk import runtime
from cnai_sdk.client import Client
from cnai_sdk.errors import NotFound
from cnai_sdk.metrics import MetricTable
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.view import JobView
from cnai_sdk.training import TrainJob

from .functions import PATIENCE, hold, until


def test_waiting_for_a_job_that_somebody_deletes_is_told(client: Client) -> None:
    """The next line of a notebook would take it for trained."""
    job = client.train(hold())
    until(lambda: job.status is Phase.RUNNING)
    threading.Timer(0.2, client.job(job.name).delete).start()
    with pytest.raises(NotFound, match="was deleted before it had ended"):
        job.wait(PATIENCE)


def test_a_deleted_job_shows_that_it_was(client: Client) -> None:
    job = client.train(hold())
    until(lambda: job.status is Phase.RUNNING)
    job.delete()
    assert job.name in repr(job)
    assert "It was deleted" in repr([job])
    with pytest.raises(NotFound):
        _ = job.status


def test_a_card_follows_the_log_and_does_not_read_it_again_for_each_redraw(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a cluster each read is a request for every worker."""

    def prints() -> None:
        import time

        for number in range(30):
            print("line", number, flush=True)
            time.sleep(0.02)

    job = client.train(prints)
    read, asked = job._backend.logs, []

    def counted(id: str, **options: Any) -> Any:
        asked.append(options)
        return read(id, **options)

    monkeypatch.setattr(job._backend, "logs", counted)
    views, asked_while_it_ran = runtime.call(watched(job, asked))
    assert asked_while_it_ran == [{"tail": 3, "follow": True}]
    tails = [[line.text for line in view.tail] for view in views]
    assert any(tail and tail[-1] != "line 29" for tail in tails), "it was seen while it ran"
    assert tails[-1] == ["line 27", "line 28", "line 29"]


async def watched(job: TrainJob, asked: list[Any]) -> tuple[list[JobView], list[Any]]:
    views, before_the_end = [], []
    async with asyncio.timeout(PATIENCE):
        async for view in job.updates():
            views.append(view)
            if not view.workload.phase.ended:
                before_the_end = list(asked)
    return views, before_the_end


def test_a_line_without_its_end_is_replaced_by_what_its_worker_prints_next() -> None:
    from cnai_sdk.handle import _keep_last

    tail: list[LogLine] = []
    _keep_last(tail, [LogLine(text="a", number=1), LogLine(text="10%", partial=True)])
    _keep_last(tail, [LogLine(text="b", rank=1, number=2)])
    assert [line.text for line in tail] == ["a", "10%", "b"]
    _keep_last(tail, [LogLine(text="20%", partial=True)])
    assert [line.text for line in tail] == ["a", "b", "20%"]


def test_a_table_of_reports_is_made_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that is built for each of its rows takes seconds for some thousands."""

    def column(*_: object) -> None:
        raise AssertionError("a column was built")

    monkeypatch.setattr(MetricTable, "__getitem__", column)
    table = MetricTable([Metric(values={"loss": 0.5}, step=step) for step in range(10)])
    assert len(table) == 10
