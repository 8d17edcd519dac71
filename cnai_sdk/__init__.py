"""Cloud-native AI from a notebook cell: `import cnai_sdk as cnai`.

The public names, and nothing else. Importing this loads no heavy library: a name is looked up when
it is first used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnai_sdk.client import Client, fits, gpus, job, jobs, quota, train, use
    from cnai_sdk.errors import (
        BackendUnavailable,
        CaptureError,
        CnaiError,
        DoesNotFit,
        InvalidRequest,
        JobFailed,
        MissingDependency,
        NameInUse,
        NotFound,
        SecretRefused,
        StoreVersion,
        Unsupported,
        WaitTimeout,
    )
    from cnai_sdk.worker import checkpoint_dir, output_dir, progress, rank, report, world_size

_WHERE = {
    **dict.fromkeys(("Client", "fits", "gpus", "job", "jobs", "quota", "train", "use"), "client"),
    **dict.fromkeys(
        ("checkpoint_dir", "output_dir", "progress", "rank", "report", "world_size"), "worker"
    ),
    **dict.fromkeys(
        (
            "BackendUnavailable",
            "CaptureError",
            "CnaiError",
            "DoesNotFit",
            "InvalidRequest",
            "JobFailed",
            "MissingDependency",
            "NameInUse",
            "NotFound",
            "SecretRefused",
            "StoreVersion",
            "Unsupported",
            "WaitTimeout",
        ),
        "errors",
    ),
}

__all__ = [
    "BackendUnavailable",
    "CaptureError",
    "Client",
    "CnaiError",
    "DoesNotFit",
    "InvalidRequest",
    "JobFailed",
    "MissingDependency",
    "NameInUse",
    "NotFound",
    "SecretRefused",
    "StoreVersion",
    "Unsupported",
    "WaitTimeout",
    "checkpoint_dir",
    "fits",
    "gpus",
    "job",
    "jobs",
    "output_dir",
    "progress",
    "quota",
    "rank",
    "report",
    "train",
    "use",
    "world_size",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            globals()[name] = version("cnai-sdk")
        except PackageNotFoundError:
            globals()[name] = "0+uninstalled"  # a checkout on the path
        return globals()[name]
    if name not in _WHERE:
        raise AttributeError(f"module 'cnai_sdk' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cnai_sdk.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


if "IPython" in sys.modules:
    importlib.import_module("cnai_sdk.notebook").arrange()
