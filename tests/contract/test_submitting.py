"""Submitting, and looking at what was submitted."""

from __future__ import annotations

import asyncio

import pytest

from cnai_sdk.backends.base import Backend
from cnai_sdk.errors import CnaiError, DoesNotFit, InvalidRequest, Unsupported
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Origin, kind_of

from .behaviours import Behaviour, spec_of
from .harness import Factory, Harness


async def test_submit_returns_the_workload_at_once(harness: Harness, kind: Kind) -> None:
    workload = await harness.submit(kind, Behaviour.WAITS, name="digits")
    assert (workload.name, workload.base, workload.kind) == ("digits", "digits", kind)
    assert workload.backend == harness.backend.name
    assert not workload.phase.ended
    assert workload.created > 0
    assert workload.ended is None
    assert workload.managed
    assert not workload.suspended


async def test_get_finds_what_submit_returned(harness: Harness, kind: Kind) -> None:
    workload = await harness.submit(kind, Behaviour.WAITS)
    found = await harness.backend.get(workload.id)
    assert (found.id, found.name, found.kind) == (workload.id, workload.name, kind)


async def test_what_the_caller_said_about_it_is_kept(harness: Harness, kind: Kind) -> None:
    origin = Origin(notebook="lessons/digits.ipynb", cell="cell [3]", user="ada", sdk="0.1.0")
    workload = await harness.submit(
        kind, Behaviour.WAITS, display_name="数字", origin=origin, labels={"course": "ml-1"}
    )
    found = await harness.backend.get(workload.id)
    assert (found.display_name, found.shown) == ("数字", "数字")
    assert found.origin == origin
    assert found.labels["course"] == "ml-1"


async def test_the_spec_comes_back_with_its_payload(harness: Harness, kind: Kind) -> None:
    wanted = harness.spec(kind, Behaviour.WAITS, env={"LR": "0.1"}, labels={"course": "ml-1"})
    workload = await harness.backend.submit(wanted, secrets={})
    found = await harness.backend.spec(workload.id)
    assert kind_of(found) is kind
    assert found.payload == wanted.payload
    assert (found.env, found.labels) == (wanted.env, wanted.labels)


async def test_no_secret_value_is_in_the_spec_or_the_workload(harness: Harness, kind: Kind) -> None:
    spec = harness.spec(kind, Behaviour.WAITS, secrets=("HF_TOKEN",))
    workload = await harness.backend.submit(spec, secrets={"HF_TOKEN": "open-sesame-7391"})
    kept = (await harness.backend.spec(workload.id), await harness.backend.get(workload.id))
    assert kept[0].secrets == ("HF_TOKEN",)
    assert "open-sesame-7391" not in repr(kept)


async def test_list_gives_the_newest_first(harness: Harness, kind: Kind) -> None:
    ids = [(await harness.submit(kind, Behaviour.WAITS, name=f"n-{i}")).id for i in range(3)]
    assert [workload.id for workload in await harness.backend.list()] == ids[::-1]


async def test_list_is_empty_on_a_new_backend(backend: Backend) -> None:
    assert list(await backend.list()) == []


async def test_each_replica_has_its_rank(harness: Harness, kind: Kind) -> None:
    workload = await harness.submit(kind, Behaviour.WAITS, replicas=2)
    assert [replica.rank for replica in workload.replicas] == [0, 1]
    ready = await harness.running(workload.id)
    assert {replica.phase for replica in ready.replicas} == {ready.phase}


async def test_phases_come_in_order_and_never_go_back(harness: Harness, kind: Kind) -> None:
    running = Phase.READY if kind is Kind.SERVE else Phase.RUNNING
    end = Phase.SUCCEEDED if kind is Kind.TRAIN else Phase.STOPPED
    order = [Phase.QUEUED, Phase.STARTING, running, end]
    seen: list[Phase] = []

    async def collect() -> None:
        async with harness.watching() as updates:
            listening.set()
            async for update in updates:
                seen.extend(workload.phase for workload in update.workloads)
                if seen and seen[-1].ended:
                    return

    listening = asyncio.Event()
    collecting = asyncio.create_task(collect())
    await listening.wait()
    workload = await harness.submit(kind, Behaviour.WAITS)
    await harness.running(workload.id)
    await harness.bring_to_end(workload)
    await harness.within("the watch saw the end", collecting)
    places = [order.index(phase) for phase in seen]
    assert places == sorted(places)
    assert seen[-1] is end


async def test_times_tell_when_it_was_made_started_and_ended(harness: Harness, kind: Kind) -> None:
    ended = await harness.bring_to_end(
        await harness.running((await harness.submit(kind, Behaviour.WAITS)).id)
    )
    assert ended.started is not None
    assert ended.ended is not None
    assert ended.created <= ended.started <= ended.ended


async def test_a_failed_run_is_failed_and_says_which_worker(harness: Harness, train: Kind) -> None:
    failed = await harness.finished(train, Behaviour.FAILS)
    assert failed.phase is Phase.FAILED
    assert failed.reason
    assert failed.message
    assert failed.replicas[0].phase is Phase.FAILED
    assert failed.replicas[0].exit_code == 1


async def test_a_run_that_succeeds_ends_with_exit_code_0(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.PRINTS)
    assert ended.phase is Phase.SUCCEEDED
    assert [replica.exit_code for replica in ended.replicas] == [0]


async def test_a_failed_run_starts_again_while_it_has_retries(
    harness: Harness, train: Kind
) -> None:
    ended = await harness.finished(train, Behaviour.FAILS_ONCE, retries=3)
    assert (ended.phase, ended.attempt) == (Phase.SUCCEEDED, 1)
    reports = await harness.backend.metrics(ended.id)
    assert [(report.attempt, report.values) for report in reports] == [
        (0, {"tries": 1.0}),
        (1, {"tries": 2.0}),
    ]


async def test_retries_come_to_an_end(harness: Harness, train: Kind) -> None:
    ended = await harness.finished(train, Behaviour.FAILS, retries=1)
    assert (ended.phase, ended.attempt) == (Phase.FAILED, 1)


async def test_a_place_that_is_there_has_nothing_wrong(harness: Harness) -> None:
    await harness.backend.check_place()


@pytest.mark.parametrize("undeclared", [Kind.TRAIN, Kind.SERVE], ids=lambda kind: kind.value)
async def test_a_kind_that_is_not_declared_is_refused(harness: Harness, undeclared: Kind) -> None:
    declared = (await harness.backend.capabilities()).kinds
    if undeclared in declared:
        pytest.skip(f"{harness.backend.name} declares {undeclared.value}")
    with pytest.raises(Unsupported) as refusal:
        await harness.submit(undeclared, Behaviour.WAITS)
    assert refusal.value.what
    assert refusal.value.next_step
    assert list(await harness.backend.list()) == []


async def test_a_kind_is_declared_only_when_it_is_known(factory: Factory, backend: Backend) -> None:
    declared = await backend.capabilities()
    assert declared.kinds == factory.kinds
    assert all(kind.known for kind in declared.kinds)
    assert declared.place


@pytest.mark.parametrize("name", ["../up", "Digits", "a b", "训练", "-a", "", "d" * 41])
async def test_a_name_that_is_no_label_is_refused_and_nothing_created(
    harness: Harness, kind: Kind, name: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await harness.submit(kind, Behaviour.WAITS, name=name)
    assert refusal.value.next_step
    assert list(await harness.backend.list()) == []


async def test_a_refused_submit_creates_nothing_and_wakes_no_watcher(
    harness: Harness, kind: Kind
) -> None:
    async with harness.watching() as updates:
        before = await anext(updates)
        with pytest.raises(DoesNotFit):
            await harness.submit(kind, Behaviour.WAITS, name="huge", resources=harness.excess)
        await harness.submit(kind, Behaviour.WAITS, name="fits")
        change = await harness.within("the next change", anext(updates))
    assert before.workloads == ()
    assert [workload.name for workload in change.workloads] == ["fits"]
    assert [workload.name for workload in await harness.backend.list()] == ["fits"]


async def test_the_name_of_a_refused_submit_stays_free(harness: Harness, kind: Kind) -> None:
    with pytest.raises(CnaiError):
        await harness.submit(
            kind, Behaviour.WAITS, name="digits", named=True, resources=harness.excess
        )
    taken = await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)
    assert taken.name == "digits"


def test_every_script_of_the_suite_is_python() -> None:
    for behaviour in Behaviour:
        compile(spec_of(Kind.TRAIN, behaviour).payload.script, behaviour, "exec")
    compile(spec_of(Kind.SERVE, Behaviour.WAITS).payload.script, "serve", "exec")
