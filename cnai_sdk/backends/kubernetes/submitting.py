"""From a spec to a job of the cluster: two requests for the usual one, all or nothing.

A pod of the job is tried first without being made: quotas, limits and Pod Security refuse pods and
not jobs, so that otherwise the refusal would come later, as an event that nobody looks at. What is
made beside a job (large code, secret values) is made before it, and belongs to it afterwards; what
a killed client left without an owner goes with a later submission.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from cnai_sdk.backends.forecast import never
from cnai_sdk.backends.kubernetes import naming, pods, room_fit
from cnai_sdk.backends.kubernetes.api import (
    DEADLINE,
    Api,
    Exists,
    Missing,
    Refused,
    Unreachable,
)
from cnai_sdk.backends.kubernetes.discovery import distrust
from cnai_sdk.backends.kubernetes.free_names import FreeNames
from cnai_sdk.backends.kubernetes.kinds import KINDS, TrainingKind
from cnai_sdk.backends.kubernetes.plan import Plan, planned, queue_of
from cnai_sdk.backends.kubernetes.room import Room
from cnai_sdk.backends.kubernetes.room_check import check
from cnai_sdk.backends.kubernetes.room_claims import Claim, claims_of
from cnai_sdk.backends.kubernetes.room_wish import Wish, wish_of_manifest
from cnai_sdk.backends.kubernetes.session import Session
from cnai_sdk.backends.kubernetes.sweeping import Sweeper, templates
from cnai_sdk.backends.kubernetes.trying import may_not_create, refused, try_pod
from cnai_sdk.config import Config
from cnai_sdk.errors import BackendUnavailable, CnaiError, Unsupported
from cnai_sdk.gpu.cluster.offer import PodAsk
from cnai_sdk.model.name import check_name
from cnai_sdk.model.quota import Fit
from cnai_sdk.model.spec import Spec, TrainSpec, kind_of
from cnai_sdk.model.workload import Workload
from cnai_sdk.remote import without_credentials

_FOLDERS = re.compile(rb"\b(output_dir|checkpoint_dir)\(\)")
_TRIES = 50
_PAUSE = 0.5


def only_train(spec: Spec) -> TrainSpec:
    """The spec, when it is one that a cluster runs."""
    if not isinstance(spec, TrainSpec):
        raise Unsupported(
            f"Workloads of the kind {kind_of(spec)} do not run on a cluster yet.",
            next_step="It trains: cnai.train(...).",
        )
    return spec


class Unsure(BackendUnavailable):
    """Whether the job was made is not known: neither the request nor a look for it was answered."""


class Unserved(Unsupported):
    """The cluster does not have what it was known to serve."""


class Submitter:
    """Makes jobs in one namespace.

    Args:
        config: the image and the queue of jobs that name none.
    """

    def __init__(self, session: Session, config: Config) -> None:
        self._session = session
        self._config = config
        self._api: Api = session.api
        self._names = FreeNames(session.mirror.workloads)
        self.sweeper = Sweeper(session)

    async def submit(self, spec: TrainSpec, secrets: Mapping[str, str]) -> Workload:
        """Make the job. When this raises, nothing was created.

        Raises:
            Unsure: the exception to that: no answer tells whether the job was made.
        """
        try:
            return await self._submit(spec, secrets)
        except Unreachable as error:
            what = f"{error.what} No job was made."
            raise BackendUnavailable(what, why=error.why, next_step=error.next_step) from error

    async def _submit(self, spec: TrainSpec, secrets: Mapping[str, str]) -> Workload:
        check_name(spec.name)
        with self._names.giving(spec) as give:
            return await self._submit_as(give, spec, secrets)

    async def _submit_as(
        self, give: Callable[[], str], spec: TrainSpec, secrets: Mapping[str, str]
    ) -> Workload:
        id, name, notices = naming.new_id(), give(), _remarks(spec)
        await self._check_queue(spec)
        ask = await self._ask(spec)
        notices += ask.notices if ask is not None else ()
        plan = await self._plan(spec, id, name, ask, notices)
        kind = KINDS[plan.kind]
        kind.manifest(spec, plan)  # what it refuses is refused before anything is asked
        notices += await self._check_priority(plan, spec.priority)
        wish, found = _wish(spec, plan), await self._room(spec)
        check(wish, found)
        notices += await self._advice(spec, plan)
        told = room_fit.fit(wish, found, self._claims(), now=time.time(), together=_together(plan))
        pod = pods.worker_pod(spec, plan, secured=kind.secured(plan))
        notice = await try_pod(self._api, pod, workers=spec.workers)
        if told.answer == "waits":
            notice = f"{told.sentence} {told.next_step}".strip()
        if notice:
            notices.append(notice)
        plan = dataclasses.replace(plan, notices=tuple(notices))
        beside = await self._make_beside(plan, secrets)
        try:
            job, plan = await self._make_job(give, spec, plan, kind, notices)
        except Unsure:
            raise  # it may be there, and need what lies beside it; a later sweep looks after that
        except BaseException:
            await asyncio.shield(self._remove(beside))
            raise
        await self._own(beside, job)
        self.sweeper.later()
        return self._session.mirror.put(job)

    # -- before anything is made ------------------------------------------------------

    async def fits(self, spec: TrainSpec, count: int) -> Fit:
        """Whether so many such jobs would run now, later or never; creates nothing."""
        try:
            await self._check_queue(spec)
            ask = await self._ask(spec)
            plan = await self._plan(spec, naming.new_id(), spec.name, ask, [])
            KINDS[plan.kind].manifest(spec, plan)
            notices = await self._check_priority(plan, spec.priority)
            notices += await self._advice(spec, plan, count=count, asking=True)
        except CnaiError as error:
            return never(error, count)
        found = await self._room(spec)
        wish, gpu = _wish(spec, plan), spec.resources.wants_gpu
        looked = room_fit.unbounded(wish, found, gpu=gpu)
        idle = await self._session.surroundings.idle(wish.pod) if looked else None
        claims, now = self._claims(), time.time()
        told = room_fit.fit(
            wish, found, claims, now=now, count=count, idle=idle, gpu=gpu, together=_together(plan)
        )
        return msgspec.structs.replace(told, notices=tuple(notices))

    async def _advice(
        self, spec: TrainSpec, plan: Plan, *, count: int = 1, asking: bool = False
    ) -> list[str]:
        """What the administrator's ceilings say of it."""
        return await self._session.published.advice(
            spec,
            plan.granted.gpu,
            self._session.mirror.workloads(),
            place=self._session.target.namespace,
            count=count,
            asking=asking,
        )

    async def _check_queue(self, spec: TrainSpec) -> None:
        if queue := self._queue(spec):
            await self._session.surroundings.check_queue(queue)

    async def _check_priority(self, plan: Plan, priority: str) -> list[str]:
        """A pod that is tried tells of a PyTorchJob's; a TrainJob's is not its pods'."""
        if not priority or plan.kind != "trainjob":
            return []
        return await self._session.surroundings.check_priority(priority)

    def _queue(self, spec: TrainSpec) -> str:
        return queue_of(spec, self._session.served, self._config)

    async def _room(self, spec: TrainSpec) -> Room:
        found = await self._session.surroundings.room(self._queue(spec))
        if not spec.resources.wants_gpu:
            return found
        return msgspec.structs.replace(found, promised=await self._session.sight.promised())

    def _claims(self) -> list[Claim]:
        return claims_now(self._session)

    async def _ask(self, spec: TrainSpec) -> PodAsk | None:
        return await self._session.sight.ask(spec, self._queue(spec))

    async def _plan(
        self, spec: TrainSpec, id: str, name: str, ask: PodAsk | None, notices: list[str]
    ) -> Plan:
        return await asyncio.to_thread(
            planned,
            spec,
            id=id,
            name=name,
            namespace=self._session.target.namespace,
            served=self._session.served,
            config=self._config,
            ask=ask,
            notices=notices,
        )

    # -- making -----------------------------------------------------------------------

    async def _make_beside(self, plan: Plan, secrets: Mapping[str, str]) -> list[str]:
        """What the job refers to; the paths of what was made."""
        here = f"/api/v1/namespaces/{plan.namespace}"
        wanted: list[tuple[str, dict[str, Any]]] = []
        if plan.config_map:
            wanted.append((f"{here}/configmaps", pods.config_map(plan)))
        if secrets:
            wanted.append((f"{here}/secrets", pods.secret(plan, secrets)))
        if plan.claim_template:
            wanted.append((templates(plan.namespace), pods.claim_template(plan)))
        made: list[str] = []
        try:
            for path, body in wanted:
                made.append(f"{path}/{body['metadata']['name']}")
                await self._api.create(path, body)
        except BaseException as error:
            await asyncio.shield(self._remove(made))
            if isinstance(error, Refused):
                raise _not_beside(error) from error
            raise
        return made

    async def _make_job(
        self,
        give: Callable[[], str],
        spec: TrainSpec,
        plan: Plan,
        kind: TrainingKind,
        notices: list[str],
    ) -> tuple[dict[str, Any], Plan]:
        for _ in range(_TRIES):
            body = kind.manifest(spec, plan)
            try:
                return await self._create(kind, body, plan), plan
            except Exists:
                # Somebody else took the name since the namespace was last heard of.
                plan = await self._plan(spec, plan.id, give(), plan.ask, notices)
            except Missing as error:
                if error.message.startswith("namespaces "):
                    raise refused(error) from error
                distrust(self._api, self._config)
                raise _gone(error, plan) from error
            except Refused as error:
                raise refused(error) from error
        raise BackendUnavailable(
            f"No free name was found for {spec.name}.", next_step="Choose another name."
        )

    async def _create(self, kind: TrainingKind, body: dict[str, Any], plan: Plan) -> dict[str, Any]:
        """Make the job; it is looked for where a failure does not tell whether it was made.

        A server that was away is asked again, with the same name, so that there is one job at most.
        """
        until = time.monotonic() + DEADLINE
        while True:
            try:
                return await self._api.create(kind.path(plan.namespace), body)
            except (Unreachable, Refused) as error:
                if not _may_be_made(error):
                    raise
                try:
                    found = await self._ours(kind, plan)
                except (Unreachable, Refused) as unknown:
                    if isinstance(error, Exists):
                        raise
                    raise _unsure(unknown, plan) from error
                if found is not None:
                    return found
                if not _was_away(error) or time.monotonic() > until:
                    raise
            await asyncio.sleep(_PAUSE)

    async def _ours(self, kind: TrainingKind, plan: Plan) -> dict[str, Any] | None:
        """The job, when a request whose answer was lost, or an error's, has made it after all."""
        with contextlib.suppress(Missing):
            found: dict[str, Any] = await self._api.get(kind.path(plan.namespace, plan.object_name))
            labels = found["metadata"].get("labels") or {}
            return found if labels.get(naming.ID) == plan.id else None
        return None

    async def _own(self, beside: list[str], job: Mapping[str, Any]) -> None:
        """Let what lies beside the job go with it. A failure leaves it to a later sweep."""
        for path in beside:
            with contextlib.suppress(Refused, Unreachable):
                await self._api.patch(path, pods.owned_by(job))

    async def _remove(self, paths: list[str]) -> None:
        for path in paths:
            with contextlib.suppress(Refused, Unreachable):
                await self._api.delete(path)


def _remarks(spec: TrainSpec) -> list[str]:
    addresses = [*(link.source for link in spec.data), spec.outputs]
    return [*without_credentials(addresses, spec.secrets, spec.env), *_unkept(spec)]


def _unkept(spec: TrainSpec) -> list[str]:
    """What is said of a function that writes files, when nothing keeps them."""
    if spec.outputs:
        return []
    code = (text for path, text in spec.payload.files.items() if path.endswith(".py"))
    folders = sorted({found.decode() for text in code for found in _FOLDERS.findall(text)})
    if not folders:
        return []
    named = " and ".join(f"cnai.{folder}()" for folder in reversed(folders))
    return [
        f"What it writes to {named} goes with its workers: "
        'outputs="pvc://CLAIM/folder" or outputs="s3://BUCKET/folder" keeps it.'
    ]


def claims_now(session: Session) -> list[Claim]:
    """Everybody in the namespace who holds something or waits."""
    return claims_of(
        session.mirror.workloads(),
        session.mirror.job,
        queued=session.surroundings.queued,
        pods=session.surroundings.other_pods,
        now=time.time(),
    )


def _wish(spec: TrainSpec, plan: Plan) -> Wish:
    """What the job will ask for, read from the pod that it will make."""
    pod = pods.worker_pod(spec, plan)
    claims = {name: float(count) for name, count in plan.ask.devices.items()} if plan.ask else {}
    return wish_of_manifest(pod, workers=spec.workers, kind=KINDS[plan.kind].kind, claims=claims)


def _together(plan: Plan) -> bool:
    """Whether the cluster has a scheduler that may start all workers of a job or none."""
    return plan.served.volcano or plan.served.coscheduling or plan.served.kai


def _not_beside(error: Refused) -> CnaiError:
    if not may_not_create(error):
        return refused(error)
    return BackendUnavailable(
        "What the job needs beside it cannot be made; nothing was created.",
        why=error.message or error.what,
        next_step="Large code needs the right to create ConfigMaps, secrets= that to create "
        "Secrets, GPUs by DRA that to create ResourceClaimTemplates; ask the cluster's "
        "administrator.",
    )


def _may_be_made(error: Unreachable | Refused) -> bool:
    """Whether the object may be there although its creation has failed.

    A server's error can come after the store has taken it, as a proxy's does whose patience ends.
    """
    if isinstance(error, Unreachable):
        return error.sent
    return isinstance(error, Exists) or error.status >= 500


def _was_away(error: Unreachable | Refused) -> bool:
    """Whether it ended, or has not come up yet, as in a restart."""
    return isinstance(error, Unreachable) or error.status == HTTPStatus.SERVICE_UNAVAILABLE


def _unsure(error: Unreachable | Refused, plan: Plan) -> Unsure:
    return Unsure(
        f"Whether {plan.name} was made is not known: the cluster was asked to make it, and did "
        "not say whether it has.",
        why=f"{error.what} {error.why}",
        next_step=f"cnai.jobs() tells, once it is back: look whether {plan.name} is there before "
        "you run this again.",
    )


def _gone(error: Missing, plan: Plan) -> Unserved:
    return Unserved(
        f"This cluster does not serve {KINDS[plan.kind].kind} any more.",
        why=error.message,
        next_step="Try again: what it has is asked anew. cnai doctor shows it.",
    )
