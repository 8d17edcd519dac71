"""A backend with thousands of workloads in memory, which a bench moves on over a socket.

The Jupyter server that is measured makes it (`CnaiServerApp.backends`); it listens on the Unix
socket that CNAI_BENCH_SOCKET names, and obeys one line of JSON at a time: `[verb, *arguments]`. A
change is stamped with the time at which it is made, as the name that is shown, so that a page that
shows the stamp can tell how old it is.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.model.event import Event
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_sdk.model.workload import Progress, Replica, Workload

SOCKET = "CNAI_BENCH_SOCKET"
LIVE = 200
"""How many of a crowd run; the others have ended."""
_ENDED = (Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED)


class Crowd(MemoryBackend):
    """Workloads as a busy year leaves them, without the work of having run them."""

    def fill(self, count: int) -> None:
        """Put so many there, the running ones last, which are the newest."""
        now = self._clock()
        with self._shelf.lock:
            for number in range(count):
                phase = _ENDED[number % 3] if number < count - LIVE else Phase.RUNNING
                self._put(f"job-{number}", phase, now - 60 * (count - number))

    def stamp(self, back: int) -> None:
        """Change the workload that is so many places behind the newest, and stamp it."""
        records = self._shelf.records()
        self._stamp(records[-1 - back].workload.id)

    def storm(self, rate: int, seconds: float) -> float:
        """Change running workloads so often a second, the newest last; seconds that it took."""
        ids = [record.workload.id for record in self._shelf.records()[-LIVE:]]
        began = time.monotonic()
        for number in range(round(rate * seconds)):
            due = began + number / rate
            if (early := due - time.monotonic()) > 0:
                time.sleep(early)
            step = Progress(done=number, total=rate * seconds, unit="step", since=began)
            self._shelf.change(
                ids[number % LIVE], progress=step, metrics={"loss": 1 / (1 + number)}
            )
        took = time.monotonic() - began
        self._stamp(ids[-1])
        return took

    def _stamp(self, id: str) -> None:
        self._shelf.change(id, display_name=f"t{time.time() * 1e3:.1f}")

    def _put(self, name: str, phase: Phase, created: float) -> None:
        spec = TrainSpec(name=name, payload=Payload(entry=name))
        ended = created + 50 if phase.ended else None
        fresh = Workload(
            id=self._shelf.next_id(),
            name=name,
            base=name,
            kind=Kind.TRAIN,
            phase=phase,
            backend=self.name,
            place="memory",
            created=created,
            started=created + 1,
            ended=ended,
            replicas=tuple(Replica(rank=rank, phase=phase) for rank in range(2)),
            metrics={"loss": 0.125, "accuracy": 0.974},
        )
        self._shelf.add(spec, fresh)
        self._shelf.find(fresh.id).events.append(Event(reason=phase.value, time=created, seq=1))


def make() -> MemoryBackend:
    """The backend, listening."""
    crowd = Crowd()
    path = os.environ[SOCKET]
    listener = socket.socket(socket.AF_UNIX)
    Path(path).unlink(missing_ok=True)
    listener.bind(path)
    listener.listen()
    threading.Thread(target=_serve, args=(listener, crowd), daemon=True).start()
    return crowd


def _serve(listener: socket.socket, crowd: Crowd) -> None:
    verbs: dict[str, Callable[..., object]] = {
        "fill": crowd.fill,
        "stamp": crowd.stamp,
        "storm": crowd.storm,
    }
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as lines:
            for line in lines:
                verb, *arguments = json.loads(line)
                print(json.dumps(verbs[verb](*arguments)), file=lines, flush=True)


def tell(path: str, *words: Any) -> Any:
    """Say one line to the backend; what it answers when it has done it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        with connection.makefile("rw") as lines:
            print(json.dumps(words), file=lines, flush=True)
            return json.loads(lines.readline())
