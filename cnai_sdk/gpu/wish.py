"""What a person may wish for of GPUs, on whatever place it is granted."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quantity import show_bytes, write_memory
from cnai_sdk.model.spec import Resources

Isolation = Literal["hardware", "memory", "none"]
ISOLATIONS: tuple[Isolation, ...] = ("hardware", "memory", "none")
"""From what holds most to what holds nothing."""

SMALLEST = 0.01
SLACK = 0.05
"""A slice has less than its name says, a 1g.10gb 9.5 GiB: a wish for what the name says, or for a
half of the card, is granted with a notice when at most this much is missing."""


def check_wish(resources: Resources, workers: int) -> None:
    """Refuse what no place could give; asks no driver and no cluster.

    Raises:
        InvalidRequest: with the choices.
    """
    gpu: object = resources.gpu
    if isinstance(gpu, bool) or not isinstance(gpu, int | float) or not 0 <= gpu < 1e4:
        raise InvalidRequest(
            f"gpu={gpu!r} is not a number of GPUs.",
            next_step="Write gpu=1 for one device per worker, or gpu=0.5 for half of one.",
        )
    if 0 < gpu < SMALLEST:
        raise InvalidRequest(
            f"gpu={gpu:g} is too small a share.",
            why=f"The smallest is {SMALLEST}.",
            next_step='Write gpu=0.1, or ask for memory: gpu_memory="2Gi".',
        )
    if gpu > 1 and gpu != int(gpu):
        low, high = int(gpu), int(gpu) + 1
        raise InvalidRequest(
            f"gpu={gpu:g} cannot be given.",
            why="Above 1 it is a number of whole devices per worker.",
            next_step=f"Write gpu={low} or gpu={high}; below 1 it is a share, such as gpu=0.5.",
        )
    if workers > 1 and resources.wants_gpu and gpu < 1:
        raise InvalidRequest(
            f"{workers} workers cannot each have a share of a GPU.",
            why="NCCL, which joins them, refuses two workers on one device (duplicate GPU).",
            next_step=f"Write one of these: workers=1, {code(resources)}; "
            f"workers={workers}, gpu=1 (a whole one each).",
        )
    _check_company(resources)


def _check_company(resources: Resources) -> None:
    if resources.isolation not in ISOLATIONS:
        raise InvalidRequest(
            f"isolation={resources.isolation!r} is not a kind of isolation.",
            next_step='Write isolation="memory", "hardware" or "none".',
        )
    if not resources.wants_gpu and resources.gpu_model:
        raise InvalidRequest(
            f"gpu_model={resources.gpu_model!r} names a model, and no GPU is asked for.",
            next_step='Write how much of it too: gpu=1, gpu=0.5 or gpu_memory="10Gi".',
        )


def check_contradiction(resources: Resources, largest: int) -> None:
    """Refuse a share and an amount of memory that no device here can satisfy together.

    Args:
        largest: bytes of the largest device; 0 when that is not known.

    Raises:
        InvalidRequest: with both as one.
    """
    share, memory = resources.gpu, resources.gpu_memory
    if not (0 < share < 1 and memory and share * largest * 1.05 < memory <= largest):
        return  # more than all of a device is refused with what there is
    fits = min(1.0, -(-100 * memory // largest) / 100)
    either = (
        msgspec.structs.replace(resources, gpu=0.0),
        msgspec.structs.replace(resources, gpu=fits, gpu_memory=None),
    )
    raise InvalidRequest(
        f'gpu={share:g} and gpu_memory="{write_memory(memory)}" contradict each other.',
        why=f"gpu={share:g} of the largest GPU here is {show_bytes(share * largest)}.",
        next_step=f"Write one of these: {code(either[0])}; {code(either[1])}.",
    )


def code(resources: Resources) -> str:
    """The wish for GPUs as arguments of a call, to be pasted.

    >>> code(Resources(gpu=0.5, gpu_model="A100", isolation="none"))
    'gpu=0.5, gpu_model="A100", isolation="none"'
    >>> code(Resources(gpu_memory=10 * 2**30))
    'gpu_memory="10Gi"'
    """
    parts = [f"gpu={resources.gpu:g}"] if resources.gpu else []
    if resources.gpu_memory:
        parts.append(f'gpu_memory="{write_memory(resources.gpu_memory)}"')
    if resources.gpu_model:
        parts.append(f"gpu_model={json.dumps(resources.gpu_model, ensure_ascii=False)}")
    if resources.isolation != "memory" and resources.gpu < 1:
        parts.append(f'isolation="{resources.isolation}"')
    return ", ".join(parts)


def is_model(wish: str | None, model: str) -> bool:
    """Whether a device's name is the model that was asked for; '' and None ask for none.

    A wish is a part of the name, from the beginning of a word or number. A number is not the
    beginning of a longer one: an L40S is no L4.

    >>> is_model("a100 sxm4", "NVIDIA-A100-SXM4-80GB"), is_model("H100", "NVIDIA A100-PCIE-40GB")
    (True, False)
    >>> is_model("A10", "NVIDIA A100 80GB PCIe"), is_model("A10", "NVIDIA A10G")
    (False, True)
    """
    return bool(_closeness(wish or "", model))


def meant(wish: str | None, models: Iterable[str]) -> frozenset[str]:
    """The models that are asked for: those whose name has just these words, where there are some.

    >>> sorted(meant("A10", ["NVIDIA A10", "NVIDIA A10G", "NVIDIA A100-PCIE-40GB"]))
    ['NVIDIA A10']
    >>> sorted(meant("A10", ["NVIDIA A10G", ""]))
    ['NVIDIA A10G']
    """
    close = {model: _closeness(wish or "", model) for model in models}
    best = max(close.values(), default=0)
    return frozenset(model for model, each in close.items() if each and each == best)


_TOKEN = re.compile(r"[^\W\d_]+|\d+")


@functools.lru_cache(maxsize=4096)
def _closeness(wish: str, model: str) -> int:
    """0 for another model, 1 for the beginning of its words, 2 for whole words of it."""
    plain = _plain(wish)
    if not plain:
        return 0 if wish else 2
    words = [_plain(word) for word in re.split(r"[\W_]+", model)]
    name = "".join(words)
    ends = set(itertools.accumulate(map(len, words)))
    starts = {0} | ends | {match.start() for match in _TOKEN.finditer(name)}
    best = 0
    for match in re.finditer(f"(?={re.escape(plain)})", name):
        begin, end = match.start(), match.start() + len(plain)
        longer = plain[-1].isdigit() and name[end : end + 1].isdigit() and end not in ends
        if begin in starts and not longer:
            best = max(best, 2 if begin in {0} | ends and end in ends else 1)
    return best


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
