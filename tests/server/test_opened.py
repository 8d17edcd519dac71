"""All of one job, as a page of it shows it."""

from __future__ import annotations

import logging

from cnai_sdk.backends.memory.backend import MemoryBackend
from cnai_sdk.errors import NotFound
from cnai_sdk.model.event import Event
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_server_ext.hub import Hub
from cnai_server_ext.opened import whole_job
from cnai_server_ext.pace import Pace


class Forgetful(MemoryBackend):
    """What a function returned cannot be had any more, as on a cluster whose pods are gone."""

    async def result(self, id: str) -> bytes | None:
        raise NotFound(f"What {id} returned is not known.")


class Prolific(MemoryBackend):
    """One whose jobs write very many files, and to which very much happens."""

    async def outputs(self, id: str) -> tuple[OutputFile, ...]:
        return tuple(OutputFile(path=f"{n:04}.pt", size=1) for n in range(1_003))

    async def events(self, id: str) -> tuple[Event, ...]:
        return tuple(Event(reason="Progress", seq=n, time=0.0) for n in range(1, 2_006))


async def test_how_many_events_and_files_are_left_out_is_told() -> None:
    backend = Prolific()
    hub = Hub("here", lambda: backend, pace=Pace(), log=logging.getLogger(__name__))
    spec = TrainSpec(name="digits", payload=Payload(entry="digits"))
    job = await whole_job(hub, (await backend.submit(spec, secrets={})).id)
    await hub.close()
    assert (len(job.outputs), job.more_outputs) == (1_000, 3)
    assert (len(job.events), job.older_events) == (2_000, 5)
    assert job.events[-1].seq == 2_005


async def test_a_result_that_is_lost_leaves_the_rest_of_the_page() -> None:
    backend = Forgetful()
    hub = Hub("here", lambda: backend, pace=Pace(), log=logging.getLogger(__name__))
    spec = TrainSpec(name="digits", payload=Payload(entry="digits"))
    made = await backend.submit(spec, secrets={})
    job = await whole_job(hub, made.id)
    await hub.close()
    assert job.result is None
    assert job.row.workload.name == "digits"
    assert job.events
