"""Nodes with GPUs, laid out as the vendors' own programs publish them.

Labels: NVIDIA GPU Feature Discovery (github.com/NVIDIA/k8s-device-plugin,
docs/gpu-feature-discovery/README.md). Annotations: HAMi (project-hami.io, developers/protocol) and
Volcano's vGPU plugin (github.com/Project-HAMi/volcano-vgpu-device-plugin). ResourceSlices: NVIDIA's
DRA driver (github.com/kubernetes-sigs/dra-driver-nvidia-gpu). A node is a dict as the test node's
README describes it, so that the same nodes are decided on in unit tests and stand on the cluster.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cnai_sdk.gpu.cluster.seen import DeviceSeen, NodeSeen, Seen

ROOM = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "20Gi"}
A100, H100 = "NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3"
A100_40 = "NVIDIA-A100-SXM4-40GB"
MEMORY = {A100: 81920, H100: 81559, A100_40: 40960}
SLICES = {"1g.10gb": 9728, "1g.20gb": 19968, "2g.20gb": 19968, "3g.40gb": 40192, "7g.80gb": 81050}
"""MiB that nvidia-smi shows for a slice of an A100 with 80 GB."""


def node(name: str, keys: Mapping[str, int], labels: Mapping[str, Any], **more: Any) -> dict:
    """A node with devices, and the labels that say what they are."""
    amounts = {key: str(count) for key, count in keys.items()}
    words = {f"nvidia.com/{key}": str(value) for key, value in labels.items()}
    return {"name": name, "allocatable": ROOM | amounts, "labels": words, **more}


def card(product: str, count: int, **labels: Any) -> dict[str, Any]:
    """The labels of a node with so many cards."""
    return {
        "gpu.present": "true",
        "gpu.product": product,
        "gpu.memory": MEMORY.get(product.partition("-MIG-")[0].removesuffix("-SHARED"), 0),
        "gpu.count": count,
        "gpu.replicas": 1,
        "gpu.sharing-strategy": "none",
        "mig.capable": "true",
        "mps.capable": "false",
        "mig.strategy": "single",
    } | {key.replace("__", "."): value for key, value in labels.items()}


def whole(name: str = "whole", product: str = H100, count: int = 2) -> dict:
    """Cards that are given whole."""
    return node(name, {"nvidia.com/gpu": count}, card(product, count))


def mig_mixed(name: str = "mixed", product: str = A100, **slices: int) -> dict:
    """Cards that are cut, each profile by its own key; `_3g_40gb=2` are two 3g.40gb."""
    counts = {key.strip("_").replace("_", "."): count for key, count in slices.items()}
    labels: dict[str, Any] = {"mig.strategy": "mixed", "mig.config": "custom"}
    for profile, count in counts.items():
        labels |= {
            f"mig-{profile}.count": count,
            f"mig-{profile}.memory": SLICES[profile],
            f"mig-{profile}.product": f"{product}-MIG-{profile}",
            f"mig-{profile}.replicas": 1,
            f"mig-{profile}.sharing-strategy": "none",
            f"mig-{profile}.slices.ci": profile[0],
            f"mig-{profile}.slices.gi": profile[0],
        }
    keys = {f"nvidia.com/mig-{profile}": count for profile, count in counts.items()}
    return node(name, keys | {"nvidia.com/gpu": 0}, card(product, 2) | labels)


def mig_single(name: str = "single", profile: str = "1g.10gb", count: int = 14) -> dict:
    """Cards that are all cut alike: the device plugin calls a slice a GPU."""
    labels = {
        "gpu.product": f"{A100}-MIG-{profile}",
        "gpu.memory": SLICES[profile],
        "gpu.slices.gi": profile[0],
        "gpu.slices.ci": profile[0],
    }
    return node(name, {"nvidia.com/gpu": count}, card(A100, count) | labels)


def shared(
    name: str,
    strategy: str,
    *,
    product: str = A100,
    cards: int = 1,
    by: int = 4,
    renamed: bool = False,
) -> dict:
    """Cards that several pods have at once: 'time-slicing' or 'mps'."""
    labels = {
        "gpu.product": product if renamed else f"{product}-SHARED",
        "gpu.sharing-strategy": strategy,
        "gpu.replicas": by,
        "mps.capable": str(strategy == "mps").lower(),
    }
    key = "nvidia.com/gpu.shared" if renamed else "nvidia.com/gpu"
    return node(name, {key: cards * by}, card(product, cards) | labels)


def _cards(product: str, count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"GPU-00552014-5c87-89ac-b1a6-{index:012d}",
            "index": index,
            "count": 10,
            "devmem": MEMORY[product],
            "devcore": 100,
            "type": f"NVIDIA-{product.replace('-', ' ', 1)}",
            "mode": "hami-core",
            "health": True,
            "devicepairscore": {},
        }
        for index in range(count)
    ]


def hami(name: str = "hami", product: str = A100, count: int = 2) -> dict:
    """Cards that HAMi hands out: it shows ten times as many as there are."""
    written = {"hami.io/node-nvidia-register": json.dumps(_cards(product, count))}
    return node(name, {"nvidia.com/gpu": 10 * count}, {}, annotations=written)


def volcano(
    name: str = "vgpu", product: str = A100, count: int = 2, factor: int = 1, *, old: bool = False
) -> dict:
    """Cards that Volcano's vGPU plugin hands out.

    Args:
        factor: MiB of one unit of memory.
        old: as before October 2024, when it registered MiB whatever the units.
    """
    text = "".join(
        f"{each['id']},10,{each['devmem'] // (1 if old else factor)},{each['type']},true,hami-core:"
        for each in _cards(product, count)
    )
    keys = {
        "volcano.sh/vgpu-number": 10 * count,
        "volcano.sh/vgpu-memory": count * (MEMORY[product] // factor),
        "volcano.sh/vgpu-cores": 100 * count,
    }
    labels = {"gpu.memory": MEMORY[product]}
    return node(name, keys, labels, annotations={"volcano.sh/node-vgpu-register": text})


def device(name: str, product: str, memory: int, **more: Any) -> dict[str, Any]:
    """A device of a ResourceSlice."""
    attributes = {
        "type": {"string": "mig" if "profile" in more else "gpu"},
        "productName": {"string": product.replace("-", " ", 1)},
        "brand": {"string": "Nvidia"},
        "architecture": {"string": "Ampere"},
        "uuid": {"string": f"GPU-{name}"},
        "cudaComputeCapability": {"version": "8.0.0"},
        "driverVersion": {"version": "580.95.5"},
    }
    if "profile" in more:
        attributes |= {
            "profile": {"string": more["profile"]},
            "parentUUID": {"string": "GPU-parent"},
        }
    capacity: dict[str, Any] = {"memory": {"value": f"{memory}Mi"}}
    found: dict[str, Any] = {"name": name, "attributes": attributes, "capacity": capacity}
    if more.get("shared"):
        found["allowMultipleAllocations"] = True
        least = {"default": "1Gi", "validRange": {"min": "1Gi"}}
        capacity["memory"]["requestPolicy"] = least
    return found


def dra(name: str = "dra", *devices: dict[str, Any]) -> dict:
    """A node whose driver publishes its devices in a ResourceSlice."""
    pool = {"name": name, "generation": 1, "resourceSliceCount": 1}
    published = [{"driver": "gpu.nvidia.com", "pool": pool, "devices": list(devices)}]
    return {"name": name, "allocatable": ROOM, "labels": {}, "resource_slices": published}


CLASSES = tuple(
    {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": f"{type}.nvidia.com"},
        "spec": {
            "selectors": [
                {
                    "cel": {
                        "expression": "device.driver == 'gpu.nvidia.com' && "
                        f"device.attributes['gpu.nvidia.com'].type == '{type}'"
                    }
                }
            ]
        },
    }
    for type in ("gpu", "mig")
)
"""As the driver's chart makes them."""


def seen(*nodes: Mapping[str, Any], **more: Any) -> Seen:
    """What an administrator sees of such nodes."""
    found: dict[str, Any] = {
        "namespace": "team-a",
        "nodes": tuple(map(_node, nodes)),
        "devices": tuple(_devices(nodes)),
        "classes": frozenset({"gpu.nvidia.com", "mig.nvidia.com"}),
        "dra": any("resource_slices" in each for each in nodes),
    }
    return Seen(**(found | more))


def _node(each: Mapping[str, Any]) -> NodeSeen:
    return NodeSeen(
        name=each["name"],
        allocatable={key: int(n) for key, n in each["allocatable"].items() if "/" in key},
        labels=each["labels"],
        annotations=each.get("annotations", {}),
    )


def _devices(nodes: Iterable[Mapping[str, Any]]) -> Iterable[DeviceSeen]:
    for each in nodes:
        for published in each.get("resource_slices", ()):
            for one in published["devices"]:
                said = {name: next(iter(v.values())) for name, v in one["attributes"].items()}
                yield DeviceSeen(
                    name=one["name"],
                    driver=published["driver"],
                    node=each["name"],
                    type=said["type"],
                    product=said["productName"],
                    profile=said.get("profile", ""),
                    memory=int(one["capacity"]["memory"]["value"].removesuffix("Mi")) * 2**20,
                    shared=one.get("allowMultipleAllocations", False),
                )
