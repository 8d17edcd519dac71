"""On which nodes a pod gets what was promised, where others have the same key.

A key says little: nvidia.com/gpu is a whole card on one node, a slot of MPS on the next and a turn
on a third. A pod is kept to the right ones by the labels in which they differ from the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnai_sdk.gpu.cluster.offer import PRODUCT, Offer, Place
from cnai_sdk.gpu.cluster.seen import GPU, Seen

_KEPT = frozenset({"mig", "mps", "time-slicing", "kai", "whole"})
"""Mechanisms whose pods any node with the key would take; the others choose devices themselves."""

_STRATEGY = f"{GPU}.sharing-strategy"

_Marks = tuple[str, ...]


class Ground:
    """The nodes of a cluster, by the labels that tell what a key means on them."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._by_key: dict[str, Mapping[str, _Marks]] = {}

    def of(self, offer: Offer, *, named: bool) -> tuple[Place, ...] | None:
        """What a pod has to say of its node: one of these; nothing where all of them will do.

        None where no label tells the nodes of an offer from others that have its key.

        Args:
            named: whether the model was named, so that it counts on nodes yet to come, too.
        """
        if not offer.nodes:
            return _as_told(offer)
        if offer.mechanism not in _KEPT:
            return ()
        key = offer.key or GPU
        there, own = self._marks(key), frozenset(offer.nodes)
        ours = dict.fromkeys(there[name] for name in offer.nodes)
        others = {marks for name, marks in there.items() if name not in own}
        places = []
        for marks in ours:
            told = _differences(marks, others)
            if told is None:
                return None
            if marks[0] and (told or named):
                told.add(0)  # the product is said where anything is
            labels = _labels(key)
            places.append({labels[number]: (marks[number],) for number in sorted(told)})
        return _together(places)

    def _marks(self, key: str) -> Mapping[str, _Marks]:
        if key not in self._by_key:
            labels = _labels(key)
            self._by_key[key] = {
                node.name: tuple(node.labels.get(label, "") for label in labels)
                for node in self._seen.having(key)
            }
        return self._by_key[key]


def _labels(key: str) -> tuple[str, ...]:
    about = [GPU] if key.startswith(GPU) else [GPU, key]
    kinds = ("sharing-strategy", "replicas", "memory")
    return (PRODUCT, *(f"{each}.{kind}" for each in about for kind in kinds))


def _as_told(offer: Offer) -> tuple[Place, ...]:
    """Of an offer whose nodes are not seen: its product, and that MPS holds its slots, since turns
    of the same card have the same product and key."""
    if not offer.products:
        return ()
    held = offer.mechanism == "mps" and (offer.key or GPU).startswith(GPU)
    return ({PRODUCT: offer.products} | ({_STRATEGY: ("mps",)} if held else {}),)


def _differences(marks: _Marks, others: Iterable[_Marks]) -> set[int] | None:
    """The first labels that are enough to tell it from all others, by number, or None."""
    rest, told = set(others), set()
    for number, value in enumerate(marks):
        alike = {each for each in rest if each[number] == value}
        if len(alike) < len(rest):
            told.add(number)
            rest = alike
    return None if rest else told


def _together(places: Iterable[Place]) -> tuple[Place, ...]:
    """As few as possible: those that differ in the product alone are one."""
    found: dict[tuple[Any, ...], list[Place]] = {}
    for place in filter(None, places):
        rest = {label: values for label, values in place.items() if label != PRODUCT}
        named = place.get(PRODUCT, ("",)) != ("",)
        found.setdefault((named, *(rest if named else place).items()), []).append(place)
    return tuple(
        {**alike[0], PRODUCT: tuple(sorted({each[PRODUCT][0] for each in alike}))}
        if named
        else alike[0]
        for (named, *_), alike in found.items()
    )


def is_plain(places: Sequence[Place]) -> bool:
    """Whether each label is just one value, as a nodeSelector says it."""
    return not places or (
        len(places) == 1 and all(len(values) == 1 and values[0] for values in places[0].values())
    )
