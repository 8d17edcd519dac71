"""What may be used, as a notebook or a terminal shows it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.quota import Device, Quota, QuotaItem


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
            (item.label or item.resource, _used(item), _holders(item)) for item in self.quota.items
        ]

    def __repr__(self) -> str:
        rows = self.rows()
        widths = [max((len(row[n]) for row in rows), default=0) for n in (0, 1)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows]
        return "\n".join([self.quota.place, *lines, *self.quota.unseen])

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows()
        )
        return f"<table><tr><th>Resource</th><th>Used</th><th>By</th></tr>{body}</table>"


def _used(item: QuotaItem) -> str:
    show = show_bytes if item.resource == "memory" else show_number
    return f"{show(item.used)} of {'–' if item.limit is None else show(item.limit)}"


def _holders(item: QuotaItem) -> str:
    show = show_bytes if item.resource == "memory" else show_number
    named = [f"{h.name} {show(h.amount)}" for h in item.holders]
    named += [f"other programs {show(item.others)}"] if item.others else []
    named += [f"{show(item.queued)} waiting"] if item.queued else []
    return ", ".join(named)


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
        return "\n".join(
            f"{d.model}  {d.profile or d.mechanism}  {show_bytes(d.memory)}  "
            f"{show_number(d.free)} free  {d.id}"
            for d in self._devices
        )
