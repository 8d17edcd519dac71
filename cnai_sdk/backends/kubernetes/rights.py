"""What this user may do on a cluster, as the cluster itself answers; nothing is changed."""

from __future__ import annotations

from typing import Any

from cnai_sdk.backends.kubernetes.api import Api

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


async def may(api: Api, verb: str, resource: str, *, group: str = "", namespace: str = "") -> bool:
    """Whether a verb is allowed.

    Args:
        resource: its plural name, with a subresource after a slash.
        namespace: where; everywhere when it is ''.
    """
    plural, _, part = resource.partition("/")
    asked: dict[str, Any] = {
        "verb": verb,
        "group": group,
        "resource": plural,
        "subresource": part,
        "namespace": namespace,
    }
    told = await api.create(_REVIEWS, {"spec": {"resourceAttributes": asked}}, dry_run=True)
    return bool(told.get("status", {}).get("allowed"))
