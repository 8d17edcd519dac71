"""All that a card, a panel or a terminal shows of one workload, at one moment."""

from __future__ import annotations

import msgspec

from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.stream import Interruption
from cnai_sdk.model.workload import Workload


class JobView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workload with what is shown beside it.

    Attributes:
        metrics: rank 0's reports, oldest first, bounded by whoever made the view.
        tail: the last few lines of the log.
        diagnosis: the verdict, when something went wrong.
        result: the returned value as JSON text, or None.
        outputs: the files that it wrote.
        now: Unix seconds at which this was so; ages are counted from it.
        interruption: why it cannot be known how it stands since then, or None.
    """

    workload: Workload
    metrics: tuple[Metric, ...] = ()
    tail: tuple[LogLine, ...] = ()
    diagnosis: Diagnosis | None = None
    result: str | None = None
    outputs: tuple[OutputFile, ...] = ()
    now: float = 0.0
    interruption: Interruption | None = None
