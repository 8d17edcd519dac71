"""What should be known of a call that was carried out all the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_said: set[str] = set()


def say(notices: Sequence[str]) -> None:
    """Print them, each once."""
    for notice in dict.fromkeys(notices):
        print(f"Note: {notice}", file=sys.stderr)


def unsaid(notices: Sequence[str]) -> list[str]:
    """Those that this process has not been told: a cell is not warned of again at every call."""
    new = [notice for notice in notices if notice not in _said]
    _said.update(new)
    return new
