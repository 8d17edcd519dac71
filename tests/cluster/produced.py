"""Which verdicts the tests produce, and how: `python -m tests.cluster.produced` prints three lists.

A test says which rows it produces with `@produces(...)`, and fails when it did not, so a row stands
in a list only as long as a test brings it about.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Literal, TypeVar

from cnai_sdk.explain.catalogue import SHORT, Row, rows
from cnai_sdk.model.diagnosis import Diagnosis

How = Literal["real", "imitated"]
MODULES = (
    *("test_verdicts", "test_verdicts_refused", "test_verdicts_nodes", "test_verdicts_ready"),
    *("test_gpus", "test_gangs", "test_verdicts_workers", "test_packages", "test_remote_data"),
)
WORDS = {
    "real": "real, by the cluster's own parts",
    "imitated": "imitated by the test node, in the words of the kubelet 1.36.3, containerd 2 and "
    "NVIDIA's device plugin 0.20",
    "recorded": "recorded, and read from the row's own sample",
}
BEYOND = {
    "IMG_ARCH": "every node of the test cluster is of one kind",
    "KYVERNO": "Kyverno is not on the test cluster",
    "PIP_FOR_ADDRESS": "the image of the test cluster has what every address needs",
    "NOOP_SUCCESS": "it is said of what took under two seconds, and here a start may take longer",
}
"""Rows of a cluster that are recorded although no GPU is in them, and why."""

ELSEWHERE = {
    "OOM_MACHINE": "a node ends a container or a whole pod, and says so",
    "SUPERVISOR_LOST": "no process of the SDK looks after a worker of a cluster",
    "HOST_REBOOTED": "of a cluster that is a node that was lost",
}
"""Rows that only a job on this machine can meet, and why."""

_Test = TypeVar("_Test", bound=Callable[..., Any])


def produces(how: How, *ids: str) -> Callable[[_Test], _Test]:
    """Marks a test that brings verdicts about."""

    def mark(test: _Test) -> _Test:
        test.__dict__["produces"] = (how, ids)
        return test

    return mark


class Ledger:
    """What one test said that it produces, and what it did."""

    def __init__(self, test: Callable[..., Any]) -> None:
        self.said: tuple[str, ...] = getattr(test, "produces", ("", ()))[1]
        self.found: set[str] = set()

    def note(self, found: Diagnosis) -> Diagnosis:
        """One verdict that was given."""
        assert found.id in self.said, f"{found.id} is not what this test says that it produces"
        assert len(found.short) <= SHORT
        assert found.happened
        assert found.fix
        self.found.add(found.id)
        return found

    def close(self) -> None:
        """The test is over."""
        assert self.found == set(self.said)


def recorded() -> list[Row]:
    """The rows that the cluster's tests do not bring about: what GPUs and NCCL say, and a few."""
    gpu = [each for each in rows() if each.id.startswith(("NCCL_", "CUDA_")) and not each.reason]
    return gpu + [each for each in rows() if each.id in BEYOND]


@functools.cache
def lists() -> dict[str, list[str]]:
    """The ids of the rows, by how they come about."""
    found: dict[str, set[str]] = {"real": set(), "imitated": set()}
    for name in MODULES:
        for test in vars(import_module(f"tests.cluster.{name}")).values():
            how, ids = getattr(test, "produces", ("", ()))
            if how:
                found[how].update(ids)
    by_how = {how: sorted(ids) for how, ids in found.items()}
    return {**by_how, "recorded": sorted(each.id for each in recorded())}


def lines() -> Iterator[str]:
    """The three lists, as they are printed."""
    for how, ids in lists().items():
        yield f"{WORDS[how]} ({len(ids)}):"
        yield from (f"  {id}{f' ({BEYOND[id]})' if id in BEYOND else ''}" for id in ids)
        yield ""


if __name__ == "__main__":
    print("\n".join(lines()))
