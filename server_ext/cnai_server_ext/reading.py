"""What is read by HTTP: places, jobs, scripts and quotas."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_path

from cnai_sdk.errors import NotFound
from cnai_sdk.model.spec import Spec, TrainSpec, replicas_of
from cnai_server_ext.answers import Job, Jobs, QuotaAnswer, Script, Serving, Sources, Version
from cnai_server_ext.opened import whole_job
from cnai_server_ext.operation import Call, Operation
from cnai_server_ext.schema import stream_schema


async def version(call: Call) -> Version:
    """The handshake."""
    return Version(**call.settings["cnai_handshake"])


async def sources(call: Call) -> Sources:
    """All that the server watches."""
    return Sources(sources=call.places.sources, serving=call.places.serving)


async def serving(call: Call) -> Serving:
    """Which backend notebooks to come get."""
    return call.places.serving


async def jobs(call: Call) -> Jobs:
    """The list, for one who has no stream."""
    source = call.path["source"]
    return Jobs(source=source, rows=await call.places.hub(source).current())


async def job(call: Call) -> Job:
    """All of one job."""
    return await whole_job(call.places.hub(call.path["source"]), call.path["id"])


async def script(call: Call) -> Script:
    """What runs on every worker."""
    spec = await call.places.backend(call.path["source"]).spec(call.path["id"])
    return script_of(spec)


def script_of(spec: Spec) -> Script:
    """What a page shows of a spec: names of secrets, and no value of any."""
    files = spec.payload.files
    return Script(
        text=spec.payload.script if "script.py" in files else "",
        entry=spec.payload.entry,
        files=tuple(sorted(name for name in files if name != "script.py")),
        data=spec.data,
        packages=spec.packages,
        env=spec.env,
        secrets=spec.secrets,
        resources=spec.resources,
        workers=spec.workers if isinstance(spec, TrainSpec) else replicas_of(spec),
    )


async def quota(call: Call) -> QuotaAnswer:
    """What may be used, and the GPUs on offer."""
    backend = call.places.backend(call.path["source"])
    return QuotaAnswer(quota=await backend.quota(), devices=tuple(await backend.devices()))


async def stream(call: Call) -> dict[str, Any]:
    """The schema of the stream."""
    found: dict[str, Any] = json.loads(json.dumps(stream_schema()))
    return found


async def example(call: Call) -> dict[str, Any]:
    """A notebook that came with the package."""
    return await asyncio.to_thread(_example, call.path["name"])


def _example(name: str) -> dict[str, Any]:
    for folder in jupyter_path("cnai", "examples"):
        if name in {each.name for each in Path(folder).glob("*.ipynb")}:
            found: dict[str, Any] = json.loads(Path(folder, name).read_text("utf-8"))
            return found
    raise NotFound(
        f"There is no example {name[:200]!r}.",
        why="The examples lie in share/jupyter/cnai/examples of the Python environment.",
        next_step="Install the package again: pip install -U cnai-sdk",
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="version",
        answer=Version,
        summary="The version of the server half, and of the messages.",
        call=version,
    ),
    Operation(
        method="GET",
        path="sources",
        answer=Sources,
        summary="The places that the server watches, and the backend of notebooks to come.",
        call=sources,
    ),
    Operation(
        method="GET",
        path="serving",
        answer=Serving,
        summary="Which backend notebooks that start from now on get, and why.",
        call=serving,
    ),
    Operation(
        method="GET",
        path="jobs/{source}",
        answer=Jobs,
        summary="All workloads of a place, newest first. The stream has the same, live.",
        call=jobs,
    ),
    Operation(
        method="GET",
        path="jobs/{source}/{id}",
        answer=Job,
        summary="All of one job but its log: metrics, events, verdict, result, outputs.",
        call=job,
    ),
    Operation(
        method="GET",
        path="jobs/{source}/{id}/script",
        answer=Script,
        summary="The script that runs on every worker, and what came with it.",
        call=script,
    ),
    Operation(
        method="GET",
        path="quota/{source}",
        answer=QuotaAnswer,
        summary="What may be used in a place, what is used, by whom, and its GPUs.",
        call=quota,
    ),
    Operation(
        method="GET",
        path="stream.json",
        answer=dict,
        summary="The JSON Schema of the messages of the WebSocket `stream`.",
        call=stream,
    ),
    Operation(
        method="GET",
        path="examples/{name}",
        answer=dict,
        summary="A notebook that came with the package, to copy into a folder of one's own.",
        call=example,
    ),
)
