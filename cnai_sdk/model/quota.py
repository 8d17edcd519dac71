"""What may be used, what is used, and by whom."""

from __future__ import annotations

from typing import Literal

import msgspec

from cnai_sdk.model.quantity import show_about


class Holder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workload or person behind a number.

    Attributes:
        id: of the workload, or '' for one that is none of the SDK's list.
        mine: whether it was made here.
        position: its place in line, from 1, where it waits.
        ends: Unix seconds at which it has to end, where it has a deadline and runs.
    """

    name: str
    amount: float
    mine: bool = True
    id: str = ""
    position: int | None = None
    ends: float | None = None


class QuotaItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One resource.

    Attributes:
        resource: 'cpu' (cores), 'memory' (bytes) or 'gpu' (devices), or a cluster's own key.
        limit: what may be used in all; None is unknown, never 'unlimited'.
        used, mine, queued, borrowed: amounts in the same unit.
        others: what processes outside the SDK use, when it can be seen; `used` has no part of it.
        lendable: what could be borrowed now beyond the limit.
        least, most: what one worker may ask for, where that is bounded.
        holders: who uses it, as far as that is visible.
        waiting: who waits for it.
        label: the words to show, such as 'GPU, NVIDIA A100'.
        unit: 'cores', 'bytes', 'GPUs', or '' for a plain number.
        source: what sets the limit, such as 'the quota team-a'.
        key: what it is charged to there, such as 'requests.nvidia.com/gpu'.
    """

    resource: str
    limit: float | None = None
    used: float = 0.0
    mine: float = 0.0
    others: float = 0.0
    queued: float = 0.0
    borrowed: float = 0.0
    lendable: float = 0.0
    least: float | None = None
    most: float | None = None
    holders: tuple[Holder, ...] = ()
    waiting: tuple[Holder, ...] = ()
    label: str = ""
    unit: str = ""
    source: str = ""
    key: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A queue that admits workloads.

    Attributes:
        waiting: how many wait in it, of whomever; None when that is not visible.
        mine: those of them that are known by name, from the head.
        stopped: why it admits nothing now, or ''.
        chosen: whether it is the one that was set for jobs that name none.
        items: what it has and what of that is used, where jobs go to it only by its name.
    """

    name: str
    waiting: int | None = None
    mine: tuple[Holder, ...] = ()
    stopped: str = ""
    chosen: bool = True
    items: tuple[QuotaItem, ...] = ()


class Quota(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All resources of one place, its queues, and what could not be seen there."""

    backend: str
    place: str
    items: tuple[QuotaItem, ...] = ()
    unseen: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


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
        isolation: what holds between those who share it: 'hardware', 'memory' or 'none'.
        count: on a cluster, how many such there are; None when it cannot be seen.
        replicas: how many share one card; 0 when it cannot be seen.
        found: on a cluster, how it was found.
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
    isolation: str = ""
    count: int | None = None
    replicas: int = 1
    found: str = ""


Unsure = Literal["", "idle", "nodes"]


class Fit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a spec would run.

    Attributes:
        answer: 'now', 'waits' or 'never'.
        why: the reason, for a person.
        next_step: what to change, when it never fits, or only in part.
        position: its place in line, when it waits and that is known.
        seconds: after how long it starts at the latest, by the deadlines of what runs before it;
            None when that is not known.
        count: how many of them were asked about, and `now` how many of those fit now.
        unsure: what could not be seen, so that no more than this is known: 'idle' when the nodes
            are large enough and who uses them is hidden, 'nodes' when they are hidden too, or what
            the queue has.
        notices: what else should be known of it, a sentence each: what it may use at the most, and
            how that was found.
    """

    answer: Literal["now", "waits", "never"]
    why: str = ""
    next_step: str = ""
    position: int | None = None
    seconds: float | None = None
    count: int = 1
    now: int = 0
    unsure: Unsure = ""
    notices: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole answer, for a person.

        >>> Fit(answer="waits", position=4, seconds=700.0).sentence
        "Waits behind 3, about 12\\xa0min by the running jobs' deadlines."
        >>> Fit(answer="never", why="The quota team-a gives 2 GPUs.").sentence
        'Never fits. The quota team-a gives 2 GPUs.'
        >>> Fit(answer="waits", count=4, now=3, position=1).sentence
        '3 of 4 fit now; the others wait.'
        >>> Fit(answer="waits", why="others come first by their priority").sentence
        'Waits: others come first by their priority.'
        >>> Fit(answer="now", unsure="idle").sentence
        'Large enough; whether it is idle cannot be seen.'
        """
        if self.answer == "never":
            return f"Never fits. {_ended(self.why)}"
        if self.answer == "now":
            said = self._now()
            return _ended(f"{said}; {self.why}" if self.why else said)
        if self.now:
            most = "At most " if self.unsure else ""
            said = f"{most}{self.now} of {self.count} fit now; the others wait"
        else:
            said = f"Waits{self._place()}"
        if self.seconds is not None:
            said += f", about {show_about(self.seconds)} by the running jobs' deadlines"
        return _ended(f"{said}: {self.why}" if self.why else said)

    def _place(self) -> str:
        if self.position is None:
            return ""
        return f" behind {self.position - 1}" if self.position > 1 else ", first in line"

    def _now(self) -> str:
        """As much as is known of what nothing forbids."""
        if self.unsure == "idle":
            size = "Large enough" if self.count == 1 else f"Large enough for all {self.count}"
            return f"{size}; whether it is idle cannot be seen"
        if self.unsure == "nodes":
            return "No visible limit forbids it; whether there is room cannot be seen"
        return "Fits now" if self.count == 1 else f"All {self.count} fit now"


def _ended(said: str) -> str:
    return said if said.endswith((".", "!", "?")) else f"{said}."
