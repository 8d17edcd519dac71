"""Objects of a cluster that are there, by their names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from cnai_sdk.doctor.finding import Finding

if TYPE_CHECKING:
    from cnai_sdk.backends.kubernetes.api import Api


class Meta(msgspec.Struct):
    """What an object is called."""

    name: str = ""


class Named(msgspec.Struct):
    """An object of any kind."""

    metadata: Meta = msgspec.field(default_factory=Meta)


async def listed(api: Api, path: str, *, none: Finding) -> AsyncIterator[Finding]:
    """The names of what is there; nothing where they may not be listed.

    Args:
        none: what is said where there is none; its check is that of both.
    """
    from cnai_sdk.backends.kubernetes.api import Refused

    try:
        found = await api.list(path, type=Named)
    except Refused:
        return  # said among the rights
    names = ", ".join(sorted(each.metadata.name for each in found.items))
    yield Finding(check=none.check, state="ok", what=names) if names else none
