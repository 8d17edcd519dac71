"""Collects from a backend what a verdict needs; the verdict itself is `explain`'s."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cnai_sdk.data import here as current_folder
from cnai_sdk.errors import CnaiError
from cnai_sdk.explain import Facts, diagnose
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload

if TYPE_CHECKING:
    from cnai_sdk.backends.base import Backend
    from cnai_sdk.model.diagnosis import Diagnosis

_HEAD = 200
_TAIL = 600


async def diagnose_workload(backend: Backend, workload: Workload) -> Diagnosis | None:
    """The verdict on a workload that has ended or is stuck, or None when nothing went wrong."""
    if not (workload.phase.ended or workload.reason):
        return None
    lines = await _head_and_tail(backend, workload.id)
    facts = Facts(
        workload=workload,
        events=tuple(await backend.events(workload.id)),
        lines=lines,
        metrics=tuple(await backend.metrics(workload.id)),
    )
    if lines and workload.managed:
        with contextlib.suppress(CnaiError):  # then its lines are told by the script's numbers
            facts = replace(facts, spans=(await backend.spec(workload.id)).payload.spans)
    if workload.phase is Phase.SUCCEEDED and not (lines or facts.metrics):
        facts = replace(facts, left=await _left_something(backend, workload.id))
    # Listing the installed packages takes up to a second, for which no event loop may stand still.
    return await asyncio.to_thread(_diagnosed, facts)


def _diagnosed(facts: Facts) -> Diagnosis | None:
    if any("No module named" in line.text for line in facts.lines):
        facts = replace(facts, distributions=_distributions(), modules=_local_modules())
    return diagnose(facts)


async def _left_something(backend: Backend, id: str) -> bool | None:
    """None where it cannot be told; looking can cost much, so only who is silent is asked."""
    try:
        return bool(await backend.result(id) or await backend.outputs(id))
    except CnaiError:
        return None


async def _head_and_tail(backend: Backend, id: str) -> tuple[LogLine, ...]:
    head: list[LogLine] = []
    async for batch in backend.logs(id):
        head += [line for line in batch if not line.partial]
        if len(head) >= _HEAD:
            break
    seen = head[_HEAD - 1].number if len(head) >= _HEAD else None
    if seen is None:
        return tuple(head)
    tail = [line async for batch in backend.logs(id, tail=_TAIL) for line in batch]
    return (*head[:_HEAD], *(x for x in tail if x.number > seen and not x.partial))


def _distributions() -> Mapping[str, tuple[str, ...]]:
    found = importlib.metadata.packages_distributions()
    return {name: tuple(dict.fromkeys(names)) for name, names in found.items()}


def _local_modules() -> frozenset[str]:
    here = current_folder()
    files = {path.stem for path in here.glob("*.py")}
    return frozenset(files | {path.parent.name for path in here.glob("*/__init__.py")})
