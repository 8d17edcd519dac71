"""Which rank a pod is, and the environment that it gets: the same as on one machine."""

import json
import math
import os
import socket
from typing import Any, NamedTuple

_BLAS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_CGROUP = "/sys/fs/cgroup"


class Place(NamedTuple):
    """Where one rank stands.

    Attributes:
        master: the host of rank 0, by the name that the operator gave it.
        port: of torch's rendezvous.
    """

    rank: int
    world: int
    master: str
    port: int

    @classmethod
    def found(cls, settings: dict[str, Any]) -> "Place":
        """As the operator tells: a PyTorchJob by RANK and so on, a TrainJob by PET_NODE_RANK."""
        tell = os.environ.get
        return cls(
            rank=int(tell("RANK") or tell("PET_NODE_RANK") or 0),
            world=int(tell("WORLD_SIZE") or settings["workers"]),
            master=tell("MASTER_ADDR") or tell("PET_MASTER_ADDR") or "127.0.0.1",
            port=int(tell("MASTER_PORT") or tell("PET_MASTER_PORT") or 29500),
        )


def environment(
    place: Place, settings: dict[str, Any], *, home: str, outputs: str, attempt: int
) -> dict[str, str]:
    """The whole environment of a rank."""
    own = {
        "RANK": place.rank,
        "LOCAL_RANK": 0,
        "WORLD_SIZE": place.world,
        "LOCAL_WORLD_SIZE": 1,
        "GROUP_RANK": place.rank,
        "GROUP_WORLD_SIZE": place.world,
        "ROLE_RANK": place.rank,
        "ROLE_WORLD_SIZE": place.world,
        "ROLE_NAME": "default",
        "MASTER_ADDR": _master(place),
        "MASTER_PORT": place.port,
        "TORCHELASTIC_RESTART_COUNT": attempt,
        "TORCHELASTIC_MAX_RESTARTS": 0,
        "TORCHELASTIC_RUN_ID": settings["id"],
        "CNAI_JOB_ID": settings["id"],
        "CNAI_JOB_NAME": settings["name"],
        "CNAI_PAYLOAD": os.path.join(home, "job"),
        "CNAI_OUTPUT_DIR": outputs,
        "CNAI_ERROR": os.path.join(home, "error.json"),
        "CNAI_ATTEMPT": attempt,
        "CNAI_THREADS": _threads(settings),
    }
    if place.rank == 0:
        own["CNAI_RESULT"] = os.path.join(home, "result.json")
    elif place.world > 1:
        own["CNAI_AWAIT_MASTER"] = 1
    if settings["argv"]:
        own["CNAI_ARGV"] = json.dumps(settings["argv"])
    found = dict(os.environ) | {name: str(value) for name, value in own.items()}
    threads = found.get("OMP_NUM_THREADS") or str(own["CNAI_THREADS"])
    return dict.fromkeys(_BLAS, threads) | found


def _master(place: Place) -> str:
    """Rank 0 finds itself by its own name at once; the service's name comes to be only later."""
    if place.world == 1:
        return "127.0.0.1"
    if place.rank == 0:
        own = socket.gethostname()
        try:
            socket.getaddrinfo(own, place.port)
        except OSError:
            return place.master
        return own
    return place.master


def _threads(settings: dict[str, Any]) -> int:
    if settings.get("cpu"):
        return max(1, math.floor(float(settings["cpu"])))
    cores = len(os.sched_getaffinity(0))
    try:
        with open(f"{_CGROUP}/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores


def killed_for_memory() -> bool:
    """Whether the kernel killed a process of this container because its memory was full."""
    try:
        with open(f"{_CGROUP}/memory.events", encoding="ascii") as file:
            events = dict(line.split() for line in file)
        return int(events.get("oom_kill", 0)) > 0
    except (OSError, ValueError):
        return False
