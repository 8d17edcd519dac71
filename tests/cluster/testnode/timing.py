"""Times and durations as Kubernetes writes them."""

import datetime
import time


def now() -> str:
    """An RFC 3339 time in whole seconds (metav1.Time)."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro() -> str:
    """An RFC 3339 time with microseconds (metav1.MicroTime)."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp(nanoseconds: int) -> str:
    """An RFC 3339 time with nine places, as the kubelet puts before a line of a log.

    >>> stamp(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123456789Z'
    """
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"


def parse(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time.

    >>> parse("2023-11-14T22:13:20.5Z")
    1700000000500000000
    """
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    whole = int(moment.replace(microsecond=0).timestamp())
    _, dot, rest = text.partition(".")
    digits = "".join(char for char in rest.split("+")[0].split("-")[0] if char.isdigit())
    return whole * 10**9 + (int(f"{digits:0<9}"[:9]) if dot else 0)


def duration(seconds: float) -> str:
    """A Go duration.

    >>> duration(0.2), duration(10), duration(80), duration(300), duration(3600)
    ('200ms', '10s', '1m20s', '5m0s', '1h0m0s')
    """
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    front = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{front}{round(rest, 3):g}s"
