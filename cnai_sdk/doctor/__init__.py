"""What works on this machine, and what to install.

Belongs here: checks, each a function that looks and returns findings. Never here: a check that
changes something, starts a job or asks a network, and how findings are shown.

`finding`   what a check says
`software`  Python, torch, what packages= needs, optional extras
`machine`   what jobs may use: cores, memory, GPUs, and what is enforced
`store`     settings, the folder of the jobs, the warm template
`lab`       JupyterLab and the two halves of the extension
"""

from __future__ import annotations

from cnai_sdk.doctor.finding import Finding


def examine() -> tuple[Finding, ...]:
    """Every check's findings, in the order in which a person fixes things."""
    from cnai_sdk.doctor import lab, machine, software, store

    checks = (*software.CHECKS, *machine.CHECKS, *store.CHECKS, *lab.CHECKS)
    return tuple(finding for check in checks for finding in check())


__all__ = ["Finding", "examine"]
