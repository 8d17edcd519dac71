"""People of a cluster and their tokens, which can end and be renewed while it runs."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOUR = 3600.0


@dataclass(frozen=True)
class User:
    """Somebody with a token.

    Attributes:
        name: as RBAC knows it.
        groups: besides system:authenticated.
    """

    name: str
    groups: tuple[str, ...]
    token: str = field(repr=False)


class Users:
    """Whom the API server knows besides its administrator; it asks at each request.

    Args:
        path: the file that the cluster's network holder reads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, dict[str, object]] = {}
        self._write()

    def add(self, name: str, groups: Sequence[str] = (), *, seconds: float = HOUR) -> User:
        """A new token for somebody, old ones stay good."""
        user = User(name, tuple(groups), secrets.token_hex(16))
        self._known[user.token] = {
            "name": name,
            "groups": [*groups, "system:authenticated"],
            "expires": time.time() + seconds,
        }
        self._write()
        return user

    def expire(self, user: User) -> None:
        """That token is good no longer."""
        self._known.pop(user.token, None)
        self._write()

    def _write(self) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(self._known))
        draft.chmod(0o600)
        draft.replace(self._path)
