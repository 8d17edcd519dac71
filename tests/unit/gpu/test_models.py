"""gpu_model= names a card: an L40S is no L4, and an A100 is no A10."""

from __future__ import annotations

import pytest

from cnai_sdk.gpu.resolver import assign
from cnai_sdk.gpu.wish import is_model, meant
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import Resources

A100_PCIE = "NVIDIA A100 80GB PCIe"


@pytest.mark.parametrize(
    ("wish", "model"),
    [
        ("L4", "NVIDIA L40S"),
        ("A10", "NVIDIA-A100-SXM4-80GB"),
        ("A10", A100_PCIE),
        ("T4", "NVIDIA T400 4GB"),
        ("H20", "NVIDIA H200"),
        ("B200", "NVIDIA GB200"),
        ("40GB", "NVIDIA A100-SXM4-140GB"),
        ("--", "NVIDIA L4"),
        ("显卡", "NVIDIA L4"),
    ],
)
def test_a_number_is_not_the_beginning_of_a_longer_one(wish: str, model: str) -> None:
    assert not is_model(wish, model)


@pytest.mark.parametrize(
    ("wish", "model"),
    [
        ("A100", A100_PCIE),
        ("a100-80gb", A100_PCIE),
        ("40GB", "NVIDIA A100-SXM4-40GB"),
        ("A100-SXM", "NVIDIA-A100-SXM4-40GB"),
        ("rtx4090", "NVIDIA GeForce RTX 4090"),
        ("4090", "NVIDIA GeForce RTX 4090"),
        ("V100", "Tesla V100-PCIE-32GB"),
        ("", "NVIDIA L4"),
        (None, ""),
    ],
)
def test_a_name_may_be_shortened_and_written_in_other_ways(wish: str | None, model: str) -> None:
    assert is_model(wish, model)


def test_the_card_of_just_that_name_comes_before_others_that_begin_so() -> None:
    assert meant("L40", ["NVIDIA L40S", "NVIDIA L40"]) == {"NVIDIA L40"}
    assert meant("A10", ["NVIDIA A10G"]) == {"NVIDIA A10G"}
    assert meant(None, ["NVIDIA A10G", "NVIDIA L4"]) == {"NVIDIA A10G", "NVIDIA L4"}


def test_on_this_machine_the_named_card_is_given() -> None:
    names = ("NVIDIA L40S", "NVIDIA L4")
    cards = [Device(id=name, model=name, memory=2**35, mechanism="fraction") for name in names]
    granted = assign(Resources(gpu=1.0, gpu_model="L4"), 1, cards)
    assert not isinstance(granted, str)
    assert granted[0].devices == ("NVIDIA L4",)
