"""How a worker ends when a library has its own ideas about that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cnai_sdk.model.phase import Phase

from .conftest import Machine


async def test_a_killed_dataloader_child_leaves_the_ranks_own_traceback(machine: Machine) -> None:
    job = await machine.run(
        """
        import signal, torch
        from torch.utils.data import DataLoader, Dataset

        class Deadly(Dataset):
            def __len__(self):
                return 8
            def __getitem__(self, index):
                os.kill(os.getpid(), signal.SIGKILL)

        for _ in DataLoader(Deadly(), num_workers=1):
            pass
        """
    )
    assert job.phase is Phase.FAILED
    text = "\n".join(await machine.lines(job.id))
    assert "Traceback (most recent call last)" in text
    assert "The worker could not start" not in text


ASKED_AT_ONCE = """
import os, signal, sys
from cnai_sdk.backends.local import ranks

signal.signal(signal.SIGTERM, lambda *_: print("the supervisor's own answer", flush=True))
folder, sleeps = sys.argv[1:]
plan = ranks.RankPlan(
    rank=0, payload=folder, outputs=folder, environment={}, cpus=(), out=2, store=-1,
    interpreter=sleeps,
)
for _ in range(20):
    pid = ranks.start(plan, warm=False)
    os.kill(pid, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_worker_that_is_asked_to_end_while_it_starts_ends(tmp_path: Path) -> None:
    """It is a copy of its supervisor for a moment, and must not answer as that one does."""
    sleeps = tmp_path / "sleeps"
    sleeps.write_text("#!/bin/sh\nexec sleep 600\n")
    sleeps.chmod(0o700)
    said = subprocess.run(
        [sys.executable, "-c", ASKED_AT_ONCE, str(tmp_path), str(sleeps)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.stdout.split("\n") == [*["-15"] * 20, ""], said.stderr
