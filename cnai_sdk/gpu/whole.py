"""Whole devices, for one worker alone.

What it does: the worker sees its devices by their UUIDs, and no other.
Enforced: no other job is given the device. Not enforced: programs outside the SDK may use it.
Asked for as: gpu=1, gpu=2.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnai_sdk.gpu.grant import GpuGrant
from cnai_sdk.model.quota import Device

ENFORCED = "No other job of yours is given the device."
NOT_ENFORCED = "Programs outside the SDK can use it too."


def grant(devices: Sequence[Device]) -> GpuGrant:
    """These devices, for one worker.

    Each worker sees only its own and is the only one on its "node", as in a pod, so that code which
    says "cuda" and code which says f"cuda:{LOCAL_RANK}" both find the right device.

    >>> grant([Device(id="GPU-7", model="NVIDIA L4", memory=24 * 2**30)]).environment["LOCAL_RANK"]
    '0'
    """
    return GpuGrant(
        devices=tuple(device.id for device in devices),
        mechanism="whole",
        memory=min(device.memory for device in devices),
        environment=visible(devices),
        enforced=ENFORCED,
        not_enforced=NOT_ENFORCED,
    )


def visible(devices: Sequence[Device]) -> dict[str, str]:
    """The variables that show a worker these devices only."""
    return {
        "CUDA_VISIBLE_DEVICES": ",".join(device.id for device in devices),
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
    }
