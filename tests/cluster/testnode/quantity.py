"""Kubernetes quantities."""

import math
from fractions import Fraction

_SUFFIXES = {
    **{f"{unit}i": Fraction(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
    **{unit: Fraction(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
}


def parse(text: str | float) -> Fraction:
    """The number a quantity stands for.

    >>> parse("1Gi") == 2**30, parse("500m") == Fraction(1, 2), parse("1e3") == 1000
    (True, True, True)
    """
    text = str(text)
    for suffix, factor in _SUFFIXES.items():
        if text.endswith(suffix):
            return Fraction(text.removesuffix(suffix)) * factor
    return Fraction(text)


def divided(value: str, divisor: str) -> str:
    """What the downward API gives: the quotient, rounded up.

    >>> divided("1Gi", "1Mi"), divided("1500m", "1"), divided("2", "0")
    ('1024', '2', '2')
    """
    return str(math.ceil(parse(value) / (parse(divisor) or 1)))


def binary(size: int) -> str:
    """A size as the kubelet prints memory: in Ki.

    >>> binary(2**30)
    '1048576Ki'
    """
    return f"{size // 1024}Ki"
