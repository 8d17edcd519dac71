"""What a check says."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        check: what was looked at, a word or two.
        state: 'ok'; 'note' is worth knowing and stops nothing; 'problem' stops jobs.
        what: what is so.
        fix: what to do, with its command, or ''.
    """

    check: str
    state: Literal["ok", "note", "problem"]
    what: str
    fix: str = ""
