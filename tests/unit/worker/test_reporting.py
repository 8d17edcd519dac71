"""What report() and progress() refuse, and that they say which of them refused and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnai_sdk.worker import reporting
from cnai_sdk.worker.reporting import CnaiError

report: Any = reporting.report  # called as no type checker lets through
progress: Any = reporting.progress


@pytest.mark.parametrize(
    ("call", "said", "step"),
    [
        (lambda: report(*(0, 1.0)), "takes metrics by their names", "cnai.report(step=epoch, "),
        (lambda: report(*[{"loss": 1}]), "takes metrics by their names", "**metrics"),
        (lambda: report(), "without a metric", "name at least one"),
        (lambda: report(loss=[1, 2]), "report(loss=…) was given list", "loss=float("),
        (lambda: report(step="a", loss=1), "report(step=…) was given str", "step=1"),
        (lambda: report(step=float("nan"), loss=1), "report(step=nan)", "a finite number"),
        (lambda: progress("half", 2), "progress(done=…) was given str", "done=1"),
        (lambda: progress(1, "all"), "progress(total=…) was given str", "total=1"),
        (lambda: progress(float("inf")), "progress(done=inf)", "a finite number"),
    ],
)
def test_it_says_what_was_refused_and_what_to_do(
    call: Callable[[], object], said: str, step: str
) -> None:
    with pytest.raises(CnaiError) as refused:
        call()
    what, to_do = str(refused.value).split("\nWhat to do: ")
    assert said in what
    assert step in to_do
