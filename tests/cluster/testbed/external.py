"""A cluster that somebody else started, such as kind."""

from __future__ import annotations

import base64
import copy
import json
import os
import ssl
from pathlib import Path
from typing import Any

import httpx2
import yaml

from cnai_sdk.backends.kubernetes.kubeconfig import Cluster, Target, User, find
from tests.cluster.testbed.client import Client
from tests.cluster.testbed.folder import Folder


class External(Client):
    """Made from a kubeconfig with a token or a client certificate; nothing in it is broken.

    Args:
        path: of the kubeconfig.
    """

    def __init__(self, path: Path) -> None:
        self.kubeconfig = path
        self._target = find(environ={**os.environ, "KUBECONFIG": str(path)})
        self._folder = Folder()
        self._files = self._folder.path
        tls = trust(self._target, self._files)
        user = self._target.user
        token = user.token or (Path(user.token_file).read_text() if user.token_file else "")
        headers = {"Authorization": f"Bearer {token.strip()}"} if token else {}
        super().__init__(
            httpx2.Client(base_url=self._target.server, verify=tls, headers=headers, timeout=30.0),
            tls,
        )
        self.http.get("/version").raise_for_status()

    def stop(self) -> None:
        """Leave it as it is, and remove what was written here: kubeconfigs have keys."""
        self.http.close()
        self._folder.remove()

    def context(self, namespace: str, *, server: str = "", authority: str = "") -> Path:
        """The kubeconfig, in a namespace."""
        return self._write(f"admin-{namespace}", namespace, server, {}, authority)

    def user_kubeconfig(self, user: str, *, namespace: str, server: str = "") -> Path:
        """A kubeconfig of a service account of that name; its namespace is where it is."""
        token = self.account_token(user, namespace)
        return self._write(f"{namespace}-{user}", namespace, server, {"token": token})

    def _write(
        self, name: str, namespace: str, server: str, who: dict[str, Any], authority: str = ""
    ) -> Path:
        document = copy.deepcopy(yaml.safe_load(self.kubeconfig.read_text()))
        current = next(
            each["context"]
            for each in document["contexts"]
            if each["name"] == document["current-context"]
        )
        current["namespace"] = namespace
        for each in document["clusters"]:
            if server and each["name"] == current["cluster"]:
                each["cluster"]["server"] = server
                if authority:
                    each["cluster"]["certificate-authority"] = authority
                    each["cluster"].pop("certificate-authority-data", None)
        for each in document["users"]:
            if who and each["name"] == current["user"]:
                each["user"] = who
        path = self._files / f"{name}.kubeconfig"
        path.write_text(json.dumps(document, default=str))
        path.chmod(0o600)
        return path


def trust(target: Target, files: Path) -> ssl.SSLContext:
    """How a kubeconfig says that its server is trusted, and its client certificate."""
    cluster, user = target.cluster, target.user
    context = ssl.create_default_context(cafile=_authority(cluster, files))
    if cluster.insecure_skip_tls_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate, key = _client_pair(user, files)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def _authority(cluster: Cluster, files: Path) -> str | None:
    given, data = cluster.certificate_authority, cluster.certificate_authority_data
    return _on_disk(given, data, files / "ca.crt") or None


def _client_pair(user: User, files: Path) -> tuple[str, str]:
    return (
        _on_disk(user.client_certificate, user.client_certificate_data, files / "client.crt"),
        _on_disk(user.client_key, user.client_key_data, files / "client.key"),
    )


def _on_disk(given: str, data: str, path: Path) -> str:
    if data:
        path.write_bytes(base64.b64decode(data))
        path.chmod(0o600)
        return str(path)
    return given
