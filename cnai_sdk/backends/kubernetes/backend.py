"""The protocol over a namespace of a cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NoReturn

from cnai_sdk.backends.base import Capabilities
from cnai_sdk.backends.kubernetes import reading, room_items
from cnai_sdk.backends.kubernetes.changing import change, until_heard, until_left
from cnai_sdk.backends.kubernetes.kinds import KINDS, TrainingKind
from cnai_sdk.backends.kubernetes.mirror_index import Job
from cnai_sdk.backends.kubernetes.outputs import Outputs, check_path, without_outputs
from cnai_sdk.backends.kubernetes.plan import default_image
from cnai_sdk.backends.kubernetes.session import Renewed, Session, Sessions, check_namespace
from cnai_sdk.backends.kubernetes.shelves import Shelf, shelf_of
from cnai_sdk.backends.kubernetes.specs import bare_spec, whole_spec
from cnai_sdk.backends.kubernetes.submitting import Submitter, Unserved, claims_now, only_train
from cnai_sdk.config import Config
from cnai_sdk.errors import InvalidRequest, NotFound, Unsupported
from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.quota import Device, Fit, Quota
from cnai_sdk.model.spec import Spec
from cnai_sdk.model.stream import Update
from cnai_sdk.model.workload import Workload

_REMEMBERED = 64


class KubernetesBackend:
    """Workloads as PyTorchJobs or TrainJobs of one namespace.

    Args:
        config: the context, the namespace and the operator, where they were chosen.
    """

    name = "kubernetes"

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sessions = Sessions(config)
        self._submitter: Submitter | None = None
        self._submits_in: Session | None = None
        self._specs: dict[str, Spec] = {}

    async def _session(self) -> Session:
        return await self._sessions.now()

    async def capabilities(self) -> Capabilities:
        session = await self._sessions.sound()
        return Capabilities(
            kinds=frozenset({Kind.TRAIN}),
            suspend=True,
            outputs_at_hand=False,
            place=session.target.place,
        )

    async def check_place(self) -> None:
        session = await self._session()
        await check_namespace(session.api, session.target.namespace)

    # -- making ------------------------------------------------------------------

    async def submit(self, spec: Spec, *, secrets: Mapping[str, str]) -> Workload:
        train, session = only_train(spec), await self._sessions.able()
        submitter = await self._submitting(session)
        try:
            made = await submitter.submit(train, secrets)
        except Unserved:
            self._sessions.renew(session)
            raise
        session.followers.begin(made.id)
        return made

    async def fits(self, spec: Spec, *, count: int = 1) -> Fit:
        train, session = only_train(spec), await self._sessions.able()
        return await (await self._submitting(session)).fits(train, count)

    async def _submitting(self, session: Session) -> Submitter:
        before = self._submitter
        if before is None or self._submits_in is not session:
            made = self._submitter = Submitter(session, self._config)
            self._submits_in = session
            if before is not None:
                await before.sweeper.close()
            return made
        return before

    # -- looking -----------------------------------------------------------------

    async def get(self, id: str) -> Workload:
        found = (await self._session()).mirror.get(id)
        return found if found is not None else _unknown(id)

    async def list(self) -> Sequence[Workload]:
        return (await self._session()).mirror.listed()

    async def watch(self) -> AsyncIterator[Update]:
        while True:
            session = await self._session()
            try:
                async for update in session.mirror.watch():
                    session.followers.heed(update)
                    session.overdue.heed(update)
                    yield update
            except Renewed:
                continue  # what is there now comes as another snapshot

    async def spec(self, id: str) -> Spec:
        session, job = await self._job(id)
        if id not in self._specs:
            _only_ours(job, "shown as a script")
            meta = job.obj.metadata
            path = _kind(job).path(meta.namespace, meta.name)
            self._specs[id] = await whole_spec(session.api, job, path)
            while len(self._specs) > _REMEMBERED:
                self._specs.pop(next(iter(self._specs)))
        return self._specs[id]

    async def _job(self, id: str) -> tuple[Session, Job]:
        session = await self._session()
        job = session.mirror.job(id)
        return session, job if job is not None else _unknown(id)

    async def logs(
        self,
        id: str,
        *,
        rank: int | None = None,
        after: int = 0,
        before: int | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[Sequence[LogLine]]:
        session, _ = await self._job(id)
        lines = reading.logs(
            session.kept.keeper(id),
            session.followers.of(id),
            rank=rank,
            after=after,
            before=before,
            tail=tail,
            follow=follow,
        )
        async for batch in lines:
            yield batch

    async def metrics(self, id: str, *, since: int = 0) -> Sequence[Metric]:
        session, job = await self._job(id)
        if job.asked.managed:
            session.followers.begin(id)
        found = await asyncio.to_thread(session.kept.keeper(id).metrics.all)
        return found[since:] if since else list(found)

    async def events(self, id: str) -> Sequence[Event]:
        session, job = await self._job(id)
        follower, spec = session.followers.that_reads(id), bare_spec(job)
        missing = ""
        if follower is not None:
            missing = reading.missing(
                session.kept.keeper(id),
                follower,
                ran=_ran(job, session.mirror.get(id)),
                outputs=spec.outputs if spec is not None else "",
            )
        return session.mirror.events(id, missing=missing)

    async def result(self, id: str) -> bytes | None:
        session, job = await self._job(id)
        found = reading.result(job.facts.values())
        if found is not None:
            return found
        path = reading.result_file(job.facts.values())
        if path:
            return await self._read_output(session, job, path)
        workload = session.mirror.get(id)
        if job.asked.managed and workload is not None and workload.phase is Phase.SUCCEEDED:
            lost = reading.lost_result(workload.name, job.facts.values())
            if lost is not None:
                raise lost
        return None

    async def outputs(self, id: str) -> Sequence[OutputFile]:
        session, job = await self._job(id)
        shelf = _shelf(job)
        if shelf is None:
            raise without_outputs(job.asked.name)
        return await self._reader(session, job).files(shelf, node=_node(job))

    async def read(self, id: str, path: str) -> bytes:
        session, job = await self._job(id)
        check_path(path)
        return await self._read_output(session, job, path)

    async def _read_output(self, session: Session, job: Job, path: str) -> bytes:
        shelf = _shelf(job)
        if shelf is None:
            raise without_outputs(job.asked.name)
        return await self._reader(session, job).read(shelf, path, node=_node(job))

    def _reader(self, session: Session, job: Job) -> Outputs:
        spec = bare_spec(job)
        image = spec.image if spec is not None else ""
        image = image or self._config.image or (default_image(spec) if spec is not None else "")
        return Outputs(session.api, session.target.namespace, image=image)

    async def folder(self, id: str) -> str | None:
        await self._job(id)
        return None

    # -- ending ------------------------------------------------------------------

    async def suspend(self, id: str) -> None:
        session, job = await self._job(id)
        _only_ours(job, "suspended")
        _not_ended(job, session.mirror.get(id))
        kind = _kind(job)
        await change(session, job, kind, kind.suspend(_labelled(job)))
        await until_heard(session, id, suspended=True)

    async def resume(self, id: str) -> None:
        session, job = await self._job(id)
        _only_ours(job, "resumed")
        _not_ended(job, session.mirror.get(id))
        kind = _kind(job)
        await until_left(session, job, kind)
        await change(session, job, kind, kind.resume(_labelled(job)))
        await until_heard(session, id, suspended=False)

    async def stop(self, id: str) -> None:
        session, job = await self._job(id)
        workload = session.mirror.get(id)
        if workload is not None and workload.phase.ended:
            return
        _only_ours(job, "stopped")
        kind = _kind(job)
        await change(session, job, kind, kind.stop(_labelled(job), at=time.time()))

    async def delete(self, id: str) -> None:
        session = await self._session()
        job = session.mirror.job(id)
        if job is None:
            return
        _only_ours(job, "deleted")
        meta = job.obj.metadata
        await session.api.delete(_kind(job).path(meta.namespace, meta.name), uid=meta.uid)
        session.mirror.forget(id)
        self._specs.pop(id, None)
        await session.followers.forget(id)
        await asyncio.to_thread(session.kept.forget, id)

    # -- the namespace -------------------------------------------------------------

    async def quota(self) -> Quota:
        session = await self._sessions.able()
        found = await session.surroundings.room(self._config.queue)
        claims = claims_now(session)
        return Quota(
            backend=self.name,
            place=session.target.place,
            items=room_items.items(found, claims),
            unseen=(*found.unseen, *session.mirror.problems),
            lines=room_items.lines(found, claims),
        )

    async def quota_stirs(self) -> None:
        session, stirred = await self._session(), asyncio.Event()
        end = session.surroundings.listen(stirred.set)
        try:
            await stirred.wait()
        finally:
            end()

    async def devices(self) -> Sequence[Device]:
        session = await self._session()
        return await session.sight.devices(self._config.queue)

    async def address(self, id: str) -> str:
        await self._job(id)
        raise Unsupported("A training job has no address.", next_step="job.outputs has its files.")

    async def close(self) -> None:
        submitter, self._submitter = self._submitter, None
        if submitter is not None:
            await submitter.sweeper.close()
        await self._sessions.close()


def _kind(job: Job) -> TrainingKind:
    return next(each for each in KINDS.values() if each.kind == job.obj.kind)


def _labelled(job: Job) -> dict[str, Any]:
    """As much of the object as its steering looks at."""
    return {"metadata": {"labels": job.obj.metadata.labels or {}}}


def _shelf(job: Job) -> Shelf | None:
    """Where the workload writes, or None when its files go with its workers."""
    spec = bare_spec(job)
    return None if spec is None else shelf_of(spec, job.asked.id)


def _node(job: Job) -> str:
    """Where a pod of the job is, since a claim may be mounted on one node only."""
    nodes = [pod.spec.node_name for pod in job.pods.values() if pod.spec.node_name]
    return nodes[0] if nodes else ""


def _ran(job: Job, workload: Workload | None) -> bool:
    """Whether a worker was ever started, also when none is known any more."""
    if job.facts or workload is None:
        return any(each.started is not None for each in job.facts.values())
    return workload.phase is Phase.SUCCEEDED or workload.reason == "BackoffLimit"


def _only_ours(job: Job, done: str) -> None:
    if not job.asked.managed:
        raise Unsupported(
            f"{job.asked.name} was not made by cnai-sdk, so it is not {done} here.",
            next_step="Whoever made it has the means for it, such as kubectl.",
        )


def _not_ended(job: Job, workload: Workload | None) -> None:
    if workload is not None and workload.phase.ended:
        raise InvalidRequest(
            f"{job.asked.name} has ended: it is {workload.phase.value}.",
            next_step="Run it again; only what runs or waits can be suspended or resumed.",
        )


def _unknown(id: str) -> NoReturn:
    raise NotFound(
        f"There is no workload with the id {id[:200]!r}.",
        why="It was deleted, or it is in another namespace.",
        next_step="cnai.jobs() lists what is there.",
    )
