"""How often the server does things, and how much a page may ask of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often things are done, in seconds.

    Attributes:
        changes: between two messages of changes.
        beat: after which a silent socket says that it is there.
        quota: between two looks at the quota, while somebody is there.
        configuration: between two looks at whether the configuration file was written.
        first_answer: for which somebody who does not stay waits for a place to be known.
        hub_rests: after which a hub that nobody uses stops watching.
        page_rests: without input after which a page closes its socket.
    """

    changes: float = 0.03
    beat: float = 10.0
    quota: float = 5.0
    configuration: float = 1.0
    first_answer: float = 15.0
    hub_rests: float = 60.0
    page_rests: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one page may ask.

    Attributes:
        message: bytes of one message.
        messages: how many a second, on average; twice as many in a burst.
        opened: jobs that are open at once.
        followed: logs that are followed at once.
    """

    message: int = 64 * 2**10
    messages: int = 50
    opened: int = 16
    followed: int = 16
