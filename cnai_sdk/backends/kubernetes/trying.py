"""Pods that a server tries without making them: a job's own, and one that tells of HAMi.

Its answer is also worth something where a quota refuses the pod: that comes last, after what
webhooks have made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cnai_sdk.backends.kubernetes.api import Api, Refused
from cnai_sdk.backends.kubernetes.pods import CONTAINER_SECURITY, POD_SECURITY
from cnai_sdk.backends.kubernetes.room_check import too_much_by_server
from cnai_sdk.backends.kubernetes.room_keys import bare
from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.backends.kubernetes.standing_denials import amounts_by_key, plain_denial
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.explain import diagnose_refusal
from cnai_sdk.gpu.cluster.hami import MEMORY
from cnai_sdk.gpu.cluster.seen import GPU

_FULL = re.compile(r"exceeded quota: ([^,]+)(?:, requested: (\S*), used: \S*, limited: (\S*))?")
_NOT_ALLOWED = re.compile(r'cannot create resource "pods"')


async def try_pod(api: Api, pod: Mapping[str, Any], *, workers: int) -> str:
    """Have the server check a worker's pod; returns what its writer should know.

    Raises:
        DoesNotFit: a quota that is not visible otherwise never gives as much to all workers.
        InvalidRequest: the server refuses it, with its verdict.
    """
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
    try:
        await api.create(path, pod, dry_run=True)
    except Refused as error:
        if full := _FULL.search(error.message):
            if too_much := too_much_by_server(full[1], _over(full, workers)):
                raise too_much from error
            return (
                f"The quota {full[1]} is used up now: the workers start when there is room again."
            )
        if _NOT_ALLOWED.search(error.message):
            return (
                "Whether the namespace takes these workers could not be checked: you may not "
                "create pods there."
            )
        raise refused(error) from error
    return ""


async def tried_hami(api: Api, namespace: str) -> bool | None:
    """Whether a webhook gives HAMi's scheduler to a pod with HAMi's resources; None where a quota
    that is used up refuses it, and does not tell.

    Raises:
        Refused: no pod may be tried, for another reason.
        Unreachable: there is no answer.
    """
    path = f"/api/v1/namespaces/{namespace}/pods"
    whole = {GPU: "1", MEMORY: "1024"}
    for limits in (whole, {MEMORY: "1024"}):
        try:
            made = await api.create(path, _with(limits), dry_run=True)
        except Refused as error:
            full = _FULL.search(error.message)
            if full is None:
                raise
            if GPU not in limits and any(bare(key) == GPU for key in _amounts(full[2])):
                return True  # it asked for memory of a GPU only, and HAMi's webhook adds the GPU
        else:
            return bool(made["spec"].get("schedulerName") == "hami-scheduler")
    return None


def _with(limits: Mapping[str, str]) -> dict[str, Any]:
    """A pod that every namespace takes, with these resources."""
    container = {
        "name": "check",
        "image": "check",
        "securityContext": dict(CONTAINER_SECURITY),
        "resources": {"limits": {"cpu": "1m", "memory": "1Mi", **limits}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "cnai-check-"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": dict(POD_SECURITY),
            "containers": [container],
        },
    }


def _over(full: re.Match[str], workers: int) -> list[tuple[str, float, float]]:
    """Of each key what all workers ask for, and what the quota gives in all."""
    asked, given = _amounts(full[2]), _amounts(full[3])
    return [(key, asked[key] * workers, given[key]) for key in asked if key in given]


def _amounts(text: str | None) -> dict[str, float]:
    """The amounts that a refusal names, as numbers; not those that are none.

    >>> _amounts("limits.memory=8Gi,requests.nvidia.com/gpu=1")
    {'limits.memory': 8589934592.0, 'requests.nvidia.com/gpu': 1.0}
    """
    read = {key: quantity(amount) for key, amount in amounts_by_key(text or "").items()}
    return {key: amount for key, amount in read.items() if key and amount is not None}


def refused(error: Refused) -> InvalidRequest:
    """A refusal of the API server at the call, with its verdict."""
    said = error.message or error.what
    found = diagnose_refusal(said, plain_denial(said))
    return InvalidRequest(
        f"{found.happened} Nothing was created.", why=found.why, next_step=found.fix
    )
