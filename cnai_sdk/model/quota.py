"""What may be used, what is used, and by whom."""

from __future__ import annotations

from typing import Literal

import msgspec


class Holder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workload or person behind a number."""

    name: str
    amount: float
    mine: bool = True


class QuotaItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One resource.

    Attributes:
        resource: 'cpu' (cores), 'memory' (bytes) or 'gpu' (devices), or a cluster's own key.
        limit: what may be used in all; None is unknown, never 'unlimited'.
        used, mine, queued, borrowed: amounts in the same unit.
        others: what processes outside the SDK use, when it can be seen.
        label: the words to show, such as 'GPU, NVIDIA A100'.
    """

    resource: str
    limit: float | None = None
    used: float = 0.0
    mine: float = 0.0
    others: float = 0.0
    queued: float = 0.0
    borrowed: float = 0.0
    holders: tuple[Holder, ...] = ()
    label: str = ""


class Quota(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All resources of one place, and what could not be seen there."""

    backend: str
    place: str
    items: tuple[QuotaItem, ...] = ()
    unseen: tuple[str, ...] = ()


class Device(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GPU, or one slice of one.

    Attributes:
        id: a UUID, such as 'GPU-…' or 'MIG-…'.
        memory, memory_used: bytes.
        mechanism: how a share of it is made: 'whole', 'fraction', 'mps', 'mig', ….
        enforced: what holds the share.
        not_enforced: what does not.
        parent: the whole device's id, for a slice.
        free: the share of it that is not granted, 0 to 1.
    """

    id: str
    model: str
    memory: int
    memory_used: int = 0
    index: int = 0
    mechanism: str = "whole"
    profile: str = ""
    enforced: str = ""
    not_enforced: str = ""
    parent: str = ""
    free: float = 1.0


class Fit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a spec would run.

    Attributes:
        answer: 'now', 'waits' or 'never'.
        why: the sentence for a person.
        position: its place in line, when it waits.
        seconds: an estimate, when there is one.
    """

    answer: Literal["now", "waits", "never"]
    why: str = ""
    position: int | None = None
    seconds: float | None = None
