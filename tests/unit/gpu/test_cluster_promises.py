"""What is said of a share is what the pod gets: its part of the card, its memory, its model."""

from __future__ import annotations

from typing import Any

import pytest

from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.gpu.cluster.offer import PodAsk
from cnai_sdk.gpu.cluster.profile import read_profile
from cnai_sdk.gpu.cluster.resolver import offers, resolve
from cnai_sdk.gpu.cluster.seen import Seen
from cnai_sdk.model.spec import Resources
from tests import vendors
from tests.vendors import A100, A100_40, card, hami, node, seen, volcano, whole

GIB = 2**30
L4, L40S = "NVIDIA-L4", "NVIDIA-L40S"
RTX = "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition"


@pytest.fixture(autouse=True)
def _more_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vendors.MEMORY, L4, 23034)
    monkeypatch.setitem(vendors.MEMORY, L40S, 46068)


def ask(there: Seen, workers: int = 1, **wish: Any) -> PodAsk:
    return resolve(Resources(**wish), workers, there)


def told(text: str) -> Seen:
    return Seen(profile=read_profile(f"[[offer]]\n{text}"))


# -- slices that are shared ---------------------------------------------------------


def turns_on_slices(*, renamed: bool) -> dict[str, Any]:
    """Every card cut into 1g.10gb, and each of those given to two pods in turns."""
    labels = {
        "gpu.product": f"{A100}-MIG-1g.10gb{'' if renamed else '-SHARED'}",
        "gpu.memory": 9728,
        "gpu.replicas": 2,
        "gpu.sharing-strategy": "time-slicing",
    }
    key = "nvidia.com/gpu.shared" if renamed else "nvidia.com/gpu"
    return node("turns", {key: 14}, card(A100, 1) | labels)


@pytest.mark.parametrize("renamed", [False, True])
def test_half_of_a_slice_is_not_half_of_a_card(renamed: bool) -> None:
    there = seen(turns_on_slices(renamed=renamed))
    with pytest.raises(DoesNotFit) as error:
        ask(there, gpu=0.5, isolation="none")
    assert "1/2 of MIG 1g.10gb of NVIDIA A100-SXM4-80GB (4.75" in error.value.why
    got = ask(there, gpu=0.05, isolation="none")
    assert (got.share, got.memory) == (0.0625, 4864 * 2**20)
    assert got.environment == {"PYTORCH_CUDA_ALLOC_CONF": "per_process_memory_fraction:0.5"}


# -- cards that MIG cuts in other ways -------------------------------------------------


def test_half_of_a_card_that_is_cut_in_four_is_its_half() -> None:
    labels = {"gpu.product": RTX, "gpu.memory": 97887, "mig-2g.48gb.memory": 48512}
    there = seen(node("rtx", {"nvidia.com/mig-2g.48gb": 2}, card(A100, 1) | labels))
    got = ask(there, gpu=0.5)
    assert got.limits == {"nvidia.com/mig-2g.48gb": "1"}
    assert not any("compute" in notice for notice in got.notices)
    with pytest.raises(DoesNotFit) as error:
        ask(there, gpu=0.6)
    assert "could make" not in error.value.next_step  # only all of it would do


def test_slices_of_one_name_are_told_apart_by_the_card_of_their_node() -> None:
    labels = {"gpu.memory": 0, "mig-1g.10gb.memory": 9728}
    small = node("a", {"nvidia.com/mig-1g.10gb": 4}, card(A100_40, 1) | labels)
    large = node("b", {"nvidia.com/mig-1g.10gb": 7}, card(A100, 1) | labels)
    shares = {each.model: each.share for each in offers(seen(small, large))}
    assert shares == {"NVIDIA A100-SXM4-40GB": 0.25, "NVIDIA A100-SXM4-80GB": 0.125}


def test_a_slice_with_media_engines_is_one_too() -> None:
    labels = {"gpu.product": RTX, "gpu.memory": 97887}
    there = seen(node("rtx", {"nvidia.com/mig-1g.24gb.me.all": 1}, card(A100, 1) | labels))
    got = ask(there, gpu_memory=20 * GIB)
    assert got.profile == "1g.24gb+me.all"
    shared = node("rtx", {"nvidia.com/mig-1g.24gb.shared": 2}, card(A100, 1) | labels)
    assert offers(seen(shared)) == ()


# -- what an administrator says -----------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "share"),
    [("", 0.125), ('card = "80Gi"', 0.1187), ('model = "NVIDIA A100-SXM4-40GB"', 0.2375)],
    ids=["nothing", "the card", "the model"],
)
def test_a_slice_of_which_no_card_is_told_is_a_part_and_not_all_of_one(
    extra: str, share: float
) -> None:
    there = told(f'mechanism = "mig"\nkey = "nvidia.com/mig-1g.10gb"\nmemory = "9728Mi"\n{extra}')
    assert ask(there, gpu=0.1).share == share
    with pytest.raises(DoesNotFit):
        ask(there, gpu=0.5)


@pytest.mark.parametrize("mechanism", ["mps", "time-slicing"])
@pytest.mark.parametrize("size", ['memory = "20Gi"', 'card = "80Gi"', 'memory="20Gi"\ncard="80Gi"'])
def test_of_slots_the_memory_is_of_one(mechanism: str, size: str) -> None:
    there = told(f'mechanism = "{mechanism}"\nkey = "nvidia.com/gpu"\nreplicas = 4\n{size}')
    got = ask(there, gpu_memory=20 * GIB, isolation="none")
    assert (got.memory, got.share) == (20 * GIB, 0.25)
    assert ask(there, gpu=0.25, isolation="none").memory == 20 * GIB


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('mechanism = "mps"\nkey = "a/b"\nreplicas = 4', "neither memory"),
        (
            'mechanism = "mps"\nkey = "a/b"\nreplicas = 4\nmemory = "80Gi"\ncard = "80Gi"',
            "Line 5: 4 times memory is more than card",
        ),
        (
            'mechanism = "mig"\nkey = "nvidia.com/gpu"\nmemory = "9Gi"\nprofile = "half"',
            "Line 5: profile is no name of a MIG slice",
        ),
        ('mechanism = "mig"\nkey = "nvidia.com/gpu"\nmemory = "9Gi"', "does not say profile"),
    ],
)
def test_sizes_that_cannot_be_are_refused_with_their_line(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        told(text)
    assert why in error.value.why


# -- models, where a scheduler looks for a word in their names ------------------------------


@pytest.mark.parametrize("kind", [hami, volcano])
def test_a_card_whose_name_goes_on_is_ruled_out_by_its_own(kind: Any) -> None:
    there = seen(kind("a", L4), kind("b", L40S))
    small = ask(there, gpu=0.5, gpu_model="L4")
    assert small.model == "NVIDIA L4"
    assert small.annotations["nvidia.com/use-gputype"] == "L4"
    assert small.annotations["nvidia.com/nouse-gputype"] == "L40S"
    large = ask(there, gpu=0.5, gpu_model="L40S")
    assert large.annotations == {"nvidia.com/use-gputype": "L40S"}


def test_a_pod_that_cannot_say_a_model_gets_no_promise_of_one() -> None:
    nodes = hami("a", L4), hami("b", L40S)
    for wish in ({"gpu": 0.5, "gpu_model": "L4"}, {"gpu": 0.5}):
        with pytest.raises(DoesNotFit) as error:
            ask(seen(*nodes, carries=frozenset(), kind="TrainJob"), **wish)
        assert "A TrainJob cannot label its pods" in error.value.why
    plain = ask(seen(nodes[0], carries=frozenset()), gpu=0.5)
    assert (plain.annotations, plain.model) == ({}, "NVIDIA L4")
    either = ask(seen(*nodes, carries=frozenset()), gpu_memory=8 * GIB)
    assert (either.annotations, either.model, either.memory) == ({}, "", 8 * GIB)


def test_a_word_that_is_looked_for_in_names_that_cannot_be_seen_is_said_to_be_one() -> None:
    got = ask(Seen(hami=True), gpu=0.5, gpu_model="L4")
    assert got.annotations == {"nvidia.com/use-gputype": "L4"}
    assert "HAMi takes any card that has L4 in its name." in got.notices


# -- all of a card ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [hami, volcano])
def test_all_of_a_card_is_a_gpu_where_a_scheduler_gives_parts(kind: Any) -> None:
    got = ask(seen(kind()), workers=2, gpu=1.0)
    assert (got.share, got.memory) == (1.0, 80 * GIB)
    assert "100" in got.limits.values()
    with pytest.raises(DoesNotFit):
        ask(seen(kind()), gpu=1.0, isolation="hardware")
    with pytest.raises(DoesNotFit):
        ask(seen(kind()), gpu=2.0)


def test_a_whole_gpu_comes_before_all_of_one_that_software_divides() -> None:
    assert ask(seen(hami(), whole("w", A100_40)), gpu=1.0).mechanism == "whole"
