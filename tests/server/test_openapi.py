"""The OpenAPI document, the schema of the stream and the page's types say what is so."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.config import load_config
from cnai_sdk.model.spec import Payload, TrainSpec
from cnai_sdk.places import Place, note
from cnai_server_ext.openapi import document
from cnai_server_ext.operation import File, Operation
from cnai_server_ext.rest import OPERATIONS
from cnai_server_ext.schema import stream_schema

from .conftest import Fetch

ROOT = Path(__file__).resolve().parents[2]
USED = Place(context="gpu-lab", namespace="team-a")
BODIES: Mapping[str, Any] = {
    "jobs/{source}/actions": {"do": "rerun", "ids": ["never-was"]},
    "serving": {"source": "local"},
    "sources/forget": {"source": USED.id},
    "fits/{source}": {"wishes": {"cpu": 1}, "count": 2},
}


@pytest.fixture
def jp_server_config(memory: MemoryBackend, store: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
        "CnaiServerApp": {"backends": {"memory": "tests.server.made:first"}},
    }


@pytest.fixture
def described() -> dict[str, Any]:
    """The document, as it is sent."""
    found: dict[str, Any] = json.loads(json.dumps(document(OPERATIONS, version="1.2.3")))
    return found


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_it_is_sent_as_it_is_made(fetch: Fetch) -> None:
    sent = json.loads(fetch("openapi.json").body)
    assert sent == document(OPERATIONS, version=sent["info"]["version"])


def test_it_has_the_structure_of_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1.")
    assert set(described["info"]) >= {"title", "version"}
    assert described["security"] == [{"token": []}]
    names = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))
    for address, path in described["paths"].items():
        assert address.startswith("/")
        for method, operation in path.items():
            assert method in ("get", "put", "post")
            assert operation["summary"].endswith(".")
            placed = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert placed == re.findall(r"\{(\w+)\}", address)
            assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")
            assert set(operation["responses"]) == {"200", "default"}


def test_all_its_schemas_are_schemas_and_every_reference_leads_somewhere(
    described: dict[str, Any],
) -> None:
    schemas = described["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    for path in described["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                Draft202012Validator.check_schema(parameter["schema"])
    found = set(references(described))
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_every_operation_is_in_it(described: dict[str, Any]) -> None:
    known = {
        (method, address.removeprefix("/"))
        for address, path in described["paths"].items()
        for method in path
    }
    assert known == {(each.method.lower(), each.path.replace("*}", "}")) for each in OPERATIONS}


def test_what_a_query_takes_is_described(described: dict[str, Any]) -> None:
    taken = described["paths"]["/jobs/{source}/{id}/lines"]["get"]["parameters"]
    by_name = {each["name"]: each for each in taken}
    assert set(by_name) == {"source", "id", "before", "after", "rank", "count"}
    assert by_name["count"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 5000,
        "default": 500,
    }
    assert by_name["rank"]["description"] == "only this worker's."


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_what_is_really_answered_is_what_the_document_says(
    operation: Operation,
    fetch: Fetch,
    described: dict[str, Any],
    memory: MemoryBackend,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> None:
    id = jp_asyncio_loop.run_until_complete(_busy(memory))
    note(load_config(), USED)
    places = {"source": "memory", "id": id, "path*": "model.pt", "name": "01-train.ipynb"}
    address = re.sub(r"\{([^}]+)\}", lambda found: places[found[1]], operation.path)
    address += "?text=x" if operation.path.endswith("/search") else ""
    answer = fetch(address, method=operation.method, body=BODIES.get(operation.path))
    if operation.path.startswith("examples/") and answer.code == 404:
        return  # the examples are not beside this Python environment
    assert answer.code == 200, answer.body
    if operation.answer is File:
        assert answer.headers["Content-Type"] == operation.media
    else:
        _valid(json.loads(answer.body), operation, described, status="200")


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if "{source}" in each.path],
    ids=lambda each: f"{each.method} {each.path}",
)
def test_a_refusal_is_what_the_document_says(
    operation: Operation, fetch: Fetch, described: dict[str, Any]
) -> None:
    address = re.sub(r"\{[^}]+\}", "no-such", operation.path)
    address += "?text=x" if operation.path.endswith("/search") else ""
    answer = fetch(address, method=operation.method, body=BODIES.get(operation.path))
    assert answer.code == 404
    _valid(json.loads(answer.body), operation, described, status="default")


def _valid(body: Any, operation: Operation, described: dict[str, Any], *, status: str) -> None:
    told = described["paths"]["/" + operation.path.replace("*}", "}")][operation.method.lower()]
    schema = told["responses"][status]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": described["components"]}).validate(body)


async def _busy(memory: MemoryBackend) -> str:
    """A failed job that has something of everything."""
    payload = Payload(entry="work", files={"script.py": b"def work(): ...\n"})
    spec = TrainSpec(name="digits", workers=2, payload=payload, env={"A": "b"})
    id = (await memory.submit(spec, secrets={})).id
    memory.start(id)
    memory.print_line(id, "x \x1b[31mred\x1b[0m")
    memory.report(id, step=1, loss=float("nan"), accuracy=0.5)
    memory.progress(id, 1, 2, unit="epoch")
    memory.write(id, "model.pt", b"weights")
    memory.fail(id, message="ValueError: no")
    return id


def test_the_schema_of_the_stream_is_a_schema(fetch: Fetch) -> None:
    sent = json.loads(fetch("stream.json").body)
    assert sent == json.loads(json.dumps(stream_schema()))
    Draft202012Validator.check_schema(sent)
    for reference in references(sent):
        assert reference.removeprefix("#/$defs/") in sent["$defs"]


@pytest.mark.skipif(
    not (ROOT / "node_modules" / ".bin" / "json2ts").exists() or shutil.which("node") is None,
    reason="the page's tools are not installed",
)
def test_the_pages_types_are_those_of_the_server() -> None:
    found = importlib.util.spec_from_file_location("wire", ROOT / "scripts" / "wire_types.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    kept: str = module.TARGET.read_text()
    assert _plain(kept) == _plain(module.wire_types()), "Run: jlpm types"


def _plain(text: str) -> str:
    """Without what a formatter changes."""
    return re.sub(r"[\s;|]+", "", text).replace('"', "'")
