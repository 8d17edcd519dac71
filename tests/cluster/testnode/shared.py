"""What the pods of one process share: the cluster's objects, the network, the images."""

import dataclasses

from tests.cluster.testnode.client import Client
from tests.cluster.testnode.config import Config
from tests.cluster.testnode.events import Recorder
from tests.cluster.testnode.images import Images
from tests.cluster.testnode.informer import Informer
from tests.cluster.testnode.memory import Memory
from tests.cluster.testnode.network import Network
from tests.cluster.testnode.sandbox import Machine


@dataclasses.dataclass(frozen=True)
class Shared:
    """One of these a process.

    Attributes:
        disks: what a node's disk has left for each folder of a pod that comes there; None, and for
            nodes that are not in it: as much as this machine has.
    """

    config: Config
    client: Client
    recorder: Recorder
    network: Network
    images: Images
    machine: Machine
    memory: Memory
    services: Informer
    secrets: Informer
    configmaps: Informer
    claims: Informer
    disks: dict[str, int | None] = dataclasses.field(default_factory=dict)
