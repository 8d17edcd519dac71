"""What a job's workers got, as a notebook or a terminal shows it."""

from __future__ import annotations

import html

from cnai_sdk.model.workload import Granted
from cnai_sdk.text.foreign import one_line

_HOLDS = {
    "hardware": "hardware: nobody else on the card is noticed",
    "memory": "memory: each keeps to its own, a fault can end the neighbours",
    "none": "none: nothing holds those on the card apart",
}


class GrantedView:
    """What was asked for, and what was given for it.

    Attributes:
        granted: all of it.
        asked: the request in words.
        isolation: 'hardware', 'memory' or 'none' between those who share a GPU; '' without one.
        quota_key: what the GPUs are charged to, or ''.
        how: a sentence for each resource: what holds it, and what does not.
    """

    def __init__(self, granted: Granted) -> None:
        self.granted = granted
        self.asked = granted.asked
        self.isolation = granted.isolation
        self.quota_key = granted.quota_key
        self.how = granted.how

    def rows(self) -> list[tuple[str, str]]:
        """What is said, with its title."""
        found = self.granted
        rows = [("Asked", found.asked), ("GPU", found.gpu_granted)]
        rows.append(("Isolation", _HOLDS.get(found.isolation, found.isolation)))
        rows.append(("Charged to", found.quota_key))
        rows += [("How" if n == 0 else "", sentence) for n, sentence in enumerate(found.how)]
        return [(title, one_line(said, 500)) for title, said in rows if said]

    def __repr__(self) -> str:
        return "\n".join(f"{title:<12}{said}" for title, said in self.rows())

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th>{html.escape(title)}</th><td>{html.escape(said)}</td></tr>"
            for title, said in self.rows()
        )
        return f"<table>{cells}</table>"
