"""What works on this machine, and what to install.

Belongs here: checks, each a function that looks and returns findings. Never here: a check that
changes something or starts a job, and how findings are shown. Only `cluster` asks a network, and
only where a cluster is known.

`finding`   what a check says
`software`  Python, torch, what packages= needs, optional extras
`machine`   what jobs may use: cores, memory, GPUs, and what is enforced
`store`     settings, the folder of the jobs, the warm template
`cluster`   the cluster of the kubeconfig: what it has, and what may be done there
`tried`     the simplest job there, in a dry run
`admin`     what an administrator has set up there for students
`published` the ceilings and the GPU profile there, and whether the API server holds the same
`lab`       JupyterLab and the two halves of the extension
"""

from __future__ import annotations

from cnai_sdk.doctor.finding import Finding


def examine() -> tuple[Finding, ...]:
    """Every check's findings, in the order in which a person fixes things."""
    from cnai_sdk.doctor import cluster, lab, machine, software, store

    checks = (*software.CHECKS, *machine.CHECKS, *store.CHECKS, *cluster.CHECKS, *lab.CHECKS)
    return tuple(finding for check in checks for finding in check())


__all__ = ["Finding", "examine"]
