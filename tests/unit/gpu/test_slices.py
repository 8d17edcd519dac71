"""What MIG cuts a card into, on this machine: one table, whatever the card."""

from __future__ import annotations

import pytest

from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu import slices
from cnai_sdk.gpu.resolver import assign, check_devices
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import Resources

GIB = 2**30


def cut(model: str, memory: int, *profiles: tuple[str, float]) -> list[Device]:
    """A card on which MIG is on, and its slices with their GiB."""
    card = Device(id="GPU-0", model=model, memory=memory * GIB, mechanism="mig")
    return [
        card,
        *(
            Device(
                id=f"MIG-{number}",
                model=model,
                memory=int(gib * GIB),
                mechanism="mig",
                profile=profile,
                parent="GPU-0",
            )
            for number, (profile, gib) in enumerate(profiles)
        ),
    ]


@pytest.mark.parametrize(
    ("model", "memory", "profile", "gib"),
    [
        ("NVIDIA A30", 24, "2g.12gb", 11.8),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 96, "2g.48gb", 47.4),
        ("NVIDIA A100-SXM4-80GB", 80, "3g.40gb", 39.2),
        ("NVIDIA H100 NVL", 94, "3g.47gb", 46.4),
        ("NVIDIA H20", 96, "3g.48gb", 46.5),
    ],
)
def test_half_of_a_card_is_the_slice_with_half_of_its_compute(
    model: str, memory: int, profile: str, gib: float
) -> None:
    found = cut(model, memory, (profile, gib))
    check_devices(Resources(gpu=0.5), 1, found, "")
    granted = assign(Resources(gpu=0.5), 1, found)
    assert not isinstance(granted, str)
    assert granted[0].devices == ("MIG-0",)


def test_a_slice_with_too_little_compute_says_of_how_much() -> None:
    found = cut("NVIDIA A30", 24, ("1g.6gb", 23.0))
    with pytest.raises(DoesNotFit) as error:
        check_devices(Resources(gpu=0.5), 1, found, "")
    assert "1g.6gb has 1 of 4 slices" in error.value.why


@pytest.mark.parametrize(
    ("model", "memory", "how"),
    [
        ("NVIDIA A30", 24, "mig -cgi 1g.6gb -C"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 96, "mig -cgi 1g.24gb -C"),
        ("NVIDIA Z900", 50, "mig -lgip"),
    ],
)
def test_what_an_administrator_is_told_to_make_is_a_slice_that_the_card_has(
    model: str, memory: int, how: str
) -> None:
    with pytest.raises(DoesNotFit) as error:
        check_devices(Resources(gpu=0.5), 1, cut(model, memory), "")
    assert how in error.value.next_step


@pytest.mark.parametrize("card", slices.CARDS, ids=lambda card: f"{card.names[0]}-{card.size}")
def test_a_listed_card_is_known_again_by_its_name_and_its_size(card: slices.Card) -> None:
    model = f"NVIDIA {card.names[0]} {card.size}GB"
    for profile in card.profiles:
        assert slices.share(profile, model) == card.part(profile)
        assert slices.slices(profile, model) == card.slices
    assert slices.share(card.profiles[-1], model) == 1.0
    assert slices.to_be_cut(1, 0.0, card.size * GIB, model) == card.profiles[0]
    assert slices.to_be_cut(card.size * GIB, 0.0, card.size * GIB, model) == ""


def test_no_slice_is_proposed_for_a_card_that_cannot_be_cut_or_of_which_there_are_two_kinds() -> (
    None
):
    assert slices.to_be_cut(10 * GIB, 0.0, 48 * GIB, "NVIDIA L40S") == ""
    assert slices.to_be_cut(0, 0.5, 96 * GIB) == ""  # cut in seven on one card, in four on another


def test_a_slice_of_an_unknown_card_counts_by_its_compute() -> None:
    assert slices.share("3g.500gb") == 0.5
    assert slices.slices("3g.500gb") == 7
    assert slices.share("1g.24gb+me.all", "NVIDIA RTX PRO 6000") == 0.25


def test_a_device_of_which_no_memory_is_told_gives_none() -> None:
    blank = Device(id="GPU-0", model="NVIDIA", memory=0, mechanism="fraction")
    with pytest.raises(DoesNotFit):
        check_devices(Resources(gpu_memory=GIB), 1, [blank], "")
