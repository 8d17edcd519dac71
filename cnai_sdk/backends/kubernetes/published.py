"""What an administrator has published for everybody: the ConfigMaps of the shared namespace.

One watch serves all of them. Where nothing was published, or it may not be read, there is nothing
to say: a cluster works without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cnai_sdk.backends.kubernetes import ceilings
from cnai_sdk.backends.kubernetes.informer import Informer, Informers
from cnai_sdk.backends.kubernetes.objects import Meta
from cnai_sdk.model.spec import TrainSpec
from cnai_sdk.model.workload import Workload


class ConfigMap(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A ConfigMap; whatever stands in it was written by a person."""

    metadata: Meta = Meta()
    data: dict[str, str] | None = None


class Published:
    """The ConfigMaps of the shared namespace, as they are now.

    Args:
        informers: those of the cluster.
        namespace: the shared one.
    """

    def __init__(self, informers: Informers, namespace: str) -> None:
        self.namespace = namespace
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._all: Informer[ConfigMap] = informers.get(path, ConfigMap)

    async def data(self, name: str) -> Mapping[str, str] | None:
        """What stands in one of them, or None where there is none that can be read."""
        await self._all.synced()
        found = (each for each in self._all.objects.values() if each.metadata.name == name)
        return next((each.data or {} for each in found), None)

    async def ceilings(self) -> ceilings.Ceilings:
        """What one job may have at most."""
        where = f"{self.namespace}/{ceilings.NAME}"
        return ceilings.read(await self.data(ceilings.NAME), where=where)

    async def advice(
        self,
        spec: TrainSpec,
        gpu: float,
        workloads: Sequence[Workload],
        *,
        place: str,
        count: int = 1,
        asking: bool = False,
    ) -> list[str]:
        """What the writer of a job should know before it is made: the estimate of its GPU-hours,
        and what of the ceilings cannot be used.

        Args:
            gpu: what one worker gets.
            workloads: those of the namespace.
            place: the namespace.
            count: of so many such jobs.
            asking: nothing is made now.

        Raises:
            DoesNotFit: it is above a ceiling, or above what is left.
            InvalidRequest: it does not say what a ceiling counts.
        """
        found = await self.ceilings()
        wish = ceilings.asked(spec, gpu)
        estimate = ceilings.check(wish, found, workloads, place=place, count=count, asking=asking)
        return [*found.ignored, *([estimate] if estimate else [])]
