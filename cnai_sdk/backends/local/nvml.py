"""The GPUs of this machine, as NVIDIA's management library tells. The only importer of pynvml."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.model.quota import Device

DEFAULT_PIPES = Path("/tmp/nvidia-mps")
_DAEMON = "nvidia-cuda-mps"


class Gpus(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        devices: cards, and after each card its slices.
        looked: how they were looked for, a sentence.
        mps_pipes: the folder of a running MPS daemon's pipes, or ''.
    """

    devices: tuple[Device, ...] = ()
    looked: str = ""
    mps_pipes: str = ""


def read_gpus(nvml: Any = None, *, proc: Path = Path("/proc"), pipes: Path | None = None) -> Gpus:
    """Ask NVML for the cards and their slices.

    Args:
        nvml: the module to ask; `pynvml` when None.
        proc: where the MPS daemon's process is looked for.
        pipes: the folder of MPS's pipes; `CUDA_MPS_PIPE_DIRECTORY` or its default when None.
    """
    if nvml is None:
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            return Gpus(looked="nvidia-ml-py, which asks the driver, is not installed.")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return Gpus(looked=f"NVIDIA's driver does not answer through NVML: {error}.")
    try:
        daemon = mps_pipes(proc, pipes)
        count = nvml.nvmlDeviceGetCount()
        devices = tuple(d for index in range(count) for d in _card(nvml, index, bool(daemon)))
        looked = f"NVML of the driver {_text(nvml.nvmlSystemGetDriverVersion())} names {count}."
        return Gpus(devices=devices, looked=looked, mps_pipes=daemon)
    except nvml.NVMLError as error:
        return Gpus(looked=f"NVML failed while it was asked for the devices: {error}.")
    finally:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def mps_pipes(proc: Path = Path("/proc"), pipes: Path | None = None) -> str:
    """The folder of the MPS daemon's pipes, when the folder is there and the daemon is seen to run.

    A daemon of another container cannot be seen. Then it counts as absent, since CUDA without its
    daemon runs without a limit and says nothing.
    """
    if pipes is None:
        pipes = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or DEFAULT_PIPES)
    if not (pipes / "control").exists():
        return ""
    for comm in proc.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().startswith(_DAEMON):
                return str(pipes)
    return ""


def _card(nvml: Any, index: int, daemon: bool) -> Iterator[Device]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    sliced = _mig_is_on(nvml, handle)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    card = Device(
        id=_text(nvml.nvmlDeviceGetUUID(handle)),
        model=_text(nvml.nvmlDeviceGetName(handle)),
        memory=int(memory.total),
        memory_used=int(memory.used),
        index=index,
        mechanism="mig" if sliced else "mps" if daemon else "fraction",
    )
    yield card
    if sliced:
        for place in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
            # Places without a slice answer with 'not found'.
            with contextlib.suppress(nvml.NVMLError):
                yield _slice(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place), card)


def _slice(nvml: Any, handle: Any, card: Device) -> Device:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    name = _text(nvml.nvmlDeviceGetName(handle))
    profile = re.search(r"\bMIG (\S+)", name)
    return Device(
        id=_text(nvml.nvmlDeviceGetUUID(handle)),
        model=card.model,
        memory=int(memory.total),
        memory_used=int(memory.used),
        index=card.index,
        mechanism="mig",
        profile=profile[1] if profile else _profile(nvml, handle, memory),
        parent=card.id,
    )


def _profile(nvml: Any, handle: Any, memory: Any) -> str:
    """The profile of a slice whose driver does not put it into the name."""
    attributes = nvml.nvmlDeviceGetAttributes(handle)
    gigabytes = round(int(memory.total) / 2**30)
    return f"{attributes.gpuInstanceSliceCount}g.{gigabytes}gb"


def _mig_is_on(nvml: Any, handle: Any) -> bool:
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
