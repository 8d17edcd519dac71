"""The SDK's own sentences in other languages: what a page translates them with.

The SDK says everything in English, and a page that shows it in another language finds the template
that a sentence fits. The templates lie in `cnai_sdk/locale/<locale>/sentences/*.toml`, each a table
`[sentences]` of English to the other language, with fields in braces.
"""

from __future__ import annotations

import asyncio
import functools
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

import cnai_sdk
from cnai_server_ext.answers import Asked, Sentences
from cnai_server_ext.operation import Call, Operation

LOCALES = Path(cnai_sdk.__file__).parent / "locale"
Locale = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8}){0,3}$")]


class Which(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which language.

    Attributes:
        locale: as JupyterLab names it, such as 'zh_CN'.
    """

    locale: Locale = "en"


async def sentences(call: Call) -> Sentences:
    """All templates of one language; none where there is no catalogue of it."""
    locale = call.query.locale.replace("-", "_")
    found = await asyncio.to_thread(catalogue, locale)
    return Sentences(locale=locale, sentences=found)


@functools.lru_cache(maxsize=8)
def catalogue(locale: str) -> dict[str, str]:
    """English template → the same in this language, from all files of its folder."""
    found: dict[str, str] = {}
    for path in sorted(LOCALES.joinpath(locale, "sentences").glob("*.toml")):
        read = msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, dict[str, str]])
        found |= read["sentences"]
    return found


OPERATIONS = (
    Operation(
        method="GET",
        path="sentences",
        answer=Sentences,
        summary="What the SDK says, as templates, with their translations into one language.",
        query=Which,
        call=sentences,
        counts=False,
        kept=True,
    ),
)
