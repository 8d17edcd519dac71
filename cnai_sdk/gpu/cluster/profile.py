"""What an administrator says a cluster offers: a ConfigMap that students can read only.

It says what cannot be seen without a right to read nodes, and stands above what can: who sets it up
knows better than labels do. It is TOML:

    round_up = false                     # true: a share may become a whole GPU where nothing fits

    [[offer]]
    mechanism = "mig"                    # as `cnai.gpus()` lists them
    key = "nvidia.com/mig-1g.10gb"       # what a pod asks for; a DeviceClass for "dra…"
    model = "NVIDIA A100-SXM4-80GB"
    memory = "9728Mi"                    # of one; of the whole card where it is divided freely
    card = "80Gi"
    count = 14
"""

from __future__ import annotations

import tomllib
from typing import Literal

import msgspec

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quantity import parse_memory

NAME, KEY = "cnai-gpu-profile", "gpus.toml"
"""Of the ConfigMap in the shared namespace; `cnai admin manifests` makes it."""

Mechanism = Literal[
    "mig", "hami", "volcano-vgpu", "mps", "dra", "dra-mig", "dra-shared", "kai", "time-slicing",
    "whole",
]  # fmt: skip
_LARGEST = 2**20


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of share that the administrator offers.

    Attributes:
        product: the value of the label nvidia.com/gpu.product on its nodes, to keep pods there.
        replicas: how many share one card, for 'mps' and 'time-slicing'.
        profile: of a MIG slice; read from the key where it says so.
        queue: of KAI, for who names none.
    """

    mechanism: Mechanism
    key: str = ""
    model: str = ""
    product: str = ""
    memory: str = ""
    card: str = ""
    count: int = 0
    per_node: int = 0
    replicas: int = 1
    profile: str = ""
    queue: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is offered.

    Attributes:
        round_up: a share may become a whole GPU where nothing else fits.
    """

    round_up: bool = False
    offer: tuple[Told, ...] = ()


def read_profile(text: str) -> Profile:
    """The profile of a ConfigMap.

    Raises:
        InvalidRequest: it is no TOML, or no profile; with what is wrong in it.

    >>> read_profile('[[offer]]\\nmechanism = "whole"\\nkey = "nvidia.com/gpu"').offer[0].mechanism
    'whole'
    """
    try:
        if len(text) > _LARGEST:
            raise ValueError("it is larger than 1 MiB")
        found = msgspec.convert(tomllib.loads(text), Profile)
        for each in found.offer:
            _check(each)
    except (ValueError, msgspec.ValidationError, InvalidRequest, RecursionError) as error:
        why = error.what if isinstance(error, InvalidRequest) else str(error)
        raise InvalidRequest(
            f"The administrator's GPU profile {NAME} cannot be read.",
            why=f"{why[:300]}{'' if why.endswith('.') else '.'}",
            next_step="Ask the cluster's administrator to correct it: cnai admin manifests prints "
            "one that is right.",
        ) from error
    return found


def _check(each: Told) -> None:
    if not each.key and each.mechanism != "kai":
        raise ValueError(f"an offer of {each.mechanism} names no key")
    for label in ("memory", "card"):
        if text := getattr(each, label):
            parse_memory(text, argument=label)
    if each.replicas < 1 or each.count < 0 or each.per_node < 0:
        raise ValueError(f"an offer of {each.mechanism} has a number below what is possible")
    if each.mechanism in ("mps", "time-slicing") and each.replicas == 1:
        raise ValueError(f"an offer of {each.mechanism} does not say replicas")
    if each.mechanism in ("mps", "mig") and not each.memory:
        raise ValueError(f"an offer of {each.mechanism} does not say its memory")
