"""Jobs wait when the machine is full: first in, first out, with the reason and the place."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from pathlib import Path

from cnai_sdk.backends.local.capacity import LocalMachine
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Workload

from .conftest import PATIENCE, Machine

CORES = LocalMachine().capacity(gpus=False).cpu
ALL = Resources(cpu=CORES)
HOLD = """
print("up", flush=True)
while not os.path.exists("release"):
    time.sleep(0.01)
"""


def release(machine: Machine, job: Workload) -> None:
    (machine.folder(job.id) / "outputs" / "release").touch()


async def queued(machine: Machine, job: Workload, position: int) -> Workload:
    """The job once it stands at this place."""

    async def look() -> Workload:
        while True:
            seen = await machine.backend.get(job.id)
            assert seen.phase is Phase.QUEUED
            if seen.queued is not None and seen.queued.position == position and seen.message:
                return seen
            await asyncio.sleep(0.02)

    async with asyncio.timeout(PATIENCE):
        return await look()


async def test_a_full_machine_lets_jobs_wait_with_reason_and_place(machine: Machine) -> None:
    first = await machine.submit(HOLD, name="first", resources=ALL)
    await machine.running(first.id)
    second = await machine.submit("return 2", name="second", resources=ALL)
    third = await machine.submit("return 3", name="third", resources=ALL)
    seen = await queued(machine, second, 1)
    cores = f"{CORES:g}"
    assert seen.message == (f"Waits for {cores} more cores; {cores} of {cores} are in use by first")
    seen = await queued(machine, third, 2)
    assert seen.message == "1 before it; waits for second"
    assert "Queued" in await machine.reasons(second.id)
    release(machine, first)
    assert (await machine.ended(second.id)).phase is Phase.SUCCEEDED
    assert (await machine.ended(third.id)).phase is Phase.SUCCEEDED


async def test_who_came_first_starts_first(plain: Machine) -> None:
    first = await plain.submit(HOLD, resources=ALL)
    await plain.running(first.id)
    jobs = [await plain.submit("return 1", name=f"n{n}", resources=ALL) for n in range(5)]
    release(plain, first)
    ended = [await plain.ended(job.id) for job in jobs]
    starts = [workload.started for workload in ended]
    assert None not in starts
    assert starts == sorted(starts)  # type: ignore[type-var]
    for before, after in itertools.pairwise(ended):
        assert before.ended is not None
        assert after.started is not None
        assert before.ended <= after.started + 0.05, "two never held all cores at once"


async def test_a_small_job_does_not_overtake_a_large_one(plain: Machine) -> None:
    holder = await plain.submit(HOLD, resources=Resources(cpu=1))
    await plain.running(holder.id)
    large = await plain.submit(HOLD, name="large", resources=ALL)
    await queued(plain, large, 1)
    small = await plain.submit("return 1", name="small", resources=Resources(cpu=0.5))
    seen = await queued(plain, small, 2)
    assert seen.message == "1 before it; waits for large"
    release(plain, holder)
    await plain.running(large.id)
    assert (await plain.backend.get(small.id)).phase is Phase.QUEUED
    release(plain, large)
    assert (await plain.ended(small.id)).phase is Phase.SUCCEEDED


async def test_a_queued_job_can_be_stopped_and_the_others_move_up(machine: Machine) -> None:
    first = await machine.submit(HOLD, resources=ALL)
    await machine.running(first.id)
    second = await machine.submit("return 2", resources=ALL)
    third = await machine.submit("return 3", resources=ALL)
    await queued(machine, third, 2)
    await machine.backend.stop(second.id)
    stopped = await machine.ended(second.id)
    assert (stopped.phase, stopped.started) == (Phase.STOPPED, None)
    await queued(machine, third, 1)
    await machine.gone(second.id)
    release(machine, first)
    assert (await machine.ended(third.id)).phase is Phase.SUCCEEDED


async def test_a_killed_holder_frees_its_place(machine: Machine) -> None:
    first = await machine.submit(HOLD, resources=ALL)
    await machine.running(first.id)
    second = await machine.submit("return 2", resources=ALL)
    await queued(machine, second, 1)
    os.kill(machine.supervisor(first.id), signal.SIGKILL)
    assert (await machine.ended(second.id)).phase is Phase.SUCCEEDED
    assert (await machine.backend.get(first.id)).reason == "SupervisorLost"


async def test_a_killed_waiter_holds_nobody_up(machine: Machine) -> None:
    first = await machine.submit(HOLD, resources=ALL)
    await machine.running(first.id)
    second = await machine.submit("return 2", resources=ALL)
    third = await machine.submit("return 3", resources=ALL)
    await queued(machine, second, 1)
    await queued(machine, third, 2)
    os.kill(machine.supervisor(second.id), signal.SIGKILL)
    release(machine, first)
    assert (await machine.ended(third.id)).phase is Phase.SUCCEEDED
    assert (await machine.backend.get(second.id)).phase is Phase.FAILED


async def test_a_job_that_waits_for_memory_says_so(plain: Machine) -> None:
    memory = LocalMachine().capacity(gpus=False).memory
    first = await plain.submit(HOLD, name="first", resources=Resources(memory=2**28))
    await plain.running(first.id)
    second = await plain.submit("return 2", resources=Resources(memory=memory - 2**27))
    seen = await queued(plain, second, 1)
    assert "more memory" in seen.message
    await plain.backend.stop(second.id)
    await plain.ended(second.id)


async def test_a_queued_job_holds_only_its_small_supervisor(plain: Machine) -> None:
    first = await plain.submit(HOLD, resources=ALL)
    await plain.running(first.id)
    second = await plain.submit("return 2", resources=ALL)
    await queued(plain, second, 1)
    (pid,) = plain.processes(second.id)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    assert pages * os.sysconf("SC_PAGE_SIZE") < 80 * 2**20
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    quota = await plain.backend.quota()
    (cpu,) = (item for item in quota.items if item.resource == "cpu")
    assert (cpu.used, cpu.queued) == (CORES, CORES)


async def test_a_job_that_is_being_made_asks_for_nothing_yet(plain: Machine) -> None:
    """It has its place in line before its folder says what it wants."""
    index = plain.backend._index
    made = plain.backend._submitter._first_state(plain.spec("return 1"), ())
    lock = index.folder(made.id).claim()
    index.insert(made, named=False)
    quota = await plain.backend.quota()
    assert {item.queued for item in quota.items} == {0.0}
    os.close(lock)


async def test_a_job_that_asks_for_nothing_never_waits_on_an_idle_machine(plain: Machine) -> None:
    job = await plain.run("return 1", workers=int(CORES) + 2)
    assert job.phase is Phase.SUCCEEDED
    assert any("share" in notice for notice in job.notices)
    assert "Queued" not in await plain.reasons(job.id)


async def test_how_long_it_waits_is_told_by_the_deadlines_of_what_runs(machine: Machine) -> None:
    first = await machine.submit(HOLD, name="first", resources=ALL, timeout=600.0)
    await machine.running(first.id)
    second = await machine.submit("return 2", name="second", resources=ALL, timeout=60.0)
    assert any("by the running jobs' deadlines" in each for each in second.notices)
    spec = await machine.backend.spec(second.id)
    told = await machine.backend.fits(spec, count=2)
    assert (told.answer, told.position, told.now) == ("waits", 2, 0)
    assert told.seconds is not None and 600 < told.seconds <= 660
    release(machine, first)
    assert (await machine.ended(second.id)).phase is Phase.SUCCEEDED


async def test_one_that_is_about_to_start_keeps_nobody_waiting(machine: Machine) -> None:
    """It is in line until its supervisor asks for its turn, a moment after it was made."""
    part = Resources(cpu=CORES / 4)
    made = [await machine.submit("return 1", name=f"n{n}", resources=part) for n in range(4)]
    assert [notice for each in made for notice in each.notices if "ait" in notice] == []
    for each in made:
        assert (await machine.ended(each.id)).phase is Phase.SUCCEEDED
