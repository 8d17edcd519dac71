"""A slice that an administrator has cut from a device with MIG.

What it does: the worker sees one slice by its UUID; the smallest that satisfies the wish is taken.
Enforced: memory, compute and faults, by the hardware. Not enforced: nothing that matters here.
Asked for as: gpu=0.25, gpu_memory="10Gi" on a machine where MIG is on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from cnai_sdk.gpu import slices
from cnai_sdk.gpu.fraction import too_small
from cnai_sdk.gpu.grant import GpuGrant, Wish
from cnai_sdk.gpu.whole import visible
from cnai_sdk.gpu.wish import SLACK, Isolation
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.quota import Device

ENFORCED = "The hardware holds memory, compute and faults to the slice."


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
        has, of = slices.compute(device.profile), slices.slices(device.profile, device.model)
        if wish.share and has < math.floor(round(of * wish.share, 6)):
            return f"{device.profile} has {has} of {of} slices"
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
