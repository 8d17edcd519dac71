"""A metric or a progress as a few characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.,-=+*#"
_PARTS = " ▏▎▍▌▋▊▉"


def sparkline(values: Sequence[float], width: int = 18, *, ascii: bool = False) -> str:
    """The values from left to right, a gap where one is not finite; '' without two of them.

    Args:
        width: characters at most; more values are thinned, the first and the last stay.
        ascii: with characters that every terminal has.

    >>> sparkline([0.1, 0.5, 0.9])
    '▁▅█'
    """
    thinned = _thinned(values, width)
    finite = [value for value in thinned if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    blocks = _ASCII_BLOCKS if ascii else _BLOCKS
    return "".join(_block(value, low, high, blocks) for value in thinned)


def _thinned(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    step = (len(values) - 1) / max(width - 1, 1)
    return [values[round(n * step)] for n in range(width)]


def _block(value: float, low: float, high: float, blocks: str) -> str:
    if not math.isfinite(value):
        return " "
    # Halved before they are subtracted: the span of two huge floats is infinite.
    span = high / 2 - low / 2
    share = (value / 2 - low / 2) / span if span else 0.5
    return blocks[min(int(share * len(blocks)), len(blocks) - 1)]


def bar(fraction: float, width: int, *, ascii: bool = False) -> str:
    """A progress bar, to an eighth of a character.

    >>> bar(0.4, 10), bar(0.4, 10, ascii=True)
    ('████······', '####......')
    """
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    if ascii:
        return "#" * full + "." * (width - full)
    end = _PARTS[part] if part else ""
    return "█" * full + end + "·" * (width - full - len(end))
