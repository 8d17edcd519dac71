# ruff: noqa: N802 - the names are NVML's own
"""NVML's answers as the cards named here are documented to give them, laid out by hand.

No GPU was at hand: what a real driver answers may differ in detail.
"""

from __future__ import annotations

from types import SimpleNamespace

MIB = 2**20


class NVMLError(Exception):
    pass


class RecordedNvml:
    """Answers like pynvml for the cards it was given.

    Args:
        cards: each a dict with uuid, name, total, used (MiB), and slices: None where the card
            cannot do MIG, otherwise (uuid, name, total MiB) each.
    """

    NVMLError = NVMLError
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(self, cards, *, init_error=""):
        self._cards = cards
        self._init_error = init_error
        self.open = 0

    def nvmlInit(self):
        if self._init_error:
            raise NVMLError(self._init_error)
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlSystemGetDriverVersion(self):
        return "580.95.05"

    def nvmlDeviceGetCount(self):
        return len(self._cards)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self._cards[index]

    def nvmlDeviceGetUUID(self, handle):
        return handle["uuid"]

    def nvmlDeviceGetName(self, handle):
        return handle["name"]

    def nvmlDeviceGetMemoryInfo(self, handle):
        used = handle.get("used", 0)
        return SimpleNamespace(total=handle["total"] * MIB, used=used * MIB)

    def nvmlDeviceGetMigMode(self, handle):
        if handle.get("slices") is None:
            raise NVMLError("Not Supported")
        return (1, 1)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, index):
        if index >= len(handle["slices"]):
            raise NVMLError("Not Found")
        uuid, name, total = handle["slices"][index]
        return {"uuid": uuid, "name": name, "total": total}


A100 = "NVIDIA A100-SXM4-80GB"
H200_CARD = {"uuid": "GPU-h200", "name": "NVIDIA H200", "total": 143771, "used": 4}
A100_MIG_CARD = {
    "uuid": "GPU-a100",
    "name": A100,
    "total": 81920,
    "used": 50,
    "slices": [
        ("MIG-3g", f"{A100} MIG 3g.40gb", 40192),
        ("MIG-1g-a", f"{A100} MIG 1g.10gb", 9728),
        ("MIG-1g-b", f"{A100} MIG 1g.10gb", 9728),
    ],
}
