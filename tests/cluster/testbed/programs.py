"""The programs of the cluster, as data: one entry adds an operator."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).with_name("modules")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One binary, built from published modules that a go.mod and a go.sum pin.

    Attributes:
        name: of the binary, and of its folder in `modules`.
        main: the main package; '.' for one that lies in the folder, '' where only the manifests of
            a module are wanted.
        module: the module whose version it has, in its go.mod, and which has the manifests.
        manifests: in that module, a kustomization or a file; '' for none.
        leave_out: lines of kustomizations that fetch something from elsewhere.
        extra: further kustomizations, applied once the operator is ready.
        image: what in an image's name stands for this program.
        links: names under which the binary behaves differently.
        scheduler: the scheduler's name that pods call, of one that runs beside Kubernetes' own.
        asked: it is built and installed only where a cluster asks for it by its name.
        minutes: a cold build on two cores, for whoever waits.
    """

    name: str
    main: str
    module: str
    manifests: str = ""
    leave_out: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    image: str = ""
    links: tuple[str, ...] = ()
    scheduler: str = ""
    asked: bool = False
    minutes: float = 2.0

    @property
    def version(self) -> str:
        """The module's pinned version."""
        text = (MODULES / self.name / "go.mod").read_text()
        for line in text.splitlines():
            words = line.split()
            if self.module in words:
                return words[words.index(self.module) + 1]
        raise LookupError(f"{self.module} is not in {self.name}/go.mod")

    @property
    def key(self) -> str:
        """What the cache has it under: its name, and a digest of all that decides what is built."""
        found = hashlib.sha256(repr(self).encode())
        for path in sorted((MODULES / self.name).rglob("*")):
            if path.is_file():
                found.update(path.name.encode() + path.read_bytes())
        return f"{self.name}-{found.hexdigest()[:16]}"


KUBE = Program(
    name="kube",
    module="k8s.io/kubernetes",
    main=".",
    links=("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"),
    minutes=5.5,
)
OPERATORS = (
    Program(
        name="training-operator",
        module="github.com/kubeflow/training-operator",
        main="github.com/kubeflow/training-operator/cmd/training-operator.v1",
        manifests="manifests/overlays/standalone",
        image="training-operator",
    ),
    Program(
        name="jobset",
        module="sigs.k8s.io/jobset",
        main="sigs.k8s.io/jobset",
        manifests="config/default",
        image="jobset/jobset",
    ),
    Program(
        name="trainer",
        module="github.com/kubeflow/trainer/v2",
        main="github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager",
        manifests="manifests/overlays/manager",
        leave_out=("third-party/jobset",),
        extra=("manifests/base/runtimes/torch_distributed.yaml",),
        image="trainer-controller-manager",
    ),
    Program(
        name="kueue",
        module="sigs.k8s.io/kueue",
        main="sigs.k8s.io/kueue/cmd/kueue",
        manifests="config/default",
        image="kueue/kueue",
        minutes=4.0,
    ),
    Program(
        name="coscheduling",
        module="sigs.k8s.io/scheduler-plugins",
        main=".",
        manifests="manifests/coscheduling/crd.yaml",
        scheduler="scheduler-plugins-scheduler",
        asked=True,
        minutes=3.0,
    ),
)
EARLIER_TRAINERS = tuple(
    Program(
        name=f"trainer-{version}",
        module="github.com/kubeflow/trainer/v2",
        main="",
        manifests="manifests/base/crds/trainer.kubeflow.org_trainjobs.yaml",
        asked=True,
        minutes=0.2,
    )
    for version in ("2.0", "2.1", "2.2")
)
"""The TrainJob as earlier versions define it, without what runs it."""
PROGRAMS = (KUBE, *OPERATORS, *EARLIER_TRAINERS)
KUBERNETES = KUBE.version.removeprefix("v")


def named(name: str) -> Program:
    """A program by its name."""
    return next(program for program in PROGRAMS if program.name == name)
