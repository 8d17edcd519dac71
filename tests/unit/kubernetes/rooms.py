"""Quotas, queues, nodes and jobs of a namespace as servers tell them, for the tests of its room."""

from __future__ import annotations

from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.room import Room, room_of
from cnai_sdk.backends.kubernetes.room_claims import Claim
from cnai_sdk.backends.kubernetes.room_objects import (
    ClusterQueue,
    LimitRange,
    LocalQueue,
    Node,
    ResourceQuota,
)
from cnai_sdk.backends.kubernetes.room_wish import Wish
from cnai_sdk.model.quota import QuotaItem

GPU = "nvidia.com/gpu"
NOW = 1_800_000_000.0
GIB = 2.0**30


def quota(name: str = "team-a", used: dict[str, str] | None = None, **more: Any) -> ResourceQuota:
    hard = more.pop("hard")
    return msgspec.convert(
        {
            "metadata": {"name": name, "uid": name},
            "spec": {"hard": hard, **more},
            "status": {"hard": hard, "used": used or {}},
        },
        ResourceQuota,
    )


def limit_range(**limit: Any) -> LimitRange:
    limits = [{"type": "Container", **limit}]
    return msgspec.convert({"metadata": {"name": "range"}, "spec": {"limits": limits}}, LimitRange)


def flavors(**of: dict[str, Any]) -> list[dict[str, Any]]:
    """One resource group: flavor to the quota of each resource."""
    keys = list(dict.fromkeys(key for each in of.values() for key in each))
    return [
        {
            "coveredResources": keys,
            "flavors": [
                {
                    "name": name,
                    "resources": [
                        {"name": key, **(q if isinstance(q, dict) else {"nominalQuota": q})}
                        for key, q in each.items()
                    ],
                }
                for name, each in of.items()
            ],
        }
    ]


def cluster_queue(
    name: str,
    groups: list[dict[str, Any]],
    *,
    used: dict[str, dict[str, str]] | None = None,
    waiting: int = 0,
    **spec: Any,
) -> ClusterQueue:
    reserved = [
        {"name": flavor, "resources": [{"name": k, "total": v} for k, v in each.items()]}
        for flavor, each in (used or {}).items()
    ]
    return msgspec.convert(
        {
            "metadata": {"name": name},
            "spec": {"namespaceSelector": {}, "resourceGroups": groups, **spec},
            "status": {"flavorsReservation": reserved, "pendingWorkloads": waiting},
        },
        ClusterQueue,
    )


def local_queue(name: str = "team", behind: str = "cq", **status: Any) -> LocalQueue:
    raw = {"metadata": {"name": name}, "spec": {"clusterQueue": behind}, "status": status}
    return msgspec.convert(raw, LocalQueue)


def node(name: str, **allocatable: str) -> Node:
    return msgspec.convert(
        {"metadata": {"name": name}, "status": {"allocatable": allocatable}}, Node
    )


def room(*quotas: ResourceQuota, **more: Any) -> Room:
    return room_of(quotas=quotas, **more)


def wish(workers: int = 1, **amounts: float) -> Wish:
    given = {"gpu": GPU}
    asks = {given.get(name, name): amount for name, amount in amounts.items()}
    return Wish(workers=workers, requests=asks, limits=asks, counted="pytorchjobs.kubeflow.org")


def runs(name: str, of: Wish, *, ends: float | None = None, **more: Any) -> Claim:
    until = None if ends is None else NOW + ends
    return Claim(name=name, id=name, wish=of, mine=True, ends=until, **more)


def waits(name: str, of: Wish, *, lasts: float | None = None, **more: Any) -> Claim:
    return Claim(name=name, id=name, wish=of, mine=True, waits=True, lasts=lasts, **more)


def item(those: tuple[QuotaItem, ...], label: str) -> QuotaItem:
    (found,) = [each for each in those if each.label == label]
    return found
