"""What a workload leaves: metrics, events, a result, and files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cnai_sdk.errors import InvalidRequest, NotFound, Unsupported
from cnai_sdk.model.metric import from_wire
from cnai_sdk.model.phase import Kind, Phase

from .behaviours import RESULT, WEIGHTS, Behaviour
from .harness import Harness


async def test_every_report_is_kept_in_order_with_its_step(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.REPORTS)
    reports = await harness.backend.metrics(ended.id)
    assert [report.step for report in reports] == [0, 1, 2]
    assert [report.seq for report in reports] == [1, 2, 3]
    assert [report.values["accuracy"] for report in reports] == [0.5, 0.75, 1.0]
    assert {(report.rank, report.attempt) for report in reports} == {(0, 0)}


async def test_numbers_that_json_lacks_keep_their_names(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.REPORTS)
    losses = [report.values["loss"] for report in await harness.backend.metrics(ended.id)]
    assert losses == ["NaN", "Infinity", "-Infinity"]
    assert math.isnan(from_wire(losses[0]))


async def test_since_leaves_out_what_was_read(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.REPORTS)
    for since, left in ((0, [1, 2, 3]), (2, [3]), (3, []), (99, [])):
        found = await harness.backend.metrics(ended.id, since=since)
        assert [report.seq for report in found] == left


async def test_the_workload_carries_the_last_values_and_the_progress(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.REPORTS)
    assert ended.metrics == {"loss": "-Infinity", "accuracy": 1.0}
    assert ended.progress is not None
    assert (ended.progress.done, ended.progress.total) == (3, 3)
    assert (ended.progress.unit, ended.progress.fraction) == ("epoch", 1.0)


async def test_rank_0_speaks_for_the_job_and_the_others_are_kept(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.RANKS, replicas=2)
    assert ended.metrics == {"tens": 0.0}
    assert [replica.metrics for replica in ended.replicas] == [{"tens": 0.0}, {"tens": 10.0}]
    reports = await harness.backend.metrics(ended.id)
    assert {(report.rank, report.values["tens"]) for report in reports} == {(0, 0.0), (1, 10.0)}


async def test_a_run_that_reports_nothing_has_no_metrics(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    assert list(await harness.backend.metrics(ended.id)) == []
    assert (ended.metrics, ended.progress) == ({}, None)


async def test_events_are_numbered_oldest_first_and_end_with_the_end(
    harness: Harness, kind: Kind
) -> None:
    ended = await harness.bring_to_end(await harness.submit(kind, Behaviour.WAITS))
    events = await harness.backend.events(ended.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    times = [event.time for event in events]
    assert times == sorted(times)
    assert times[0] > 0
    assert events[-1].reason == ended.phase.value
    assert all(event.reason.isalnum() and event.reason[0].isupper() for event in events)


async def test_a_failure_is_an_event_that_a_person_should_look_at(
    harness: Harness, train: Kind
) -> None:
    failed = await harness.finished(train, Behaviour.FAILS)
    warnings = [event for event in await harness.backend.events(failed.id) if event.warning]
    assert warnings
    assert any(event.rank == 0 and event.exit_code == 1 for event in warnings)


async def test_a_result_is_the_json_that_rank_0_returned(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.RETURNS)
    result = await harness.backend.result(ended.id)
    assert result is not None
    assert json.loads(result) == RESULT


async def test_a_run_that_returns_nothing_has_no_result(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    assert await harness.backend.result(ended.id) is None


async def test_there_is_no_result_before_the_end(harness: Harness, kind: Kind) -> None:
    workload = await harness.running((await harness.submit(kind, Behaviour.WAITS)).id)
    assert await harness.backend.result(workload.id) is None


async def test_a_result_that_is_not_json_fails_nothing_and_is_said(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.RETURNS_AN_OBJECT)
    assert ended.phase is Phase.SUCCEEDED
    assert await harness.backend.result(ended.id) is None
    texts = [line.text for line in await harness.lines(ended.id)]
    assert any("return value is not kept" in text for text in texts)


async def test_outputs_are_listed_with_their_sizes(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.WRITES)
    sizes = {file.path: file.size for file in await harness.backend.outputs(ended.id)}
    assert sizes["model/weights.bin"] == len(WEIGHTS)
    assert sizes["notes.txt"] == len("三 epochs".encode())


async def test_an_output_is_read_byte_for_byte(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.WRITES)
    assert await harness.backend.read(ended.id, "model/weights.bin") == WEIGHTS
    assert (await harness.backend.read(ended.id, "notes.txt")).decode() == "三 epochs"


async def test_a_missing_output_is_not_found(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.WRITES)
    with pytest.raises(NotFound) as refusal:
        await harness.backend.read(ended.id, "nothing.txt")
    assert "nothing.txt" in refusal.value.what
    assert refusal.value.next_step


@pytest.mark.parametrize(
    "path", ["../spec.json", "/etc/hostname", "model/../../spec.json", "..", "model/../.."]
)
async def test_a_path_that_leaves_the_outputs_is_refused(
    harness: Harness, train: Kind, path: str
) -> None:
    ended = await harness.finished(train, Behaviour.WRITES)
    with pytest.raises(InvalidRequest) as refusal:
        await harness.backend.read(ended.id, path)
    assert refusal.value.next_step


async def test_a_link_that_leads_out_of_the_outputs_is_not_read(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.WRITES)
    with pytest.raises((InvalidRequest, NotFound)):
        await harness.backend.read(ended.id, "away")


async def test_a_folder_is_given_exactly_where_it_is_declared(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.WRITES)
    folder = await harness.backend.folder(ended.id)
    if (await harness.backend.capabilities()).outputs_as_folder:
        assert folder is not None
        assert (Path(folder) / "model" / "weights.bin").read_bytes() == WEIGHTS
    else:
        assert folder is None


async def test_a_ready_endpoint_has_an_address(harness: Harness, kind: Kind) -> None:
    workload = await harness.running((await harness.submit(kind, Behaviour.WAITS)).id)
    if kind is Kind.SERVE:
        assert (await harness.backend.address(workload.id)).startswith(("http://", "https://"))
        return
    with pytest.raises(Unsupported) as refusal:
        await harness.backend.address(workload.id)
    assert refusal.value.next_step
