"""What tests get a cluster from, wherever they are."""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest
import yaml

from tests.cluster.testbed.apply import Applier
from tests.cluster.testbed.build import CannotBuild, NoToolchain, build
from tests.cluster.testbed.cluster import Cluster, is_external
from tests.cluster.testbed.network import CannotNetwork, is_root, may_network, missing_tools
from tests.cluster.testbed.processes import until

_standing: list[Cluster] = []


class External:
    """A cluster that somebody else started, such as kind; `CNAI_TEST_KUBECONFIG` names it.

    Args:
        path: of its kubeconfig, with a token or a client certificate.
    """

    def __init__(self, path: Path) -> None:
        from cnai_sdk.backends.kubernetes.kubeconfig import find

        target = find(environ={**os.environ, "KUBECONFIG": str(path)})
        self.kubeconfig = path
        self._document = yaml.safe_load(path.read_text())
        self._target = target
        self.http = _client_of(target)

    def namespace(self, name: str = "", *, restricted: bool = False) -> str:
        """A fresh namespace whose service account is there."""
        name = name or f"cnai-test-{secrets.token_hex(4)}"
        level = {"pod-security.kubernetes.io/enforce": "restricted"} if restricted else {}
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": level}}
        )
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        until("the service account", lambda: self.http.get(account).status_code == 200)
        return name

    def delete_namespace(self, name: str) -> None:
        """Remove it with all that is in it."""
        self.http.delete(f"/api/v1/namespaces/{name}")

    def apply(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Make or change one object."""
        return Applier(self.http).apply(dict(document))

    def context(self, namespace: str, *, server: str = "") -> Path:
        """Its kubeconfig, in a namespace."""
        document = dict(self._document)
        for context in document["contexts"]:
            if context["name"] == document["current-context"]:
                context["context"]["namespace"] = namespace
        path = self.kubeconfig.with_name(f".{namespace}-{self.kubeconfig.name}")
        path.write_text(yaml.safe_dump(document))
        return path


def _client_of(target: Any) -> httpx2.Client:
    user, cluster = target.user, target.cluster
    headers = {"Authorization": f"Bearer {user.token}"} if user.token else {}
    return httpx2.Client(
        base_url=cluster.server,
        verify=target.tls() if hasattr(target, "tls") else True,
        headers=headers,
        timeout=30.0,
    )


@contextmanager
def cluster_or_skip() -> Iterator[Cluster | External]:
    """The session's cluster, started at first use; one that stands already is used again."""
    if path := is_external():
        yield External(Path(path))
        return
    if _standing:
        yield _standing[0]
        return
    cluster = own_cluster_or_skip()
    cluster.start()
    _standing.append(cluster)
    try:
        yield cluster
    finally:
        _standing.remove(cluster)
        cluster.stop()


def own_cluster_or_skip(**options: Any) -> Cluster:
    """A cluster of one's own, not started yet.

    Args:
        options: of `Cluster`.
    """
    if is_external():
        pytest.skip("breaks the control plane, and CNAI_TEST_KUBECONFIG names somebody else's")
    if tools := missing_tools():
        _skip(f"missing system packages: apt-get install {' '.join(tools)}")
    if not is_root() or not may_network():
        _skip("it needs network namespaces; run: make test-cluster")
    try:
        return Cluster(build(), **options)
    except (NoToolchain, CannotBuild, CannotNetwork) as error:
        _skip(str(error))


def _skip(why: str) -> NoReturn:
    warnings.warn(f"THE CLUSTER TESTS ARE SKIPPED: {why}", stacklevel=2)
    pytest.skip(why)
