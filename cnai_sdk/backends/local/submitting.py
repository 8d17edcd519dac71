"""From a spec to a job that has a folder, a place in the queue and a supervisor: all or nothing."""

from __future__ import annotations

import os
import resource
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from cnai_sdk.backends.local import control, launch, request
from cnai_sdk.backends.local.fitting import fit
from cnai_sdk.backends.local.folder import JobFolder, retries_of
from cnai_sdk.backends.local.host import Host
from cnai_sdk.backends.local.index import Index
from cnai_sdk.backends.local.machine import LocalMachine, validate
from cnai_sdk.backends.local.order import Order
from cnai_sdk.backends.local.template import PRELOAD, import_time_variables
from cnai_sdk.config import Config
from cnai_sdk.errors import BackendUnavailable, Unsupported
from cnai_sdk.model.name import check_name
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Spec, TrainSpec, kind_of, replicas_of
from cnai_sdk.model.workload import Replica, Workload


class Submitter:
    """Makes jobs in one store.

    Args:
        config: how much a job keeps, and whether supervisors may come from a template.
        sockets: the runtime folder.
    """

    def __init__(
        self, config: Config, index: Index, sockets: Path, host: Host, machine: LocalMachine
    ) -> None:
        self._config = config
        self._index = index
        self._sockets = sockets
        self._host = host
        self._machine = machine
        self._worker: Path | None = None
        self.launcher = launch.Launcher(
            sockets, idle=config.template_idle, preload=PRELOAD, warm=config.warm
        )

    def submit(self, spec: Spec, secrets: dict[str, str]) -> Workload:
        """Make the job. When this raises, nothing was created."""
        train = only_train(spec)
        check_name(train.name)
        capacity = self._machine.capacity(gpus=train.resources.wants_gpu)
        notices = [
            *validate(train.resources, train.workers, capacity),
            *request.cluster_only(train),
        ]
        told = fit(train, capacity, self._index, self._host.is_mine, 1)
        if told.answer == "waits":
            notices.append(told.sentence)
        try:
            return self._make(train, self._first_state(train, notices), secrets)
        except OSError as error:
            raise BackendUnavailable(
                f"The job could not be made: {error}.",
                why=f"Jobs are kept in {self._config.home}.",
                next_step="Check that its disk has free space and that you may write there, or "
                "set CNAI_HOME to another folder.",
            ) from error

    def _make(self, train: TrainSpec, workload: Workload, secrets: dict[str, str]) -> Workload:
        folder = self._index.folder(workload.id)
        lock = folder.claim()
        try:
            workload = self._index.insert(workload, named=train.named)
            folder.fill(train, workload, self._worker_package())
            self._link_data(train, folder)
            self._launch(train, workload, lock, secrets)
        except BaseException:
            folder.remove()
            self._index.delete(workload.id)
            raise
        finally:
            os.close(lock)
        return workload

    def _worker_package(self) -> Path:
        if self._worker is None or not self._worker.exists():
            self._worker = launch.install_worker(self._config.home)
        return self._worker

    def _first_state(self, spec: TrainSpec, notices: Sequence[str]) -> Workload:
        return Workload(
            id=f"{spec.name}-{uuid.uuid4().hex[:8]}",
            name=spec.name,
            base=spec.name,
            kind=kind_of(spec),
            phase=Phase.QUEUED,
            backend="local",
            place="this machine",
            display_name=spec.display_name,
            created=time.time(),
            replicas=tuple(Replica(rank=rank) for rank in range(replicas_of(spec))),
            resources=spec.resources,
            retries=retries_of(spec),
            timeout=spec.timeout,
            origin=spec.origin,
            labels=spec.labels,
            notices=tuple(notices),
            host=self._host.name,
            boot=self._host.boot,
        )

    def _link_data(self, spec: TrainSpec, folder: JobFolder) -> None:
        for link in spec.data:
            place = folder.outputs / link.path
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.symlink_to(link.source)

    def _launch(
        self, spec: TrainSpec, workload: Workload, lock: int, secrets: dict[str, str]
    ) -> None:
        interpreter = spec.interpreter or os.path.abspath(sys.executable)
        order = Order(
            home=str(self._config.home),
            id=workload.id,
            environment=dict(os.environ),
            secrets=secrets,
            interpreter=interpreter,
            log_limit=self._config.log_limit,
            umask=_umask(),
            cpus=sorted(os.sched_getaffinity(0)),
            open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )
        other = os.path.abspath(interpreter) != os.path.abspath(sys.executable)
        changed = bool(import_time_variables(spec.env))
        plain = other or changed or bool(spec.packages)
        path = self._sockets / f"{workload.id}.sock"
        self._index.folder(workload.id).write_socket(path)
        try:
            with control.listen(path) as requests:
                self.launcher.launch(order, lock, requests, plain=plain)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _umask() -> int:
    """This process's umask, read without changing it: other threads make files too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


def only_train(spec: Spec) -> TrainSpec:
    """The spec, when it is one that this machine runs."""
    if not isinstance(spec, TrainSpec):
        raise Unsupported(
            f"This machine does not run workloads of the kind {kind_of(spec)} yet.",
            next_step="It trains: cnai.train(...).",
        )
    return spec
