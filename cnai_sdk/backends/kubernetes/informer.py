"""What is in one place of the cluster, kept current by one watch.

Belongs here: list, watch, and what to do when either ends. Never here: what the objects mean, and
gathering changes before they are shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from cnai_sdk.backends.kubernetes.api import Api, Params, Refused, Unreachable
from cnai_sdk.backends.kubernetes.objects import Meta
from cnai_sdk.errors import CnaiError

_LOG = logging.getLogger(__name__)

_FIRST = 0.05
_SOON = 1.0
_LATER = 10.0
_MUCH_LATER = 600.0
"""Seconds between tries: the first, and the longest after a watch that ended, after a cut or a
server's error, and after a refusal, which is asked about ever more rarely."""

_STEADY = 5.0
"""Seconds that a watch must have held for the next try to be a first one again."""

_WORDS = {401: "not logged in", 403: "not allowed", 404: "not served", 405: "not served"}


class Object(Protocol):
    """Anything with metadata."""

    @property
    def metadata(self) -> Meta: ...


T = TypeVar("T", bound=Object)
Callback = Callable[[str, T], None]


class Informer(Generic[T]):
    """The objects of one kind as they are now: listed once, then watched.

    A kind that is not served or not allowed is a problem, never an exception: what can be seen goes
    on. A cut watch goes on where it was; only when the server has forgotten that moment is the list
    read anew, and the differences are told.

    Args:
        path: of the list, such as '/api/v1/namespaces/team-a/pods'.
        type: what an object is decoded into.
        params: selectors.
        keep: False tells of objects and does not hold them; after a list all are told again.

    Attributes:
        objects: uid to object; the last that was known while there is a problem.
        problem: '' while it is live, otherwise why it is not, such as 'pods: not allowed'.
        since: Unix seconds since when `problem` is what it is.
        refusal: the error behind `problem`, or None.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        type: type[T],
        *,
        params: Params | None = None,
        keep: bool = True,
    ) -> None:
        self.path = path
        self.objects: dict[str, T] = {}
        self.problem = ""
        self.since = time.time()
        self.refusal: CnaiError | None = None
        self._api = api
        self._type = type
        self._params = dict(params or {})
        self._kept = keep
        self._listeners: list[Callback[T]] = []
        self._heeders: list[Callable[[], None]] = []
        self._version = ""
        self._listed = False
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Informer({self.path!r}, {len(self.objects)} objects, problem={self.problem!r})"

    @property
    def listed(self) -> bool:
        """Whether the list was ever read."""
        return self._listed

    def start(self) -> None:
        """List and watch from now on; once is enough."""
        if self._task is None:
            name = f"watch {self.path}"
            self._task = asyncio.get_running_loop().create_task(self._run(), name=name)

    async def synced(self) -> bool:
        """Return when the list was read, or when it is known why it cannot be; whether it was."""
        self.start()
        await self._tried.wait()
        return self._listed

    def listen(self, callback: Callback[T]) -> Callable[[], None]:
        """Call with 'ADDED', 'MODIFIED' or 'DELETED' and the object; returns what ends it.

        What is there already is in `objects`. An error in the callback is logged, and the watch
        goes on.
        """
        self._listeners.append(callback)
        return lambda: _without(self._listeners, callback)

    def heed(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call when `problem` has changed; returns what ends it."""
        self._heeders.append(callback)
        return lambda: _without(self._heeders, callback)

    async def close(self) -> None:
        """End at once."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # -- the loop -------------------------------------------------------------------

    async def _run(self) -> None:
        tries = 0
        while True:
            begun = time.monotonic()
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                longest = _SOON  # the server has ended the watch in good order
            except Exception as error:
                longest = self._after(error, tries)
            tries = 0 if time.monotonic() - begun > _STEADY else tries + 1
            pause = min(_FIRST * 2.0 ** min(tries, 14), longest)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    def _after(self, error: Exception, tries: int) -> float:
        """What an error means; gives the longest pause before the next try."""
        if isinstance(error, Refused) and error.status == 410 and self._version:
            self._version = ""
            return _SOON
        if isinstance(error, Unreachable):
            # A watch that was cut is opened again before anybody is told.
            if not (self._listed and not self.problem and tries == 0):
                self._settle(error, error.cause)
            return _LATER
        if isinstance(error, Refused):
            self._settle(error, _WORDS.get(error.status) or f"{error.status} {error.message}")
            if error.status in (404, 405):
                self._replace({})  # the kind is gone, and every object of it
            if error.status == 429 or error.status >= 500:
                return _LATER
            self._version = ""
            return _MUCH_LATER
        if isinstance(error, CnaiError):
            self._settle(error, error.what)
        else:
            _LOG.exception("The watch of %s failed", self.path, exc_info=error)
            self._settle(CnaiError(f"The watch of {self.path} failed.", why=str(error)), str(error))
        self._version = ""
        return _MUCH_LATER

    async def _list(self) -> None:
        found = await self._api.list(self.path, params=self._params, type=self._type)
        self._replace({each.metadata.uid: each for each in found.items})
        self._version = found.resource_version
        self._listed = True
        self._settle(None, "")

    async def _watch(self) -> None:
        changes = self._api.watch(
            self.path,
            type=self._type,
            params=self._params,
            resource_version=self._version,
            opened=lambda: self._settle(None, ""),
        )
        async with contextlib.aclosing(changes):
            async for verb, each in changes:
                self._version = each.metadata.resource_version or self._version
                if verb == "DELETED":
                    self.objects.pop(each.metadata.uid, None)
                    self._tell(verb, each)
                elif verb != "BOOKMARK":
                    self._put(each)

    def _replace(self, now: dict[str, T]) -> None:
        for uid in [uid for uid in self.objects if uid not in now]:
            self._tell("DELETED", self.objects.pop(uid))
        for each in now.values():
            self._put(each)

    def _put(self, each: T) -> None:
        before = self.objects.get(each.metadata.uid)
        if self._kept:
            self.objects[each.metadata.uid] = each
        if before is None:
            self._tell("ADDED", each)
        elif before.metadata.resource_version != each.metadata.resource_version:
            self._tell("MODIFIED", each)

    # -- telling --------------------------------------------------------------------

    def _tell(self, verb: str, each: T) -> None:
        for callback in tuple(self._listeners):
            try:
                callback(verb, each)
            except Exception:
                _LOG.exception("A listener of %s failed", self.path)

    def _settle(self, error: CnaiError | None, why: str) -> None:
        what = self.path.rpartition("/")[2]
        problem = f"{what}: {why[:200]}" if error is not None else ""
        self.refusal = error
        if problem != self.problem:
            self.problem, self.since = problem, time.time()
            for callback in tuple(self._heeders):
                try:
                    callback()
                except Exception:
                    _LOG.exception("A listener of %s failed", self.path)
        self._tried.set()


def _without(those: list[Any], this: Any) -> None:
    with contextlib.suppress(ValueError):
        those.remove(this)


class Informers:
    """The informers of one cluster: one for each place, however many want it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._shared: dict[Any, tuple[Informer[Any], int]] = {}

    def get(
        self, path: str, type: type[T], *, params: Params | None = None, keep: bool = True
    ) -> Informer[T]:
        """The informer of a list, started; `release` it in the end."""
        key = path, type, keep, tuple(sorted((params or {}).items()))
        informer, users = self._shared.get(key, (None, 0))
        if informer is None:
            informer = Informer(self.api, path, type, params=params, keep=keep)
        informer.start()
        self._shared[key] = informer, users + 1
        return informer

    async def release(self, informer: Informer[Any]) -> None:
        """One user less; the last one ends it."""
        for key, (shared, users) in tuple(self._shared.items()):
            if shared is informer:
                if users > 1:
                    self._shared[key] = shared, users - 1
                else:
                    del self._shared[key]
                    await shared.close()
                return

    async def close(self) -> None:
        """End all of them."""
        shared = [informer for informer, _ in self._shared.values()]
        self._shared.clear()
        await asyncio.gather(*(informer.close() for informer in shared))
