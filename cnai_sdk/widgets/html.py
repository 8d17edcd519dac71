"""A view of a job as HTML: the card's body, the same live and saved."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from cnai_sdk.model.metric import from_wire
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Progress, Replica, Workload
from cnai_sdk.text import to_html
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
from cnai_sdk.widgets.chart import sparkline_svg
from cnai_sdk.widgets.icons import phase_icon
from cnai_sdk.widgets.verdict import verdict_html

_METRICS = 6
_WORKERS = 8
_OUTPUTS = 6


@cache
def style() -> str:
    """The card's style sheet, as an element."""
    text = files(__package__).joinpath("card.css").read_text(encoding="utf-8")
    return f"<style>{text}</style>"


def card_html(view: JobView, *, saved: float | None = None) -> str:
    """The card of a job, without its style sheet and without buttons.

    Args:
        view: how the job stands. All text in it is foreign, and is escaped.
        saved: Unix seconds of the moment for which it is kept, said in the card; None for a card
            that changes.
    """
    workload = view.workload
    label = to_html(f"{workload.shown}, {workload.phase.label.lower()}")
    parts = (_head(view), _away(view), _progress(view), _sections(view), _saved(view, saved))
    body = "".join(parts)
    return f'<div class="cnai-Card" role="group" aria-label="{_attribute(label)}">{body}</div>'


def _attribute(html: str) -> str:
    """Escaped HTML as the value of an attribute: its text, without the elements of colours."""
    return re.sub(r"<[^>]*>", "", html).replace('"', "&quot;")


def _head(view: JobView) -> str:
    workload = view.workload
    phase = workload.phase
    fraction = workload.progress.fraction if workload.progress else None
    word = phase.label if phase.known else "Unknown"
    label = "" if not workload.display_name else f' title="{_attribute(to_html(workload.name))}"'
    return (
        f'<div class="cnai-head">{phase_icon(phase, fraction)}'
        f'<span class="cnai-title"><b>{word}</b> '
        f'<bdi class="cnai-name"{label}>{to_html(workload.shown)}</bdi> '
        f'<span class="cnai-meta">{to_html(_size(workload))}</span></span> '
        f'<span class="cnai-time">{time_text(workload, view.now)}</span></div>'
    )


def _size(workload: Workload) -> str:
    place = workload.place or workload.backend
    return " · ".join(part for part in (size_text(workload), place) if part)


def _away(view: JobView) -> str:
    said = away_text(view)
    return f'<p class="cnai-away" role="status">{to_html(said)}</p>' if said else ""


def _progress(view: JobView) -> str:
    workload = view.workload
    progress = workload.progress
    if workload.phase in (Phase.SUCCEEDED, Phase.FAILED):
        return ""
    if progress is None or workload.phase in (Phase.QUEUED, Phase.STARTING):
        said = "" if workload.phase.ended else waiting_text(workload)
        return f'<p class="cnai-say">{to_html(said)}</p>' if said else ""
    share = "" if progress.fraction is None else f"{progress.fraction:.0%}"
    meta = " · ".join(part for part in (share, left_text(workload, view.now)) if part)
    said = progress_text(progress)
    return (
        f'<div class="cnai-progress"><span>{to_html(said[:1].upper() + said[1:])}</span>'
        f'{_bar(progress)}<span class="cnai-meta">{meta}</span></div>'
    )


def _bar(progress: Progress) -> str:
    name = _attribute(to_html(progress.unit or "progress"))
    if progress.fraction is None:
        return f'<div class="cnai-bar" role="progressbar" aria-label="{name}"></div>'
    share = round(100 * progress.fraction)
    return (
        f'<div class="cnai-bar" role="progressbar" aria-label="{name}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share}"><i style="width:{share}%"></i></div>'
    )


def _sections(view: JobView) -> str:
    phase = view.workload.phase
    verdict = verdict_html(view.diagnosis) if view.diagnosis is not None else ""
    if phase is Phase.FAILED:
        return verdict or _sentence(view.workload)
    metrics = _metrics(view)
    if phase.ended:
        side = _results(view)
        message = "" if phase is Phase.SUCCEEDED or verdict else _sentence(view.workload)
        return verdict + message + _two(metrics, side)
    return _two(metrics, _workers(view.workload)) + _tail(view)


def _sentence(workload: Workload) -> str:
    return f'<p class="cnai-say">{to_html(workload.message)}</p>' if workload.message else ""


def _two(first: str, second: str) -> str:
    sides = "".join(f"<div>{side}</div>" for side in (first, second) if side)
    return f'<div class="cnai-two">{sides}</div>' if sides else ""


def _metrics(view: JobView) -> str:
    names = list(dict.fromkeys(name for report in view.metrics for name in report.values))
    names += [name for name in view.workload.metrics if name not in names]
    if not names:
        return ""
    ended = view.workload.phase.ended
    rows = "".join(_metric(view, name, ended) for name in names[:_METRICS])
    return f'<p class="cnai-cap">{"Metrics, last" if ended else "Metrics"}</p>{rows}' + _more(
        len(names) - _METRICS, "metrics"
    )


def _metric(view: JobView, name: str, ended: bool) -> str:
    values = [from_wire(m.values[name]) for m in view.metrics if name in m.values]
    last = view.workload.metrics.get(name)
    value = from_wire(last) if last is not None else values[-1]
    return (
        f'<div class="cnai-metric"><bdi>{to_html(name)}</bdi> <b>{show_number(value)}</b> '
        f"{sparkline_svg(values, resting=ended)}</div>"
    )


def _more(count: int, what: str) -> str:
    return f'<p class="cnai-cap">and {count} more {what}</p>' if count > 0 else ""


def _workers(workload: Workload) -> str:
    if not workload.replicas:
        return ""
    devices = workload.granted.devices if workload.granted else ()
    measured = _measured(workload)
    titles = ["Workers", *(["GPU"] if devices else []), *(["CPU", "Memory"] if measured else [])]
    head = "".join(f"<th>{title}</th>" for title in titles)
    rows = "".join(_worker(workload, replica, devices) for replica in workload.replicas[:_WORKERS])
    return (
        f'<table class="cnai-workers"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        + _more(len(workload.replicas) - _WORKERS, "workers")
    )


def _measured(workload: Workload) -> bool:
    """Whether it is known what any worker uses; no cluster tells it."""
    return any(each.cpu is not None or each.memory is not None for each in workload.replicas)


def _worker(workload: Workload, replica: Replica, devices: Sequence[str]) -> str:
    granted = workload.granted
    cpu = (granted and granted.cpu) or workload.resources.cpu
    memory = (granted and granted.memory) or workload.resources.memory
    fraction = workload.progress.fraction if workload.progress else None
    said = f" <small>{to_html(replica.message)}</small>" if replica.message else ""
    device = devices[replica.rank] if replica.rank < len(devices) else "–"
    used = [share_text(replica.cpu, cpu), memory_text(replica.memory, memory)]
    cells = ([to_html(device)] if devices else []) + (used if _measured(workload) else [])
    return (
        f"<tr><td>{phase_icon(replica.phase, fraction)} Worker {replica.rank}{said}</td>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
    )


def _tail(view: JobView) -> str:
    if not view.tail:
        return ""
    several = len(view.workload.replicas) > 1
    lines = "\n".join(
        (f"<i>{line.rank}</i>  " if several else "") + to_html(line.text) for line in view.tail
    )
    return (
        '<div class="cnai-part"><p class="cnai-cap">Last lines</p>'
        f'<pre class="cnai-tail" role="log" aria-live="off">{lines}</pre></div>'
    )


def _results(view: JobView) -> str:
    rows = ""
    if view.result is not None and view.result != "null":
        rows += f"<dt>Result</dt><dd><code>{to_html(view.result)}</code></dd>"
    if view.outputs:
        shown = ", ".join(_output(file) for file in view.outputs[:_OUTPUTS])
        more = len(view.outputs) - _OUTPUTS
        rows += f"<dt>Outputs</dt><dd>{shown}{f' and {more} more' if more > 0 else ''}</dd>"
    if not rows:
        return ""
    return f'<p class="cnai-cap">Result and outputs</p><dl class="cnai-results">{rows}</dl>'


def _output(file: OutputFile) -> str:
    size = f'<span class="cnai-meta">{show_bytes(file.size)}</span>'
    return f"<bdi>{to_html(file.path)}</bdi> {size}"


def _saved(view: JobView, saved: float | None) -> str:
    if saved is None:
        return ""
    name = to_html(view.workload.name)
    return (
        f'<p class="cnai-saved">As of {_moment(saved)}. '
        f"<code>cnai.job(&quot;{name}&quot;)</code> shows it as it is now.</p>"
    )


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))
