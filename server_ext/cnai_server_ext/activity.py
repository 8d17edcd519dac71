"""A running job on this machine keeps its server: it counts as activity, as a kernel does.

What pages ask never counts: whoever only looks must not keep a GPU from being given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from cnai_sdk.config import load_config
from cnai_sdk.errors import CnaiError
from cnai_server_ext.places import Places

NAME = "cnai_jobs"
SOURCE = "local"


async def keep_alive(
    places: Places,
    times: MutableMapping[str, Any],
    *,
    every: float = 30.0,
    worth_it: Callable[[], bool] = lambda: True,
) -> None:
    """Note the time while a job on this machine runs or waits, until the task is cancelled.

    Args:
        times: the server's setting `last_activity_times`.
        every: seconds between two looks.
        worth_it: False while there can be no job, so that looking does not make a store.
    """
    while True:
        try:
            if worth_it() and await _something_goes_on(places):
                times[NAME] = datetime.now(UTC)
        except CnaiError as error:
            # The panel says what is wrong; here nothing is known to run.
            places.log.debug("Whether a job runs is not known: %s", error.what)
        except Exception:
            places.log.exception("Whether a job runs is not known")
        await asyncio.sleep(every)


def has_store() -> bool:
    """True when there ever was a job on this machine."""
    try:
        return (load_config().home / "jobs").is_dir()
    except CnaiError:
        return False


async def _something_goes_on(places: Places) -> bool:
    """One that is suspended keeps nothing: it waits for a person."""
    workloads = await places.backend(SOURCE).list()
    return any(not (each.phase.ended or each.suspended) for each in workloads)
