"""What an operator's job looks like, and how it is steered: one module a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.kinds.pytorchjob import PyTorchJobKind
from cnai_sdk.backends.kubernetes.kinds.steering import Change
from cnai_sdk.backends.kubernetes.kinds.trainjob import TrainJobKind
from cnai_sdk.backends.kubernetes.plan import Plan
from cnai_sdk.model.spec import TrainSpec

__all__ = ["KINDS", "Change", "TrainingKind"]


class TrainingKind(Protocol):
    """One kind of job that trains.

    Attributes:
        name: as in `cnai.use("kubernetes", operator=...)`.
        kind, group, version, plural: as the API server has it.
    """

    name: str
    kind: str
    group: str
    version: str
    plural: str

    def path(self, namespace: str, name: str = "") -> str:
        """Of the collection, or of one object."""

    def manifest(self, spec: TrainSpec, plan: Plan) -> dict[str, Any]:
        """The job object.

        Raises:
            InvalidRequest: a wish that this kind, or the version of it here, cannot carry.
        """

    def carries(self, served: Served) -> frozenset[str]:
        """What its pods can say of what GPUs need, of `gpu.cluster.seen.EVERYTHING`."""

    def secured(self, plan: Plan) -> bool:
        """Whether the pods get the security context of the standard "restricted"."""

    def stop(self, job: Mapping[str, Any], *, at: float) -> list[Change]:
        """What ends a job for good and keeps its object, in order.

        Args:
            job: the object as it is now.
            at: Unix seconds, to be written down.
        """

    def suspend(self, job: Mapping[str, Any]) -> list[Change]:
        """What pauses a job."""

    def resume(self, job: Mapping[str, Any]) -> list[Change]:
        """What lets a paused job go on."""


KINDS: dict[str, TrainingKind] = {kind.name: kind for kind in (PyTorchJobKind(), TrainJobKind())}
"""By name."""
