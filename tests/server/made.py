"""Backends that a test has made, where the server's setting `backends` finds them."""

from __future__ import annotations

from jupyter_server.auth.authorizer import Authorizer

from cnai_sdk.backends.base import Backend
from cnai_sdk.errors import BackendUnavailable

MADE: dict[str, Backend] = {}


def first() -> Backend:
    """The test's backend."""
    return MADE["first"]


def second() -> Backend:
    """Another one."""
    return MADE["second"]


def broken() -> Backend:
    """One that cannot be made."""
    raise BackendUnavailable(
        "The cluster cannot be reached.", why="Nobody answers.", next_step="Ask its keeper."
    )


class OnlyReads(Authorizer):
    """Whoever is signed in may read, and do nothing."""

    def is_authorized(self, handler: object, user: object, action: str, resource: str) -> bool:
        """Whether this may be done."""
        return action == "read"
