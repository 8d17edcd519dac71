"""Which lists of a namespace are watched, and what is chosen from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.objects import Pod, TrainingObject
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload

_PODS_OF = {
    "pytorchjobs": "training.kubeflow.org/job-name",
    "trainjobs": "jobset.sigs.k8s.io/jobset-name",
}
JOBS = tuple(_PODS_OF)
"""The plurals of the kinds that train."""

OTHER_PODS = ",".join(f"!{label}" for label in _PODS_OF.values())
"""Selects the pods that belong to no training job."""


def paths_of(served: Served, namespace: str) -> dict[str, str]:
    """The list of each kind that the cluster has, by the kind's plural."""
    here = f"namespaces/{namespace}"
    paths = {"pods": f"/api/v1/{here}/pods", "events": f"/api/v1/{here}/events"}
    if served.pytorchjob:
        paths["pytorchjobs"] = f"/apis/kubeflow.org/v1/{here}/pytorchjobs"
    if served.trainjob:
        paths["trainjobs"] = f"/apis/trainer.kubeflow.org/v1alpha1/{here}/trainjobs"
    if served.kueue:
        paths["workloads"] = f"/apis/kueue.x-k8s.io/{served.kueue}/{here}/workloads"
    return paths


def watched(paths: Mapping[str, str]) -> dict[str, tuple[str, type[Any], dict[str, str]]]:
    """Path, type and selector of what is watched; pods by the label of each operator."""
    found: dict[str, tuple[str, type[Any], dict[str, str]]] = {}
    kinds = [name for name in _PODS_OF if name in paths]
    for name in kinds:
        found[name] = (paths[name], TrainingObject, {})
    if "workloads" in paths:
        found["workloads"] = (paths["workloads"], QueueWorkload, {})
    for name in kinds:
        found[f"pods {name}"] = (paths["pods"], Pod, {"labelSelector": _PODS_OF[name]})
    return found
