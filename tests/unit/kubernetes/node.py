"""A real HTTP server that gives pods' logs as a node does, cuts them as networks do, and who
follows them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.following import Follower
from cnai_sdk.backends.kubernetes.kept import Keeper, Kept
from cnai_sdk.backends.kubernetes.kubeconfig import Cluster, Target
from cnai_sdk.backends.kubernetes.objects import (
    ContainerState,
    ContainerStatus,
    Meta,
    Pod,
    PodStatus,
    Running,
    Terminated,
)
from cnai_sdk.backends.kubernetes.reading import logs
from cnai_sdk.backends.kubernetes.streams import Streams

WITHIN = 30.0
START = 1_800_000_000 * 10**9
Cut = Callable[[int], int | None]
"""From the number of an answer to the bytes after which it is cut, or None."""


@dataclass
class Run:
    """What one run of a container has printed."""

    lines: list[tuple[int, bytes]] = field(default_factory=list)
    ended: bool = False

    def text(self, start: int, since: int) -> bytes:
        lines = self.lines[start:]
        return b"".join(stamp(at) + b" " + text + b"\n" for at, text in lines if at >= since)


def stamp(moment: int) -> bytes:
    told = datetime.fromtimestamp(moment // 10**9, UTC)
    return f"{told:%Y-%m-%dT%H:%M:%S}.{moment % 10**9:09d}Z".encode()


class Node:
    """Pods by name, each with the runs of its one container; the last is the present one."""

    def __init__(self) -> None:
        self.pods: dict[str, list[Run]] = {}
        self.asked: list[dict[str, str]] = []
        self.cut: Cut = lambda _: None
        self.politely = False
        self.refuse: tuple[int, str] | None = None
        self.mute = 0  # so many answers begin and say nothing
        self._changed = asyncio.Event()
        self._clock = START

    def pod(self, name: str) -> list[Run]:
        """A new pod whose container runs."""
        self.pods[name] = [Run()]
        return self.pods[name]

    def print(self, name: str, *texts: bytes, apart: int = 1_000_000) -> None:
        """The present run prints lines."""
        for text in texts:
            self._clock += apart
            self.pods[name][-1].lines.append((self._clock, text))
        self._wake()

    def end(self, name: str) -> None:
        """The present run ends."""
        self.pods[name][-1].ended = True
        self._wake()

    def again(self, name: str) -> None:
        """The container is started again."""
        self.end(name)
        self.pods[name].append(Run())
        self._wake()

    def remove(self, name: str) -> None:
        """The pod is deleted."""
        self.end(name)
        del self.pods[name]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                url = urlsplit(head.split(b" ")[1].decode())
                asked = dict(parse_qsl(url.query)) | {"pod": url.path.split("/")[6]}
                self.asked.append(asked)
                await self._answer(asked, writer, number=len(self.asked))
        writer.close()

    async def _answer(
        self, asked: dict[str, str], writer: asyncio.StreamWriter, *, number: int
    ) -> None:
        runs = self.pods.get(asked["pod"])
        refusal = self.refuse
        if runs is None:
            refusal = (404, f'pods "{asked["pod"]}" not found')
        elif "previous" in asked and len(runs) < 2:
            refusal = (400, "previous terminated container not found")
        if refusal is not None or runs is None:
            await self._refuse(writer, *(refusal or (404, "")))
            return
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if self.mute:
            self.mute -= 1
            await asyncio.Event().wait()
        run = runs[-2 if "previous" in asked else -1]
        since = -1
        if "sinceTime" in asked:
            since = int(datetime.fromisoformat(asked["sinceTime"]).timestamp()) * 10**9
        sent, left = 0, self.cut(number)
        while True:
            changed = self._changed
            data, sent = run.text(sent, since), len(run.lines)
            if left is not None and len(data) > left:
                writer.write(_chunk(data[:left]))
                await writer.drain()
                if self.politely and "follow" in asked:  # as when a node is restarted
                    writer.write(b"0\r\n\r\n")
                    return
                writer.transport.abort()
                raise ConnectionError
            left = None if left is None else left - len(data)
            if data:
                writer.write(_chunk(data))
                await writer.drain()
            if run.ended or "follow" not in asked:
                writer.write(b"0\r\n\r\n")
                return
            await changed.wait()

    async def _refuse(self, writer: asyncio.StreamWriter, status: int, message: str) -> None:
        body = json.dumps({"kind": "Status", "code": status, "message": message})
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()

    def state(self, name: str) -> Pod:
        """The pod's state as the cluster tells it now."""
        runs = self.pods[name]
        now = ContainerState(running=Running())
        if runs[-1].ended:
            now = ContainerState(terminated=Terminated())
        before = ContainerState(terminated=Terminated() if len(runs) > 1 else None)
        status = ContainerStatus(
            name="pytorch", restart_count=len(runs) - 1, state=now, last_state=before
        )
        return Pod(
            metadata=Meta(name=name, uid=f"uid-of-{name}"),
            status=PodStatus(container_statuses=[status]),
        )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Node, Api]]:
    """A node behind an API server, and the way to it."""
    node = Node()
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cluster = Cluster(server=f"http://127.0.0.1:{port}")
    api = connect(Target(context="test", namespace="team", origin="a test", cluster=cluster))
    try:
        yield node, api
    finally:
        await api.close()
        server.close()


def rank_of(pod: Pod) -> int:
    """Pods are named for their ranks: a-0, a-1."""
    return int(pod.metadata.name.rpartition("-")[2])


class Counted(Streams):
    """Knows how many were open at once."""

    now = most = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        async with super().turn():
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                yield
            finally:
                self.now -= 1


class Job:
    """One workload on a node, and who follows it."""

    def __init__(self, node: Node, api: Api, folder: Path, *, streams: int = 64) -> None:
        self.node = node
        self.api = api
        self.kept = Kept(folder)
        self.keeper: Keeper = self.kept.keeper("abc")
        self.streams = Counted(streams, turn=0.05)
        self.follower = Follower(api, "team", self.keeper, rank_of=rank_of, streams=self.streams)

    def tell(self) -> None:
        """What the cluster tells of its pods by now."""
        for name in self.node.pods:
            self.follower.saw(self.node.state(name))

    async def lines(self, **options: Any) -> list[str]:
        async with asyncio.timeout(WITHIN):
            batches = logs(self.keeper, self.follower, **options)
            return [line.text async for batch in batches for line in batch]

    async def until(self, count: int) -> list[str]:
        """The first lines, by following."""
        found: list[str] = []
        async with asyncio.timeout(WITHIN):
            async for batch in logs(self.keeper, self.follower, follow=True):
                found += [line.text for line in batch]
                if len(found) >= count:
                    break
        return found

    async def to_the_end(self) -> list[str]:
        """Everything, once the workload has ended."""
        for name in self.node.pods:
            self.node.end(name)
        self.tell()
        self.follower.end()
        return await self.lines(follow=True)
