"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from tests.cluster.testbed.build import Built
from tests.cluster.testbed.certificates import Authority, write_account_keys
from tests.cluster.testbed.network import Network, free_port
from tests.cluster.testbed.processes import Process, until

_SERVICES = "10.96.0.0/16"


class ControlPlane:
    """The control plane of one cluster.

    Args:
        built: its programs.
        network: what it listens in.
        run: a folder for all it writes.
    """

    def __init__(self, built: Built, network: Network, run: Path) -> None:
        self._built = built
        self._run = run
        self.network = network
        self.token = secrets.token_hex(16)
        self.port = free_port(network.gateway)
        self.server = f"https://{network.gateway}:{self.port}"
        self.authority = Authority(run / "certs")
        self._users: dict[str, tuple[str, Sequence[str]]] = {}
        self._etcd_port = free_port("127.0.0.1")
        self.http = httpx2.Client(
            base_url=self.server,
            verify=str(self.authority.certificate),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30.0,
            trust_env=False,
        )
        self.kubeconfig = self.write_kubeconfig("admin", self.token)
        self.processes = self._processes()

    def write_kubeconfig(
        self, user: str, token: str, *, namespace: str = "default", server: str = ""
    ) -> Path:
        """A kubeconfig with one context, named as the user is."""
        path = self._run / f"{user}.kubeconfig"
        cluster = {
            "server": server or self.server,
            "certificate-authority": str(self.authority.certificate),
        }
        context = {"cluster": "testbed", "user": user, "namespace": namespace}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": user,
                    "clusters": [{"name": "testbed", "cluster": cluster}],
                    "users": [{"name": user, "user": {"token": token}}],
                    "contexts": [{"name": user, "context": context}],
                }
            )
        )
        path.chmod(0o600)
        return path

    def _processes(self) -> dict[str, Process]:
        run, certs = self._run, self.authority.folder
        write_account_keys(certs)
        gateway = self.network.gateway
        names = ("localhost", "kubernetes.default.svc", "127.0.0.1", gateway, "10.96.0.1")
        self.authority.write("api", "kube-apiserver", names)
        (run / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        etcd = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{free_port('127.0.0.1')}"
        binaries = self._built.binaries
        own = [
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            f"--authentication-kubeconfig={self.kubeconfig}",
            f"--authorization-kubeconfig={self.kubeconfig}",
            f"--cert-dir={certs}",
            f"--bind-address={gateway}",
        ]
        commands: dict[str, list[Any]] = {
            "etcd": [binaries / "etcd", run / "etcd", etcd, peer],
            "kube-apiserver": [binaries / "kube-apiserver", *self._api_flags(certs, etcd)],
            "kube-controller-manager": [
                binaries / "kube-controller-manager",
                *own,
                f"--secure-port={free_port(gateway)}",
                "--use-service-account-credentials",
                f"--service-account-private-key-file={certs}/sa.key",
                f"--root-ca-file={self.authority.certificate}",
                "--node-monitor-grace-period=12s",
                "--node-monitor-period=1s",
            ],
            "kube-scheduler": [
                binaries / "kube-scheduler",
                *own,
                f"--secure-port={free_port(gateway)}",
            ],
        }
        return {name: Process(name, command, run) for name, command in commands.items()}

    def _api_flags(self, certs: Path, etcd: str) -> list[str]:
        return [
            f"--etcd-servers={etcd}",
            f"--secure-port={self.port}",
            f"--bind-address={self.network.gateway}",
            f"--advertise-address={self.network.gateway}",
            f"--tls-cert-file={certs}/api.crt",
            f"--tls-private-key-file={certs}/api.key",
            f"--cert-dir={certs}",
            f"--service-account-key-file={certs}/sa.pub",
            f"--service-account-signing-key-file={certs}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={self._run}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            f"--service-cluster-ip-range={_SERVICES}",
            "--allow-privileged",
            "--enable-admission-plugins=NodeRestriction",
            # Webhooks and aggregated APIs are called at the addresses of their pods.
            "--enable-aggregator-routing=true",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={self.authority.certificate}",
            f"--proxy-client-cert-file={certs}/api.crt",
            f"--proxy-client-key-file={certs}/api.key",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        ]

    def start(self) -> None:
        """Start everything, and return when the API server is ready."""
        for name in ("etcd", "kube-apiserver"):
            self.processes[name].start()
        self.until_ready()
        for name in ("kube-controller-manager", "kube-scheduler"):
            self.processes[name].start()

    def until_ready(self) -> None:
        """Return when the API server says so."""
        needed = [self.processes[name] for name in ("etcd", "kube-apiserver")]
        until("the API server is ready", self._is_ready, seconds=90, processes=needed)

    def _is_ready(self) -> bool:
        try:
            return bool(self.http.get("/readyz").status_code == 200)
        except httpx2.HTTPError:
            return False

    def compact(self) -> None:
        """Forget the past, so that every watch from an older version is answered with 410."""
        base = f"http://127.0.0.1:{self._etcd_port}/v3"
        with httpx2.Client(trust_env=False) as etcd:
            found = etcd.post(f"{base}/kv/range", json={"key": "AA=="}).json()
            revision = found["header"]["revision"]
            etcd.post(
                f"{base}/kv/compaction", json={"revision": revision, "physical": True}
            ).raise_for_status()

    def stop(self) -> None:
        """End everything, the API server before its store."""
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            self.processes[name].stop()
        self.http.close()
