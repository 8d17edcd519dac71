"""Fixtures of the suite: a harness for each backend, and each kind that it declares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cnai_sdk.backends.base import Backend
from cnai_sdk.model.phase import Kind

from .factories import FACTORIES
from .harness import Factory, Harness


@pytest_asyncio.fixture(params=FACTORIES, ids=lambda factory: factory.name)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """A fresh backend; what a test leaves in it is deleted."""
    factory: Factory = request.param
    async with factory.make(tmp_path) as made:
        yield made
        backend = await made.reopen()
        for workload in await backend.list():
            await backend.delete(workload.id)
        await backend.close()


@pytest.fixture
def backend(harness: Harness) -> Backend:
    """The backend of the harness."""
    return harness.backend


@pytest_asyncio.fixture(params=[Kind.TRAIN, Kind.SERVE], ids=lambda kind: kind.value)
async def kind(request: pytest.FixtureRequest, harness: Harness) -> Kind:
    """Each kind of workload that the backend declares."""
    if request.param not in (await harness.backend.capabilities()).kinds:
        pytest.skip(f"{harness.backend.name} does not declare {request.param.value}")
    kind: Kind = request.param
    return kind


@pytest_asyncio.fixture
async def train(harness: Harness) -> Kind:
    """Training, where the backend declares it."""
    if Kind.TRAIN not in (await harness.backend.capabilities()).kinds:
        pytest.skip(f"{harness.backend.name} does not declare train")
    return Kind.TRAIN
