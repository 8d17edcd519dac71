"""What runs inside a job, under the name `cnai_sdk`, whatever is installed there.

Belongs here: what a worker needs to run the captured script and to report. Standard library only,
but for what an image has or what was installed for an address (boto3, huggingface_hub), imported
where it is used; this folder is copied beside the payload. Never here: anything that submits, or
imports the SDK.
"""

from typing import Any

from .reporting import (
    CnaiError,
    checkpoint_dir,
    output_dir,
    progress,
    rank,
    report,
    world_size,
)

__all__ = [
    "CnaiError",
    "checkpoint_dir",
    "output_dir",
    "progress",
    "rank",
    "report",
    "world_size",
]


class NotInAJob(CnaiError, AttributeError):
    """A name of the SDK that exists in the notebook, and not on a worker."""


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotInAJob(
        f"cnai_sdk.{name} does not exist inside a job.\n"
        f"Why: a worker has only {', '.join(sorted(__all__))}.\n"
        f"What to do: call cnai.{name} in the notebook, outside the function that is trained."
    )
