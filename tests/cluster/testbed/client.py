"""What tests do to any cluster, whoever started it."""

from __future__ import annotations

import secrets
import ssl
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.cluster.testbed.apply import Applier
from tests.cluster.testbed.faults import Faults
from tests.cluster.testbed.processes import until

Document = dict[str, Any]


class Client(ABC):
    """A cluster as its administrator reaches it.

    Args:
        http: a client with the server's address and the administrator's rights.
        tls: how the server is trusted, and who asks.

    Attributes:
        kubeconfig: of the administrator.
    """

    kubeconfig: Path

    @abstractmethod
    def context(self, namespace: str, *, server: str = "", authority: str = "") -> Path:
        """The administrator's kubeconfig, in a namespace.

        Args:
            server: an address to use instead.
            authority: the certificate that signs that one's.
        """

    def __init__(self, http: httpx2.Client, tls: ssl.SSLContext) -> None:
        self.http = http
        self.tls = tls

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self.http.base_url).rstrip("/")

    def namespace(self, name: str = "", *, restricted: bool = False) -> str:
        """A fresh namespace that has what pods mount: a service account, and the authority."""
        name = name or f"cnai-test-{secrets.token_hex(4)}"
        level = {"pod-security.kubernetes.io/enforce": "restricted"} if restricted else {}
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": level}}
        )
        here = f"/api/v1/namespaces/{name}"
        until("its service account is there", lambda: self._has(f"{here}/serviceaccounts/default"))
        until("its authority is there", lambda: self._has(f"{here}/configmaps/kube-root-ca.crt"))
        until("those whom the server asks of pods know it", lambda: self._takes_pods(name))
        return name

    def _takes_pods(self, namespace: str) -> bool:
        """Kueue's webhook hears of a namespace a moment after the server has it, and refuses what
        is in one that it does not know."""
        probe = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a"}]}}
        path = f"/api/v1/namespaces/{namespace}/pods"
        answer = self.http.post(path, params={"dryRun": "All"}, json=probe)
        return f'Namespace "{namespace}" not found' not in answer.text

    def _has(self, path: str) -> bool:
        return bool(self.http.get(path).status_code == 200)

    def delete_namespace(self, name: str) -> None:
        """Remove it with all that is in it; it goes by and by."""
        self.http.delete(f"/api/v1/namespaces/{name}")

    def hold_in_termination(self, namespace: str) -> None:
        """Delete a namespace that then stays Terminating, until `release`."""
        self.apply(_held_back(namespace))
        self.delete_namespace(namespace)
        path = f"/api/v1/namespaces/{namespace}"
        until(
            f"{namespace} is being terminated",
            lambda: self.http.get(path).json()["status"]["phase"] == "Terminating",
        )

    def release(self, namespace: str) -> None:
        """Let a namespace that is held in termination go."""
        path = Applier(self.http).path(_held_back(namespace))
        self.http.patch(
            path,
            json={"metadata": {"finalizers": None}},
            headers={"Content-Type": "application/merge-patch+json"},
        )

    def apply(self, document: Mapping[str, Any]) -> Document:
        """Make or change one object; a quota counts when this returns, and refuses all until then.

        Raises:
            RuntimeError: the server refuses it.
        """
        applier = Applier(self.http)
        made = applier.apply(dict(document))
        if made["kind"] == "ResourceQuota":
            path = applier.path(made)
            until("the quota counts", lambda: _counts(self.http.get(path).json()))
        return made

    def pods(self, namespace: str, selector: str = "") -> list[Document]:
        """The pods of a namespace."""
        answer = self.http.get(
            f"/api/v1/namespaces/{namespace}/pods", params={"labelSelector": selector}
        )
        found: list[Document] = answer.raise_for_status().json()["items"]
        return found

    def delete_pod(self, namespace: str, name: str, *, grace: int | None = None) -> None:
        """As somebody else would; at once with a grace of 0 seconds."""
        params = {} if grace is None else {"gracePeriodSeconds": str(grace)}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        self.http.delete(path, params=params).raise_for_status()

    def grant(
        self, user: str, namespace: str, rules: Sequence[Mapping[str, Sequence[str]]]
    ) -> None:
        """Rights for a user in a namespace, once they hold; what was granted before is replaced.

        Args:
            user: a user's name, or NAMESPACE:NAME of a service account.
            rules: of a Role, each with apiGroups, resources and verbs.
        """
        name = user.replace(":", "-")
        account = user.removeprefix("system:serviceaccount:")
        subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
        if account != user:
            inside, _, name = account.partition(":")
            subject = {"kind": "ServiceAccount", "name": name, "namespace": inside}
        api, meta = "rbac.authorization.k8s.io/v1", {"name": name, "namespace": namespace}
        self.apply({"apiVersion": api, "kind": "Role", "metadata": meta, "rules": list(rules)})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        self.apply(
            {
                "apiVersion": api,
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": role,
                "subjects": [subject],
            }
        )
        until(f"{user} may", lambda: all(self._may(user, namespace, rule) for rule in rules))

    def _may(self, user: str, namespace: str, rule: Mapping[str, Sequence[str]]) -> bool:
        """Whether the API server has heard of a rule."""
        resource, _, part = rule["resources"][0].partition("/")
        asked = {
            "namespace": namespace,
            "group": rule["apiGroups"][0],
            "resource": resource,
            "subresource": part,
            "verb": rule["verbs"][0],
        }
        answer = self.http.post(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            json={"spec": {"user": user, "resourceAttributes": asked}},
        )
        return bool(answer.raise_for_status().json()["status"]["allowed"])

    @contextmanager
    def faults(self, namespace: str) -> Iterator[tuple[Faults, Path]]:
        """A way to the API server whose requests meet rules, and a kubeconfig that takes it."""
        with (
            tempfile.TemporaryDirectory() as folder,
            Faults(self.server, self.tls, Path(folder)) as faults,
        ):
            authority = str(faults.certificate)
            yield faults, self.context(namespace, server=faults.server, authority=authority)

    def account_token(self, name: str, namespace: str, *, seconds: int = 3600) -> str:
        """A token of a service account, which is made.

        Args:
            seconds: how long it is good, at least 600.
        """
        meta = {"name": name, "namespace": namespace}
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.http.post(path, json={"spec": {"expirationSeconds": seconds}})
        token: str = answer.raise_for_status().json()["status"]["token"]
        return token


def _counts(quota: Document) -> bool:
    """Whether the control plane has counted all that a quota bounds."""
    hard, status = quota["spec"]["hard"], quota.get("status", {})
    return bool(status.get("hard") == hard and hard.keys() <= status.get("used", {}).keys())


def _held_back(namespace: str) -> Document:
    meta = {"name": "held-back", "namespace": namespace, "finalizers": ["cnai-sdk/testbed"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
