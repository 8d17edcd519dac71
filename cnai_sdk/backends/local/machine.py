"""The machine's rules, for those who submit and supervise jobs.

`capacity` reads what there is, `request` refuses at the call, `lease` grants.
"""

from cnai_sdk.backends.local.capacity import Capacity, LocalMachine, Machine
from cnai_sdk.backends.local.lease import (
    Ask,
    Held,
    Lease,
    Steady,
    describe,
    devices_now,
    grant,
    lease_environment,
    quota_of,
)
from cnai_sdk.backends.local.request import validate

__all__ = [
    "Ask",
    "Capacity",
    "Held",
    "Lease",
    "LocalMachine",
    "Machine",
    "Steady",
    "describe",
    "devices_now",
    "grant",
    "lease_environment",
    "quota_of",
    "validate",
]
