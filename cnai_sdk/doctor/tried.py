"""The simplest job, tried on the API server without being made: what every job has to pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal

from cnai_sdk.config import Config
from cnai_sdk.doctor.finding import Finding
from cnai_sdk.errors import BackendUnavailable, CnaiError
from cnai_sdk.model.spec import Payload, TrainSpec

if TYPE_CHECKING:
    from cnai_sdk.backends.kubernetes.api import Api
    from cnai_sdk.backends.kubernetes.discovery import Served

_SPEC = TrainSpec(
    name="cnai-doctor", payload=Payload(entry="train", files={"script.py": b"def train(): pass\n"})
)


async def tried(api: Api, served: Served, config: Config, namespace: str) -> AsyncIterator[Finding]:
    """Whether a job of one worker that asks for nothing would be taken, and else who refuses it: an
    operator's webhook that is down, a policy, a quota that wants amounts said.

    Nothing where this user may make no jobs, which the rights say.
    """
    from cnai_sdk.backends.kubernetes import naming, pods
    from cnai_sdk.backends.kubernetes.api import Refused
    from cnai_sdk.backends.kubernetes.kinds import KINDS
    from cnai_sdk.backends.kubernetes.plan import planned
    from cnai_sdk.backends.kubernetes.trying import may_not_create, refused, try_pod

    try:
        plan = await asyncio.to_thread(
            planned,
            _SPEC,
            id=naming.new_id(),
            name=_SPEC.name,
            namespace=namespace,
            served=served,
            config=config,
        )
        kind = KINDS[plan.kind]
        pod = pods.worker_pod(_SPEC, plan, secured=kind.secured(plan))
        notice = await try_pod(api, pod, workers=1)
        await api.create(kind.path(namespace), kind.manifest(_SPEC, plan), dry_run=True)
    except Refused as error:
        if not may_not_create(error):
            yield _refused(refused(error))
    except CnaiError as error:
        yield _refused(error)
    else:
        what = f"A job of one worker would be taken: a {kind.kind} was tried in a dry run."
        yield Finding(check="dry run", state="ok", what=f"{what} {notice}".strip())


def _refused(error: CnaiError) -> Finding:
    """A cluster that cannot answer stops every job; what refuses this one may take another."""
    down = isinstance(error, BackendUnavailable)
    came = "could not be tried" if down else "was refused"
    what = f"A job of one worker {came} in a dry run. {error.what} {error.why}"
    state: Literal["problem", "note"] = "problem" if down else "note"
    return Finding(check="dry run", state=state, what=" ".join(what.split()), fix=error.next_step)
