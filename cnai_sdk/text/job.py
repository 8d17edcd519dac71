"""A job and its verdict as text: the words of the card, in at most 80 columns, without colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from cnai_sdk.model.diagnosis import Diagnosis, Evidence
from cnai_sdk.model.metric import from_wire
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Replica, Workload
from cnai_sdk.text.columns import cut, display_width, pad, wrap
from cnai_sdk.text.foreign import clean, one_line
from cnai_sdk.text.spark import bar, sparkline
from cnai_sdk.text.words import (
    away_text,
    left_text,
    memory_text,
    progress_text,
    share_text,
    size_text,
    time_text,
    waiting_text,
)

_ICONS = {
    Phase.QUEUED: ("◷", "o"),
    Phase.STARTING: ("◌", "."),
    Phase.RUNNING: ("▶", ">"),
    Phase.SUCCEEDED: ("✓", "+"),
    Phase.FAILED: ("✗", "x"),
    Phase.STOPPED: ("■", "#"),
    Phase.READY: ("●", "*"),
}
_PLAINER = str.maketrans("×·…│–\N{NO-BREAK SPACE}", "x-~|- ")
_METRICS, _WORKERS, _LINES, _OUTPUTS = 6, 8, 3, 6
_SENTENCES, _PROOF = 12, 4
_BAR, _SPARK, _COLUMN, _NAME = 32, 12, 37, 11


def job_text(view: JobView, *, width: int = 80, ascii: bool = False) -> str:
    """How a job stands: phase, progress, numbers, workers, last lines; its verdict when it failed.

    Args:
        width: columns that no line exceeds.
        ascii: with characters that every terminal has; others are written as escapes.
    """
    lines = [_head(view, width - 3, ascii), *_body(view, width - 3, ascii)]
    if ascii:
        lines = [_plainer(line) for line in lines]
    return "\n".join(cut(line.rstrip(), width, mark="~" if ascii else "…") for line in lines)


def _plainer(line: str) -> str:
    return line.translate(_PLAINER).encode("ascii", "backslashreplace").decode()


def verdict_text(diagnosis: Diagnosis, *, width: int = 76) -> str:
    """What happened, why, what to do, and the lines that prove it.

    >>> print(verdict_text(Diagnosis(id="X", short="x", happened="It broke", why="It was old")))
    What happened  It broke
    Why            It was old
    """
    room = width - 15
    lines: list[str] = []
    for title, said in (
        ("What happened", diagnosis.happened),
        ("Why", diagnosis.why),
        ("What to do", diagnosis.fix),
    ):
        shown = _paragraph(said, room, _SENTENCES) if said else []
        if title == "What to do" and diagnosis.code and diagnosis.code not in diagnosis.fix:
            shown += _paragraph(diagnosis.code, room, _SENTENCES)
        lines += _labelled(title, shown)
    shown = [line for each in diagnosis.evidence for line in _evidence(each, diagnosis, room)]
    return "\n".join(line.rstrip() for line in [*lines, *_labelled("Evidence", shown)])


def _paragraph(text: str, width: int, most: int) -> list[str]:
    """Wrapped, and no more than so many lines of it."""
    lines = wrap(cut(clean(text, colours=False), width * most), width)
    if len(lines) > most:
        lines[most - 1 :] = [cut(lines[most - 1] + " …", width)]
    return lines


def _labelled(title: str, lines: list[str]) -> list[str]:
    return [f"{title if n == 0 else '':<15}{line}" for n, line in enumerate(lines)]


def _evidence(line: Evidence, diagnosis: Diagnosis, room: int) -> Iterator[str]:
    places = max(display_width(one_line(each.where, 30)) for each in diagnosis.evidence)
    where = one_line(line.where, 30)
    for shown in _paragraph(line.text, max(room - places - 2, 20), _PROOF):
        yield f"{pad(where, places)}  {shown}"
        where = ""


def _head(view: JobView, width: int, ascii: bool) -> str:
    workload = view.workload
    phase = workload.phase
    icon = _ICONS.get(phase, ("?", "?"))[ascii]
    word = phase.label if phase.known else "Unknown"
    took = time_text(workload, view.now)
    place = one_line(workload.place, 30)
    about = ", ".join(part for part in (size_text(workload), place) if part)
    left = f"{icon} {word:<9}  {one_line(workload.shown, 40)}"
    room = width - display_width(left) - len(took) - 6
    left += f"   {cut(about, room)}" if about and room > 10 else ""
    return f"{pad(left, width - len(took))}{took}"


def _body(view: JobView, width: int, ascii: bool) -> Iterator[str]:
    phase = view.workload.phase
    if view.diagnosis is not None and phase is Phase.FAILED:
        yield from ("", *_indented(verdict_text(view.diagnosis, width=width - 2)))
        return
    yield from _standing(view, width, ascii)
    if away := away_text(view):
        yield from (f"  {line}" for line in _paragraph(away, width - 2, _SENTENCES))
    yield from _metrics(view, ascii)
    if phase.ended:
        yield from _results(view, width)
    else:
        yield from _workers(view.workload)
        yield from _tail(view, width)
    if view.diagnosis is not None:
        yield from ("", *_indented(verdict_text(view.diagnosis, width=width - 2)))


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.split("\n")]


def _standing(view: JobView, width: int, ascii: bool) -> Iterator[str]:
    workload = view.workload
    progress = workload.progress
    running = workload.phase is Phase.RUNNING
    if progress is not None and progress.fraction is not None and running:
        parts = [
            bar(progress.fraction, _BAR, ascii=ascii),
            f"{100 * progress.fraction:.0f}%",
            progress_text(progress),
            left_text(workload, view.now),
        ]
        yield "  " + "   ".join(part for part in parts if part)
    elif progress is not None and workload.phase is not Phase.SUCCEEDED:
        yield f"  {progress_text(progress)}"
    said = one_line(waiting_text(workload), 3 * width)
    if said and workload.phase is not Phase.SUCCEEDED:
        yield from (f"  {line}" for line in wrap(said, width - 2))


def _metrics(view: JobView, ascii: bool) -> Iterator[str]:
    names = list(dict.fromkeys(name for report in view.metrics for name in report.values))
    names += [name for name in view.workload.metrics if name not in names]
    shown = names[:_METRICS]
    left = [_metric(view, name, shown[::2], ascii) for name in shown[::2]]
    right = [_metric(view, name, shown[1::2], ascii) for name in shown[1::2]]
    for first, second in zip_longest(left, right, fillvalue=""):
        yield f"  {pad(first, _COLUMN)}{second}"
    if len(names) > _METRICS:
        yield f"  and {len(names) - _METRICS} more metrics"


def _metric(view: JobView, name: str, column: Sequence[str], ascii: bool) -> str:
    values = [from_wire(m.values[name]) for m in view.metrics if name in m.values]
    last = view.workload.metrics.get(name)
    value = show_number(from_wire(last) if last is not None else values[-1])
    widest = max(display_width(one_line(each, _NAME)) for each in column)
    label = pad(one_line(name, _NAME), widest)
    return f"{label}   {value:<5}  {sparkline(values, _SPARK, ascii=ascii)}"


def _workers(workload: Workload) -> Iterator[str]:
    if workload.phase is Phase.QUEUED:
        return
    for replica in workload.replicas[:_WORKERS]:
        yield f"  worker {replica.rank}   {_worker(workload, replica)}"
    if len(workload.replicas) > _WORKERS:
        yield f"  and {len(workload.replicas) - _WORKERS} more workers"


def _worker(workload: Workload, replica: Replica) -> str:
    granted, asked = workload.granted, workload.resources
    state = replica.phase.label.lower()
    if replica.cpu is None and replica.memory is None:
        return "   ".join(part for part in (state, one_line(replica.message, 50)) if part)
    cpu = share_text(replica.cpu, (granted.cpu if granted else None) or asked.cpu)
    memory = memory_text(replica.memory, (granted.memory if granted else None) or asked.memory)
    return f"{state:<7}   CPU {cpu}   {memory}"


def _tail(view: JobView, width: int) -> Iterator[str]:
    several = len(view.workload.replicas) > 1
    for line in view.tail[-_LINES:]:
        text = clean(line.text, colours=False).replace("\n", " ").expandtabs(4)
        yield cut(f"  {line.rank} │ {text}" if several else f"  {text}", width)


def _results(view: JobView, width: int) -> Iterator[str]:
    if view.result is not None and view.result != "null":
        yield f"  result     {one_line(view.result, width - 13)}"
    if view.outputs:
        shown = ", ".join(
            f"{one_line(file.path, 40)} {show_bytes(file.size)}" for file in view.outputs[:_OUTPUTS]
        )
        more = len(view.outputs) - _OUTPUTS
        yield f"  outputs    {cut(shown, width - 25)}" + (f" and {more} more" if more > 0 else "")
