"""Pods that a server tries without making them: a job's own, and one that tells of HAMi.

Its answer is also worth something where a quota refuses the pod: that comes last, after what
webhooks have made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from cnai_sdk.backends.kubernetes.api import Api, Refused
from cnai_sdk.backends.kubernetes.pods import CONTAINER_SECURITY, POD_SECURITY
from cnai_sdk.backends.kubernetes.room_check import too_much_by_server
from cnai_sdk.backends.kubernetes.room_keys import bare
from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.backends.kubernetes.standing_denials import amounts_by_key, plain_denial
from cnai_sdk.errors import BackendUnavailable, CnaiError, InvalidRequest
from cnai_sdk.explain import diagnose_refusal
from cnai_sdk.explain.pages import plain
from cnai_sdk.explain.wording import clipped
from cnai_sdk.gpu.cluster.hami import MEMORY
from cnai_sdk.gpu.cluster.seen import GPU

_FULL = re.compile(r"exceeded quota: ([^,]+)(?:, requested: (\S*), used: \S*, limited: (\S*))?")
_NO_RIGHT = re.compile(r'cannot create resource "([^"]+)"')
_NOTHING_MADE = "Nothing was created."
_WORDS = 600
"""So many characters of a server's own words are quoted."""


async def try_pod(api: Api, pod: Mapping[str, Any], *, workers: int) -> str:
    """Have the server check a worker's pod; returns what its writer should know.

    Raises:
        DoesNotFit: a quota that is not visible otherwise never gives as much to all workers.
        InvalidRequest: the server refuses it, with its verdict.
        BackendUnavailable: the server fails, or does not know who asks.
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
        if may_not_create(error, "pods"):
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


def may_not_create(error: Refused, resource: str = "") -> bool:
    """Whether it is a right that lacks, and no webhook or policy that has looked at the object.

    Args:
        resource: the plural name of what may not be made; any when left out.
    """
    lacks = _NO_RIGHT.search(error.message) if error.status == HTTPStatus.FORBIDDEN else None
    return lacks is not None and resource in ("", lacks[1])


def refused(error: Refused) -> CnaiError:
    """A refusal of the API server at the call, with its verdict and the server's own words.

    Who is not known, asks too often, or asks a server that fails has asked for nothing wrong.
    """
    said = error.message or error.what
    if error.status == HTTPStatus.UNAUTHORIZED:
        return BackendUnavailable(
            f"The cluster does not know who you are. {_NOTHING_MADE}",
            why=_own_words(said),
            next_step=error.next_step,
        )
    in_short = plain_denial(said)
    found = diagnose_refusal(said, in_short)
    unknown = found.id == "REFUSED"
    not_now = error.status >= 500 or error.status == HTTPStatus.TOO_MANY_REQUESTS
    if not_now and unknown:
        return BackendUnavailable(
            f"The cluster could not carry out the request. {_NOTHING_MADE}",
            why=_own_words(said),
            next_step=error.next_step,
        )
    why = "" if unknown else found.why
    if unknown or in_short:
        why = f"{why} {_own_words(said)}".strip()
    kind = BackendUnavailable if not_now else InvalidRequest
    return kind(f"{found.happened} {_NOTHING_MADE}", why=why, next_step=found.fix)


def _own_words(said: str) -> str:
    return f"In the cluster's own words: {clipped(plain(said.strip()), _WORDS).rstrip('.')}."
