"""Verdicts on workloads: what happened, why, what to do, and the lines that prove it.

Belongs here: failures as data (`rows/*.toml`, one table a failure), and the little code that data
cannot say: reading tracebacks, root before consequence, doubling a limit. Everything is pure: the
same facts give the same verdict. Never here: I/O on a backend, clocks, the network, rendering.
What a job printed is foreign: it is quoted, and never becomes a command to run.
"""

from cnai_sdk.explain.catalogue import is_consequence
from cnai_sdk.explain.facts import Facts
from cnai_sdk.explain.verdict import diagnose, diagnose_refusal

__all__ = ["Facts", "diagnose", "diagnose_refusal", "is_consequence"]
