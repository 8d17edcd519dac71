"""What is done to workloads, what would be, and the backend of notebooks to come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cnai_sdk.backends.base import Backend
from cnai_sdk.config import load_config, write_setting
from cnai_sdk.errors import CnaiError, InvalidRequest
from cnai_sdk.model.workload import Workload
from cnai_sdk.places import noted
from cnai_sdk.training import fitting_spec, how_many, submit_again
from cnai_server_ext.answers import (
    Act,
    Acted,
    Choose,
    Fitting,
    Forget,
    Refused,
    Serving,
    Sources,
    Wished,
)
from cnai_server_ext.operation import Call, Operation
from cnai_server_ext.wire import problem_of

_AT_ONCE = 8


async def act(call: Call) -> Acted:
    """Do one thing to each workload; what is refused for one does not stop the others."""
    asked: Act = call.body
    if asked.changes and (asked.do != "rerun" or len(asked.ids) != 1):
        raise InvalidRequest(
            "Changes are for running one job again.",
            next_step="Choose one job, or run them again as they were.",
        )
    backend = call.places.backend(call.path["source"])
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(id: str) -> Workload | CnaiError | None:
        async with free:
            try:
                return await _do(backend, id, asked)
            except CnaiError as error:
                return error
            except Exception:
                call.places.log.exception("%s of %s failed", asked.do, id)
                return _unknown(asked)

    ids = tuple(dict.fromkeys(asked.ids))
    found = dict(zip(ids, await asyncio.gather(*map(one, ids)), strict=True))
    return Acted(
        done=tuple(id for id, each in found.items() if not isinstance(each, CnaiError)),
        refused=tuple(
            Refused(id=id, problem=problem_of(each))
            for id, each in found.items()
            if isinstance(each, CnaiError)
        ),
        made=tuple(each for each in found.values() if isinstance(each, Workload)),
    )


async def _do(backend: Backend, id: str, asked: Act) -> Workload | None:
    if asked.do == "rerun":
        # Which folder the notebook works in is not known to this process.
        return await submit_again(backend, id, asked.changes, folder=None)
    doing: dict[str, Callable[[str], Awaitable[None]]] = {
        "stop": backend.stop,
        "delete": backend.delete,
        "suspend": backend.suspend,
        "resume": backend.resume,
    }
    await doing[asked.do](id)
    return None


def _unknown(asked: Act) -> CnaiError:
    return CnaiError(
        f"It could not be done: {asked.do}.",
        why="The server met an error that it does not know.",
        next_step="The log of the Jupyter server says more.",
    )


async def choose(call: Call) -> Serving:
    """Write the backend into the configuration."""
    wanted: Choose = call.body
    now = call.places.serving
    if wanted.source not in now.choices:
        raise InvalidRequest(
            f"Nothing runs at {wanted.source!r}.",
            why=f"There are {', '.join(now.choices)}.",
            next_step='Choose one of these. A cluster is among them once cnai.use("kubernetes") '
            "was called.",
        )
    if now.fixed:
        raise InvalidRequest(
            f"The environment decides: CNAI_BACKEND is {now.backend}.",
            why="A variable of the environment wins over the configuration.",
            next_step="Unset CNAI_BACKEND where Jupyter is started.",
        )
    await asyncio.to_thread(_write, wanted.source)
    return call.places.serving_changed()


def _write(source: str) -> None:
    """The settings that lead to a place."""
    place = next((p for p in noted(load_config()) if p.id == source), None)
    if place is not None:
        for name in ("context", "namespace", "operator"):
            write_setting(name, getattr(place, name))
    write_setting("backend", source if place is None else "kubernetes")


async def forget(call: Call) -> Sources:
    """Watch a cluster no more; those that are left."""
    asked: Forget = call.body
    await call.places.forget(asked.source)
    return Sources(sources=call.places.sources, serving=call.places.serving)


async def fits(call: Call) -> Fitting:
    """Whether jobs of that size would start now, later or never."""
    asked: Wished = call.body
    backend = call.places.backend(call.path["source"])
    spec, count = fitting_spec(asked.wishes), how_many(asked.count)
    return Fitting(fit=await backend.fits(spec, count=count))


OPERATIONS = (
    Operation(
        method="POST",
        path="fits/{source}",
        body=Wished,
        counts=False,
        answer=Fitting,
        summary="Whether jobs of a size would start now, wait and for how long, or never start.",
        call=fits,
    ),
    Operation(
        method="POST",
        path="jobs/{source}/actions",
        body=Act,
        answer=Acted,
        summary="Stop, run again, delete, suspend or resume workloads.",
        call=act,
    ),
    Operation(
        method="PUT",
        path="serving",
        body=Choose,
        answer=Serving,
        summary="Choose the backend of notebooks that start from now on.",
        call=choose,
    ),
    Operation(
        method="POST",
        path="sources/forget",
        body=Forget,
        answer=Sources,
        summary="Take a cluster off the list; nothing on it is touched.",
        call=forget,
    ),
)
