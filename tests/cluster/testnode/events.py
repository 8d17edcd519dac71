"""Events of pods and nodes, as a kubelet records them: repeated ones counted, none waited for."""

import asyncio
import logging
import time
from typing import Any

from tests.cluster.testnode.client import UNREACHABLE, Client, Object, RefusedError
from tests.cluster.testnode.timing import now

log = logging.getLogger(__name__)


class Recorder:
    """Writes events in the order they happened."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue: asyncio.Queue[Object] = asyncio.Queue()
        self._known: dict[tuple[Any, ...], Object] = {}

    def event(
        self, about: Object, node: str, kind: str, reason: str, message: str, container: str = ""
    ) -> None:
        """Record one; `container` is a field path such as `spec.containers{main}`."""
        meta = about["metadata"]
        namespace = meta.get("namespace", "default")
        moment = now()
        reference = {
            "kind": about["kind"],
            "apiVersion": about["apiVersion"],
            "name": meta["name"],
            **({"namespace": meta["namespace"]} if "namespace" in meta else {}),
            "uid": meta["uid"] if about["kind"] != "Node" else meta["name"],
            **({"resourceVersion": meta["resourceVersion"]} if "resourceVersion" in meta else {}),
            **({"fieldPath": container} if container else {}),
        }
        self._queue.put_nowait(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": f"{meta['name']}.{time.time_ns():x}",
                    "namespace": namespace,
                },
                "involvedObject": reference,
                "reason": reason,
                "message": message[:1024],
                "type": kind,
                "source": {"component": "kubelet", "host": node},
                "reportingComponent": "kubelet",
                "reportingInstance": node,
                "firstTimestamp": moment,
                "lastTimestamp": moment,
                "count": 1,
            }
        )

    async def run(self) -> None:
        while True:
            event = await self._queue.get()
            while not await self._written(event):
                await asyncio.sleep(0.3)

    async def _written(self, event: Object) -> bool:
        """Whether it is done with: written, or refused for good."""
        try:
            await self._write(event)
        except (RefusedError, *UNREACHABLE) as error:
            log.info("event %s: %s", event["reason"], error)
            return isinstance(error, RefusedError) and not error.passing
        return True

    async def _write(self, event: Object) -> None:
        about = event["involvedObject"]
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        key = (about["uid"], about.get("fieldPath"), event["reason"], event["message"])
        before = self._known.get(key)
        if before is not None:
            count = {"count": before["count"] + 1, "lastTimestamp": event["lastTimestamp"]}
            try:
                again = await self._client.patch(f"{path}/{before['metadata']['name']}", count)
                self._known[key] = {**before, "count": again["count"]}
                return
            except RefusedError as refused:
                if refused.status != 404:
                    raise
        self._known[key] = await self._client.create(path, event)

    def forget(self, uid: str) -> None:
        self._known = {key: event for key, event in self._known.items() if key[0] != uid}
