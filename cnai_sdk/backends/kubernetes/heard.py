"""What the workers of a workload said of themselves, as far as it was heard."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cnai_sdk.backends.record.reports import begun_again, last_values, progress_of, raised_of
from cnai_sdk.model.metric import Metric, Number
from cnai_sdk.model.workload import Progress

_DOING = 300


class Heard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the workers said of themselves, in the newest attempt that was heard of.

    Attributes:
        up: the ranks whose script has started.
        doing: rank to what it does before that, such as fetching its data.
        raised: rank to the exception that it ended with.
        metrics: rank to the last values that it reported.
        last: the last values of the workload, for which rank 0 speaks.
        reported: how many reports these are made from.
    """

    attempt: int = 0
    progress: Progress | None = None
    up: tuple[int, ...] = ()
    doing: dict[int, str] = {}
    raised: dict[int, str] = {}
    metrics: dict[int, dict[str, Number]] = {}
    last: dict[str, Number] = {}
    reported: int = 0


def with_reports(heard: Heard, reports: Sequence[Metric]) -> Heard:
    """With what they reported."""
    each, last = dict(heard.metrics), heard.last
    for report in reports:
        if report.attempt == heard.attempt:
            each[report.rank] = last_values(each.get(report.rank, {}), report.values)
        if report.rank == 0:
            last = last_values(last, report.values)
    count = heard.reported + len(reports)
    return msgspec.structs.replace(heard, metrics=each, last=last, reported=count)


def with_frame(heard: Heard, rank: int, frame: Mapping[str, Any]) -> Heard:
    """With a frame that is not a report."""
    if frame.get("state") == "running":
        up, left = {*heard.up, rank}, {r: doing for r, doing in heard.doing.items() if r != rank}
        far = heard.progress if rank else begun_again(heard.progress)  # after a pause, for one
        return msgspec.structs.replace(heard, up=tuple(sorted(up)), doing=left, progress=far)
    if "doing" in frame:
        doing = str(frame["doing"])[:_DOING]
        return msgspec.structs.replace(heard, doing=heard.doing | {rank: doing})
    if "error" in frame:
        return msgspec.structs.replace(heard, raised=heard.raised | {rank: raised_of(dict(frame))})
    if "progress" in frame and rank == 0:
        told = progress_of(dict(frame), heard.progress, now=time.time())
        return msgspec.structs.replace(heard, progress=told)
    return heard
