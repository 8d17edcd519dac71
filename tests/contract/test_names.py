"""Names: unique among what exists, numbered after an end, refused while one runs."""

from __future__ import annotations

import asyncio

import pytest

from cnai_sdk.errors import NameInUse
from cnai_sdk.model.name import LIMIT
from cnai_sdk.model.phase import Kind
from cnai_sdk.model.workload import Workload

from .behaviours import Behaviour
from .harness import Harness


async def test_a_chosen_name_that_runs_is_refused_with_choices(
    harness: Harness, kind: Kind
) -> None:
    await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)
    with pytest.raises(NameInUse) as refusal:
        await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)
    assert "digits" in refusal.value.what
    advice = refusal.value.next_step
    assert "attach" in advice
    assert "stop" in advice
    assert 'name="digits-2"' in advice
    assert len(await harness.backend.list()) == 1


async def test_a_name_that_was_not_chosen_gets_a_number(harness: Harness, kind: Kind) -> None:
    made = [await harness.submit(kind, Behaviour.WAITS, name="digits") for _ in range(3)]
    assert [workload.name for workload in made] == ["digits", "digits-2", "digits-3"]
    assert {workload.base for workload in made} == {"digits"}


async def test_the_chosen_name_of_an_ended_workload_gets_a_number(
    harness: Harness, kind: Kind
) -> None:
    first = await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)
    await harness.bring_to_end(first)
    second = await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)
    assert (second.name, second.base) == ("digits-2", "digits")
    assert second.id != first.id


async def test_a_later_run_of_a_name_keeps_that_name_busy(harness: Harness, kind: Kind) -> None:
    await harness.bring_to_end(await harness.submit(kind, Behaviour.WAITS, name="digits"))
    await harness.submit(kind, Behaviour.WAITS, name="digits")
    with pytest.raises(NameInUse):
        await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)


async def test_a_number_never_meets_a_name_that_somebody_chose(
    harness: Harness, kind: Kind
) -> None:
    await harness.submit(kind, Behaviour.WAITS, name="digits-2", named=True)
    made = [await harness.submit(kind, Behaviour.WAITS, name="digits") for _ in range(2)]
    assert [workload.name for workload in made] == ["digits", "digits-3"]


async def test_a_numbered_name_is_still_within_the_limit(harness: Harness, kind: Kind) -> None:
    longest = "d" * LIMIT
    made = [await harness.submit(kind, Behaviour.WAITS, name=longest) for _ in range(2)]
    assert [len(workload.name) for workload in made] == [LIMIT, LIMIT]
    assert made[1].name.endswith("-2")
    assert made[1].base == longest


async def test_a_deleted_name_is_free_and_its_id_is_not_given_again(
    harness: Harness, kind: Kind
) -> None:
    first = await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)
    await harness.backend.delete(first.id)
    second = await harness.submit(kind, Behaviour.WAITS, name="digits", named=True)
    assert second.name == "digits"
    assert second.id != first.id


async def test_of_two_submits_at_once_with_one_chosen_name_one_is_refused(
    harness: Harness, kind: Kind
) -> None:
    outcomes = await asyncio.gather(
        *(harness.submit(kind, Behaviour.WAITS, name="digits", named=True) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NameInUse", "Workload"]
    assert [workload.name for workload in await harness.backend.list()] == ["digits"]


async def test_fifty_submits_at_once_get_fifty_names_and_ids(harness: Harness, kind: Kind) -> None:
    made: list[Workload] = await asyncio.gather(
        *(
            harness.submit(kind, Behaviour.WAITS, name="digits", resources=harness.full)
            for _ in range(50)
        )
    )
    assert len({workload.id for workload in made}) == 50
    assert {workload.name for workload in made} == {
        "digits",
        *(f"digits-{number}" for number in range(2, 51)),
    }
    assert {workload.id for workload in await harness.backend.list()} == {w.id for w in made}
