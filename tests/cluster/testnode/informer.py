"""What the API server has of one kind, kept up to date by one watch that resumes where it ended."""

import asyncio
import logging
from collections.abc import Callable

from tests.cluster.testnode.client import UNREACHABLE, Client, Object, RefusedError

Listener = Callable[[str, Object], None]
log = logging.getLogger(__name__)


class Informer:
    """List, then watch from there; a version that is gone (410) means to list again."""

    def __init__(self, client: Client, path: str, **params: str) -> None:
        self.objects: dict[str, Object] = {}  # by uid
        self._named: dict[tuple[str, str], str] = {}
        self._client, self._path, self._params = client, path, params
        self._listeners: list[Listener] = []
        self._synced = asyncio.Event()
        self._changed = asyncio.Condition()
        self.changes = 0

    def listen(self, listener: Listener) -> None:
        """Call `listener(verb, object)` for what stands already and what changes."""
        self._listeners.append(listener)
        for one in list(self.objects.values()):
            listener("ADDED", one)

    def find(self, namespace: str, name: str) -> Object | None:
        return self.objects.get(self._named.get((namespace, name), ""))

    async def synced(self) -> None:
        await self._synced.wait()

    async def changed(self) -> None:
        """Until something of this kind changed."""
        async with self._changed:
            await self._changed.wait()

    async def run(self) -> None:
        while True:
            try:
                version = await self._list()
                while True:
                    version = await self._follow(version)
            except RefusedError as refused:
                if refused.status != 410:
                    log.warning("%s: %s", self._path, refused)
                    await asyncio.sleep(1)
            except UNREACHABLE as gone:
                log.info("%s: %r", self._path, gone)
                await asyncio.sleep(0.3)

    async def _list(self) -> str:
        listed = await self._client.get(self._path, **self._params)
        found = {one["metadata"]["uid"]: one for one in listed["items"]}
        for uid in set(self.objects) - set(found):
            await self._apply("DELETED", self.objects[uid])
        for uid, one in found.items():
            await self._apply("MODIFIED" if uid in self.objects else "ADDED", one)
        self._synced.set()
        return str(listed["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> str:
        async for event in self._client.watch(self._path, version, **self._params):
            seen = event["object"]
            if event["type"] == "ERROR":
                raise RefusedError(seen.get("code", 500), "", seen.get("message", ""))
            version = seen["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                await self._apply(event["type"], seen)
        return version

    async def _apply(self, verb: str, one: Object) -> None:
        self.changes += 1
        meta = one["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        if verb != "DELETED":
            self.objects[meta["uid"]] = one
            self._named[key] = meta["uid"]
        else:
            self.objects.pop(meta["uid"], None)
            if self._named.get(key) == meta["uid"]:
                del self._named[key]
        for listener in self._listeners:
            listener(verb, one)
        async with self._changed:
            self._changed.notify_all()
