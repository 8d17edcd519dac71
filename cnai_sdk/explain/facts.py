"""What a verdict is made from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.spec import Span
from cnai_sdk.model.workload import Workload


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a workload that has ended.

    Attributes:
        events: what happened to it, oldest first.
        lines: the head and the tail of its log, all ranks, in the order of arrival.
        metrics: what its ranks reported, oldest first.
        distributions: import name to the installed distributions that provide it, as
            `importlib.metadata.packages_distributions` says for whoever submitted it.
        left: whether it returned a result or wrote a file; None when that is not known.
        spans: which lines of the script came from which cell.
        modules: names of the modules and packages that stand beside the notebook.
    """

    workload: Workload
    events: tuple[Event, ...] = ()
    lines: tuple[LogLine, ...] = ()
    metrics: tuple[Metric, ...] = ()
    distributions: Mapping[str, tuple[str, ...]] = {}
    left: bool | None = None
    spans: tuple[Span, ...] = ()
    modules: frozenset[str] = frozenset()
