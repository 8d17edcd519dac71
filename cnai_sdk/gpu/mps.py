"""A share of a device under an MPS daemon that already runs.

What it does: the daemon caps the worker's memory and its share of the multiprocessors.
Enforced: memory, by the daemon and by torch; compute, as an upper limit. Not enforced: faults are
shared, so an illegal access in one job can end the others on that device.
Asked for as: gpu=0.5, gpu_memory="10Gi".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from cnai_sdk.gpu.fraction import too_small, torch_limit
from cnai_sdk.gpu.grant import GpuGrant, Wish
from cnai_sdk.gpu.whole import visible
from cnai_sdk.gpu.wish import Isolation
from cnai_sdk.model.quota import Device

PIPES = "CUDA_MPS_PIPE_DIRECTORY"
ENFORCED = "The MPS daemon caps the memory and the share of the multiprocessors."
NOT_ENFORCED = "A fault in one job can end the others on the device."


class Mps:
    """Memory and compute held by NVIDIA's Multi-Process Service."""

    name = "mps"
    isolation: Isolation = "memory"

    def serves(self, device: Device) -> bool:
        """Cards of a machine where the daemon runs; MIG slices are shared as they are."""
        return device.mechanism == self.name

    def offer(
        self, wish: Wish, device: Device, *, whole: Device, surroundings: Mapping[str, str]
    ) -> GpuGrant | str:
        """The share, with the daemon's limits.

        torch's own limit is set beside them: without its daemon CUDA runs without a limit, and
        says nothing.
        """
        share = wish.of(device)
        if share > 1:
            return too_small(device)
        memory = int(device.memory * share)
        limits = {
            PIPES: surroundings.get(PIPES, ""),
            "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": f"0={memory // 2**20}M",
            "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": str(math.ceil(round(100 * share, 6))),
        }
        return GpuGrant(
            devices=(device.id,),
            mechanism=self.name,
            share=share,
            memory=memory,
            environment=visible([device]) | limits | torch_limit(share),
            enforced=ENFORCED,
            not_enforced=NOT_ENFORCED,
        )
