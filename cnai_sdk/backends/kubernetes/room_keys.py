"""Resources as clusters name them: what a person calls them, and in what they are counted."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from cnai_sdk.model.quantity import show_bytes, show_number

DEVICES = ".deviceclass.resource.k8s.io/devices"
"""How the quota of a DeviceClass ends: it counts devices of it, whatever their memory."""

_CLASS = "deviceclass.resource.kubernetes.io/"
_GIB = 2.0**30
_MIB = 2.0**20


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource is for a person.

    Attributes:
        resource: 'cpu', 'memory', 'gpu' for whole devices, or the cluster's own key.
        label: the words to show.
        unit: 'cores', 'bytes', 'GPUs', or '' for a plain number.
        size: bytes of one, where the unit is bytes.
    """

    resource: str
    label: str
    unit: str = ""
    size: float = 1.0


_GPUS = re.compile(
    r"(?:nvidia\.com|amd\.com)/gpu(?:\.shared)?|gpu\.intel\.com/(?:xe|i915)|"
    r"volcano\.sh/vgpu-number|huawei\.com/Ascend\w+"
)
_MAKERS = {"amd.com": "AMD", "gpu.intel.com": "Intel", "huawei.com": "Ascend"}
_OTHERS = {
    "cpu": Named(resource="cpu", label="CPU cores", unit="cores"),
    "memory": Named(resource="memory", label="Memory", unit="bytes"),
    "pods": Named(resource="pods", label="Pods"),
    "nvidia.com/gpumem": Named(
        resource="nvidia.com/gpumem", label="GPU memory", unit="bytes", size=_MIB
    ),
    "nvidia.com/gpumem-percentage": Named(
        resource="nvidia.com/gpumem-percentage", label="GPU memory, %"
    ),
    "nvidia.com/gpucores": Named(resource="nvidia.com/gpucores", label="GPU compute, %"),
    "volcano.sh/vgpu-memory": Named(resource="volcano.sh/vgpu-memory", label="GPU memory, shares"),
    "volcano.sh/vgpu-cores": Named(resource="volcano.sh/vgpu-cores", label="GPU compute, %"),
    "aliyun.com/gpu-mem": Named(
        resource="aliyun.com/gpu-mem", label="GPU memory", unit="bytes", size=_GIB
    ),
    "tencent.com/vcuda-core": Named(resource="tencent.com/vcuda-core", label="GPU compute, %"),
    "tencent.com/vcuda-memory": Named(
        resource="tencent.com/vcuda-memory", label="GPU memory", unit="bytes", size=256 * _MIB
    ),
}


def named(key: str) -> Named | None:
    """What a resource's key stands for; None for one that no job of ours asks for.

    >>> named("nvidia.com/gpu").label, named("nvidia.com/mig-1g.10gb").label
    ('GPU', 'GPU, MIG 1g.10gb')
    >>> named("gpu.nvidia.com.deviceclass.resource.k8s.io/devices").label
    'GPU, class gpu.nvidia.com'
    >>> named("requests.storage") is None
    True
    """
    if key in _OTHERS:
        return _OTHERS[key]
    domain, _, name = key.partition("/")
    if key == "nvidia.com/gpu":
        return Named(resource="gpu", label="GPU", unit="GPUs")
    if name.startswith("mig-"):
        return Named(resource=key, label=f"GPU, MIG {name[4:].replace('.me', '+me')}", unit="GPUs")
    if key.endswith(DEVICES):
        return Named(resource=key, label=f"GPU, class {key.removesuffix(DEVICES)}", unit="GPUs")
    if key.startswith(_CLASS):
        return Named(resource=key, label=f"GPU, class {name}", unit="GPUs")
    if key.endswith("-memory") and domain == "huawei.com":
        return Named(resource=key, label="Ascend memory", unit="bytes", size=_MIB)
    if _GPUS.fullmatch(key):
        kind = _MAKERS.get(domain) or ("shared" if "shared" in name else "vGPU")
        return Named(resource=key, label=f"GPU, {kind}", unit="GPUs")
    if key.startswith("count/") and key.endswith((".kubeflow.org", "/pods")):
        return Named(resource=key, label=key.removeprefix("count/").partition(".")[0])
    return None


def bare(key: str) -> str:
    """A quota's key without the part that says whether requests or limits are counted.

    >>> bare("requests.nvidia.com/gpu"), bare("limits.memory"), bare("cpu")
    ('nvidia.com/gpu', 'memory', 'cpu')
    """
    for start in ("requests.", "limits."):
        key = key.removeprefix(start)
    return key


def is_gpu(key: str) -> bool:
    """Whether a key stands for devices, or a part of one."""
    found = named(key)
    return found is not None and (found.unit == "GPUs" or "GPU" in found.label)


def shown(key: str, amount: float) -> str:
    """An amount of a resource.

    >>> shown("memory", 2**31), shown("nvidia.com/gpu", 4), shown("nvidia.com/gpumem", 10240)
    ('2\xa0GiB', '4', '10\xa0GiB')
    """
    found = named(key)
    if found is not None and found.unit == "bytes":
        return show_bytes(amount * found.size)
    return show_number(amount)


def noun(key: str, amount: float = 2.0) -> str:
    """What stands behind an amount: '4 GPUs', '1 GPU', '2 GiB of memory'.

    >>> noun("cpu"), noun("nvidia.com/mig-1g.10gb"), noun("nvidia.com/gpumem")
    ('cores', 'GPU slices 1g.10gb', 'of GPU memory')
    >>> noun("cpu", 1.0), noun("nvidia.com/mig-1g.10gb", 1.0), noun("memory", 1.0)
    ('core', 'GPU slice 1g.10gb', 'of memory')
    """
    found, s = named(key), "" if amount == 1 else "s"
    if found is None:
        return key
    if found.unit == "bytes":
        return "of memory" if key == "memory" else "of GPU memory"
    if found.unit == "cores":
        return f"core{s}"
    if found.resource == "gpu":
        return f"GPU{s}"
    if "/mig-" in key:
        return f"GPU slice{s} {key.partition('/mig-')[2]}"
    if found.unit == "GPUs":
        return f"GPU{s} ({found.label.removeprefix('GPU, ')})"
    return f"pod{s}" if key == "pods" else found.label


def argument(key: str) -> str:
    """Which argument of a call asks for it."""
    return {"cpu": "cpu", "memory": "memory"}.get(key, "gpu" if is_gpu(key) else "workers")


def writer(key: str) -> Callable[[float], str]:
    """How an amount is written in a call."""
    if key != "memory":
        return lambda amount: show_number(int(amount) if is_gpu(key) else amount)

    def memory(amount: float) -> str:
        mebi = int(amount) // 2**20
        return f'"{mebi // 1024}Gi"' if mebi >= 1024 and mebi % 1024 == 0 else f'"{mebi}Mi"'

    return memory
