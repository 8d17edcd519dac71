"""Everything that is held of one namespace while a process works with it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from cnai_sdk.backends.kubernetes.api import Api, connect
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

    async def close(self) -> None:
        """Give everything back; workloads go on."""
        await self.overdue.close()
        await self.followers.close()
        await self.mirror.close()
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
        await mirror.start()
    except BaseException:
        await api.close()
        raise
    if not mirror.problems:  # only then is the list complete
        await asyncio.to_thread(kept.sweep, {each.id for each in mirror.workloads()})
    place = Place(context=target.context, namespace=target.namespace, operator=config.operator)
    await asyncio.to_thread(note, config, place)
    return session


def _key(server: str) -> str:
    return hashlib.sha256(server.encode()).hexdigest()[:12]
