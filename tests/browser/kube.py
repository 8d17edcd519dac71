"""A namespace of the test cluster as a notebook and a Jupyter server reach it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.faults import Faults
from tests.cluster.testbed.fixtures import shared_cluster
from tests.cluster.testbed.processes import until

CONTEXT = "gpu-lab"
_KINDS = (("kubeflow.org/v1", "pytorchjobs"), ("trainer.kubeflow.org/v1alpha1", "trainjobs"))


@dataclass(frozen=True, kw_only=True)
class Room:
    """A namespace, and how it is reached.

    Attributes:
        kubeconfig: for a server whose notebooks may go there.
        faults: what its requests meet on their way.
    """

    cluster: Cluster | External
    namespace: str
    kubeconfig: Path
    faults: Faults

    @property
    def place(self) -> str:
        """What the panel calls it."""
        return f"{self.namespace} on {CONTEXT}"

    @property
    def use(self) -> str:
        """The cell that goes there."""
        where = f"context={CONTEXT!r}, namespace={self.namespace!r}"
        return f'import cnai_sdk as cnai\n\ncnai.use("kubernetes", {where})'

    def have(self, kind: str, version: str, name: str, **fields: Any) -> None:
        """Make or change an object there, as an administrator does."""
        meta = {"name": name, "namespace": self.namespace, **fields.pop("metadata", {})}
        self.cluster.apply({"apiVersion": version, "kind": kind, "metadata": meta, **fields})

    def limit(self, name: str, hard: Mapping[str, str]) -> None:
        """Make or change a quota."""
        self.have("ResourceQuota", "v1", name, spec={"hard": dict(hard)})

    def jobs(self) -> list[dict[str, Any]]:
        """The training jobs that the API server has there."""
        found: list[dict[str, Any]] = []
        for group, plural in _KINDS:
            path = f"/apis/{group}/namespaces/{self.namespace}/{plural}"
            answer = self.cluster.http.get(path)
            if answer.status_code != 404:  # an operator that is not there
                found += answer.raise_for_status().json()["items"]
        return found


@contextmanager
def room(
    folder: Path,
    *,
    name: str = "",
    quota: Mapping[str, str] | None = None,
    cluster: Cluster | None = None,
) -> Iterator[Room]:
    """A fresh namespace whose context has a name that somebody might have given it.

    Args:
        folder: for the kubeconfig.
        name: of the namespace; a new one when left out.
        quota: the namespace's limits.
        cluster: rather than the one of all tests.
    """
    there = cluster or shared_cluster()
    namespace = there.namespace(name)
    try:
        with there.faults(namespace) as (faults, kubeconfig):
            path = folder / "kubeconfig"
            path.write_text(json.dumps(_renamed(json.loads(kubeconfig.read_text()))))
            path.chmod(0o600)
            found = Room(
                cluster=there,
                namespace=namespace,
                kubeconfig=path,
                faults=faults,
            )
            if quota:
                found.limit("team", quota)
            yield found
    finally:
        there.delete_namespace(namespace)
        if name:
            gone = f"/api/v1/namespaces/{name}"
            until(f"{name} is gone", lambda: there.http.get(gone).status_code == 404)


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """A kubeconfig whose current context has our name."""
    current = next(
        each for each in document["contexts"] if each["name"] == document["current-context"]
    )
    current["name"] = document["current-context"] = CONTEXT
    return document
