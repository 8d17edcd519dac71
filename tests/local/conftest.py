"""A store of its own for each test, and small scripts that really run in it."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from cnai_sdk.backends.local.backend import LocalBackend
from cnai_sdk.client import Client
from cnai_sdk.config import Config
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_sdk.model.workload import Workload
from tests.sockets import folder_of_sockets

PATIENCE = 180.0
WARMING = 240.0
"""A template imports torch at the lowest priority, beside whatever else the machine does."""


class Machine:
    """The local backend, and what tests do with it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.home = config.home
        self.backend = LocalBackend(config)

    def spec(self, body: str, **fields: Any) -> TrainSpec:
        """A spec whose function has this body; `cnai` and `os` are imported."""
        inside = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        script = (
            f"import os, sys, time\nimport cnai_sdk as cnai\n\n\ndef work():\n{inside}\n\n\n"
            'if __name__ == "__main__":\n    _cnai_result = work()\n'
        )
        payload = Payload(entry="work", files={"script.py": script.encode()})
        return TrainSpec(**{"name": "work", "payload": payload, **fields})

    async def submit(self, body: str, **fields: Any) -> Workload:
        """Submit, and return at once."""
        secrets = fields.pop("values", {})
        return await self.backend.submit(self.spec(body, **fields), secrets=secrets)

    async def run(self, body: str, **fields: Any) -> Workload:
        """Submit, and wait for the end."""
        return await self.ended((await self.submit(body, **fields)).id)

    async def until(self, id: str, so: Callable[[Workload], bool]) -> Workload:
        """The first state for which `so` holds."""
        async with asyncio.timeout(PATIENCE), aclosing(cast(Any, self.backend.watch())) as updates:
            async for update in updates:
                for workload in update.workloads:
                    if workload.id == id and so(workload):
                        return cast(Workload, workload)
        raise AssertionError("a watch never ends by itself")

    async def ended(self, id: str) -> Workload:
        """The workload once it has ended."""
        return await self.until(id, lambda w: w.phase.ended)

    async def running(self, id: str) -> Workload:
        """The workload once all its workers are up."""
        return await self.until(id, lambda w: w.phase.value == "Running" or w.phase.ended)

    async def lines(self, id: str, **options: Any) -> list[str]:
        """The log."""
        batches = self.backend.logs(id, **options)
        return [line.text async for batch in batches for line in batch if not line.partial]

    async def reasons(self, id: str) -> list[str]:
        """The events' words."""
        return [event.reason for event in await self.backend.events(id)]

    async def printed(self, id: str, text: str, times: int = 1) -> None:
        """Wait until this line has been printed so often."""
        async with asyncio.timeout(PATIENCE):
            async for batch in self.backend.logs(id, follow=True):
                times -= sum(line.text == text and not line.partial for line in batch)
                if times <= 0:
                    return
        raise AssertionError(f"it ended without {text!r}")

    async def warm(self) -> None:
        """Wait until a template answers."""
        async with asyncio.timeout(WARMING):
            while not self.backend._submitter.launcher.is_warm(os.environ):
                await asyncio.sleep(0.05)

    def folder(self, id: str) -> Path:
        """The job's folder."""
        return self.home / "jobs" / id

    def processes(self, id: str) -> list[int]:
        """All processes of a job that live, by its mark."""
        mark = f"CNAI_MARK={self.backend._index.folder(id).mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    async def gone(self, id: str) -> None:
        """Wait until no process of the job is left."""
        async with asyncio.timeout(PATIENCE):
            while self.processes(id):
                await asyncio.sleep(0.02)

    def supervisor(self, id: str) -> int:
        """The process id of a running job's supervisor: the marked process whose parent is not."""
        marked = set(self.processes(id))
        for pid in marked:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) not in marked:
                return pid
        raise AssertionError("no supervisor")


@pytest_asyncio.fixture(params=["plain", "warm"])
async def machine(
    request: pytest.FixtureRequest, tmp_path: Path, warm_sockets: None
) -> AsyncIterator[Machine]:
    """Both ways to start: every promise holds for each."""
    made = Machine(Config(home=tmp_path / "store", warm=request.param == "warm"))
    if request.param == "warm":
        made.backend.warm_up()
        await made.warm()
    yield made
    for workload in await made.backend.list():
        if workload.host == made.backend._host.name:
            await made.backend.delete(workload.id)
    await made.backend.close()


@pytest_asyncio.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Machine]:
    """Only the plain way, where the way does not matter."""
    made = Machine(Config(home=tmp_path / "store", warm=False))
    yield made
    for workload in await made.backend.list():
        if workload.host == made.backend._host.name:
            await made.backend.delete(workload.id)
    await made.backend.close()


@pytest.fixture(scope="session")
def warm_sockets() -> Iterator[None]:
    """One template for all these tests, which ends when its socket's folder is gone."""
    with folder_of_sockets() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        yield


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a notebook is in; the process works there."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CNAI_SECRETS_FILE", str(tmp_path / "private" / "secrets.json"))
    return folder


@pytest.fixture
def client(tmp_path: Path, notebook: Path) -> Iterator[Client]:
    """The verbs as a notebook has them, on a store of its own."""
    made = Client(config=Config(home=tmp_path / "store", warm=False))
    yield made
    for job in made.jobs():
        job.delete()
