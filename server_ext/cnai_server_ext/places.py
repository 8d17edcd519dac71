"""The places that the server watches: a name, a backend, and the hub that all sockets share."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import os
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from cnai_sdk.backends.base import Backend
from cnai_sdk.client import Client
from cnai_sdk.config import config_path, load_config
from cnai_sdk.errors import CnaiError, InvalidRequest, NotFound
from cnai_sdk.places import Place, forget, named, noted, places_path, serving
from cnai_server_ext.answers import Serving, Source
from cnai_server_ext.hub import Hub
from cnai_server_ext.pace import Pace
from cnai_server_ext.telling import Told

_FIXED = "CNAI_BACKEND"


class Reader(Protocol):
    """One page, as the places know it."""

    def wake(self) -> None:
        """Something may be new."""

    def end(self) -> None:
        """The server goes away."""


class Places:
    """All that the server watches; made once, and shared by every handler.

    Args:
        makers: the id of each source, and what makes its backend.
        pace: how often things are done.
        log: where what went wrong is written.
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], Backend]],
        *,
        pace: Pace | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self.log = log or logging.getLogger(__name__)
        self._hubs: dict[str, Hub] = {}
        self._told: dict[str, Told] = {}
        self._readers: set[Reader] = set()
        self._noted: set[str] = set()
        self._closing: set[asyncio.Task[None]] = set()
        for id, make in makers.items():
            self._add(id, make)
        self._follow_noted()
        self._serving: Serving | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the sources, the local one first."""
        return tuple(self._hubs)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The places, each with its problem where it has one."""
        self._follow_noted()
        return tuple(hub.source for hub in self._hubs.values())

    @property
    def serving(self) -> Serving:
        """Which backend notebooks that start from now on get."""
        if self._serving is None or not self._readers:
            self._serving = serving_now()
        return self._serving

    def serving_changed(self) -> Serving:
        """Look at the configuration now, and tell every page when it says something else."""
        found = serving_now()
        if found != self._serving:
            self._serving = found
            for reader in tuple(self._readers):
                reader.wake()
        return found

    def _add(self, id: str, make: Callable[[], Backend], place: tuple[str, str] = ("", "")) -> None:
        hub = Hub(id, make, pace=self.pace, log=self.log, place=place)
        self._hubs[id], self._told[id] = hub, Told(hub)
        for reader in self._readers:
            hub.join(reader)

    def _follow_noted(self) -> None:
        """The clusters that were used, those since the last look among them, less the forgotten."""
        with contextlib.suppress(CnaiError):
            known = noted(load_config())
            for place in known:
                if place.id not in self._hubs:
                    names = (place.context, place.namespace)
                    self._add(place.id, functools.partial(cluster_backend, place), names)
                    self._noted.add(place.id)
            for id in self._noted - {place.id for place in known}:
                self._drop(id)

    def _drop(self, id: str) -> None:
        """Watch a place no more; every page is told so in its turn."""
        self._noted.discard(id)
        self._told.pop(id)
        hub = self._hubs.pop(id)
        closing = asyncio.get_running_loop().create_task(hub.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        for reader in tuple(self._readers):
            reader.wake()

    async def forget(self, id: str) -> None:
        """Take a cluster off the list, and so from every page.

        Raises:
            NotFound: there is no such source.
            InvalidRequest: it is none that was used, or notebooks to come go there.
        """
        self._follow_noted()
        source = self.hub(id).source
        if id not in self._noted:
            raise InvalidRequest(
                f"{source.place or id} stays: it is no cluster that was used.",
                next_step="Forget a cluster; what the server is configured with is always shown.",
            )
        config = load_config()
        await asyncio.to_thread(forget, config, named(config, id))
        self._follow_noted()
        self.serving_changed()

    # -- pages -------------------------------------------------------------------

    def join(self, reader: Reader) -> None:
        """Wake this one when something may be new, until `leave`."""
        self._follow_noted()
        self._readers.add(reader)
        for hub in self._hubs.values():
            hub.join(reader)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look_at_configuration())

    def leave(self, reader: Reader) -> None:
        """Nothing more for this one."""
        self._readers.discard(reader)
        for hub in self._hubs.values():
            hub.leave(reader)
        if not self._readers and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look_at_configuration(self) -> None:
        """A terminal may have written it; its time of change costs next to nothing to ask."""
        before = _written()
        self.serving_changed()  # it may have been written since the page came
        while True:
            await asyncio.sleep(self.pace.configuration)
            now = _written()
            if now != before:
                before = now
                self._follow_noted()
                self.serving_changed()

    # -- by id -------------------------------------------------------------------

    def told(self, source: str) -> Told:
        """The messages about the rows of a source."""
        self.hub(source)
        return self._told[source]

    def hub(self, source: str) -> Hub:
        """The hub of a source.

        Raises:
            NotFound: there is no such source.
        """
        try:
            return self._hubs[source]
        except KeyError:
            raise NotFound(
                f"This server watches no place {source[:200]!r}.",
                why=f"It watches {', '.join(self._hubs)}.",
                next_step="Reload the page.",
            ) from None

    def backend(self, source: str) -> Backend:
        """The backend of a source, made at first use.

        Raises:
            NotFound: there is no such source.
            CnaiError: it cannot be made here, and why.
        """
        return self.hub(source).backend()

    async def close(self) -> None:
        """Send the pages away, stop watching and give back what the backends hold."""
        for reader in tuple(self._readers):
            reader.end()
            self.leave(reader)
        for hub in self._hubs.values():
            await hub.close()
        await asyncio.gather(*self._closing)


def serving_now() -> Serving:
    """Which backend notebooks that start from now on get, as the configuration says."""
    try:
        config = load_config()
    except CnaiError as error:
        return Serving(backend="", why=error.what, choices=("local",))
    why = config.backend_why
    return Serving(
        backend=config.backend,
        source=serving(config) if config.backend == "kubernetes" else config.backend,
        why=why,
        fixed=why == _FIXED,
        choices=("local", *(place.id for place in noted(config))),
    )


def _written() -> tuple[object, ...]:
    """What tells one version of the settings and of the places from another."""
    found: list[object] = []
    with contextlib.suppress(CnaiError):
        for path in (config_path(), places_path(load_config())):
            with contextlib.suppress(OSError):
                stat = path.stat()
                found += [path, stat.st_mtime_ns, stat.st_ino]
    return tuple(found)


def local_backend() -> Backend:
    """This machine's backend, as the configuration says."""
    return Client(config=load_config({**os.environ, "CNAI_BACKEND": "local"})).backend


def cluster_backend(place: Place) -> Backend:
    """The backend of a cluster that was used before."""
    config = load_config({**os.environ, "CNAI_BACKEND": "kubernetes"})
    wishes = {name: getattr(place, name) for name in ("context", "namespace", "operator")}
    return Client(config=msgspec.structs.replace(config, **wishes)).backend


def maker(target: str) -> Callable[[], Backend]:
    """What makes a backend, by its import string 'module:callable'.

    It is imported at first use, so that a mistake is told as the source's problem.
    """

    def make() -> Backend:
        module, _, name = target.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise InvalidRequest(
                f"The backend {target!r} of the server's setting `backends` cannot be imported.",
                why=str(error),
                next_step="Write it as 'module:callable', and install the module on the server.",
            ) from error
        backend: Backend = found()
        return backend

    return make
