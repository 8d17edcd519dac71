"""PyTorchJob, kubeflow.org/v1: all ranks are Workers.

A Master would be what its own client makes. But with a Master the operator adds an init container
without a security context to every other pod, which the Pod Security Standard "restricted" refuses;
and the job would count as succeeded as soon as the Master has, whatever becomes of the rest. With
Workers alone all of them have to succeed. Worker 0 gets the label `training.kubeflow.org/job-role:
master` from the operator, by which Katib and others look for it. What the operator tells a pod only
where there is a Master (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) is said here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cnai_sdk.backends.kubernetes import pods
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.kinds.steering import Change, active, queued, stopped
from cnai_sdk.backends.kubernetes.plan import Plan
from cnai_sdk.gpu.cluster.seen import EVERYTHING
from cnai_sdk.model.spec import TrainSpec

PORT = 23456
_INDEX = "metadata.labels['training.kubeflow.org/replica-index']"


class PyTorchJobKind:
    """See the module."""

    name = "pytorchjob"
    kind = "PyTorchJob"
    group = "kubeflow.org"
    version = "v1"
    plural = "pytorchjobs"

    def path(self, namespace: str, name: str = "") -> str:
        """Of the collection, or of one object."""
        base = f"/apis/{self.group}/{self.version}/namespaces/{namespace}/{self.plural}"
        return f"{base}/{name}" if name else base

    def manifest(self, spec: TrainSpec, plan: Plan) -> dict[str, Any]:
        """The job object."""
        template = {"metadata": pods.pod_metadata(plan), "spec": pods.pod_spec(spec, plan)}
        container = template["spec"]["containers"][0]
        container["env"] += _ranks(spec, plan)
        container["ports"] = [{"name": "pytorchjob-port", "containerPort": PORT}]
        if spec.timeout is not None:  # the node keeps it where the workers cannot even start
            template["spec"]["activeDeadlineSeconds"] = max(1, math.ceil(spec.timeout))
        worker = {
            "replicas": spec.workers,
            "restartPolicy": "OnFailure" if spec.retries else "Never",
            "template": template,
        }
        manifest = {
            "apiVersion": f"{self.group}/{self.version}",
            "kind": self.kind,
            "metadata": pods.metadata(spec, plan),
            "spec": {
                "runPolicy": _run_policy(spec, plan),
                "nprocPerNode": "1",
                "pytorchReplicaSpecs": {"Worker": worker},
            },
        }
        pods.check_size(manifest)
        return manifest

    def carries(self, served: Served) -> frozenset[str]:
        """Whole pods."""
        return EVERYTHING

    def secured(self, plan: Plan) -> bool:
        """Always."""
        return True

    def stop(self, job: Mapping[str, Any], *, at: float) -> list[Change]:
        """A deadline of no seconds: the operator removes the pods and calls the job failed, which
        is an end, and gives the quota back. A paused or queued job has to be let go for it to see
        that. It looks at the deadline before it makes pods, if it has seen the job paused: the
        time of a job that it sees for the first time begins with its pods."""
        over = {"spec": {"runPolicy": {"activeDeadlineSeconds": 0}}}
        go = {"spec": {"runPolicy": {"suspend": False}}}
        return [
            Change(target="job", patch=stopped(at) | over),
            Change(target="job", patch=go, once="Suspended"),
        ]

    def suspend(self, job: Mapping[str, Any]) -> list[Change]:
        """The operator removes the pods, and keeps the job."""
        return _suspended(job, True)

    def resume(self, job: Mapping[str, Any]) -> list[Change]:
        """The operator makes the pods again."""
        return _suspended(job, False)


def _suspended(job: Mapping[str, Any], yes: bool) -> list[Change]:
    itself = {"spec": {"runPolicy": {"suspend": yes}}}
    if queued(job):
        return [active(not yes, instead=itself)]
    return [Change(target="job", patch=itself)]


def _ranks(spec: TrainSpec, plan: Plan) -> list[dict[str, Any]]:
    return [
        {"name": "RANK", "valueFrom": {"fieldRef": {"fieldPath": _INDEX}}},
        {"name": "WORLD_SIZE", "value": str(spec.workers)},
        {"name": "MASTER_ADDR", "value": f"{plan.object_name}-worker-0"},
        {"name": "MASTER_PORT", "value": str(PORT)},
    ]


def _run_policy(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    policy: dict[str, Any] = {"cleanPodPolicy": "Running"}
    if spec.timeout is not None:
        policy["activeDeadlineSeconds"] = max(1, math.ceil(spec.timeout))
    if spec.retries:
        # A run is started again by the workers themselves (cnai_sdk/worker/crew.py). The node
        # starts a container again that was killed, and once for each that has given up for good.
        policy["backoffLimit"] = spec.retries + 1
    queued_there = bool(plan.queue) and plan.served.volcano and not plan.served.kueue
    gangs = plan.served.volcano or plan.served.coscheduling
    if queued_there or (gangs and spec.workers > 1):
        policy["schedulingPolicy"] = _gang(spec, plan)
    return policy


def _gang(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    """All workers or none, where the operator was set up with a gang scheduler."""
    policy: dict[str, Any] = {"minAvailable": spec.workers}
    if plan.queue and plan.served.volcano and not plan.served.kueue:
        policy["queue"] = plan.queue
    if spec.priority:
        policy["priorityClass"] = spec.priority
    return policy
