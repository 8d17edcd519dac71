"""The clusters that this person works in: every context and namespace that was used.

Belongs here: a short list, kept beside the jobs of this machine, so that the panel shows them all.
Never here: whether a cluster answers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from cnai_sdk.config import Config, replace_file

_MOST = 20


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A namespace of a cluster, as a kubeconfig names it.

    Attributes:
        context: of the kubeconfig; '' for the cluster that this process runs in.
        namespace: in that cluster.
        operator: 'pytorchjob' or 'trainjob' where one was chosen.
    """

    context: str
    namespace: str
    operator: str = ""

    @property
    def id(self) -> str:
        """A short word that stays the same.

        >>> Place(context="kind", namespace="default").id
        'kubernetes-e6a39b18'
        """
        text = f"{self.context}\0{self.namespace}".encode()
        return "kubernetes-" + hashlib.sha256(text).hexdigest()[:8]


def noted(config: Config) -> tuple[Place, ...]:
    """The clusters that were used, the last used first; an unreadable list is an empty one."""
    try:
        return tuple(msgspec.json.decode(places_path(config).read_bytes(), type=list[Place]))
    except (OSError, msgspec.DecodeError):
        return ()


def note(config: Config, place: Place) -> None:
    """Remember a cluster; a store that cannot be written to forgets it, and nothing fails."""
    others = [known for known in noted(config) if known.id != place.id]
    kept = [place, *others][:_MOST]
    if kept == list(noted(config)):
        return
    try:
        places_path(config).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(places_path(config), msgspec.json.encode(kept).decode())
    except OSError:
        return


def forget(config: Config, id: str) -> None:
    """Take a cluster off the list."""
    kept = [known for known in noted(config) if known.id != id]
    if len(kept) < len(noted(config)):
        replace_file(places_path(config), msgspec.json.encode(kept).decode())


def places_path(config: Config) -> Path:
    """Where the list is kept."""
    return config.home / "places.json"
