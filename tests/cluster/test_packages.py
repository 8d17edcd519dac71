"""packages= on a cluster: installed before the code runs, from an index that is a pod here.

The index is a real server (tests/stores/index.py), which tells what is fetched from it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.cluster.serving import Server, served
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.stores import index as packages

from .produced import Ledger, produces
from .verdicts import ROOM, Job, Stage, all_end_as, stage_of


@pytest.fixture(scope="module")
def index(cluster: Cluster | External) -> Iterator[Server]:
    """An index in a namespace of its own."""
    namespace = cluster.namespace()
    yield served(cluster, namespace, index=packages)[0]
    cluster.delete_namespace(namespace)


@pytest.fixture
def env(index: Server) -> dict[str, str]:
    """Of workers that take packages from it."""
    return {"PIP_INDEX_URL": f"http://{index.address}/simple", "PIP_TRUSTED_HOST": index.host}


@pytest_asyncio.fixture
async def secure(
    cluster: Cluster | External, restricted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    """Where the standard "restricted" is enforced."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(restricted)))
    async with stage_of(cluster, restricted, tmp_path) as made:
        yield made


async def test_what_a_claim_keeps_is_not_fetched_again(
    secure: Stage, index: Server, env: dict[str, str]
) -> None:
    """Every worker installs into its own pod, and a claim of the outputs keeps what was fetched."""
    await secure.claim("scratch")
    script = "import greeter, torch\nprint('it says', greeter.greet())"
    wish: dict[str, Any] = {"packages": ("greeter",), "outputs": "pvc://scratch/runs", "env": env}
    for _ in range(2):
        name = await secure.train(script, resources=ROOM, **wish)
        assert "it says hello" in await secure.ended(name)
        assert len([line for line in index.said() if "/files/greeter/" in line]) == 1


TROUBLE = {
    "PIP_CONFLICT": Job(packages=("greeter==1.0", "quarrel")),
    "PIP_BAD_REQUIREMENT": Job(packages=("greeter=1",)),
    "PIP_BUILD_FAILED": Job(packages=("stubborn",)),
    "PIP_INSTALL_FAILED": Job(packages=("skleran",)),
    "INSTALL_FAILED": Job(packages=("broken",)),
    "PIP_NO_NETWORK": Job(packages=("greeter",), env={"PIP_INDEX_URL": "http://127.0.0.1:1/"}),
    "PIP_READONLY_HOME": Job(packages=("greeter",), env={"PIP_TARGET": "/usr/share/mine"}),
}


@produces("real", *TROUBLE)
async def test_packages_that_cannot_be_installed(
    stage: Stage, ledger: Ledger, env: dict[str, str]
) -> None:
    await all_end_as(stage, ledger, TROUBLE, env=env)
