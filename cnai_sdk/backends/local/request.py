"""Whether a request can ever be granted on this machine; checked at the call."""

from __future__ import annotations

from cnai_sdk.backends.local.capacity import Capacity
from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.gpu.resolver import check_devices
from cnai_sdk.gpu.wish import check_wish
from cnai_sdk.model.quantity import parse_memory, show_bytes, show_number, write_memory
from cnai_sdk.model.spec import Resources, TrainSpec
from cnai_sdk.remote import on_cluster, scheme_of

_OF_A_CLUSTER = ("outputs", "image", "shm", "queue", "priority")


def validate(resources: Resources, workers: int, capacity: Capacity) -> tuple[str, ...]:
    """Refuse what this machine can never grant; returns what the person should know.

    Raises:
        InvalidRequest: not a request that any machine could grant.
        DoesNotFit: larger than this machine, with numbers and choices.
    """
    _check_workers(workers)
    _check_cpu(resources.cpu)
    for argument in ("memory", "gpu_memory"):
        if getattr(resources, argument) is not None:
            parse_memory(getattr(resources, argument), argument=argument)
    check_wish(resources, workers)
    _fit_workers(workers, capacity)
    _fit_cpu(resources, workers, capacity)
    _fit_memory(resources, workers, capacity)
    return _cpu_notices(resources, workers, capacity) + _gpu_notices(resources, workers, capacity)


def cluster_only(spec: TrainSpec) -> tuple[str, ...]:
    """Refuse what only a cluster has; returns what the person should know of the rest.

    Raises:
        InvalidRequest: data or a secret that lies in a cluster.
    """
    fetched = [link.source for link in spec.data if scheme_of(link.source) in ("s3", "hf")]
    if fetched:
        raise InvalidRequest(
            f"data has {fetched[0]!r}, which only a cluster's workers fetch.",
            why="This job would run on this machine, where the function can load it itself.",
            next_step='Run it there: cnai.use("kubernetes"); or load it once into a folder '
            f"({_loads(fetched[0])}), and name that in data=.",
        )
    claims = [link.source for link in spec.data if on_cluster(link)]
    secrets = [name for name in spec.secrets if "/" in name]
    for argument, found in (("data", claims), ("secrets", secrets)):
        if found:
            raise InvalidRequest(
                f"{argument} has {found[0]!r}, which lies in a cluster.",
                why="This job would run on this machine, which cannot read it.",
                next_step='Run it there: cnai.use("kubernetes"); or name what is here.',
            )
    wishes = [name for name in _OF_A_CLUSTER if getattr(spec, name)]
    if not wishes:
        return ()
    said = " and ".join(f"{name}=" for name in wishes)
    what = "concerns" if len(wishes) == 1 else "concern"
    return (f"{said} {what} a cluster; on this machine nothing changes.",)


def _loads(address: str) -> str:
    """The command that loads an address into a folder.

    >>> _loads("s3://bucket/cifar"), _loads("hf://datasets/ylecun/mnist")
    ('aws s3 sync s3://bucket/cifar cifar', 'hf download ylecun/mnist --repo-type dataset')
    """
    rest = address.partition("://")[2]
    if scheme_of(address) == "s3":
        return f"aws s3 sync {address} {rest.rpartition('/')[2]}"
    repository, _, revision = rest.removeprefix("datasets/").partition("@")
    kind = " --repo-type dataset" if rest.startswith("datasets/") else ""
    return f"hf download {repository}{kind}{f' --revision {revision}' if revision else ''}"


def _check_workers(workers: object) -> None:
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InvalidRequest(
            f"workers={workers!r} is not a number of workers.",
            next_step="Write a whole number from 1, such as workers=2.",
        )


def _check_cpu(cpu: object) -> None:
    if cpu is None:
        return
    if isinstance(cpu, bool) or not isinstance(cpu, int | float) or not 0.01 <= cpu < 1e5:
        raise InvalidRequest(
            f"cpu={cpu!r} is not a number of cores.",
            why="It is a number of at least 0.01, per worker.",
            next_step="Write cpu=2 for two cores per worker, or cpu=0.5 for half of one.",
        )


def _fit_workers(workers: int, capacity: Capacity) -> None:
    if workers <= capacity.workers:
        return
    each = max(int(capacity.cpu), 1)
    raise DoesNotFit(
        f"{workers} workers are more than this machine can run: {capacity.workers} at most.",
        why=capacity.workers_why,
        next_step=f"Write workers={each}, which is one for each core; or run it where there is "
        'room: cnai.use("kubernetes").',
    )


def _fit_cpu(resources: Resources, workers: int, capacity: Capacity) -> None:
    if resources.cpu is None or workers * resources.cpu <= capacity.cpu + 1e-9:
        return
    choices = ["leave cpu out, and the workers share the cores"]
    if resources.cpu <= capacity.cpu:
        choices.insert(0, f"write workers={int(capacity.cpu / resources.cpu)}")
    if capacity.cpu >= workers:
        choices.insert(0, f"write cpu={int(capacity.cpu // workers)}")
    text = "; or ".join(choices)
    raise DoesNotFit(
        f"{_each(workers, 'cpu', show_number(resources.cpu))}"
        f"{show_number(workers * resources.cpu)} cores, and this machine has "
        f"{show_number(capacity.cpu)}.",
        why=_because(capacity.cpu_why, "cores"),
        next_step=f"{text[0].upper()}{text[1:]}.",
    )


def _fit_memory(resources: Resources, workers: int, capacity: Capacity) -> None:
    if resources.memory is None or workers * resources.memory <= capacity.memory:
        return
    quoted = f'"{write_memory(resources.memory)}"'
    most = capacity.memory // workers // 2**20
    fits = f"{most // 1024}Gi" if most >= 1024 else f"{most}Mi"
    fewer = capacity.memory // resources.memory
    other = f"; or write workers={fewer}" if 1 <= fewer < workers else ""
    raise DoesNotFit(
        f"{_each(workers, 'memory', quoted)}"
        f"{show_bytes(workers * resources.memory)} of memory, and this machine has "
        f"{show_bytes(capacity.memory)}.",
        why=_because(capacity.memory_why, "memory"),
        next_step=f'Write memory="{fits}" or less{other}; or leave memory out, and nothing is '
        "reserved.",
    )


def _each(workers: int, argument: str, amount: str) -> str:
    many = f"{workers} workers" if workers > 1 else "1 worker"
    return f"{many} with {argument}={amount} {'need' if workers > 1 else 'needs'} "


def _because(why: str, what: str) -> str:
    return {
        "cgroup limit": f"Its {what} are limited by a cgroup, such as a container's."
        if what == "cores"
        else f"Its {what} is limited by a cgroup, such as a container's.",
        "affinity": "This process may use only some of its cores (taskset, or a scheduler).",
    }.get(why, "")


def _cpu_notices(resources: Resources, workers: int, capacity: Capacity) -> tuple[str, ...]:
    cores = show_number(capacity.cpu)
    if resources.cpu is not None or workers <= capacity.cpu:
        return ()
    noun = "core" if capacity.cpu <= 1 else "cores"
    return (f"{workers} workers share {cores} {noun}, so each is slower than alone.",)


def _gpu_notices(resources: Resources, workers: int, capacity: Capacity) -> tuple[str, ...]:
    if resources.wants_gpu:
        return check_devices(resources, workers, capacity.gpus, capacity.gpu_looked)
    if capacity.gpu_present:
        return ("No GPU was asked for, so the workers see none: write gpu=1, or gpu=0.5.",)
    return ()
