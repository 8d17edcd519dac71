"""The clusters that this person works in: every context and namespace that was used.

Belongs here: a short list, kept beside the jobs of this machine, so that the panel shows them all.
Never here: whether a cluster answers.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from cnai_sdk.config import Config, replace_file
from cnai_sdk.errors import InvalidRequest, NotFound
from cnai_sdk.locking import locked

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

    @property
    def name(self) -> str:
        """For a person.

        >>> Place(context="kind", namespace="default").name
        'default on kind'
        """
        return f"{self.namespace} on {self.context}" if self.context else self.namespace


def noted(config: Config) -> tuple[Place, ...]:
    """The clusters that were used, the last used first; an unreadable list is an empty one."""
    try:
        return tuple(msgspec.json.decode(places_path(config).read_bytes(), type=list[Place]))
    except (OSError, msgspec.DecodeError):
        return ()


def note(config: Config, place: Place) -> None:
    """Remember a cluster; a store that cannot be written to forgets it, and nothing fails."""
    with contextlib.suppress(OSError):
        _change(config, lambda known: [place, *(each for each in known if each.id != place.id)])


def named(config: Config, name: str) -> Place:
    """The cluster that a person means: by its id, its whole name, its namespace or its context.

    Raises:
        NotFound: no cluster on the list is called so.
        InvalidRequest: several are.
    """
    known = noted(config)
    found = [place for place in known if name in (place.id, place.name)]
    found = found or [place for place in known if name in (place.namespace, place.context)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(place.name) for place in found or known)
    if found:
        raise InvalidRequest(
            f"Several places are called {name!r}.",
            why=f"They are {names}.",
            next_step="Write the whole name.",
        )
    raise NotFound(
        f"There is no place {name!r} on the list.",
        why=f"On it are {names}." if known else "It is empty: no cluster was used yet.",
        next_step="Write one of these names." if known else "",
    )


def serving(config: Config) -> str:
    """The id of the cluster that jobs go to by the settings, or ''.

    It is the one last used of those that the settings do not rule out.
    """
    if config.backend != "kubernetes":
        return ""
    fits = (
        place.id
        for place in noted(config)
        if config.context in ("", place.context) and config.namespace in ("", place.namespace)
    )
    return next(fits, "")


def forget(config: Config, place: Place) -> None:
    """Take a cluster off the list; what runs there goes on, and a use notes it again.

    Raises:
        InvalidRequest: new jobs go there, or the list cannot be written.
    """
    if place.id == serving(config):
        raise InvalidRequest(
            f"{place.name} is where new jobs go.",
            why=f"It is chosen by: {config.backend_why}.",
            next_step="Choose another place first, such as this machine: cnai use local",
        )
    try:
        _change(config, lambda known: [each for each in known if each.id != place.id])
    except OSError as error:
        raise InvalidRequest(
            f"{place.name} stays on the list.",
            why=f"{places_path(config)} cannot be written: {error.strerror or error}.",
            next_step="Make it writable, or remove it.",
        ) from error


def places_path(config: Config) -> Path:
    """Where the list is kept."""
    return config.home / "places.json"


def _change(config: Config, edit: Callable[[Sequence[Place]], list[Place]]) -> None:
    """Write the list anew where it is another; of two programs, neither undoes the other's."""
    path = places_path(config)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock")):
        before = noted(config)
        kept = edit(before)[:_MOST]
        if kept != list(before):
            replace_file(path, msgspec.json.encode(kept).decode())
