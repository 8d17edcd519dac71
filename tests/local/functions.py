"""Small functions to train, and waiting for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cnai_sdk as cnai
from cnai_sdk.model.spec import TrainSpec
from cnai_sdk.training import TrainJob

PATIENCE = 180


def until(so: Callable[[], object]) -> None:
    """Look again until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.01)


def hold() -> Callable[[], str]:
    def holds() -> str:
        print("up", flush=True)
        while not Path("release").exists():
            time.sleep(0.01)
        return "went on"

    return holds


def release(job: TrainJob) -> None:
    (job.outputs.path / "release").touch()


def spec_of(job: TrainJob) -> TrainSpec:
    spec = job._spec()
    assert isinstance(spec, TrainSpec)
    return spec


def scaled() -> Callable[..., list[float]]:
    def scales(lr: float = 0.1, epochs: int = 3) -> list[float]:
        return [lr, epochs, cnai.world_size()]

    return scales
