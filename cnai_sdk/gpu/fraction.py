"""A share of a device's memory, held by torch's allocator.

What it does: torch in the worker refuses to allocate beyond the share.
Enforced: what torch itself allocates, in each process of the worker. Not enforced: the CUDA context
(some hundred MiB), other libraries' memory, and compute: jobs on one device take turns.
Asked for as: gpu=0.5, gpu_memory="10Gi", where neither MIG nor an MPS daemon is there.
"""

from __future__ import annotations

from collections.abc import Mapping

from cnai_sdk.gpu.grant import GpuGrant, Wish
from cnai_sdk.gpu.whole import visible
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.quota import Device

ENFORCED = "torch refuses to allocate beyond the share."
NOT_ENFORCED = "Compute is not divided, and memory that other libraries allocate is not counted."

ALLOCATOR = "PYTORCH_CUDA_ALLOC_CONF"
"""Read by torch when CUDA is first used, so it works without initialising CUDA before a fork."""

NEWER = "PYTORCH_ALLOC_CONF"
"""What later versions of torch call it; they do not read it where the older name is set."""


class Fraction:
    """Memory held by torch; compute shared freely."""

    name = "fraction"
    isolation: Isolation = "memory"

    def serves(self, device: Device) -> bool:
        """Every card that is not cut into slices and has no MPS daemon."""
        return device.mechanism == self.name

    def offer(
        self, wish: Wish, device: Device, *, whole: Device, surroundings: Mapping[str, str]
    ) -> GpuGrant | str:
        """The share, with torch's limit."""
        share = wish.of(device)
        if share > 1:
            return too_small(device)
        return GpuGrant(
            devices=(device.id,),
            mechanism=self.name,
            share=share,
            memory=int(device.memory * share),
            environment=visible([device]) | torch_limit(share),
            enforced=ENFORCED,
            not_enforced=NOT_ENFORCED,
        )


def torch_limit(share: float) -> dict[str, str]:
    """The variables that hold torch to a share of the visible device.

    >>> torch_limit(0.25)
    {'PYTORCH_CUDA_ALLOC_CONF': 'per_process_memory_fraction:0.25'}
    """
    return {ALLOCATOR: f"per_process_memory_fraction:{share:g}"}


def beside(environment: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """What a worker is told, with its limit beside what it says to torch's allocator itself.

    >>> beside({"PYTORCH_ALLOC_CONF": "expandable_segments:True"}, torch_limit(0.25))
    {'PYTORCH_CUDA_ALLOC_CONF': 'expandable_segments:True,per_process_memory_fraction:0.25'}
    """
    own = environment.get(ALLOCATOR) or environment.get(NEWER)
    both = {ALLOCATOR: f"{own},{told[ALLOCATOR]}"} if own and ALLOCATOR in told else {}
    return dict(told) | both


def too_small(device: Device) -> str:
    """Why a device cannot hold a wish."""
    return f"{device.profile or device.model} has {show_bytes(device.memory)}"
