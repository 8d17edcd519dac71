"""A card of this machine, or a skip that says why; a store of its own for each test."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.gpu_share import card_to_share
from bench.workplace import NotWarm, end_templates, warm_client
from cnai_sdk.client import Client
from cnai_sdk.config import load_config
from cnai_sdk.model.quota import Device
from tests.cluster.produced import Ledger
from tests.gpu.skipped import GpuTestsSkipped


@pytest.fixture(scope="session")
def card() -> Device:
    """The largest card of NVIDIA's that is not cut into slices."""
    found, why = card_to_share()
    if found is None:
        text = f"THE TESTS ON A GPU ARE SKIPPED: there is none that can be shared. {why}"
        print(f"gpu: {text}", file=sys.stderr, flush=True)
        warnings.warn(text, GpuTestsSkipped, stacklevel=2)
        pytest.skip(text)
    return found


@pytest.fixture(params=["plain", "warm"])
def client(
    request: pytest.FixtureRequest,
    card: Device,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sockets: Path,
) -> Iterator[Client]:
    """Both ways to start: a worker that was forked uses the device as a fresh one does."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(sockets))
    if request.param == "plain":
        monkeypatch.setenv("CNAI_WARM", "0")
    try:
        made = warm_client() if request.param == "warm" else Client(config=load_config())
    except NotWarm as error:
        pytest.skip(f"No worker is forked here: {error}")
    yield made
    for job in made.jobs():
        job.delete()
    end_templates()


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """The verdicts that a test has said that it produces."""
    made, failed = Ledger(request.function), request.session.testsfailed
    yield made
    if request.session.testsfailed == failed:
        made.close()


def until(so: object, patience: float = 60.0) -> None:
    """Look again until it is so."""
    assert callable(so)
    deadline = time.monotonic() + patience
    while not so():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.02)
