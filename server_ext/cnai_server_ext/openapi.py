"""The OpenAPI document of the REST interface, made from the operations that answer it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cnai_server_ext.answers import Problem
from cnai_server_ext.operation import PLACEHOLDERS, File, Operation
from cnai_server_ext.schema import components

_UNDER = "#/components/schemas/{name}"


def document(operations: Sequence[Operation], *, version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of the operations."""
    named = [
        kind
        for each in operations
        for kind in (each.answer, each.body)
        if kind not in (None, File, dict)
    ]
    _, schemas = components([*dict.fromkeys(named), Problem], under=_UNDER)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        address = "/" + each.path.replace("*}", "}")
        paths.setdefault(address, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cnai-sdk",
            "version": version,
            "description": "What the pages of JupyterLab ask of cnai-sdk's server extension.",
        },
        "servers": [{"url": "cnai/api", "description": "below the Jupyter server's base URL"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
        },
    }


def _operation(each: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": each.call.__name__.strip("_"),
        "summary": each.summary,
        "parameters": [*_path_parameters(each), *_query_parameters(each)],
        "responses": {
            "200": {"description": "Done.", "content": _content(each.answer, each.media)},
            "default": {
                "description": "Refused: what happened, why, and what to do next.",
                "content": _content(Problem),
            },
        },
    }
    if each.body is not None:
        described["requestBody"] = {"required": True, "content": _content(each.body)}
    return described


def _path_parameters(each: Operation) -> list[Mapping[str, Any]]:
    names = re.findall(r"\{(\w+)\*?\}", each.path)
    schemas, _ = components([PLACEHOLDERS[name] for name in names])
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in zip(names, schemas, strict=True)
    ]


def _query_parameters(each: Operation) -> list[Mapping[str, Any]]:
    _, definitions = components([each.query])
    found = definitions[each.query.__name__]
    said = _attributes(found["description"])
    required = found.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": schema,
            **({"description": said[name]} if name in said else {}),
        }
        for name, schema in found["properties"].items()
    ]


def _attributes(docstring: str) -> dict[str, str]:
    """What a docstring says of each attribute.

    >>> _attributes("Which.\\n\\nAttributes:\\n    rank: only this\\n        worker's.")
    {'rank': "only this worker's."}
    """
    _, _, listed = docstring.partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", listed, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _content(kind: Any, media: str = "") -> Mapping[str, Any]:
    if kind is File:
        return {media: {}}
    if kind is dict:
        return {"application/json": {"schema": {"type": "object"}}}
    reference = {"$ref": _UNDER.format(name=kind.__name__)}
    return {"application/json": {"schema": reference}}
