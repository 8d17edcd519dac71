"""Everything that is decided about a job before its objects are written."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cnai_sdk.backends.kubernetes import naming, payload
from cnai_sdk.errors import InvalidRequest, Unsupported
from cnai_sdk.gpu.cluster.offer import PodAsk
from cnai_sdk.model.name import check_name
from cnai_sdk.model.quantity import show_bytes, show_number
from cnai_sdk.model.spec import DataLink, TrainSpec
from cnai_sdk.model.workload import Granted
from cnai_sdk.remote import on_cluster, scheme_of

if TYPE_CHECKING:
    from cnai_sdk.backends.kubernetes.discovery import Served
    from cnai_sdk.config import Config

IMAGE = "quay.io/jupyter/pytorch-notebook:{variant}python-{python}"
"""The image of a job that names none: public, with PyTorch and the usual libraries, and a tag for
each version of Python, so that the workers run the notebook's."""

_CUDA = "cuda12-"
_SCHEME = "pvc://"
_ENV_VALUE = 128 * 2**10
_REPLICAS = 4096


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A job's decisions.

    Attributes:
        kind: 'pytorchjob' or 'trainjob'.
        name: the workload's name; the object's is `object_name`.
        python: 'major.minor' of the notebook.
        packed: the code.
        queue: Kueue's or Volcano's queue, or ''.
        ask: what a pod asks for to get its GPUs; None without.
        runtime: the ClusterTrainingRuntime of a TrainJob.
        base: the name without a number.
        notices: what its writer was told.
        created: Unix seconds.
    """

    id: str
    kind: str
    name: str
    namespace: str
    served: Served
    image: str
    python: str
    packed: payload.Packed
    granted: Granted
    ask: PodAsk | None = None
    queue: str = ""
    runtime: str = ""
    base: str = ""
    notices: tuple[str, ...] = ()
    created: float = 0.0

    @property
    def object_name(self) -> str:
        """The job object's name."""
        return naming.object_name(self.name)

    @property
    def labels(self) -> dict[str, str]:
        """Of the job and everything beside it."""
        return naming.labels(self.id, self.name, "train")

    @property
    def claim_template(self) -> str:
        """The template of its workers' claims, or '' when they claim no device."""
        return naming.claim_name(self.id) if self.ask is not None and self.ask.claim else ""

    @property
    def config_map(self) -> str:
        """The ConfigMap that holds the code, or '' when the job itself does."""
        return "" if self.packed.inline else naming.payload_name(self.id)


def planned(
    spec: TrainSpec,
    *,
    id: str,
    name: str,
    namespace: str,
    served: Served,
    config: Config,
    ask: PodAsk | None = None,
    notices: Sequence[str] = (),
) -> Plan:
    """Decide everything that can be decided here, and refuse what this cluster cannot carry.

    Args:
        id: see `naming.new_id`.
        name: the workload's name; it may have a number that `spec.name` has not.
        ask: what its GPUs are asked for by; the resolver has decided on it.

    Raises:
        InvalidRequest: a wish that no cluster, or not this one, can grant; nothing was created.
        Unsupported: the cluster has no operator that trains.
    """
    kind = _kind(served)
    _check_runtime(kind, served, config)
    check_name(name)
    _check(spec)
    queue = queue_of(spec, served, config)
    image = spec.image or config.image or default_image(spec)
    packed = payload.pack(
        spec, settings(spec, id=id, name=name, deadline=has_deadline(kind, served))
    )
    return Plan(
        id=id,
        kind=kind,
        name=name,
        namespace=namespace,
        served=served,
        image=image,
        python=_python(),
        packed=packed,
        granted=granted(spec, ask),
        ask=ask,
        queue=queue,
        runtime=config.runtime,
        base=spec.name,
        notices=tuple(notices),
        created=time.time(),
    )


def default_image(spec: TrainSpec) -> str:
    """The image of a job that names none; its Python is the notebook's.

    >>> from cnai_sdk.model.spec import Payload
    >>> default_image(TrainSpec(name="a", payload=Payload(entry="f", python="3.12")))
    'quay.io/jupyter/pytorch-notebook:python-3.12'
    """
    python = spec.payload.python or _python()
    return IMAGE.format(variant=_CUDA if spec.resources.wants_gpu else "", python=python)


def _python() -> str:
    return "{}.{}".format(*sys.version_info[:2])


def has_deadline(kind: str, served: Served) -> bool:
    """Whether the operator surely ends a job whose time is over.

    That of a PyTorchJob looks at the deadline only when something else has changed, so its workers
    look at the time themselves as well.
    """
    return kind == "trainjob" and served.overrides == "runtimePatches"


def settings(spec: TrainSpec, *, id: str, name: str, deadline: bool) -> dict[str, Any]:
    """What the worker's process needs to know; never a secret's value.

    Args:
        deadline: whether the operator ends a job whose time is over.
    """
    told: dict[str, Any] = {
        "id": id,
        "name": name,
        "retries": spec.retries,
        "workers": spec.workers,
        "packages": list(spec.packages),
        "argv": list(spec.argv),
        "secrets": [secret.rpartition("/")[2] for secret in spec.secrets],
        "data": {link.path: place for link, place in places(spec)},
        "fetch": {place: link.source for link, place in places(spec) if not _is_claim(link.source)},
        "outputs": output_folder(spec, id),
        "bucket": bucket_folder(spec, id),
        "cache": f"{CLAIM_OF_OUTPUTS}/.cnai/pip" if _is_claim(spec.outputs) else "",
    }
    if spec.resources.cpu:
        told["cpu"] = spec.resources.cpu
    if spec.timeout is not None and not deadline:
        told["timeout"] = spec.timeout
    return told


CLAIM_OF_OUTPUTS = "/mnt/outputs"
CLAIMS_OF_DATA = "/mnt/data"


def claim_of(source: str) -> tuple[str, str]:
    """The claim and the folder in it.

    >>> claim_of("pvc://scratch/runs/a"), claim_of("pvc://scratch")
    (('scratch', 'runs/a'), ('scratch', ''))
    """
    claim, _, folder = source.removeprefix(_SCHEME).partition("/")
    return claim, folder


def claims_of_data(spec: TrainSpec) -> list[str]:
    """The claims that hold data, each once."""
    sources = [link.source for link in spec.data if _is_claim(link.source)]
    return list(dict.fromkeys(claim_of(source)[0] for source in sources))


def claim_of_outputs(spec: TrainSpec) -> str:
    """The claim that the workers write to, or ''."""
    return claim_of(spec.outputs)[0] if _is_claim(spec.outputs) else ""


def _is_claim(address: str) -> bool:
    return scheme_of(address) == "pvc"


def places(spec: TrainSpec) -> list[tuple[DataLink, str]]:
    """Where a worker finds what each link points at: on a claim, or where it was fetched to."""
    return [(link, _mounted(link, number)) for number, link in enumerate(spec.data)]


def _mounted(link: DataLink, number: int) -> str:
    """
    >>> _mounted(DataLink(path="cifar", source="pvc://datasets/cifar-10"), 0)
    '/mnt/data/datasets/cifar-10'
    """
    if not _is_claim(link.source):
        return f"{payload.HOME}/data/{number}"
    claim, folder = claim_of(link.source)
    return "/".join(part for part in (CLAIMS_OF_DATA, claim, folder) if part)


def output_folder(spec: TrainSpec, id: str) -> str:
    """Where the workers write on their claim, or '' without one: a folder a workload."""
    if not _is_claim(spec.outputs):
        return ""
    folder = claim_of(spec.outputs)[1]
    return "/".join(part for part in (CLAIM_OF_OUTPUTS, folder, id) if part)


def bucket_folder(spec: TrainSpec, id: str) -> str:
    """The address in a bucket to which the workers' files are copied, or '' without one."""
    return f"{spec.outputs}/{id}" if scheme_of(spec.outputs) == "s3" else ""


def granted(spec: TrainSpec, ask: PodAsk | None) -> Granted:
    """What each worker gets."""
    wished = spec.resources
    words = ["1 worker" if spec.workers == 1 else f"{spec.workers} workers"]
    cpu = "CPU: none is reserved, since none was asked for; a node gives what is idle."
    memory = (
        "Memory: none is reserved, since none was asked for; a full node may evict the workers."
    )
    gpu: tuple[str, ...] = ()
    if wished.cpu is not None:
        cores = show_number(wished.cpu)
        words.append(f"cpu {cores}")
        cpu = f"CPU: {cores} reserved for each worker, and the node lets it use no more."
    if wished.memory is not None:
        amount = show_bytes(wished.memory)
        words.append(f"memory {amount}")
        memory = f"Memory: {amount} reserved for each worker; one that exceeds it is ended."
    if wished.gpu:
        words.append(f"gpu {show_number(wished.gpu)}")
    if wished.gpu_memory:
        words.append(f"gpu_memory {show_bytes(wished.gpu_memory)}")
    if ask is not None:
        held = f"{ask.enforced} {ask.not_enforced}".strip()
        gpu = (f"GPU: {ask.granted}. {held} Found by {ask.found}.",)
    return Granted(
        asked=", ".join(words),
        cpu=wished.cpu,
        memory=wished.memory,
        gpu=ask.count * ask.share if ask is not None else 0.0,
        gpu_memory=(ask.memory or None) if ask is not None else None,
        gpu_granted=ask.granted if ask is not None else "",
        isolation=ask.isolation if ask is not None else "",
        how=(cpu, memory, *gpu),
        quota_key=ask.quota_key if ask is not None else "",
    )


def _kind(served: Served) -> str:
    if served.operator is not None:
        return served.operator
    raise Unsupported(
        "This cluster cannot run training.",
        why=f"Asked what it has, {served.why or 'it named no operator'}.",
        next_step="Ask the cluster's administrator for the Kubeflow training operator or Kubeflow "
        'Trainer; cnai doctor shows what is there. Here training runs with cnai.use("local").',
    )


def _check_runtime(kind: str, served: Served, config: Config) -> None:
    if kind != "trainjob" or served.runtimes is None or config.runtime in served.runtimes:
        return
    there = ", ".join(served.runtimes) or "none at all"
    raise InvalidRequest(
        f"This cluster has no ClusterTrainingRuntime {config.runtime!r}.",
        why=f"A TrainJob needs one for its pods. There is {there}.",
        next_step='Name one of them: runtime = "NAME" in the configuration file; or ask the '
        "administrator for Trainer's torch-distributed.",
    )


def _check(spec: TrainSpec) -> None:
    resources = spec.resources
    if not 1 <= spec.workers <= _REPLICAS:
        raise InvalidRequest(
            f"workers={spec.workers!r} is not a number of workers.",
            next_step="Write a whole number from 1, such as workers=2.",
        )
    if resources.cpu is not None and not 0.01 <= resources.cpu < 1e5:
        raise InvalidRequest(
            f"cpu={resources.cpu!r} is not a number of cores.",
            next_step="Write cpu=2 for two cores per worker, or cpu=0.5 for half of one.",
        )
    _check_shared_memory(spec)
    _check_sizes(spec)
    for link in spec.data:
        if not on_cluster(link):
            raise InvalidRequest(
                f"data has {link.path!r}, which lies on this machine ({link.source}).",
                why="The workers run on a cluster, which cannot read it.",
                next_step="Copy it to a PersistentVolumeClaim of the namespace or a bucket once, "
                f'and write data=["{link.path}=pvc://CLAIM/folder"] or data=["{link.path}='
                's3://BUCKET/folder"]; small data can be a value of the function.',
            )


def _check_shared_memory(spec: TrainSpec) -> None:
    memory = spec.resources.memory
    if spec.shm is not None and memory is not None and spec.shm >= memory:
        raise InvalidRequest(
            f"shm={show_bytes(spec.shm)} is not less than memory={show_bytes(memory)}.",
            why="Shared memory counts as memory of the worker.",
            next_step="Write a larger memory, or leave shm out for half of it.",
        )


def _check_sizes(spec: TrainSpec) -> None:
    for name, value in spec.env.items():
        if len(name.encode()) + len(value.encode()) + 2 > _ENV_VALUE:
            raise InvalidRequest(
                f"env has {name!r} with {show_bytes(len(value.encode()))}.",
                why=f"Linux takes {show_bytes(_ENV_VALUE)} for one variable.",
                next_step="Make it a value that the function uses, and it travels with the code.",
            )


def queue_of(spec: TrainSpec, served: Served, config: Config) -> str:
    """The queue that a job names, or ''; one that is only configured is left out where no job can
    name it.

    Raises:
        InvalidRequest: the spec names one, and no job of this cluster can.
    """
    if spec.queue and not (served.kueue or served.volcano or served.kai):
        raise InvalidRequest(
            f"queue={spec.queue!r} names a queue, and this cluster has none.",
            why="It has neither Kueue nor Volcano nor KAI, so the job would run without one.",
            next_step="Leave queue out.",
        )
    carried = served.kueue or ((served.volcano or served.kai) and served.operator == "pytorchjob")
    if spec.queue and not carried:
        owner = "Volcano" if served.volcano else "KAI"
        raise InvalidRequest(
            f"queue={spec.queue!r} names a queue of {owner}, and a TrainJob cannot.",
            why="It has no field for its pods' scheduler: only its runtime can name one.",
            next_step='Call cnai.use("kubernetes", operator="pytorchjob"), or leave queue out.',
        )
    return spec.queue or (config.queue if carried else "")
