"""Panel's server: 5,000 workloads, 20 pages on one server, and 1,000 changes a second.

A real Jupyter server serves a backend in memory (bench/crowd.py) to 20 sockets, which this process
reads. Memory is that of the server's process, before a page has come and after. A storm ends with a
change that carries the time at which it was made; how old it is when the last socket has read it is
the lag. The messages are also made in this process, to time the encoding alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bench.crowd import Crowd, tell
from bench.plan import Plan
from bench.table import Row, mebibytes, seconds
from cnai_sdk.model.stream import Snapshot
from cnai_server_ext.hub import Hub
from cnai_server_ext.pace import Pace
from cnai_server_ext.telling import Told
from tests.browser.conftest import Lab, run_lab

MANY = 5_000
PAGES = 20
RATE = 1_000
LAG = 0.150
_ROOT = Path(__file__).parent.parent
_WITHIN = 60.0


def measure(plan: Plan) -> Sequence[Row]:
    """Encoding, memory, and the lag behind a storm."""
    pages = 2 if plan.quick else PAGES
    rows = [_encoding(plan)]
    with _served() as (lab, socket):
        tell(socket, "fill", MANY)
        rows += asyncio.run(_watched(lab, socket, pages, 1.0 if plan.quick else 5.0))
    return rows


def _encoding(plan: Plan) -> Row:
    """All rows as one message: from nothing, and when one row has changed."""
    crowd = Crowd()
    crowd.fill(MANY)
    first, again, size = [], [], 0
    for _ in range(plan.runs(9)):
        hub = Hub("here", lambda: crowd, pace=Pace(), log=logging.getLogger(__name__))
        snapshot = asyncio.run(_snapshot(crowd))
        hub.rows.replace(snapshot.workloads)
        told = Told(hub)
        began = time.perf_counter()
        size = len(told.snapshot())
        first.append(time.perf_counter() - began)
        hub.rows.tell(snapshot.workloads[0].id, short="changed")
        began = time.perf_counter()
        told.snapshot()
        again.append(time.perf_counter() - began)
    return Row(
        what=f"snapshot of {MANY:,} workloads",
        ours=f"{size / 1e6:.1f} MB; encoded in {seconds(statistics.median(first))}, after one "
        f"change in {seconds(statistics.median(again))}",
    )


async def _snapshot(crowd: Crowd) -> Snapshot:
    async for update in crowd.watch():
        assert isinstance(update, Snapshot)
        return update
    raise AssertionError


async def _watched(lab: Lab, socket: str, pages: int, lasts: float) -> list[Row]:
    server = psutil.Process(lab.pid)
    before = server.memory_info().rss
    began = time.monotonic()
    readers = [await _Reader.connect(lab) for _ in range(pages)]
    await asyncio.gather(*(reader.until_snapshot() for reader in readers))
    opened = time.monotonic() - began
    after = server.memory_info().rss
    following = [asyncio.create_task(reader.until_stamp()) for reader in readers]
    used = sum(server.cpu_times()[:2])
    took = await asyncio.to_thread(tell, socket, "storm", RATE, lasts)
    lags = await asyncio.wait_for(asyncio.gather(*following), _WITHIN)
    used = sum(server.cpu_times()[:2]) - used
    storm = server.memory_info().rss
    messages = statistics.median(reader.changes for reader in readers)
    for reader in readers:
        reader.socket.close()
    return [
        Row(
            what=f"{pages} pages get their snapshot of {MANY:,} workloads",
            ours=f"the last after {seconds(opened)}",
        ),
        Row(
            what=f"memory of the server, with {MANY:,} workloads",
            ours=f"{mebibytes(before)} before a page, {mebibytes(after)} with {pages}, "
            f"{mebibytes(storm)} after the storm",
        ),
        Row(
            what=f"{RATE:,} changes a second for {lasts:.0f} s, {pages} pages",
            ours=f"the last change is read {seconds(max(lags))} after it was made; "
            f"{messages / took:.0f} messages a second and page, {used / took:.0%} of a core",
            goal=f"≤ {seconds(LAG)}",
            met=max(lags) <= LAG,
        ),
    ]


class _Reader:
    """One page, as far as the server knows."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.changes = 0

    @classmethod
    async def connect(cls, lab: Lab) -> _Reader:
        request = HTTPRequest(
            f"{lab.base.replace('http', 'ws', 1)}cnai/api/stream",
            headers={"Authorization": f"token {lab.token}"},
        )
        socket = await websocket_connect(request, max_message_size=2**28)
        await socket.write_message('{"type":"start"}')
        return cls(socket)

    async def until_snapshot(self) -> None:
        while b'"type":"snapshot"' not in (await self._read())[:40]:
            pass

    async def until_stamp(self) -> float:
        """How old the stamped change is when it is read."""
        while True:
            data = await self._read()
            if b'"type":"change"' not in data[:40]:
                continue
            self.changes += 1
            if b'"display_name":"t' in data:
                now = time.time()
                message: dict[str, Any] = msgspec.json.decode(data)
                names = (row["workload"].get("display_name", "") for row in message["rows"])
                stamp = next(name for name in names if name)
                return now - float(stamp[1:]) / 1e3

    async def _read(self) -> bytes:
        data = await asyncio.wait_for(self.socket.read_message(), _WITHIN)
        assert data is not None, "the server has closed a socket"
        return data.encode() if isinstance(data, str) else data


@contextmanager
def _served() -> Iterator[tuple[Lab, str]]:
    """A server whose only place is the crowd, and where the crowd listens."""
    with tempfile.TemporaryDirectory(prefix="cnai-", dir="/tmp") as folder:
        socket = f"{folder}/crowd"
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
        command = ("server", "--CnaiServerApp.backends=local=bench.crowd:make")
        made = run_lab(
            Path(folder) / "server", command=command, PYTHONPATH=path, CNAI_BENCH_SOCKET=socket
        )
        with made as lab:
            _wake(lab)
            yield lab, socket


def _wake(lab: Lab) -> None:
    """The server makes the backend when it is first asked."""
    request = urllib.request.Request(
        f"{lab.base}cnai/api/quota/local", headers={"Authorization": f"token {lab.token}"}
    )
    with urllib.request.urlopen(request, timeout=30):
        pass
