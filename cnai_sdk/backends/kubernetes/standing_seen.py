"""All that is known of one job, and how it stands, as values that the modules beside hand on."""

from __future__ import annotations

import msgspec

from cnai_sdk.backends.kubernetes.heard import Heard
from cnai_sdk.backends.kubernetes.objects import KubeEvent, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.standing_asked import Asked
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Queued


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all workloads of a namespace.

    Attributes:
        place: where that is, for a person.
        unseen: kinds that may not be read here, such as 'pods'.
    """

    place: str = ""
    unseen: tuple[str, ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one job.

    Attributes:
        asked: what its object asks for.
        facts: runs of its workers, those that are gone too.
        events: what was said of the job, its pods and its queue's workload.
        position: its place in its queue, from 1, where that is known.
        heard: what its workers said of themselves.
        unheeded: whether no operator has looked at it in the time that one takes.
    """

    obj: TrainingObject
    asked: Asked
    facts: tuple[PodFacts, ...] = ()
    events: tuple[KubeEvent, ...] = ()
    queue: QueueWorkload | None = None
    position: int | None = None
    heard: Heard = Heard()
    unheeded: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Phase, and what is known beyond it."""

    phase: Phase
    reason: str = ""
    message: str = ""
    rank: int | None = None
    exit_code: int | None = None
    ended: float | None = None
    queued: Queued | None = None
    suspended: bool = False
