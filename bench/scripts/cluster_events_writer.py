"""Write so many events a second into the namespace in KUBECONFIG; how many, and how long it took.

One in ten is about a worker of a job, the others are about pods of other things. The requests are
written by hand, since a client's own work would take the processor from what is measured.

python cluster_events_writer.py RATE SECONDS
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cnai_sdk.backends.kubernetes.api import connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.backends.kubernetes.transport import tls_for

_CONNECTIONS = 16


class Writer:
    """One connection after another of the same kind, each with one request at a time."""

    def __init__(self, rate: int, lasts: float, uids: list[tuple[str, str]]) -> None:
        self._target = find()
        self._rate, self._all = rate, round(rate * lasts)
        self._uids = uids
        self._run = secrets.token_hex(4)
        self.written = 0

    async def write(self) -> None:
        """All of them, each in its turn."""
        self._began = time.perf_counter()
        self._next = iter(range(self._all))
        await asyncio.gather(*(self._connection() for _ in range(_CONNECTIONS)))

    async def _connection(self) -> None:
        url = urlsplit(self._target.server)
        reader, writer = await asyncio.open_connection(
            url.hostname, url.port, ssl=tls_for(self._target)
        )
        for number in self._next:
            early = self._began + number / self._rate - time.perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            writer.write(self._request(number, url.netloc))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            if b" 201 " not in head[:16]:
                raise RuntimeError(head.decode())
            self.written += 1
        writer.close()

    def _request(self, number: int, host: str) -> bytes:
        namespace = self._target.namespace
        name, uid = f"web-{number % 200}", f"other-{number % 200}"
        if number % 10 == 0:
            name, uid = self._uids[number // 10 % len(self._uids)]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{self._run}{number}", "namespace": namespace},
            "involvedObject": {"kind": "Pod", "namespace": namespace, "name": name, "uid": uid},
            "reason": "Bench",
            "message": f'Readiness probe failed: Get "http://10.1.2.3:8080/{number}": refused',
            "type": "Normal",
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": "kubelet"},
        }
        body = json.dumps(event).encode()
        head = (
            f"POST /api/v1/namespaces/{namespace}/events HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {self._target.user.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise RuntimeError(f"an answer of unknown length: {head!r}")


async def _pods() -> list[tuple[str, str]]:
    target = find()
    api = connect(target)
    found = await api.list(f"/api/v1/namespaces/{target.namespace}/pods")
    await api.close()
    return [(each["metadata"]["name"], each["metadata"]["uid"]) for each in found.items]


async def main(rate: int, lasts: float) -> None:
    writer = Writer(rate, lasts, await _pods())
    started = time.perf_counter()
    await writer.write()
    took = time.perf_counter() - started
    print(json.dumps({"written": writer.written, "writing": took, "ended": time.time()}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
