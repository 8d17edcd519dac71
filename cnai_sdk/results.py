"""Why a job that has ended has no result."""

from __future__ import annotations

from collections.abc import Iterable

from cnai_sdk.errors import NotFound
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload
from cnai_sdk.text import clean

_NOT_KEPT = "The return value is not kept, because "
"""How the worker's own line begins; what follows ends at _REMEDY."""

_REMEDY = ". To keep it"


def missing_result(workload: Workload, lines: Iterable[str], *, whole: bool) -> NotFound:
    """The error that says why there is none.

    Args:
        lines: what worker 0 printed at the end.
        whole: whether nothing is known to lack in its log.
    """
    said = [line for line in lines if line.startswith(_NOT_KEPT)]
    step = (
        "Return numbers, text, lists or dicts; write anything else to a file in "
        "cnai.output_dir(), which job.outputs then has."
    )
    if workload.phase is Phase.STOPPED:
        why = "It was stopped before its function had returned."
        step = "Run it again: job.rerun(). job.outputs says which files it had written."
    elif said:
        problem = clean(said[-1], colours=False).removeprefix(_NOT_KEPT).partition(_REMEDY)[0]
        why = f"Its function returned a value that could not be kept: {problem}."
        step = (
            "Return less, or write it to a file in cnai.output_dir(), which job.outputs then has."
            if "bytes of JSON" in problem
            else step
        )
    elif whole:
        why = "Its function returned None."
    else:
        why = "Its function returned None, or a value that is not JSON; its log has gaps."
    return NotFound(f"{workload.name} has no result.", why=why, next_step=step)
