"""Names for jobs to come, which nothing has: neither a job nor another one that is being made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cnai_sdk.backends.kubernetes.naming import object_name
from cnai_sdk.errors import NameInUse
from cnai_sdk.model.name import numbered
from cnai_sdk.model.spec import TrainSpec
from cnai_sdk.model.workload import Workload


class FreeNames:
    """Gives names, and keeps each from others until its job is heard of.

    Without that, all who submit one name at once would ask for the same number, and each would be
    told by the server that somebody else has it.

    Args:
        known: the namespace's workloads, as far as they are known here.
    """

    def __init__(self, known: Callable[[], Sequence[Workload]]) -> None:
        self._known = known
        self._given: Counter[str] = Counter()

    @contextmanager
    def giving(self, spec: TrainSpec) -> Iterator[Callable[[], str]]:
        """What gives a name for this job, and another one each time that the last was taken.

        Raises:
            NameInUse: the caller chose it, and a job that has not ended has it.
        """
        tried: list[str] = []

        def give() -> str:
            name = self._free(spec, tried)
            tried.append(object_name(name))
            self._given[tried[-1]] += 1
            return name

        try:
            yield give
        finally:
            self._given -= Counter(tried)

    def _free(self, spec: TrainSpec, tried: Sequence[str]) -> str:
        known = self._known()
        names = {object_name(workload.name) for workload in known}.union(tried)
        if not spec.named:  # one that was chosen is for its job, unless the server says otherwise
            names |= self._given.keys()
        same = [workload for workload in known if spec.name in (workload.name, workload.base)]
        free, number = spec.name, 1
        while object_name(free) in names or (number == 1 and same):
            number += 1
            free = numbered(spec.name, number)
        if spec.named and any(not workload.phase.ended for workload in same):
            raise NameInUse(
                f"A job named {spec.name} has not ended.",
                next_step=f'cnai.job("{spec.name}") attaches to it, cnai.job("{spec.name}").stop() '
                f'stops it, or choose another name, such as name="{free}".',
            )
        return free
