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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs on every backend, and once for each kind that this declares if it has one."""
    names = metafunc.fixturenames
    if "kind" in names:
        pairs = [(made, kind) for made in FACTORIES for kind in Kind if kind in made.kinds]
        ids = [f"{made.name}-{kind.value}" for made, kind in pairs]
        metafunc.parametrize(("factory", "kind"), pairs, ids=ids)
    elif "factory" in names:
        able = [made for made in FACTORIES if "train" not in names or Kind.TRAIN in made.kinds]
        metafunc.parametrize("factory", able, ids=lambda made: made.name)


@pytest_asyncio.fixture
async def harness(factory: Factory, tmp_path: Path) -> AsyncIterator[Harness]:
    """A fresh backend; what a test leaves in it is deleted."""
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


@pytest.fixture
def train() -> Kind:
    """Training, on the backends that declare it."""
    return Kind.TRAIN
