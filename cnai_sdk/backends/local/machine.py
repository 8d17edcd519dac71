"""PLACEHOLDER by the coordinator: overwrite me."""
from __future__ import annotations
import os, msgspec
from typing import Sequence
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.quota import Device, QuotaItem
from cnai_sdk.model.workload import Granted
class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    cpus: tuple[int, ...]
    cpu: float
    memory: int
    memory_available: int
    gpus: tuple[Device, ...] = ()
class Ask(msgspec.Struct, frozen=True, kw_only=True):
    workers: int
    resources: Resources
class Lease(msgspec.Struct, frozen=True, kw_only=True):
    cpu: float = 0
    cpus: tuple[tuple[int, ...], ...] = ()
    threads: int = 1
    memory: int = 0
    gpus: tuple[str, ...] = ()
class Held(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    lease: Lease
class LocalMachine:
    def capacity(self, *, gpus: bool = False) -> Capacity:
        ids = tuple(sorted(os.sched_getaffinity(0)))
        return Capacity(cpus=ids, cpu=float(len(ids)), memory=2**34, memory_available=2**34)
def validate(resources, workers, capacity) -> tuple[str, ...]:
    return ()
def grant(ask, capacity, held: Sequence[Held]):
    want = min((ask.resources.cpu or 1) * ask.workers, capacity.cpu)
    used = sum(h.lease.cpu for h in held)
    if used + want > capacity.cpu:
        return f"{used + want - capacity.cpu:g} more cores; in use by " + ", ".join(h.name for h in held)
    return Lease(cpu=want, threads=max(1, int(capacity.cpu // ask.workers)))
def describe(lease, resources, workers) -> Granted:
    return Granted(asked=f"{workers} workers")
def lease_environment(lease) -> list[dict[str, str]]:
    return [{} for _ in range(64)]
def quota_of(capacity, held):
    return (QuotaItem(resource="cpu", limit=capacity.cpu, used=sum(h.lease.cpu for h in held)),)
