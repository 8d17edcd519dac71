"""Server-side apply of documents, in an order that works."""

from __future__ import annotations

import functools
import json
from typing import Any

import httpx2

from tests.cluster.testbed.processes import until

_FIRST = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "Secret",
    "ConfigMap",
    "Service",
)
_CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Document = dict[str, Any]


class Applier:
    """Applies documents to one API server."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._kinds: dict[str, dict[str, Any]] = {}
        self._established: set[str] = set()

    def apply_all(self, documents: list[Document]) -> None:
        """Namespaces and definitions first, webhooks last, and the rest once it is known."""
        for document in sorted(documents, key=_turn):
            if document["kind"] not in _FIRST:
                self.await_definitions(documents)
            document.pop("status", None)
            self.apply(document)

    def apply(self, document: Document) -> Document:
        """One document; what was there is changed.

        Raises:
            RuntimeError: the server refuses it.
        """
        path = self.path(document)
        for patient in (True, False):
            answer = self._http.patch(
                path,
                params={"fieldManager": "testbed", "force": "true"},
                content=json.dumps(document, default=str),
                headers={"Content-Type": "application/apply-patch+yaml"},
            )
            # A webhook of an operator that has just become ready may not listen yet.
            if answer.status_code < 500 or not patient:
                break
            until("its webhook answers", lambda: self.answers(document))
        if answer.status_code >= 300:
            name = f"{document['kind']} {document['metadata']['name']}"
            raise RuntimeError(f"{name} could not be applied: {answer.json()['message']}")
        found: Document = answer.json()
        return found

    def answers(self, document: Document) -> bool:
        """Whether the server, and whoever it asks, says anything to a document; nothing is made."""
        answer = self._http.patch(
            self.path(document),
            params={"fieldManager": "testbed", "force": "true", "dryRun": "All"},
            content=json.dumps(document, default=str),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return answer.status_code < 500

    def path(self, document: Document) -> str:
        """Where a document is, or would be."""
        version = document["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        kind = self._kind(base, document["kind"])
        meta = document["metadata"]
        inside = f"/namespaces/{meta.get('namespace', 'default')}" if kind["namespaced"] else ""
        return f"{base}{inside}/{kind['name']}/{meta['name']}"

    def _kind(self, base: str, name: str) -> dict[str, Any]:
        known = self._kinds.setdefault(base, {})
        if name not in known:
            found = self._http.get(base).raise_for_status().json()["resources"]
            known.update({each["kind"]: each for each in found if "/" not in each["name"]})
        kind: dict[str, Any] = known[name]
        return kind

    def await_definitions(self, documents: list[Document]) -> None:
        """Return when the kinds that these documents define are served."""
        for document in documents:
            name = document["metadata"]["name"]
            new = document["kind"] == "CustomResourceDefinition" and name not in self._established
            if new:
                until(f"{name} is established", functools.partial(self._is_established, name))
                self._established.add(name)

    def _is_established(self, name: str) -> bool:
        conditions = self._http.get(f"{_CRD}/{name}").json().get("status", {}).get("conditions")
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions or ())


def _turn(document: Document) -> tuple[int, bool]:
    kind = document["kind"]
    return (_FIRST.index(kind) if kind in _FIRST else len(_FIRST), "Webhook" in kind)
