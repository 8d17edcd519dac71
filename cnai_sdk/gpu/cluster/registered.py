"""The cards that HAMi and Volcano vGPU write on their nodes, in all forms that they have had."""

from __future__ import annotations

import functools
import re

import msgspec

from cnai_sdk.gpu.cluster.offer import MIB


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One card of a node.

    Attributes:
        memory: bytes.
        slots: how many pods it takes.
    """

    model: str
    memory: int
    slots: int


class _Registered(msgspec.Struct):
    type: str = ""
    count: int = 0
    devmem: int = 0
    health: bool = True


_LIST = msgspec.json.Decoder(list[_Registered])


@functools.lru_cache(maxsize=4096)
def cards(text: str) -> tuple[Card, ...]:
    """The healthy cards of an annotation.

    JSON since HAMi 2.5, before that 'id,slots,MiB,cores,model,numa,healthy:' for each card, and
    'id,slots,MiB,model,healthy[,mode]:' of Volcano. What cannot be read is no card.

    >>> cards("GPU-1,10,81920,NVIDIA-A100,true:GPU-2,10,81920,NVIDIA-A100,false:")
    (Card(model='NVIDIA A100', memory=85899345920, slots=10),)
    """
    if text.lstrip().startswith("["):
        try:
            found = _LIST.decode(text)
        except msgspec.DecodeError:
            return ()
    else:
        found = [each for part in text.split(":") if (each := _plain(part.split(","))) is not None]
    return tuple(
        Card(model=_model(each.type), memory=each.devmem * MIB, slots=each.count)
        for each in found
        if each.health and each.devmem > 0 and each.count > 0
    )


def _plain(fields: list[str]) -> _Registered | None:
    if len(fields) < 5 or not (fields[1].isdigit() and fields[2].isdigit()):
        return None
    model, healthy = (fields[4], fields[6]) if len(fields) >= 7 else (fields[3], fields[4])
    return _Registered(model, int(fields[1]), int(fields[2]), healthy.strip() == "true")


def _model(type: str) -> str:
    """Both put the maker in front of a name that often has it already.

    >>> _model("NVIDIA-NVIDIA A100-SXM4-80GB"), _model("NVIDIA-Tesla V100-PCIE-32GB")
    ('NVIDIA A100-SXM4-80GB', 'NVIDIA Tesla V100-PCIE-32GB')
    """
    return re.sub(r"^NVIDIA-(NVIDIA[ -])?", "NVIDIA ", type)
