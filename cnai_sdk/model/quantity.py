"""Amounts of memory and of time, as a person writes them and as they are shown."""

from __future__ import annotations

import re

from cnai_sdk.errors import InvalidRequest

_BINARY = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_MEMORY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_SMALLEST = 2**20


def parse_memory(value: object, *, argument: str = "memory") -> int:
    """Bytes from a whole number of bytes or a Kubernetes quantity such as '8Gi'.

    Decimal suffixes ('8GB', '8G') are refused and the binary one is offered, since a limit that
    is 7 % smaller than what its writer meant is found out only when a job dies.

    Raises:
        InvalidRequest: not an amount of memory, or below 1 MiB.

    >>> parse_memory("1.5Gi")
    1610612736
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidRequest(
            f"{argument}={value!r} is not an amount of memory.",
            next_step=f'Write a quantity such as {argument}="8Gi", or a whole number of bytes.',
        )
    if isinstance(value, int):
        return _large_enough(value, value, argument)
    match = _MEMORY.fullmatch(value)
    if match is None or match[2] not in _BINARY:
        raise InvalidRequest(
            f"{argument}={value!r} is not an amount of memory.",
            why="The units are Ki, Mi, Gi and Ti, as on Kubernetes (1Gi is 1024 Mi).",
            next_step=f'Write {argument}="{_guess(value)}".',
        )
    return _large_enough(int(float(match[1]) * _BINARY[match[2]]), value, argument)


def _guess(value: str) -> str:
    number = re.search(r"\d+(?:\.\d+)?", value)
    prefix = re.search(r"[kmgt]", value, re.IGNORECASE)
    if number is None:
        return "8Gi"
    return f"{number[0]}{prefix[0].upper() if prefix else 'G'}i"


def _large_enough(amount: int, value: object, argument: str) -> int:
    if amount < _SMALLEST:
        unit = f'{argument}="{value}Gi"' if str(value).isdigit() else f'{argument}="512Mi"'
        raise InvalidRequest(
            f"{argument}={value!r} is {amount} bytes, which holds no Python process.",
            next_step=f"Write the unit too, such as {unit}.",
        )
    return amount


def write_memory(amount: int) -> str:
    """Bytes as `parse_memory` takes them, in the largest unit that they are a whole number of.

    >>> write_memory(10 * 2**30), write_memory(9728 * 2**20), write_memory(2**30 + 1)
    ('10Gi', '9728Mi', '1073741825')
    """
    sizes = {each: size for each, size in reversed(_BINARY.items()) if not amount % size}
    unit = next(iter(sizes))
    return f"{amount // sizes[unit]}{unit}"


_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)\s*")


def parse_duration(value: object, *, argument: str = "timeout") -> float:
    """Seconds from a number of seconds or text such as '90s', '30m' or '2h'.

    Raises:
        InvalidRequest: not a length of time above 0.

    >>> parse_duration("30m")
    1800.0
    """
    seconds: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds is None or not 0 < seconds < 1e9:
        raise InvalidRequest(
            f"{argument}={value!r} is not a length of time.",
            next_step=f'Write seconds, such as {argument}=600, or {argument}="10m".',
        )
    return seconds


def show_bytes(amount: float) -> str:
    """Binary units and three significant digits.

    >>> show_bytes(1.2 * 2**30)
    '1.2\xa0GiB'
    """
    size = float(amount)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{show_number(size)}\N{NO-BREAK SPACE}{unit}"


def show_bytes_of(amount: float, limit: float) -> str:
    """Used of limit, with one unit where both have the same.

    >>> show_bytes_of(1.2 * 2**30, 4 * 2**30)
    '1.2 of 4\xa0GiB'
    """
    used, whole = show_bytes(amount), show_bytes(limit)
    same = used.split("\N{NO-BREAK SPACE}")[1] == whole.split("\N{NO-BREAK SPACE}")[1]
    return f"{used.split(chr(0xA0))[0] if same else used} of {whole}"


def show_number(value: float) -> str:
    """At most three significant digits, without trailing zeros, whole numbers whole.

    >>> show_number(0.91249), show_number(8.0), show_number(1204)
    ('0.912', '8', '1,204')
    """
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show_duration(seconds: float) -> str:
    """At most two units.

    >>> show_duration(192), show_duration(0.4), show_duration(3900)
    ('3\xa0m 12\xa0s', '0.4\xa0s', '1\xa0h 5\xa0m')
    """
    space = "\N{NO-BREAK SPACE}"
    if seconds < 10:
        return f"{max(seconds, 0):.1f}{space}s".replace(".0", "")
    whole = round(seconds)
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{space}{unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def show_about(seconds: float) -> str:
    """An estimate, rounded to what it is worth.

    >>> show_about(700), show_about(34)
    ('12\xa0min', '30\xa0s')
    """
    space = "\N{NO-BREAK SPACE}"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)}{space}{unit}"
    return f"{max(round(seconds, -1), 10):.0f}{space}s"
