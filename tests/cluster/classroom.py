"""A class on a cluster, as `cnai admin manifests` sets one up: a student and a teacher."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cnai_sdk.cli.app import app
from tests.cluster.surviving import connected
from tests.cluster.testbed.build import find
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.processes import until

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
QUOTA = ("requests.cpu=8", "requests.memory=16Gi", "limits.memory=16Gi")


class Classroom:
    """One student's namespace, the shared one, and who is in them.

    Attributes:
        namespace: the student's.
        shared: what students only read.
        people: where their accounts are, on a cluster of somebody else. A student could use those
            that lie in the own namespace.
        student, teacher: their kubeconfigs.
    """

    def __init__(self, cluster: Cluster | External, kubectl: str) -> None:
        mark = secrets.token_hex(3)
        self.cluster = cluster
        self.namespace = f"cnai-test-class-{mark}"
        self.shared = f"cnai-test-shared-{mark}"
        self.people = f"cnai-test-people-{mark}"
        self.student: Path
        self.teacher: Path
        self._kubectl = kubectl

    def who(self, name: str) -> str:
        """Whom a role is given to; on a cluster of somebody else it is a service account."""
        if isinstance(self.cluster, External):
            return f"serviceaccount:{self.people}:{name}"
        return f"user:{name}"

    def printed(self, *more: str) -> str:
        """What `cnai admin manifests` prints for the class."""
        words = ["admin", "manifests", "--base", "--shared", self.shared]
        words += ["--student", f"{self.namespace}={self.who('student')}"]
        words += ["--teacher", self.who("teacher")]
        words += [word for each in QUOTA for word in ("--quota", each)]
        answer = CliRunner().invoke(app, [*words, *more])
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    def set_up(self) -> None:
        """As an administrator does it, and until the policies hold."""
        self.admin("apply", "-f", "-", input=self.printed())
        self.student, self.teacher = self.kubeconfig("student"), self.kubeconfig("teacher")
        until("the service account is there", self._has_account)
        until("the quota counts jobs", self._counts)
        until("confinement holds", lambda: "cnai-confinement" in self.said(picky()))
        until("ceilings hold", lambda: "cnai-ceilings" in self.said(pytorchjob(workers=4000)))

    def kubeconfig(self, name: str) -> Path:
        """Somebody's, in the student's namespace, wherever the account is."""
        if not isinstance(self.cluster, External):
            return self.cluster.user_kubeconfig(name, namespace=self.namespace)
        self.cluster.namespace(self.people)
        path = self.cluster.user_kubeconfig(name, namespace=self.people)
        document = json.loads(path.read_text())
        for each in document["contexts"]:
            if each["name"] == document["current-context"]:
                each["context"]["namespace"] = self.namespace
        path.write_text(json.dumps(document))
        return path

    def _has_account(self) -> bool:
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
        return self.cluster.http.get(path).status_code == 200

    def _counts(self) -> bool:
        """Whether what the quota bounds is counted; where it is not, nothing may be made.

        The control plane looks for new kinds every half minute. A quota that it has met before
        stays as it is for minutes, so that one is made anew.
        """
        path = f"/api/v1/namespaces/{self.namespace}/resourcequotas/cnai-quota"
        status = self.cluster.http.get(path).json().get("status", {})
        if not status.get("hard"):
            return False
        if status["hard"].keys() <= status.get("used", {}).keys():
            return True
        self.cluster.http.delete(path)
        self.admin("apply", "-f", "-", input=self.printed())
        return False

    def tear_down(self) -> None:
        self.admin("delete", "--ignore-not-found", "--wait=false", "-f", "-", input=self.printed())
        self.cluster.delete_namespace(self.people)

    # -- kubectl ---------------------------------------------------------------------

    def run(
        self, kubeconfig: Path, *words: str, input: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """The real kubectl, as somebody."""
        return subprocess.run(
            [self._kubectl, *words],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            input=input,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def admin(self, *words: str, input: str = "") -> str:
        """Must work."""
        answer = self.run(self.cluster.kubeconfig, *words, input=input)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def said(self, document: Mapping[str, Any], *words: str, who: Path | None = None) -> str:
        """What kubectl says to a student who tries to make an object, without making it; '' when
        it would be made."""
        words = words or ("create", "--dry-run=server")
        answer = self.run(who or self.student, *words, "-f", "-", input=json.dumps(document))
        return answer.stderr if answer.returncode else ""

    def ceilings(self) -> tuple[str, str]:
        """GPUs of a job: what the ConfigMap says, and what the policy holds."""
        words = ("get", "-n", self.shared, "configmap", "cnai-ceilings", "-o")
        said = self.admin(*words, "jsonpath={.data.gpus-per-job}")
        path = '{.spec.variables[?(@.name=="gpusMost")].expression}'
        policy = ("get", "validatingadmissionpolicy", "cnai-ceilings", "-o", f"jsonpath={path}")
        return said, self.admin(*policy)

    # -- rights ----------------------------------------------------------------------

    async def allowed(
        self, kubeconfig: Path, asked: list[tuple[str, str, str]], *, namespace: str
    ) -> set[tuple[str, str, str]]:
        """Which of (verb, group, resource) somebody may do in a namespace; '' is everywhere."""
        async with connected(kubeconfig) as api:

            async def may(verb: str, group: str, resource: str) -> bool:
                plural, _, part = resource.partition("/")
                told = {
                    "verb": verb,
                    "group": group,
                    "resource": plural,
                    "subresource": part,
                    "namespace": namespace,
                }
                body = {"spec": {"resourceAttributes": told}}
                answer = await api.create(REVIEWS, body, dry_run=True)
                return bool(answer["status"].get("allowed"))

            answers = await asyncio.gather(*(may(*each) for each in asked))
        return {each for each, yes in zip(asked, answers, strict=True) if yes}


@contextmanager
def classroom_on(cluster: Cluster | External) -> Iterator[Classroom]:
    """A class that goes when the block ends."""
    found = find()
    kubectl = str(found.kubectl) if found is not None else shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not here")
    room = Classroom(cluster, kubectl)
    try:
        room.set_up()
        yield room
    finally:
        room.tear_down()


# -- what is sent ----------------------------------------------------------------------


def container(**more: Any) -> dict[str, Any]:
    """One that keeps the Pod Security Standard "restricted"."""
    return {
        "name": "pytorch",
        "image": "python:3",
        "command": ["python3", "-c", "print(1)"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        **more,
    }


def pod_spec(**more: Any) -> dict[str, Any]:
    """A pod's, that keeps "restricted"."""
    return {
        "containers": [container()],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **more,
    }


def pod(**more: Any) -> dict[str, Any]:
    """A student's own pod."""
    spec = {"restartPolicy": "Never", "activeDeadlineSeconds": 300, **pod_spec(**more)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "try-"}, "spec": spec}


def picky() -> dict[str, Any]:
    """A pod that wants one node."""
    return pod(nodeSelector={"kubernetes.io/hostname": "node-a"})


def pytorchjob(
    *,
    workers: int = 1,
    gpus: int = 0,
    seconds: int | None = None,
    spec: Mapping[str, Any] | None = None,
    name: str = "try",
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A PyTorchJob as somebody writes it by hand."""
    body = dict(spec or pod_spec())
    if gpus:
        body["containers"] = [container(resources={"limits": {"nvidia.com/gpu": str(gpus)}})]
    policy: dict[str, Any] = {} if seconds is None else {"activeDeadlineSeconds": seconds}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {
            "runPolicy": policy,
            "pytorchReplicaSpecs": {
                "Worker": {
                    "replicas": workers,
                    "restartPolicy": "Never",
                    "template": {"spec": body},
                }
            },
        },
    }


def trainjob(
    *,
    workers: int = 1,
    gpus: int = 0,
    seconds: int | None = None,
    patch: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A TrainJob as somebody writes it by hand.

    Args:
        patch: of its pods.
    """
    trainer: dict[str, Any] = {"numNodes": workers, "image": "python:3"}
    if gpus:
        trainer["resourcesPerNode"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    spec: dict[str, Any] = {"runtimeRef": {"name": "torch-distributed"}, "trainer": trainer}
    if seconds is not None:
        spec["activeDeadlineSeconds"] = seconds
    if patch is not None:
        jobs = [{"name": "node", "template": {"spec": {"template": {"spec": dict(patch)}}}}]
        whole = {"template": {"spec": {"replicatedJobs": jobs}}}
        spec["runtimePatches"] = [{"manager": "try/it", "trainingRuntimeSpec": whole}]
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "try"},
        "spec": spec,
    }


def objects(text: str) -> list[dict[str, Any]]:
    """The documents of a YAML text."""
    return [each for each in yaml.safe_load_all(text) if each]
