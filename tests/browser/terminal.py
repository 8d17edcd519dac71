"""Jobs from outside of the page: what a terminal beside JupyterLab does in the same store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = """
import json, sys, time
from pathlib import Path
import cnai_sdk as cnai

folder = Path(sys.argv[1])
said = json.loads((folder / "say.json").read_text())
for line in said["lines"]:
    print(line, flush=True)
epoch = 0
while epoch < said["epochs"] or not (folder / "end").exists():
    if epoch < said["epochs"]:
        epoch += 1
        cnai.report(step=epoch, **{name: value * epoch for name, value in said["metrics"].items()})
        cnai.progress(epoch, said["of"], unit="epoch")
        print(f"epoch {epoch} of {said['of']}", flush=True)
    time.sleep(said["pace"])
if (folder / "fail").exists():
    raise ValueError((folder / "fail").read_text())
"""


@dataclass(frozen=True)
class OutsideJob:
    """What a job was told, and how it is told more."""

    folder: Path
    name: str
    id: str

    def end(self) -> None:
        """Let it succeed."""
        (self.folder / "end").touch()

    def fail(self, message: str) -> None:
        """Let it raise a ValueError."""
        (self.folder / "fail").write_text(message)
        self.end()


class Terminal:
    """Runs `cnai` with a store's variables.

    Args:
        env: those of the server, so that both use one store.
        folder: for scripts.
    """

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self._env = {**os.environ, **env}
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._begun: list[OutsideJob] = []

    def train(
        self,
        name: str,
        *options: str,
        lines: tuple[str, ...] = (),
        metrics: Mapping[str, float] | None = None,
        epochs: int = 12,
        of: int = 30,
        pace: float = 0.05,
    ) -> OutsideJob:
        """Start a job that takes little, reports, and ends when it is told."""
        folder = self._folder / f"job-{len(self._begun)}"
        folder.mkdir(parents=True)
        told = {"lines": lines, "metrics": metrics or {"accuracy": 0.01}, "epochs": epochs}
        (folder / "say.json").write_text(json.dumps({**told, "of": of, "pace": pace}))
        script = folder / "train.py"
        script.write_text(SCRIPT)
        made = self.run(
            *("train", str(script), "--name", name, "--cpu", "0.1", "--detach", "--json"),
            *(*options, "--", str(folder)),
        )
        job = OutsideJob(folder, made["name"], made["id"])
        self._begun.append(job)
        return job

    def run(self, *words: str) -> Any:
        """One command; what it says as JSON."""
        answer = subprocess.run(
            [sys.executable, "-m", "cnai_sdk.cli", *words],
            env=self._env,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise RuntimeError(f"cnai {' '.join(words)}: {answer.stderr}")
        return json.loads(answer.stdout) if answer.stdout.strip() else None

    def phase(self, job: OutsideJob) -> str:
        """A job's phase as another program sees it."""
        known = self.run("jobs", "--all", "--json")
        return str(next(each["phase"] for each in known if each["id"] == job.id))

    def wait_for_line(self, job: OutsideJob, text: str) -> None:
        """Until its log has a line with that text."""
        following = subprocess.Popen(
            [sys.executable, "-m", "cnai_sdk.cli", "logs", "--follow", job.id],
            env=self._env,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        with following:
            assert following.stdout is not None
            found = any(text in line for line in following.stdout)
            following.terminate()
        assert found, f"{job.name} ended without the line {text!r}"

    def clear(self) -> None:
        """Stop and delete all that is there."""
        for begun in self._begun:
            begun.end()
        ids = [job["id"] for job in self.run("jobs", "--all", "--json")]
        if ids:
            self.run("delete", "--yes", "--json", *ids)


@contextmanager
def terminal(env: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """A terminal that leaves an empty store."""
    opened = Terminal(env, folder)
    try:
        yield opened
    finally:
        opened.clear()
