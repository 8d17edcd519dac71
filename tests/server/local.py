"""Another process's view of the store that the server serves: jobs made and looked at beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cnai_sdk.backends.local.backend import LocalBackend
from cnai_sdk.config import load_config
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_sdk.model.workload import Workload

from .page import until

SCRIPT = """
import os
import cnai_sdk as cnai


def work(word="first"):
    print("it is", word, flush=True)
    (cnai.output_dir() / "said.txt").write_text(word)
    return word


if __name__ == "__main__":
    _cnai_result = work(word="first")
"""


class Local:
    """Another process's view of the same store, as a notebook has it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.backend = LocalBackend(load_config())
        self._loop = loop

    def submit(self, script: str = SCRIPT) -> str:
        """Start a job, and give its id."""
        payload = Payload(entry="work", files={"script.py": script.encode()})
        spec = TrainSpec(name="work", payload=payload)
        return self.run(self.backend.submit(spec, secrets={})).id  # type: ignore[no-any-return]

    def ended(self, id: str) -> Workload:
        """The workload once it has ended."""
        until(self._loop, lambda: self.get(id).phase.ended)
        return self.get(id)

    def get(self, id: str) -> Workload:
        """As the index has it; read where the server's loop runs already."""
        return self.backend._true(self.backend._index.get(id))

    def folder(self, id: str) -> Path:
        """Of the outputs."""
        return Path(self.run(self.backend.folder(id)))

    def run(self, work: Any) -> Any:
        """What comes of a call of the backend."""
        return self._loop.run_until_complete(work)
