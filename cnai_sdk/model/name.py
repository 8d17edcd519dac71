"""Names of workloads: RFC 1123 labels of at most 40 characters."""

from __future__ import annotations

import re
import unicodedata

from cnai_sdk.errors import InvalidRequest

LIMIT = 40
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def check_name(name: object) -> str:
    """The name, when it may be used on every backend.

    Raises:
        InvalidRequest: with a name that may be used instead.

    >>> check_name("digits-2")
    'digits-2'
    """
    if not isinstance(name, str):
        raise InvalidRequest(
            f"name={name!r} is not text.", next_step='Write a name such as name="digits".'
        )
    if len(name) > LIMIT or not _LABEL.fullmatch(name):
        shown = name if len(name) <= 60 else name[:57] + "…"
        raise InvalidRequest(
            f"name={shown!r} cannot be a job's name.",
            why=f"A name has at most {LIMIT} characters, a to z, 0 to 9 and '-' inside, "
            "so that it is also valid on a cluster.",
            next_step=f'Write name="{label_for(name)[0]}".',
        )
    return name


def label_for(title: str) -> tuple[str, str]:
    """A label made from any title, and the display name to show beside it ('' when not needed).

    >>> label_for("train_digits"), label_for("训练")
    (('train-digits', ''), ('job', '训练'))
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    label = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:LIMIT].rstrip("-")
    wordless = not title.isascii()
    return label or "job", title if wordless else ""


def numbered(base: str, number: int) -> str:
    """The name of a later run, still within the limit.

    >>> numbered("digits", 2)
    'digits-2'
    """
    tail = f"-{number}"
    return base[: LIMIT - len(tail)].rstrip("-") + tail
