"""Everything that is held of one namespace while a process works with it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass

from cnai_sdk.backends.kubernetes.api import Api, Missing, Refused, connect
from cnai_sdk.backends.kubernetes.discovery import Served, discover
from cnai_sdk.backends.kubernetes.followers import Followers
from cnai_sdk.backends.kubernetes.informer import Informers
from cnai_sdk.backends.kubernetes.kept import Kept
from cnai_sdk.backends.kubernetes.kubeconfig import Target, find
from cnai_sdk.backends.kubernetes.mirror import Mirror
from cnai_sdk.backends.kubernetes.overdue import Overdue
from cnai_sdk.backends.kubernetes.published import Published
from cnai_sdk.backends.kubernetes.sight import Sight
from cnai_sdk.backends.kubernetes.surroundings import Surroundings
from cnai_sdk.config import Config
from cnai_sdk.errors import CnaiError, InvalidRequest
from cnai_sdk.explain import diagnose_refusal
from cnai_sdk.places import Place, note


@dataclass(frozen=True, kw_only=True)
class Session:
    """A namespace of a cluster that has answered.

    Attributes:
        served: what the cluster has.
        kept: what this machine keeps of the namespace's workloads.
        mirror: the workloads as they are now.
        followers: read the logs that somebody wants.
        published: what an administrator lets everybody read.
        sight: the GPUs that can be seen.
        overdue: sees to it that deadlines are kept.
    """

    target: Target
    api: Api
    served: Served
    informers: Informers
    kept: Kept
    mirror: Mirror
    followers: Followers
    overdue: Overdue
    surroundings: Surroundings
    published: Published
    sight: Sight

    async def close(self, why: CnaiError | None = None) -> None:
        """Give everything back; workloads go on. Why is told to whoever watches here."""
        await self.overdue.close()
        await self.followers.close()
        await self.mirror.close(why)
        await self.informers.close()
        await self.kept.close()
        await self.api.close()


async def open_session(config: Config) -> Session:
    """Reach the cluster, and begin to watch the namespace.

    Raises:
        InvalidRequest: the kubeconfig has no such context.
        BackendUnavailable: the cluster does not answer.
    """
    target = await asyncio.to_thread(find, config.context, config.namespace)
    api = connect(target)
    try:
        served = await discover(api, config)
        informers = Informers(api)
        kept = Kept(
            config.home / "kubernetes" / _key(target.server) / target.namespace,
            log_limit=config.log_limit,
        )
        mirror = Mirror(informers, served, target, kept)
        surroundings = Surroundings(informers, served, target.namespace)
        published = Published(informers, config.shared)
        session = Session(
            target=target,
            api=api,
            served=served,
            informers=informers,
            kept=kept,
            mirror=mirror,
            followers=Followers(mirror, api, kept, target.namespace),
            overdue=Overdue(mirror, api),
            surroundings=surroundings,
            published=published,
            sight=Sight(api, informers, served, surroundings, published, target.namespace),
        )
        mirror.listen_to_pods(lambda id, verb, pod: surroundings.stir())
        await mirror.start()
    except BaseException:
        await api.close()
        raise
    if not mirror.problems:  # only then is the list complete
        await asyncio.to_thread(kept.sweep_daily, {each.id for each in mirror.workloads()})
    with contextlib.suppress(CnaiError):  # a word that was mistyped is no place
        await check_namespace(api, target.namespace)
        place = Place(context=target.context, namespace=target.namespace, operator=config.operator)
        await asyncio.to_thread(note, config, place)
    return session


async def check_namespace(api: Api, namespace: str) -> None:
    """Look whether it is there; who may not look is told by the first request that needs it.

    Raises:
        InvalidRequest: there is none of that name.
    """
    try:
        await api.get(f"/api/v1/namespaces/{namespace}")
    except Missing as error:
        found = diagnose_refusal(error.message)
        raise InvalidRequest(found.happened, why=found.why, next_step=found.fix) from error
    except Refused:
        return


class Renewed(CnaiError):
    """Another session has taken this one's place."""


class Sessions:
    """The one session of a backend: opened at first use, and anew when the cluster is another."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._opening: asyncio.Task[Session] | None = None

    async def now(self) -> Session:
        """The session, opened if need be; raises what `open_session` raises."""
        if self._opening is None:
            self._opening = asyncio.create_task(open_session(self._config))
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except Exception:
            if self._opening is opening:
                self._opening = None  # tried again at the next call
            raise

    async def able(self) -> Session:
        """The session, after a cluster without an operator was asked whether it has one by now."""
        session = await self.now()
        if session.served.operator is not None:
            return session
        served = await discover(session.api, self._config, fresh=True)
        if served.operator is not None:
            self.renew(session)
        return await self.now()

    async def sound(self) -> Session:
        """The session, opened anew when nothing is heard by it any more."""
        session = await self.now()
        try:
            session.mirror.get("")
        except CnaiError:
            self.renew(session)
        return await self.now()

    def renew(self, session: Session) -> None:
        """Open another one in the place of this; once, however many ask for it."""
        opening = self._opening
        if opening is None or not opening.done() or opening.cancelled() or opening.exception():
            return
        if opening.result() is session:
            self._opening = asyncio.create_task(self._another(session))

    async def _another(self, session: Session) -> Session:
        await session.close(Renewed(f"{session.target.place} is looked at anew."))
        return await open_session(self._config)

    async def close(self) -> None:
        """Give back what it holds; it may be opened again."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if not opening.done():
            opening.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await (await opening).close()


def _key(server: str) -> str:
    return hashlib.sha256(server.encode()).hexdigest()[:12]
