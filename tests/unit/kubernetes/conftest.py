"""A server that speaks HTTPS, and connections to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import containerlog
from cnai_sdk.backends.kubernetes.api import Api, connect
from cnai_sdk.backends.kubernetes.informer import Informers
from cnai_sdk.backends.kubernetes.kubeconfig import find

from .https import Authority, Connected, Server, base64_of, environ, write_kubeconfig
from .kinds import Cluster
from .node import Job, serving


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[Server]:
    server = Server(authority, tmp_path)
    yield server
    server.close()


@pytest.fixture
def kubeconfig(server: Server, authority: Authority, tmp_path: Path) -> Path:
    """Of somebody with a token, in the namespace team-a."""
    return write_kubeconfig(
        tmp_path / "kubeconfig",
        server.url,
        user={"token": "good-token"},
        cluster={"certificate-authority-data": base64_of(authority.pem)},
        namespace="team-a",
    )


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[Api]:
    """A connection with a token."""
    api = connect(find(environ=environ(kubeconfig)))
    yield api
    await api.close()


@pytest.fixture
def connected(server: Server, authority: Authority, tmp_path: Path) -> Connected:
    """A connection as a user of a kubeconfig."""

    @asynccontextmanager
    async def opened(user: dict[str, Any], **cluster: Any) -> AsyncIterator[Api]:
        path = write_kubeconfig(
            tmp_path / "kubeconfig",
            server.url,
            user=user,
            cluster={"certificate-authority-data": base64_of(authority.pem), **cluster},
        )
        api = connect(find(environ=environ(path)))
        try:
            yield api
        finally:
            await api.close()

    return opened


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    cluster = Cluster(server)
    yield cluster
    cluster.close()


@pytest.fixture
async def informers(api: Api) -> AsyncIterator[Informers]:
    found = Informers(api)
    yield found
    await found.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is cut is asked for again without a pause for what the cluster says of its pod."""
    monkeypatch.setattr(containerlog, "_STATE_COMES", 0.05)


@pytest.fixture
async def job(tmp_path: Path, impatient: None) -> AsyncIterator[Job]:
    """A workload on a node of its own, and who follows it."""
    async with serving() as (node, api):
        job = Job(node, api, tmp_path)
        yield job
        await job.follower.close()
