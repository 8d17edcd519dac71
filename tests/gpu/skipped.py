"""How it is said that nothing was tested on a device."""

from __future__ import annotations


class GpuTestsSkipped(UserWarning):
    """Nothing was tested on a device.

    It has a module that any process finds: warnings go from the one that runs a test to the one
    that shows them.
    """
