"""All of one job, as a page of it shows it."""

from __future__ import annotations

import logging

from cnai_sdk.backends.memory.backend import MemoryBackend
from cnai_sdk.errors import NotFound
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_server_ext.hub import Hub
from cnai_server_ext.opened import whole_job
from cnai_server_ext.pace import Pace


class Forgetful(MemoryBackend):
    """What a function returned cannot be had any more, as on a cluster whose pods are gone."""

    async def result(self, id: str) -> bytes | None:
        raise NotFound(f"What {id} returned is not known.")


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
