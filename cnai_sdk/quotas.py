"""What may be used, as a notebook or a terminal shows it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.quota import Device, Fit, Line, Quota, QuotaItem
from cnai_sdk.text.columns import display_width, pad
from cnai_sdk.text.foreign import one_line
from cnai_sdk.text.words import ordinal


class QuotaView:
    """What may be used in one place.

    Attributes:
        quota: the numbers.
    """

    def __init__(self, quota: Quota) -> None:
        self.quota = quota

    def rows(self) -> list[tuple[str, str, str]]:
        """Resource, used of limit, and by whom."""
        return [
            (one_line(item.label or item.resource), _used(item), one_line(_holders(item)))
            for item in self.quota.items
        ]

    def notes(self) -> list[str]:
        """The queues, and what could not be seen."""
        offered = [line.name for line in self.quota.lines if not line.chosen]
        hint = [
            f'No queue is set: queue="{name}" in cnai.train puts a job there, '
            f"CNAI_QUEUE={name} all of them."
            for name in offered[:1]
        ]
        said = (*map(_line, self.quota.lines), *hint, *self.quota.unseen)
        return [one_line(note) for note in said]

    def __repr__(self) -> str:
        rows = self.rows()
        widths = [max((len(row[n]) for row in rows), default=0) for n in (0, 1)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows]
        return "\n".join([self.quota.place, *lines, *self.notes()])

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows()
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes())
        head = "<tr><th>Resource</th><th>Used</th><th>By</th></tr>"
        return f"<table>{head}{body}</table>{notes}"


class FitView:
    """Whether something would start: true when nothing that can be seen keeps any of it waiting.

    Attributes:
        fit: the answer.
    """

    def __init__(self, fit: Fit) -> None:
        self.fit = fit

    def __bool__(self) -> bool:
        return self.fit.answer == "now"

    def __repr__(self) -> str:
        said = one_line(self.fit.sentence)
        next_step = one_line(self.fit.next_step)
        lines = [said, f"What to do: {next_step}"] if next_step else [said]
        return "\n".join([*lines, *map(one_line, self.fit.notices)])


def _used(item: QuotaItem) -> str:
    if item.limit is None:
        return f"{_amount(item, item.used)}, limit not known"
    said = f"{_amount(item, item.used)} of {_amount(item, item.limit)}"
    if item.borrowed:
        said += f", {_amount(item, item.borrowed)} borrowed"
    if item.lendable:
        said += f", {_amount(item, item.lendable)} more to borrow"
    return said


def _amount(item: QuotaItem, amount: float) -> str:
    memory = item.unit == "bytes" or item.resource == "memory"
    return show_bytes(amount) if memory else show_number(amount)


def _holders(item: QuotaItem) -> str:
    named = [f"{h.name} {_amount(item, h.amount)}" for h in item.holders]
    rest = item.used - sum(h.amount for h in item.holders)
    if rest > 1e-6 * max(item.used, 1.0):
        named.append(f"others {_amount(item, rest)}")
    named += [f"other programs {_amount(item, item.others)}"] if item.others else []
    named += [_wanted(item)] if item.queued else []
    bounds = (("least", item.least), ("most", item.most))
    named += [f"one worker at {word} {_amount(item, b)}" for word, b in bounds if b is not None]
    return ", ".join(named)


def _wanted(item: QuotaItem) -> str:
    """What those in line ask for, told from how many they are."""
    amount = _amount(item, item.queued)
    unit = item.unit or {"cpu": "cores", "gpu": "GPUs"}.get(item.resource, "")
    if unit not in ("", "bytes"):
        amount += f" {unit.removesuffix('s') if item.queued == 1 else unit}"
    if not item.waiting:
        return f"jobs in line want {amount}"
    count = len(item.waiting)
    return f"{count} {'job waits' if count == 1 else 'jobs wait'} for {amount}"


def _line(line: Line) -> str:
    if line.stopped:
        return f"Queue {line.name}: {line.stopped}."
    waits = "waits" if line.waiting == 1 else "wait"
    count = "it is not known how many wait" if line.waiting is None else f"{line.waiting} {waits}"
    mine = [f"{h.name} is {ordinal(h.position)}" for h in line.mine if h.mine and h.position]
    has = [f"{item.label or item.resource} {_used(item)}" for item in line.items]
    return f"Queue {line.name}: {', '.join([count, *mine, *has])}."


class Devices(Sequence[Device]):
    """The GPUs and slices that are on offer."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = tuple(devices)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._devices[index]

    def __len__(self) -> int:
        return len(self._devices)

    def __repr__(self) -> str:
        if not self._devices:
            return "No GPU was found here."
        rows = [_HEAD, *(_device(each) for each in self._devices)]
        widths = [max(display_width(row[n]) for row in rows) for n in range(len(_HEAD))]
        return "\n".join(
            "  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(title)}</th>" for title in _HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _device(each)) + "</tr>"
            for each in self._devices
        )
        return f"<table><tr>{head}</tr>{body}</table>"


_HEAD = ("GPU", "Shared by", "Memory", "Isolation", "How many", "Found by", "Key")


def _device(device: Device) -> tuple[str, ...]:
    """One row. Names and keys are a driver's or an administrator's own words."""
    how = f"MIG {device.profile}" if device.profile else device.mechanism
    if device.profile and device.replicas > 1:
        how = f"{device.mechanism} of {how}"
    each = f" ×{device.replicas}" if device.replicas > 1 else ""
    left = f"{show_number(device.free)} free" if device.count is None and not device.found else ""
    count = left or ("not visible" if device.count is None else str(device.count))
    cells = (
        device.model or "not visible",
        how + each,
        show_bytes(device.memory) if device.memory else "not visible",
        device.isolation,
        count,
        device.found or "the driver",
        device.id,
    )
    return tuple(one_line(cell, 80) for cell in cells)
