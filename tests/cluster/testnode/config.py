"""What one process of the test node is told: the cluster, the network, the images, its nodes."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import yaml


class NodeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node, as it registers itself.

    Attributes:
        one_each: resources of which a container gets at most one, as NVIDIA's device plugin has it
            for shared devices with failRequestsGreaterThanOne.
    """

    name: str
    port: int = 0
    allocatable: dict[str, str] = {}
    capacity: dict[str, str] = {}
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    taints: list[dict[str, Any]] = []
    resource_slices: list[dict[str, Any]] = []
    one_each: list[str] = []


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of CONFIG.json; README.md describes each field."""

    server: str
    bridge: str
    subnet: str
    gateway: str
    run: Path
    nodes: list[NodeConfig]
    token: str = ""
    token_file: str = ""
    ca: str = ""
    kubeconfig: str = ""
    prefix: str = ""
    path: list[str] = []
    binds: list[str] = []
    hide: list[str] = []
    images: dict[str, list[str] | str | None] = {}
    restart_backoff: float = 10.0
    restart_backoff_max: float = 300.0
    pull_backoff: float = 10.0
    heartbeat: float = 10.0
    storage_class: str = "testnode"

    @property
    def link_prefix(self) -> str:
        """What the names of this process's links start with: at most four characters."""
        made = "n" + hashlib.sha256(f"{self.bridge}{self.run}".encode()).hexdigest()[:3]
        return (self.prefix or made)[:4]


class Credentials(msgspec.Struct, frozen=True):
    """How this process shows who it is."""

    token: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""


def read(path: Path) -> Config:
    return msgspec.json.decode(path.read_bytes(), type=Config, dec_hook=_decode)


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)


def credentials(config: Config) -> Credentials:
    """From the configuration itself, else from the files of a kubeconfig's current context."""
    if config.token or config.token_file:
        token = config.token or Path(config.token_file).read_text().strip()
        return Credentials(token=token, ca=config.ca)
    if not config.kubeconfig:
        return Credentials(ca=config.ca)
    document = yaml.safe_load(Path(config.kubeconfig).read_text())
    named = {
        kind: {entry["name"]: entry[kind[:-1]] for entry in document[kind]}
        for kind in ("clusters", "users", "contexts")
    }
    context = named["contexts"][document["current-context"]]
    user, cluster = named["users"][context["user"]], named["clusters"][context["cluster"]]
    return Credentials(
        token=user.get("token", ""),
        ca=config.ca or cluster.get("certificate-authority", ""),
        certificate=user.get("client-certificate", ""),
        key=user.get("client-key", ""),
    )
