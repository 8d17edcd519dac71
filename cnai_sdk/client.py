"""Client: chooses the backend and offers the verbs; the module-level verbs use a default one."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cnai_sdk import runtime
from cnai_sdk import training as _training
from cnai_sdk.argument_names import refuse_unknown
from cnai_sdk.arguments import shown_signature
from cnai_sdk.asked import check_job
from cnai_sdk.config import Config, check_operator, load_config
from cnai_sdk.errors import InvalidRequest, MissingDependency
from cnai_sdk.handle import Handle
from cnai_sdk.joblist import JobList, chosen, named, parse_kind, parse_phase
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.quotas import Devices, FitView, QuotaView

if TYPE_CHECKING:
    from cnai_sdk.backends.base import Backend
    from cnai_sdk.model.workload import Workload

BACKENDS = ("local", "kubernetes")
"""What `use` and the configuration may name."""


class Client:
    """The verbs, on one backend.

    Args:
        backend: a backend, for one that was made elsewhere, or None to choose by configuration.
        config: settings; read from the file and the environment when None.
    """

    def __init__(self, backend: Backend | None = None, *, config: Config | None = None) -> None:
        self._config = config if config is not None else load_config()
        self._why = self._config.backend_why
        self._backend = backend
        self._made: list[tuple[object, Backend]] = []
        self._lock = threading.Lock()

    @property
    def config(self) -> Config:
        """The settings that hold."""
        return self._config

    @property
    def backend(self) -> Backend:
        """The backend that serves, made at first use."""
        with self._lock:
            if self._backend is None:
                made_of = _made_of(self._config)
                self._backend = _make(self._config)
                self._made.append((made_of, self._backend))
            return self._backend

    def use(
        self,
        name: str | None = None,
        *,
        context: str | None = None,
        namespace: str | None = None,
        operator: str | None = None,
        **unknown: Any,
    ) -> str:
        """Choose where workloads run, for this process; returns which backend serves, and why.

        Args:
            name: 'local' is this machine, 'kubernetes' a cluster. None changes nothing.
            context: of the kubeconfig; its current one when left out.
            namespace: of the cluster; the context's own when left out.
            operator: 'pytorchjob' or 'trainjob'; what the cluster has when left out.

        Raises:
            InvalidRequest: no such backend in this version, or no such context or namespace.
            BackendUnavailable: the cluster does not answer.

        When it raises, the backend before goes on serving.
        """
        given = {"context": context, "namespace": namespace, "operator": operator}
        refuse_unknown(unknown, ("name", *given), "use")
        wishes = {key: value for key, value in given.items() if value is not None}
        if name is None and wishes:
            raise InvalidRequest(
                f"{next(iter(wishes))}= was given without a backend.",
                next_step='Write cnai.use("kubernetes", namespace="team-a").',
            )
        if name is not None:
            self._choose(name, wishes)
        place = runtime.call(self.backend.capabilities()).place
        return f"{self.backend.name}: {place} ({self._why})"

    def _choose(self, name: str, wishes: Mapping[str, str]) -> None:
        if name not in BACKENDS:
            raise InvalidRequest(
                f"There is no backend {name!r} in this version.",
                why=f"It has {', '.join(BACKENDS)}.",
                next_step='Write cnai.use("local") to run on this machine, or '
                'cnai.use("kubernetes").',
            )
        if name == "local" and wishes:
            raise InvalidRequest(
                f"{next(iter(wishes))}= belongs to a cluster.",
                next_step='Write cnai.use("local"), or cnai.use("kubernetes", namespace="team-a").',
            )
        check_operator(wishes.get("operator", ""))
        config = msgspec.structs.replace(self._config, backend=name, **wishes)
        if self._backend is not None and self._backend.name == name and not wishes:
            self._why = "cnai.use"
            return
        made_of = _made_of(config)
        known = next((each for parts, each in self._made if parts == made_of), None)
        made = known if known is not None else _make(config)
        try:
            runtime.call(made.capabilities())  # what is wrong is said now, not at the first job
            runtime.call(made.check_place())
        except BaseException:
            if known is None:
                runtime.call(made.close())
            raise
        with self._lock:
            if known is None:
                self._made.append((made_of, made))
            self._why, self._config, self._backend = "cnai.use", config, made

    def train(
        self,
        fn: Callable[..., Any],
        *,
        workers: int = 1,
        args: Mapping[str, Any] | None = None,
        name: str | None = None,
        cpu: float | None = None,
        memory: int | str | None = None,
        gpu: float | None = None,
        gpu_memory: int | str | None = None,
        gpu_model: str | None = None,
        isolation: str | None = None,
        timeout: float | str | None = None,
        retries: int = 0,
        env: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        packages: Sequence[str] = (),
        data: Sequence[str] = (),
        outputs: str | None = None,
        image: str | None = None,
        shm: int | str | None = None,
        queue: str | None = None,
        priority: str | None = None,
        **unknown: Any,
    ) -> _training.TrainJob:
        """Train a function on one or more workers, and return at once with its handle.

        The function runs on every worker with the environment that torchrun gives. What it needs
        from other cells (imports, helpers, classes, values) travels with it.

        Args:
            fn: the function, as it stands in the notebook or in a file.
            workers: how many processes; cpu, memory and gpu are for each of them.
            args: keyword arguments for the function.
            name: at most 40 characters a-z, 0-9, '-'; the function's name when left out.
            cpu: cores, fractions allowed; left out, the workers share the machine's.
            memory: bytes, or a quantity such as '8Gi'; a worker that needs more is ended.
            gpu: whole devices, or a share below 1 of one device for one worker.
            gpu_memory: memory of one device, such as '10Gi'.
            gpu_model: the device's name, such as 'A100'.
            isolation: what has to hold between those who share a GPU: 'memory', which is the
                default, 'hardware', or 'none'.
            timeout: seconds, or '30m'; a job that is not done by then fails.
            retries: how often a failed run starts again.
            env: plain environment variables; a secret is refused here.
            secrets: names of secrets, from this environment or from `cnai secrets set`; on a
                cluster also 'my-secret/KEY', a key of a Secret that is there.
            packages: requirements installed beside the caller's own packages.
            data: files and folders that the workers find under the same relative path; on a
                cluster folders of a claim ('pvc://datasets/cifar'), of a bucket
                ('s3://bucket/cifar') or repositories of the Hugging Face Hub
                ('hf://datasets/owner/name', 'hf://owner/model').
            outputs: on a cluster, the claim or the bucket that keeps what the workers write, such
                as 'pvc://scratch/runs' or 's3://bucket/runs'; without it the files go with them.
            image: the container image on a cluster.
            shm: shared memory of a worker on a cluster, such as '2Gi', for DataLoader workers.
            queue: the queue on a cluster that admits the job.
            priority: the priority class on a cluster.

        Raises:
            InvalidRequest: something in the call cannot be carried out; nothing was created.
            DoesNotFit: it is larger than the machine.
            NameInUse: a running job has this name.
        """
        return _training.train(
            self.backend,
            self._config,
            fn,
            workers=workers,
            args=args,
            name=name,
            cpu=cpu,
            memory=memory,
            gpu=gpu,
            gpu_memory=gpu_memory,
            gpu_model=gpu_model,
            isolation=isolation,
            timeout=timeout,
            retries=retries,
            env=env,
            secrets=secrets,
            packages=packages,
            data=data,
            outputs=outputs,
            image=image,
            shm=shm,
            queue=queue,
            priority=priority,
            **unknown,
        )

    def train_script(self, path: str | Path, **options: Any) -> _training.TrainJob:
        """Train a script as it is, with the local modules it imports; options as in `train`."""
        return _training.train_script(self.backend, Path(path), **options)

    def jobs(
        self, *, phase: Phase | str | None = None, kind: Kind | str | None = None, **unknown: Any
    ) -> JobList:
        """All jobs, newest first, whichever process made them.

        Args:
            phase: only those in this phase, such as 'Failed'.
            kind: only this kind, such as 'train'.

        Raises:
            InvalidRequest: there is no such phase or kind; with those there are.
        """
        refuse_unknown(unknown, ("phase", "kind"), "jobs")
        wanted = parse_phase(phase), parse_kind(kind)
        found = chosen(runtime.call(self.backend.list()), *wanted)
        return JobList(found, self.attach, narrowed=any(wanted))

    def job(self, name: str) -> Any:
        """The job with that id or that very name, or the newest run under it.

        A second run of digits is named digits-2: `job("digits")` gives the newest run,
        `job("digits-2")` that one.

        Raises:
            InvalidRequest: that is no name.
            NotFound: there is none; with the names that are nearest.
        """
        check_job(name)
        return self.attach(named(runtime.call(self.backend.list()), name))

    def attach(self, workload: Workload) -> Handle:
        """The handle for a workload."""
        kind = _training.TrainJob if workload.kind is Kind.TRAIN else Handle
        return kind(self.backend, workload)

    def quota(self) -> QuotaView:
        """What may be used here, what is used, and by whom."""
        return QuotaView(runtime.call(self.backend.quota()))

    def fits(
        self,
        *,
        count: int = 1,
        workers: int = 1,
        cpu: float | None = None,
        memory: int | str | None = None,
        gpu: float | None = None,
        gpu_memory: int | str | None = None,
        gpu_model: str | None = None,
        isolation: str | None = None,
        timeout: float | str | None = None,
        queue: str | None = None,
        priority: str | None = None,
        **unknown: Any,
    ) -> FitView:
        """Whether a job of that size would start now, wait and for how long, or never start.

        It takes what `train` takes, and creates nothing.

        Args:
            count: how many such jobs, such as the trials of a search.

        Raises:
            InvalidRequest: something in the call cannot be carried out.
        """
        wished = {
            "workers": workers,
            "cpu": cpu,
            "memory": memory,
            "gpu": gpu,
            "gpu_memory": gpu_memory,
            "gpu_model": gpu_model,
            "isolation": isolation,
            "timeout": timeout,
            "queue": queue,
            "priority": priority,
        }
        spec = _training.fitting_spec(wished | unknown)
        many = _training.how_many(count)
        return FitView(runtime.call(self.backend.fits(spec, count=many)))

    def gpus(self) -> Devices:
        """The GPUs and slices that are on offer."""
        return Devices(runtime.call(self.backend.devices()))

    def warm_up(self) -> None:
        """Prepare the backend in the background, where it has something to prepare."""
        prepare = getattr(self.backend, "warm_up", None)
        if prepare is not None:
            prepare()


def _make(config: Config) -> Backend:
    if config.backend == "local":
        from cnai_sdk.backends.local.backend import LocalBackend

        return LocalBackend(config)
    if config.backend == "kubernetes":
        from cnai_sdk.backends.kubernetes.backend import KubernetesBackend

        return KubernetesBackend(config)
    raise InvalidRequest(
        f"There is no backend {config.backend!r} in this version.",
        why=f"It was chosen by {config.backend_why}.",
        next_step="Set it to 'local', or unset it: cnai use local",
    )


def _made_of(config: Config) -> object:
    """What makes one backend another than the next: where it leads, and as whom.

    A backend holds connections and watches. Where it is named again, such as by a cell that is run
    again, the one that is there serves.
    """
    if config.backend != "kubernetes":
        return config.backend
    if importlib.util.find_spec("lightkube") is None:
        raise MissingDependency(
            "The Kubernetes backend is not installed.",
            next_step='Install it: pip install "cnai-sdk[kubernetes]"',
        )
    from cnai_sdk.backends.kubernetes.kubeconfig import find

    return find(config.context, config.namespace), config.operator


_default: Client | None = None
_default_lock = threading.Lock()
_default_owner = 0


def default_client() -> Client:
    """The client behind the module-level verbs."""
    global _default, _default_owner
    with _default_lock:
        if _default is None or _default_owner != os.getpid():
            _default, _default_owner = Client(), os.getpid()
        return _default


def train(fn: Callable[..., Any], **options: Any) -> _training.TrainJob:
    return default_client().train(fn, **options)


def jobs(**wishes: Any) -> JobList:
    return default_client().jobs(**wishes)


def job(name: str) -> Any:
    return default_client().job(name)


def use(name: str | None = None, **options: Any) -> str:
    return default_client().use(name, **options)


def quota() -> QuotaView:
    return default_client().quota()


def fits(**wishes: Any) -> FitView:
    return default_client().fits(**wishes)


def gpus() -> Devices:
    return default_client().gpus()


for _verb in (train, jobs, job, use, quota, fits, gpus):
    _method = getattr(Client, _verb.__name__)
    _verb.__doc__, vars(_verb)["__signature__"] = _method.__doc__, shown_signature(_method)
