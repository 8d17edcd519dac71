"""What MIG can cut a card into, as NVIDIA's MIG guide lists it: for this machine and for clusters.

A slice is named after its compute and its memory, '3g.40gb', and the same name means another part
of another card. So a card is known by its name, and by what else it is cut into.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Collection, Sequence

import msgspec

from cnai_sdk.gpu.wish import is_model

GIB = 2**30
_NAME = re.compile(r"(\d+)g\.(\d+)gb")
_NEAR = 0.08
"""A card has so much less than the number in the name of the slice that is all of it, or more."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Cards that are cut alike.

    Attributes:
        names: words of their models.
        slices: of the compute of a whole one.
        profiles: from the smallest to the one that is all of it.
    """

    names: tuple[str, ...]
    slices: int = 7
    profiles: tuple[str, ...]

    @property
    def size(self) -> int:
        """GB, by the name of the profile that is all of it."""
        return size(self.profiles[-1])

    def part(self, profile: str) -> float:
        """How much of the memory a slice has; the hardware gives eighths."""
        return round(8 * size(profile) / self.size) / 8


def _card(names: str, profiles: str, slices: int = 7) -> Card:
    return Card(names=tuple(names.split(", ")), profiles=tuple(profiles.split()), slices=slices)


CARDS = (
    _card("A30", "1g.6gb 2g.12gb 4g.24gb", 4),
    _card("A100, A800", "1g.5gb 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb"),
    _card("A100, A800, H100, H800", "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"),
    _card("H100, H800", "1g.12gb 1g.24gb 2g.24gb 3g.47gb 4g.47gb 7g.94gb"),
    _card("H100, H20, GH200", "1g.12gb 1g.24gb 2g.24gb 3g.48gb 4g.48gb 7g.96gb"),
    _card("H200, H20", "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb"),
    _card("B200", "1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb"),
    _card("GB200", "1g.23gb 1g.47gb 2g.47gb 3g.93gb 4g.93gb 7g.186gb"),
    _card("B300", "1g.34gb 1g.67gb 2g.67gb 3g.135gb 4g.135gb 7g.269gb"),
    _card("RTX PRO 4500", "1g.16gb 2g.32gb", 2),
    _card("RTX PRO 5000", "1g.12gb 4g.48gb", 4),
    _card("RTX PRO 6000", "1g.24gb 2g.48gb 4g.96gb", 4),
)
_OF_UNKNOWN = {2: 2, 3: 4, 4: 4, 7: 8}
"""Compute slices to eighths of the memory, of a card that is not listed. One compute slice comes
with an eighth or with two."""


def compute(profile: str) -> int:
    """How many slices of a card's compute a profile has.

    >>> compute("3g.40gb"), compute("1g.10gb+me"), compute("")
    (3, 1, 0)
    """
    match = _NAME.match(profile)
    return int(match[1]) if match else 0


def size(profile: str) -> int:
    """GB in the name of a profile; a slice has a little less."""
    match = _NAME.match(profile)
    return int(match[2]) if match else 0


def is_profile(text: str) -> bool:
    """Whether a text is the name of a slice, of whatever card.

    >>> is_profile("3g.40gb"), is_profile("1g.24gb+me.all"), is_profile("A100")
    (True, True, False)
    """
    return re.fullmatch(r"\d+g\.\d+gb([+.-][a-z.]+)?", text) is not None


def share(profile: str, model: str = "", company: Collection[str] = ()) -> float:
    """The part of a card's memory that a slice surely has.

    A 1g.10gb is a quarter of a 40 GB card and an eighth of one with 80 GB: the model tells which,
    or what else there is. The smaller part is taken where nothing does.

    Args:
        company: other profiles that were seen.

    >>> share("1g.10gb"), share("1g.10gb", company={"3g.20gb"})
    (0.125, 0.25)
    >>> share("1g.10gb", "NVIDIA A100-SXM4-40GB"), share("2g.12gb")
    (0.25, 0.5)
    """
    plain = _plain(profile)
    parts = [card.part(plain) for card in _cards(plain, model, frozenset(company))]
    return min(parts, default=_OF_UNKNOWN.get(compute(plain), compute(plain)) / 8)


def slices(profile: str, model: str = "", company: Collection[str] = ()) -> int:
    """Compute slices of the whole card that a slice is of; the most where it may be several.

    >>> slices("3g.40gb"), slices("2g.12gb"), slices("1g.24gb", "NVIDIA RTX PRO 6000 Blackwell")
    (7, 4, 4)
    """
    found = _cards(_plain(profile), model, frozenset(company))
    return max((card.slices for card in found), default=7)


def to_be_cut(memory: int, part: float, card: int, model: str = "") -> str:
    """The smallest profile with so much memory, and such a part, that a card could be cut into.

    '' where the card is not known, or only all of it would do.

    >>> to_be_cut(0, 0.3, 80 * GIB, "NVIDIA A100-SXM4-80GB")
    '3g.40gb'
    >>> to_be_cut(0, 0.5, 96 * GIB, "NVIDIA RTX PRO 6000 Blackwell"), to_be_cut(0, 0.5, 48 * GIB)
    ('2g.48gb', '')
    """
    alike = _of_size(card, model)
    proposed = {_smallest(max(memory, int(part * card)), part, each) for each in alike}
    return proposed.pop() if len(proposed) == 1 else ""


def _smallest(wanted: int, part: float, card: Card) -> str:
    for profile in card.profiles[:-1]:
        enough = compute(profile) >= math.floor(round(card.slices * part, 6))
        if enough and size(profile) * GIB >= wanted:
            return profile
    return ""


def _of_size(card: int, model: str) -> Sequence[Card]:
    """The cards that one with so many bytes may be."""
    off = {each: abs(each.size * GIB - card) for each in CARDS}
    named = [each for each in CARDS if any(is_model(name, model) for name in each.names)]
    near = [each for each in (named if model else CARDS) if off[each] < _NEAR * each.size * GIB]
    return [each for each in near if off[each] == min(off[other] for other in near)]


@functools.lru_cache(maxsize=1024)
def _cards(plain: str, model: str, company: frozenset[str]) -> Sequence[Card]:
    """The cards that a slice may be of, by as much as is told."""
    found = [card for card in CARDS if plain in card.profiles]
    named = [c for c in found if any(is_model(name, model) for name in c.names)]
    found = named or found
    sized = [c for c in found if re.search(rf"(?<!\d){c.size}GB", model)]
    found = sized or found
    common = set.intersection(*(set(card.profiles) for card in found)) if found else set()
    telling = {_plain(each) for each in company} - common
    alike = [card for card in found if telling & set(card.profiles)]
    return alike or found


def _plain(profile: str) -> str:
    """Without what is said of media engines, which changes neither compute nor memory."""
    match = _NAME.match(profile)
    return match[0] if match else profile
