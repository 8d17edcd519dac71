"""Which logs a pod has: one for each run of each container of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cnai_sdk.backends.kubernetes.naming import CONTAINER
from cnai_sdk.backends.kubernetes.objects import ContainerStatus, Pod
from cnai_sdk.backends.kubernetes.standing_pods import count_of

OWN_INIT = "cnai-"
"""What the names of the init containers start with that the SDK adds."""

_RESTARTS_OF_SET = "jobset.sigs.k8s.io/restart-attempt"


@dataclass(frozen=True, slots=True)
class Source:
    """One container of one pod, as it was last seen.

    Attributes:
        rank: the worker that its lines belong to.
        newest: the number of its newest run that has a log, or None before the first.
        running: whether that run goes on.
        attempt: how often the workload's pods had been made again before this one.
        over: whether its pod has ended, so that no other run comes.
    """

    pod: str
    uid: str
    container: str
    rank: int
    newest: int | None
    running: bool
    attempt: int = 0
    over: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Which container of all."""
        return self.uid, self.container

    def name(self, run: int) -> str:
        """One run of it, for the log book.

        >>> Source("a-0", "8f14e45f-ceea-467f", "node", 0, 0, True).name(1)
        '8f14e45fceea/node/1'
        """
        return f"{self.uid.replace('-', '')[:12]}/{self.container}/{run}"


def sources_of(pod: Pod, *, rank: int) -> Iterator[Source]:
    """The containers of a pod whose logs are the worker's: its own, and our init containers."""
    status, of_set = pod.status, pod.metadata.label(_RESTARTS_OF_SET)
    ours = [each for each in status.init_container_statuses or () if each.name.startswith(OWN_INIT)]
    names = [*CONTAINER.values(), *(each.name for each in (pod.spec.containers or ())[:1])]
    mains = {each.name: each for each in status.container_statuses or ()}
    main = next((mains[name] for name in names if name in mains), None)
    for each in (*ours, *([main] if main else ())):
        yield Source(
            pod=pod.metadata.name,
            uid=pod.metadata.uid,
            container=each.name,
            rank=rank,
            newest=_newest(each),
            running=each.state.running is not None,
            attempt=count_of(of_set) or 0,
            over=pod.ended,
        )


def _newest(status: ContainerStatus) -> int | None:
    """A container that waits to be started again still has its last run's log."""
    state = status.state
    if state.running is None and state.terminated is None and status.last_state.terminated is None:
        return None
    return status.restart_count
