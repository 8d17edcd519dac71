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

import re
import tomllib
from typing import Literal, get_args

import msgspec

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.gpu.slices import is_profile
from cnai_sdk.model.quantity import parse_memory

NAME, KEY = "cnai-gpu-profile", "gpus.toml"
"""Of the ConfigMap in the shared namespace; `cnai admin manifests` makes it."""

Mechanism = Literal[
    "mig", "hami", "volcano-vgpu", "mps", "dra", "dra-mig", "dra-shared", "kai", "time-slicing",
    "whole",
]  # fmt: skip
_LARGEST = 2**20
_SLACK = 1.05


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
        InvalidRequest: it is no TOML, or no profile; with the line, and what is wrong there.

    >>> read_profile('[[offer]]\\nmechanism = "whole"\\nkey = "nvidia.com/gpu"').offer[0].mechanism
    'whole'
    """
    try:
        return parsed(text)
    except ValueError as error:
        raise InvalidRequest(
            f"The administrator's GPU profile {NAME} cannot be read.",
            why=str(error),
            next_step="Ask the cluster's administrator to correct it: cnai admin manifests "
            "--gpu-profile FILE says what is wrong in a file, and prints the ConfigMap of one that "
            "is right.",
        ) from error


def parsed(text: str) -> Profile:
    """What a file says.

    Raises:
        ValueError: it is no TOML, or no profile; the line, and what is wrong there, a sentence.
    """
    try:
        if len(text) > _LARGEST:
            raise _Wrong("It is larger than 1 MiB, which no ConfigMap can be")
        found = msgspec.convert(tomllib.loads(text), Profile)
        for number, each in enumerate(found.offer):
            _check(each, number)
    except _Wrong as error:
        line = _line(text, error.offer, error.key)
        what = f"Line {line}: {error}" if line else f"{error}"
    except msgspec.ValidationError as error:
        what = _of_its_form(str(error), text)
    except (ValueError, RecursionError) as error:
        what = f"It is no TOML: {error}"
    else:
        return found
    raise ValueError(f"{what[:400]}{'' if what.endswith('.') else '.'}")


class _Wrong(Exception):
    """Something that cannot be so, in an offer by its number, at one of its keys."""

    def __init__(self, what: str, offer: int | None = None, key: str = "") -> None:
        super().__init__(what)
        self.offer = offer
        self.key = key


_PLACE = re.compile(r" - at `\$(?:\.offer\[(\d+)\])?\.?(\w*)`$")
_VALUE = re.compile(r"Invalid enum value '(.*)'", re.DOTALL)
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.*?)`", re.DOTALL)


def _of_its_form(words: str, text: str) -> str:
    """What is wrong with the form of a profile, from the decoder's words."""
    place = _PLACE.search(words)
    offer = int(place[1]) if place and place[1] else None
    key = place[2] if place else ""
    plain = words[: place.start()] if place else words
    if field := _FIELD.match(plain):
        key = field[2]
        names = ", ".join((Profile if offer is None else Told).__struct_fields__)
        plain = (
            f"there is no {key!r}; there are {names}"
            if field[1].startswith("contains")
            else f"an offer names no {key}"
        )
    elif value := _VALUE.match(plain):
        plain = f"{key} is {value[1]!r}, and there are {', '.join(get_args(Mechanism))}"
    elif key:
        plain = f"{key}: {plain[:1].lower()}{plain[1:]}"
    line = _line(text, offer, key)
    return f"Line {line}: {plain}" if line else plain


def _line(text: str, offer: int | None, key: str) -> int:
    """Where a key of an offer is written, or the offer; 0 where that is not seen."""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if _HEAD.match(line)]
    if offer is None:
        first, last = 0, heads[0] if heads else len(lines)
    elif offer < len(heads):
        first, last = heads[offer], [*heads, len(lines)][offer + 1]
    else:
        return 0
    written = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    for number in range(first, last) if key else ():
        if written.match(lines[number]):
            return number + 1
    return 0 if offer is None else first + 1


_HEAD = re.compile(r"\s*\[\[\s*offer\s*\]\]")


def _check(each: Told, number: int) -> None:
    what = f"an offer of {each.mechanism}"
    if not each.key and each.mechanism != "kai":
        raise _Wrong(f"{what} names no key, which is what a pod asks for", number)
    for label in ("memory", "card"):
        if text := getattr(each, label):
            try:
                parse_memory(text, argument=label)
            except InvalidRequest as error:
                raise _Wrong(f"{error.what} {error.next_step}", number, label) from error
    for label, least in (("replicas", 1), ("count", 0), ("per_node", 0)):
        if getattr(each, label) < least:
            raise _Wrong(f"{label} is below {least}", number, label)
    if each.mechanism in ("mps", "time-slicing") and each.replicas == 1:
        raise _Wrong(f"{what} does not say replicas, how many share a card", number)
    if each.mechanism == "mig" and not each.memory:
        raise _Wrong(f"{what} does not say memory, which each has", number)
    if each.mechanism == "mps" and not (each.memory or each.card):
        raise _Wrong(f"{what} says neither memory, which each has, nor card", number)
    if each.replicas > 1 and each.memory and each.card:
        _check_slots(each, number)
    if each.profile and not is_profile(each.profile):
        raise _Wrong("profile is no name of a MIG slice, such as 3g.40gb", number, "profile")
    if each.mechanism == "mig" and not (each.profile or "/mig-" in each.key):
        raise _Wrong(f"{what} does not say profile, and its key names none", number)


def _check_slots(each: Told, number: int) -> None:
    if each.replicas * parse_memory(each.memory) > _SLACK * parse_memory(each.card):
        what = f"{each.replicas} times memory is more than card: memory is of one part"
        raise _Wrong(what, number, "memory")
