"""The lists of `python -m tests.cluster.produced` are whole, and true."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.resources import files

import pytest

from cnai_sdk.explain.catalogue import row, rows

from .produced import BEYOND, MODULES, lists

OF_A_CLUSTER = tuple(
    tomllib.loads(files("cnai_sdk.explain").joinpath("rows/70-cluster.toml").read_text("utf-8"))
)


@pytest.mark.parametrize("id", OF_A_CLUSTER)
def test_every_row_of_a_cluster_is_in_exactly_one_list(id: str) -> None:
    assert [how for how, ids in lists().items() if id in ids] != []
    assert sum(id in ids for ids in lists().values()) == 1


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
        assert "ledger.note(" in inspect.getsource(test), test


def test_only_what_no_cluster_of_the_tests_can_do_is_recorded() -> None:
    others = [id for id in lists()["recorded"] if not id.startswith(("NCCL_", "CUDA_"))]
    assert others == sorted(BEYOND)
    assert all(row(id).sample for id in lists()["recorded"])


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
