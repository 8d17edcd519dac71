"""A slice that an administrator has cut from a device with MIG.

What it does: the worker sees one slice by its UUID; the smallest that satisfies the wish is taken.
Enforced: memory, compute and faults, by the hardware. Not enforced: nothing that matters here.
Asked for as: gpu=0.25, gpu_memory="10Gi" on a machine where MIG is on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from cnai_sdk.gpu.fraction import too_small
from cnai_sdk.gpu.grant import GpuGrant, Wish
from cnai_sdk.gpu.whole import visible
from cnai_sdk.gpu.wish import SLACK, Isolation
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.quota import Device

ENFORCED = "The hardware holds memory, compute and faults to the slice."
_SLICES = 7


class Mig:
    """Slices made by the hardware."""

    name = "mig"
    isolation: Isolation = "hardware"

    def serves(self, device: Device) -> bool:
        """Slices, and not the card they were cut from."""
        return bool(device.parent)

    def offer(
        self, wish: Wish, device: Device, *, whole: Device, surroundings: Mapping[str, str]
    ) -> GpuGrant | str:
        """The slice, when it has the memory and, for a fraction, the compute."""
        wanted = max(wish.memory, int(wish.share * whole.memory))
        if device.memory < wanted * (1 - SLACK):
            return too_small(device)
        if wish.share and compute_slices(device.profile) < math.floor(_SLICES * wish.share):
            return f"{device.profile} has {compute_slices(device.profile)} of {_SLICES} slices"
        notice = ""
        if device.memory < wanted:
            notice = (
                f"The MIG slice {device.profile} has {show_bytes(device.memory)}, a little less "
                f"than {show_bytes(wanted)}."
            )
        return GpuGrant(
            devices=(device.id,),
            mechanism=self.name,
            memory=device.memory,
            environment=visible([device]),
            enforced=ENFORCED,
            notice=notice,
        )


def compute_slices(profile: str) -> int:
    """How many sevenths of a card's compute a profile has.

    >>> compute_slices("3g.40gb"), compute_slices("1g.10gb+me")
    (3, 1)
    """
    match = re.match(r"(\d+)g\.", profile)
    return int(match[1]) if match else 0
