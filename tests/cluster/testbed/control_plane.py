"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes."""

from __future__ import annotations

import json
import secrets
import ssl
from pathlib import Path
from typing import Any

import httpx2

from tests.cluster.testbed.build import Built
from tests.cluster.testbed.certificates import Authority, write_account_keys
from tests.cluster.testbed.network import API_PORT, ETCD_PORT, GATEWAY, USERS_PORT, Network
from tests.cluster.testbed.processes import Process, until
from tests.cluster.testbed.users import Users

_SERVICES = "10.96.0.0/16"
_GO = {"GOGC": "400"}
"""More memory for less work: collecting its garbage was a fifth of what the API server does."""
INSIDE = f"https://{GATEWAY}:{API_PORT}"
"""The API server, for what runs in the cluster."""


class ControlPlane:
    """The control plane of one cluster.

    Args:
        built: its programs.
        network: what it listens in; it stands.
        run: a folder for all it writes.

    Attributes:
        server: the API server, for what runs outside.
        http: to it, as the administrator.
    """

    def __init__(self, built: Built, network: Network, run: Path) -> None:
        self._built = built
        self._run = run
        self.network = network
        self.token = secrets.token_hex(16)
        self.server = f"https://127.0.0.1:{network.port(API_PORT)}"
        self.authority = Authority(run / "certs")
        self.users = Users(run / "users.json")
        self.tls = ssl.create_default_context(cafile=str(self.authority.certificate))
        self.http = httpx2.Client(
            base_url=self.server,
            verify=self.tls,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30.0,
            trust_env=False,
        )
        self.kubeconfig = self.write_kubeconfig("admin", self.token)
        self.processes = self._processes()

    def write_kubeconfig(
        self,
        user: str,
        token: str,
        *,
        namespace: str = "default",
        server: str = "",
        authority: str = "",
    ) -> Path:
        """A kubeconfig with one context, named as the user is."""
        path = self._run / f"{user}.kubeconfig"
        cluster = {
            "server": server or self.server,
            "certificate-authority": authority or str(self.authority.certificate),
        }
        path.write_text(json.dumps(_kubeconfig(cluster, user, {"token": token}, namespace)))
        path.chmod(0o600)
        return path

    def _processes(self) -> dict[str, Process]:
        run, certs = self._run, self.authority.folder
        write_account_keys(certs)
        names = ("localhost", "kubernetes.default.svc", "127.0.0.1", GATEWAY, "10.96.0.1")
        self.authority.write("api", "kube-apiserver", names)
        (run / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        asking = _kubeconfig({"server": f"http://127.0.0.1:{USERS_PORT}/"}, "api-server", {})
        (run / "users.kubeconfig").write_text(json.dumps(asking))
        inner = self.write_kubeconfig("controllers", self.token, server=INSIDE)
        common = [
            f"--kubeconfig={inner}",
            "--leader-elect=false",
            f"--authentication-kubeconfig={inner}",
            f"--authorization-kubeconfig={inner}",
            f"--cert-dir={certs}",
            f"--bind-address={GATEWAY}",
        ]
        etcd, peer = f"http://127.0.0.1:{ETCD_PORT}", f"http://127.0.0.1:{ETCD_PORT + 1}"
        commands: dict[str, list[str | Path]] = {
            "etcd": [run / "etcd", etcd, peer],
            "kube-apiserver": [*self._api_flags(certs, etcd)],
            "kube-controller-manager": [
                *common,
                "--use-service-account-credentials",
                f"--service-account-private-key-file={certs}/sa.key",
                f"--root-ca-file={self.authority.certificate}",
                "--node-monitor-grace-period=20s",
                "--node-monitor-period=1s",
            ],
            "kube-scheduler": [*common],
        }
        return {
            name: Process(
                name, self.network.command([self._built.binary(name), *flags]), run, env=_GO
            )
            for name, flags in commands.items()
        }

    def _api_flags(self, certs: Path, etcd: str) -> list[str]:
        return [
            f"--etcd-servers={etcd}",
            f"--secure-port={API_PORT}",
            f"--bind-address={GATEWAY}",
            f"--advertise-address={GATEWAY}",
            f"--tls-cert-file={certs}/api.crt",
            f"--tls-private-key-file={certs}/api.key",
            f"--cert-dir={certs}",
            f"--service-account-key-file={certs}/sa.pub",
            f"--service-account-signing-key-file={certs}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={self._run}/tokens.csv",
            f"--authentication-token-webhook-config-file={self._run}/users.kubeconfig",
            "--authentication-token-webhook-version=v1",
            "--authentication-token-webhook-cache-ttl=0s",
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

    def start_scheduler(self, program: str, name: str) -> None:
        """One that runs beside Kubernetes' own, for the pods that call it by its name."""
        config = self._run / f"{program}.json"
        config.write_text(json.dumps(_scheduler(name, self._run / "controllers.kubeconfig")))
        binary, certs = self._built.binary(program), self.authority.folder
        flags = [f"--config={config}", "--secure-port=0", f"--cert-dir={certs}"]
        # It is told of pods that come, and not of those that go: it looks again after a while.
        flags.append("--pod-max-in-unschedulable-pods-duration=2s")
        process = Process(program, self.network.command([binary, *flags]), self._run)
        self.processes[program] = process
        process.start()

    def until_ready(self) -> None:
        """Return when the API server says so."""
        needed = [self.processes[name] for name in ("etcd", "kube-apiserver")]
        until("the API server is ready", self._is_ready, seconds=240, processes=needed)

    def _is_ready(self) -> bool:
        try:
            return bool(self.http.get("/readyz").status_code == 200)
        except httpx2.HTTPError:
            return False

    def compact(self) -> None:
        """Forget the past, so that every watch from an older version is answered with 410."""
        base = f"http://127.0.0.1:{self.network.port(ETCD_PORT)}/v3"
        with httpx2.Client(trust_env=False, timeout=60.0) as etcd:
            found = etcd.post(f"{base}/kv/range", json={"key": "AA=="}).json()
            revision = found["header"]["revision"]
            etcd.post(
                f"{base}/kv/compaction", json={"revision": revision, "physical": True}
            ).raise_for_status()

    def stop(self) -> None:
        """End everything, the API server before its store."""
        for process in reversed(self.processes.values()):
            process.stop()
        self.http.close()


def _scheduler(name: str, kubeconfig: Path) -> dict[str, Any]:
    """The settings of a scheduler of gangs, as its own installation has them."""
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "leaderElection": {"leaderElect": False},
        "profiles": [
            {
                "schedulerName": name,
                "plugins": {
                    "multiPoint": {
                        "enabled": [{"name": "Coscheduling"}],
                        "disabled": [{"name": "PrioritySort"}],
                    }
                },
                "pluginConfig": [
                    {"name": "Coscheduling", "args": {"permitWaitingTimeSeconds": 10}}
                ],
            }
        ],
    }


def _kubeconfig(
    cluster: dict[str, str], user: str, who: dict[str, Any], namespace: str = "default"
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": user,
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": user, "user": who}],
        "contexts": [
            {"name": user, "context": {"cluster": "testbed", "user": user, "namespace": namespace}}
        ],
    }
