"""What a watch yields: a snapshot, then changes."""

from __future__ import annotations

import msgspec

from cnai_sdk.model.workload import Workload


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """Everything as it stands. A new epoch means that earlier sequence numbers are void."""

    epoch: str
    seq: int
    workloads: tuple[Workload, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="change"):
    """Workloads that changed, and ids that are gone, up to and including `seq`."""

    epoch: str
    seq: int
    workloads: tuple[Workload, ...] = ()
    deleted: tuple[str, ...] = ()


Update = Snapshot | Change
