"""A wish for a share of one GPU, and what was granted for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import msgspec

from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.quota import Device


class GpuGrant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one worker got.

    Attributes:
        devices: their ids.
        mechanism: how it was made: 'whole', 'fraction', 'mps' or 'mig'.
        share: how much of each of these devices is taken, 0 to 1.
        memory: bytes that it may use on each device.
        environment: what the worker's environment says about it.
        enforced, not_enforced: what holds the grant and what does not, a sentence each.
        notice: what is not quite as it was asked for, or ''.
    """

    devices: tuple[str, ...]
    mechanism: str
    share: float = 1.0
    memory: int = 0
    environment: dict[str, str] = {}
    enforced: str = ""
    not_enforced: str = ""
    notice: str = ""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A share of one GPU for one worker.

    Attributes:
        share: 0 to 1; 0 when only memory was asked for.
        memory: bytes; 0 when only a share was asked for.
    """

    share: float = 0.0
    memory: int = 0

    def of(self, device: Device) -> float:
        """The share of a device that satisfies both; more than 1 where nothing does.

        >>> card = Device(id="GPU-0", model="NVIDIA L4", memory=24 * 2**30)
        >>> Wish(share=0.25, memory=12 * 2**30).of(card)
        0.5
        """
        if self.memory > device.memory:
            return math.inf
        by_memory = math.ceil(100 * self.memory / device.memory) / 100 if self.memory else 0.0
        return max(self.share, by_memory)

    def __str__(self) -> str:
        words = []
        if self.share:
            words.append(f"gpu={show_number(self.share)}")
        if self.memory:
            words.append(f"{show_bytes(self.memory)} of GPU memory")
        return " and ".join(words)


class Mechanism(Protocol):
    """A way to give a worker a share of one device.

    Attributes:
        isolation: what holds between those who share it.
    """

    name: str
    isolation: Isolation

    def serves(self, device: Device) -> bool:
        """Whether shares of this device are made this way."""

    def offer(
        self, wish: Wish, device: Device, *, whole: Device, surroundings: Mapping[str, str]
    ) -> GpuGrant | str:
        """What the worker would get from an unused device, or why it falls short.

        Args:
            whole: the card that the device is a slice of; the device itself when it is none.
            surroundings: what the machine says about itself, such as the folder of MPS's pipes.
        """
