"""Rows as a table of a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, which begin at the left."""
    body = "".join(_row("td", row) for row in rows)
    return f"<table>{_row('th', heads)}{body}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    written = (f'<{tag} style="text-align:left">{html.escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{''.join(written)}</tr>"
