"""The lists of `python -m tests.cluster.produced` are whole, and true."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import cnai_sdk
from cnai_sdk.explain.catalogue import row, rows

from .produced import BEYOND, ELSEWHERE, MODULES, lists

OF_A_CLUSTER = tuple(each.id for each in rows() if each.id not in ELSEWHERE)
SDK = Path(str(cnai_sdk.__file__)).parent


@pytest.mark.parametrize("id", OF_A_CLUSTER)
def test_every_row_that_a_job_on_a_cluster_can_meet_is_in_exactly_one_list(id: str) -> None:
    assert [how for how, ids in lists().items() if id in ids] != []
    assert sum(id in ids for ids in lists().values()) == 1


@pytest.mark.parametrize("id", ELSEWHERE)
def test_what_only_this_machine_can_do_is_said_by_no_part_of_a_cluster(id: str) -> None:
    """Such a row has a reason that the local backend alone gives."""
    reason = f'"{row(id).reason}"'
    givers = {
        part
        for part in ("backends/local", "backends/kubernetes", "worker")
        for path in SDK.joinpath(part).rglob("*.py")
        if reason in path.read_text(encoding="utf-8")
    }
    assert givers == {"backends/local"}


def test_every_row_that_is_listed_exists_and_is_listed_once() -> None:
    listed = [id for ids in lists().values() for id in ids]
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) <= {each.id for each in rows()}


def test_a_test_that_produces_a_verdict_hands_it_over() -> None:
    """What it hands over is compared with what it says when it has run."""
    tests = [
        test
        for name in MODULES
        for test in vars(import_module(f"tests.cluster.{name}")).values()
        if hasattr(test, "produces")
    ]
    assert len(tests) > 40
    for test in tests:
        assert "ledger" in inspect.signature(test).parameters, test
        handed_over = ("ledger.note(", "all_end_as(stage, ledger, ")
        assert any(way in inspect.getsource(test) for way in handed_over), test


def test_only_what_no_cluster_of_the_tests_can_do_is_recorded() -> None:
    others = [id for id in lists()["recorded"] if not id.startswith(("NCCL_", "CUDA_"))]
    assert others == sorted(BEYOND)
    assert all(row(id).sample or not row(id).match for id in lists()["recorded"])


def test_the_lists_are_printed() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.cluster.produced"], capture_output=True, text=True, check=True
    ).stdout
    assert [
        line.split(",")[0].split(" by ")[0] for line in said.splitlines() if line[:1].isalpha()
    ] == [
        "real",
        "imitated",
        "recorded",
    ]
    assert "\n  QUOTA\n" in said
