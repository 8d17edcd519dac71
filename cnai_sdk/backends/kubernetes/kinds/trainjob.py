"""TrainJob, trainer.kubeflow.org/v1alpha1, in the three shapes that its version has had.

2.0 has `podSpecOverrides`, 2.1 `podTemplateOverrides`, 2.2 and later `runtimePatches`. The first
two cannot say a security context, so there the runtime has to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cnai_sdk.backends.kubernetes import naming, pods
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.kinds.steering import Change, active, queued, stopped
from cnai_sdk.backends.kubernetes.plan import Plan
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.spec import TrainSpec

MANAGER = "cnai-sdk/job"
_JOB = "node"
_ATTEMPT = "metadata.labels['jobset.sigs.k8s.io/restart-attempt']"
_RESERVED = frozenset(
    f"PET_{name}"
    for name in ("NNODES", "NPROC_PER_NODE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
)
_PLACES = ("nodeSelector", "affinity", "tolerations")
_PRIORITY = "kueue.x-k8s.io/priority-class"


class TrainJobKind:
    """See the module."""

    name = "trainjob"
    kind = "TrainJob"
    group = "trainer.kubeflow.org"
    version = "v1alpha1"
    plural = "trainjobs"

    def path(self, namespace: str, name: str = "") -> str:
        """Of the collection, or of one object."""
        base = f"/apis/{self.group}/{self.version}/namespaces/{namespace}/{self.plural}"
        return f"{base}/{name}" if name else base

    def manifest(self, spec: TrainSpec, plan: Plan) -> dict[str, Any]:
        """The job object.

        Raises:
            InvalidRequest: a wish that the served version cannot carry.
        """
        _refuse_reserved(spec)
        metadata = pods.metadata(spec, plan)
        if spec.priority:
            metadata["labels"][_PRIORITY] = _kueue_priority(spec, plan)
        pod = pods.pod_spec(spec, plan, secured=self.secured(plan))
        container = pod["containers"][0]
        attempt = {"fieldRef": {"fieldPath": _ATTEMPT}}
        trainer: dict[str, Any] = {
            "numNodes": spec.workers,
            "numProcPerNode": 1,
            "image": container["image"],
            "command": container["command"],
            "env": [*container["env"], {"name": "CNAI_RESTARTS", "valueFrom": attempt}],
        }
        if container["resources"]:
            trainer["resourcesPerNode"] = container["resources"]
        body: dict[str, Any] = {"runtimeRef": {"name": plan.runtime}, "trainer": trainer}
        body |= _overrides(pod, plan)
        if spec.timeout is not None and plan.served.overrides == "runtimePatches":
            body["activeDeadlineSeconds"] = max(1, math.ceil(spec.timeout))
        manifest = {
            "apiVersion": f"{self.group}/{self.version}",
            "kind": self.kind,
            "metadata": metadata,
            "spec": body,
        }
        pods.check_size(manifest)
        return manifest

    def carries(self, served: Served) -> frozenset[str]:
        """No scheduler and no claims: those only an administrator's runtime can name."""
        older = served.overrides == "podSpecOverrides"
        return frozenset() if older else frozenset({"metadata", "affinity"})

    def secured(self, plan: Plan) -> bool:
        """Where the served version has a place to say it."""
        return plan.served.overrides == "runtimePatches"

    def stop(self, job: Mapping[str, Any], *, at: float) -> list[Change]:
        """Paused for good: its deadline cannot be changed, and nothing else ends a TrainJob.

        In a queue Kueue would let it go on, unless its Workload is inactive, or, where there is no
        Workload, it belongs to no queue any more.
        """
        over = {"spec": {"suspend": True}}
        if queued(job):
            out = over | {"metadata": {"labels": {naming.QUEUE: None}}}
            return [active(False, instead=out), Change(target="job", patch=stopped(at))]
        return [Change(target="job", patch=stopped(at) | over)]

    def suspend(self, job: Mapping[str, Any]) -> list[Change]:
        """Its pods are removed, and the job is kept."""
        return _suspended(job, True)

    def resume(self, job: Mapping[str, Any]) -> list[Change]:
        """Its pods are made again."""
        return _suspended(job, False)


def _suspended(job: Mapping[str, Any], yes: bool) -> list[Change]:
    itself = {"spec": {"suspend": yes}}
    if queued(job):
        return [active(not yes, instead=itself)]
    return [Change(target="job", patch=itself)]


def _refuse_reserved(spec: TrainSpec) -> None:
    taken = next((name for name in spec.env if name in _RESERVED), None)
    if taken is not None:
        raise InvalidRequest(
            f"env has {taken!r}, which Trainer sets itself for every worker.",
            next_step=f"Leave {taken} out; workers= says how many there are.",
        )


def _kueue_priority(spec: TrainSpec, plan: Plan) -> str:
    if plan.queue and plan.served.kueue:
        return spec.priority
    raise InvalidRequest(
        f"priority={spec.priority!r} cannot be given to a TrainJob.",
        why="It has no field for it: without a queue of Kueue, only its runtime can name a "
        "priority class.",
        next_step='Leave priority out; or use PyTorchJobs: cnai.use("kubernetes", '
        'operator="pytorchjob"); or name a queue of Kueue with queue=.',
    )


def _overrides(pod: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """What differs from the runtime's own pod, in the served shape."""
    container = pod["containers"][0]
    own = {"name": naming.CONTAINER["trainjob"], "volumeMounts": container["volumeMounts"]}
    if "securityContext" in container:
        own["securityContext"] = container["securityContext"]
    spec = {"volumes": pod["volumes"], "containers": [own]}
    spec |= {name: pod[name] for name in _PLACES if name in pod}
    if "securityContext" in pod:
        spec["securityContext"] = pod["securityContext"]
    shape = plan.served.overrides
    if shape == "podSpecOverrides":
        return {shape: [{"targetJobs": [{"name": _JOB}], **spec}]}
    metadata = pods.pod_metadata(plan)
    if shape == "podTemplateOverrides":
        return {shape: [{"targetJobs": [{"name": _JOB}], "metadata": metadata, "spec": spec}]}
    if shape == "runtimePatches":
        template = {"spec": {"template": {"metadata": metadata, "spec": spec}}}
        jobs = [{"name": _JOB, "template": template}]
        whole = {"template": {"spec": {"replicatedJobs": jobs}}}
        return {shape: [{"manager": MANAGER, "trainingRuntimeSpec": whole}]}
    raise InvalidRequest(
        "This cluster's TrainJob has no field that this SDK knows for its pods.",
        why="It serves none of podSpecOverrides, podTemplateOverrides and runtimePatches.",
        next_step='Use PyTorchJobs where there are any: cnai.use("kubernetes", '
        'operator="pytorchjob"); or update this SDK.',
    )
