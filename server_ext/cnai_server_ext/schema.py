"""The shapes of the wire as JSON Schema: what documents the stream, and makes the page's types."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cnai_sdk.model.phase import Kind, Phase
from cnai_server_ext import answers, messages

_OPEN = (Kind, Phase)
_ANSWERS = (
    answers.Version,
    answers.Sources,
    answers.Jobs,
    answers.Job,
    answers.Sentences,
    answers.Script,
    answers.Lines,
    answers.Matches,
    answers.QuotaAnswer,
    answers.Wished,
    answers.Fitting,
    answers.Act,
    answers.Acted,
    answers.Choose,
    answers.Problem,
)


@functools.cache
def stream_schema() -> Mapping[str, Any]:
    """What goes through the stream: `spoken` by the server, `heard` from a page."""
    (spoken, heard, *_), definitions = components([messages.Spoken, messages.Heard, *_ANSWERS])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stream",
        "description": "What goes through the WebSocket `stream`, one JSON object a message.",
        "type": "object",
        "properties": {"spoken": spoken, "heard": heard},
        "$defs": definitions,
    }


def components(
    types: Sequence[Any], *, under: str = "#/$defs/{name}"
) -> tuple[Sequence[Mapping[str, Any]], dict[str, Any]]:
    """The schemas of types, and the definitions that they share.

    Args:
        under: where the definitions will stand.
    """
    schemas, definitions = msgspec.json.schema_components(types, ref_template=under)
    for name, definition in definitions.items():
        definition["description"] = inspect.cleandoc(definition.get("description", ""))
        for example in _OPEN:
            if name == example.__name__:
                _leave_open(definition, [each.value for each in example])
    return tuple(_plain(each) for each in schemas), _plain(dict(sorted(definitions.items())))


def _leave_open(definition: dict[str, Any], known: Sequence[str]) -> None:
    """A newer backend may use a word that this version does not know."""
    definition.pop("enum")
    definition["anyOf"] = [{"enum": list(known)}, {"type": "string"}]


def _plain(value: Any) -> Any:
    """As JSON has it: msgspec leaves tuples in defaults."""
    return msgspec.json.decode(msgspec.json.encode(value))
