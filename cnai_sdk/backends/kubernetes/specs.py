"""The spec of a job, as its annotation and its archive tell it.

Whoever may write a job wrote them, so both are claims: what no call could have asked for is not
taken for a spec.
"""

from __future__ import annotations

import asyncio
import contextlib
import tarfile
import zlib
from typing import Any

import msgspec

from cnai_sdk.arguments import parse_options, parse_resources
from cnai_sdk.backends.kubernetes import naming, payload
from cnai_sdk.backends.kubernetes.api import Api, Missing
from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.errors import CnaiError, NotFound, Unsupported
from cnai_sdk.model.spec import Spec, TrainSpec

_SPEC: msgspec.json.Decoder[Spec] = msgspec.json.Decoder(Spec)
_STRANGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
_DAMAGED = (*_STRANGE, zlib.error, tarfile.TarError, EOFError)


def bare_spec(job: Job) -> TrainSpec | None:
    """What was asked for, without its code; None for somebody else's job, or when unreadable."""
    with contextlib.suppress(CnaiError):
        return _told(job) if job.obj.metadata.annotation(naming.SPEC) else None
    return None


async def whole_spec(api: Api, job: Job, path: str) -> TrainSpec:
    """What was asked for, with its code.

    Args:
        path: of the job object.

    Raises:
        NotFound: its code is gone.
        Unsupported: its annotation or its code is none that the SDK writes.
    """
    meta, spec = job.obj.metadata, _told(job)
    archive = await _archive(api, job, path)
    if archive is None:
        raise NotFound(
            f"The code of {meta.name} is not there any more.",
            why="It lay in a ConfigMap, which somebody has removed.",
            next_step="Submit the function again.",
        )
    try:
        files = await asyncio.to_thread(payload.unpack, archive)
        carried = msgspec.structs.replace(spec.payload, files=files)
        carried.script.strip()
    except _DAMAGED as error:
        raise _unreadable(job, "the code that it carries", str(error)) from None
    return msgspec.structs.replace(spec, payload=carried)


async def _archive(api: Api, job: Job, path: str) -> bytes | None:
    raw: dict[str, Any] = await api.get(path)
    try:
        archive = payload.carried(raw)
        if archive is None:
            with contextlib.suppress(Missing):
                beside = f"/api/v1/namespaces/{job.obj.metadata.namespace}/configmaps"
                found = await api.get(f"{beside}/{naming.payload_name(job.asked.id)}")
                archive = payload.carried(raw, found)
    except _STRANGE as error:
        raise _unreadable(job, "the code that it carries", str(error)) from None
    return archive


def _told(job: Job) -> TrainSpec:
    """The annotation's spec, checked as the arguments of a call are.

    Raises:
        Unsupported: it is none.
    """
    try:
        spec = _SPEC.decode(job.obj.metadata.annotation(naming.SPEC))
        if not isinstance(spec, TrainSpec):
            raise ValueError("it is no training job's")
        wanted = spec.resources
        parse_resources(
            wanted.cpu,
            wanted.memory,
            wanted.gpu or None,
            wanted.gpu_memory,
            wanted.gpu_model,
            wanted.isolation,
        )
        parse_options(
            workers=spec.workers,
            retries=spec.retries,
            timeout=spec.timeout,
            env=spec.env,
            secrets=spec.secrets,
            packages=spec.packages,
            outputs=spec.outputs,
            image=spec.image,
            shm=spec.shm,
            queue=spec.queue,
            priority=spec.priority,
        )
        msgspec.json.encode(spec)  # it can be handed on
    except CnaiError as error:
        raise _unreadable(job, f"its annotation {naming.SPEC}", error.what) from None
    except _STRANGE as error:
        raise _unreadable(job, f"its annotation {naming.SPEC}", str(error)) from None
    return spec


def _unreadable(job: Job, place: str, why: str) -> Unsupported:
    return Unsupported(
        f"What {job.asked.name} was asked to do cannot be read.",
        why=f"In {place}: {why}"[:500],
        next_step="Somebody has written or changed the job by hand. Submit the function again.",
    )
