"""Watch the namespace in KUBECONFIG while another process writes events into it.

python cluster_events.py RATE SECONDS
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, cast

import psutil

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.naming import DISPLAY_NAME
from cnai_sdk.backends.kubernetes.session import Session
from cnai_sdk.config import load_config

_EVERY = 0.25
_PATIENCE = 30.0
_WRITER = str(Path(__file__).parent / "cluster_events_writer.py")


class Heard:
    """The events and the changes that were told to this process, and when."""

    def __init__(self, session: Session) -> None:
        self.events = 0
        self.last = 0.0
        self.lags: list[float] = []
        self._begun: dict[str, float] = {}
        self._session = session
        self._wanted = 0
        self._enough = asyncio.Event()
        self._enough.set()
        session.mirror._informers["events"].listen(self._event)

    def _event(self, verb: str, event: Any) -> None:
        if event.reason == "Bench":
            self.events += 1
            self.last = time.time()
            if self.events == self._wanted:
                self._enough.set()

    async def until(self, events: int) -> None:
        """Return when so many were heard, or when that takes too long."""
        self._wanted = events
        if self.events < events:
            self._enough.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._enough.wait()

    async def follow(self, backend: KubernetesBackend) -> None:
        async with aclosing(cast("Any", backend.watch())) as updates:
            async for update in updates:
                for workload in update.workloads:
                    begun = self._begun.pop(workload.display_name, None)
                    if begun is not None:
                        self.lags.append(time.perf_counter() - begun)

    async def change(self) -> None:
        """Change a job now and then, until it is cancelled."""
        here = f"/apis/kubeflow.org/v1/namespaces/{self._session.target.namespace}/pytorchjobs"
        number = 0
        while True:
            stamp = f"stamp-{number}"
            self._begun[stamp] = time.perf_counter()
            patch = {"metadata": {"annotations": {DISPLAY_NAME: stamp}}}
            await self._session.api.patch(f"{here}/job-{number % 5}", patch)
            number += 1
            await asyncio.sleep(_EVERY)


async def main(rate: int, lasts: float) -> None:
    backend = KubernetesBackend(load_config())
    session = await backend._session()
    heard = Heard(session)
    tasks = [asyncio.create_task(heard.follow(backend)), asyncio.create_task(heard.change())]
    own = psutil.Process()
    used, began = sum(own.cpu_times()[:2]), time.perf_counter()
    written = {"written": 0, "writing": lasts, "ended": time.time()}
    if rate:
        command = (sys.executable, _WRITER, str(rate), str(lasts))
        writer = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        said, _ = await writer.communicate()
        written = json.loads(said)
        await heard.until(written["written"])
    else:
        await asyncio.sleep(lasts)
    took = time.perf_counter() - began
    used = sum(own.cpu_times()[:2]) - used
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    lags = sorted(heard.lags[1:])
    found = {
        **written,
        "heard": heard.events,
        "behind": heard.last - written["ended"] if rate else 0.0,
        "p50": statistics.median(lags),
        "p95": lags[int(0.95 * (len(lags) - 1))],
        "share": used / took,
        "memory": own.memory_info().rss,
    }
    await backend.close()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
