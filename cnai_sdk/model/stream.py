"""What a watch yields: a snapshot, then changes."""

from __future__ import annotations

import msgspec

from cnai_sdk.model.workload import Workload


class Interruption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why nothing new is heard now; the watch goes on by itself when it can."""

    what: str
    why: str = ""
    next_step: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="snapshot"):
    """Everything as it stands. A new epoch means that earlier sequence numbers are void.

    Attributes:
        interruption: None while the watch is live; otherwise this is how things stood last.
    """

    epoch: str
    seq: int
    workloads: tuple[Workload, ...]
    interruption: Interruption | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="change"):
    """Workloads that changed, and ids that are gone, up to and including `seq`.

    Attributes:
        interruption: as in a snapshot. Its beginning and its end are changes without workloads.
    """

    epoch: str
    seq: int
    workloads: tuple[Workload, ...] = ()
    deleted: tuple[str, ...] = ()
    interruption: Interruption | None = None


Update = Snapshot | Change
