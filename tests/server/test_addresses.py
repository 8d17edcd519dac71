"""Places in an address are names, never ways through a file system: over every route that has one.

The names lead to what really is there: a job's own folder, an example, a file beside the outputs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cnai_server_ext.operation import Operation
from cnai_server_ext.rest import OPERATIONS

from .conftest import Fetch
from .local import Local
from .test_security import BODIES, SHAPE

EXAMPLE = "01-train.ipynb"
ROUNDABOUT = (
    "../{}",
    "./{}",
    "x/../{}",
    "{0}/../{0}",
    "../{parent}/{}",
    "{}/.",
    "{}/",
    "/{}",
    "..\\{}",
    ".\\{}",
    "%2e/{}",
    "%2e%2e%2f{parent}%2f{}",
    "．／{}",
    "{}\0",
    "{}\0.png",
    "{}\n",
    " {}",
    "..",
    ".",
    "~",
    "*",
)
"""Ways to a name that a file system, a shell or a careless decoding would take for the name."""

PLACES = [
    (operation, place)
    for operation in OPERATIONS
    for place in re.findall(r"\{(\w+)\}", operation.path)
]


@pytest.fixture
def jp_server_config(store: Path) -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}}}


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the examples, with one in it."""
    folder = tmp_path / "data" / "cnai" / "examples"
    folder.mkdir(parents=True)
    (folder / EXAMPLE).write_text("{}")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "data"))
    return folder


@pytest.fixture
def known(local: Local, examples: Path) -> dict[str, tuple[str, str]]:
    """What is there, by its place in an address, with the folder that it lies in."""
    id = local.submit()
    local.ended(id)
    root = local.folder(id).parent
    assert root.name == id
    return {
        "source": ("local", "local"),
        "id": (id, root.parent.name),
        "path*": ("said.txt", "outputs"),
        "name": (EXAMPLE, "examples"),
    }


def address_of(operation: Operation, places: dict[str, str]) -> str:
    """Its address, with every place as it is given, encoded as a browser does."""
    filled = re.sub(r"\{([^}]+)\}", lambda it: quote(places[it[1]], safe=""), operation.path)
    return filled + ("?text=x" if operation.path.endswith("/search") else "")


@pytest.mark.parametrize(("operation", "place"), PLACES, ids=lambda it: getattr(it, "path", it))
def test_no_way_round_to_what_is_there_is_a_name_of_it(
    operation: Operation, place: str, fetch: Fetch, known: dict[str, tuple[str, str]]
) -> None:
    there = {each: name for each, (name, _) in known.items()}
    name, parent = known[place]
    ask = {"method": operation.method, "body": BODIES.get(operation.path)}
    assert fetch(address_of(operation, there), **ask).code == 200
    for way in ROUNDABOUT:
        led = way.format(name, parent=parent)
        answer = fetch(address_of(operation, {**there, place: led}), **ask)
        assert answer.code in (400, 404), (led, answer.body)
        assert answer.headers["Content-Type"] == "application/json", led
        assert set(json.loads(answer.body)) == SHAPE


@pytest.mark.parametrize(
    "way",
    [
        "../end.json",
        "x/../../end.json",
        "..\\end.json",
        "%2e%2e/end.json",
        "../outputs/../end.json",
    ],
)
def test_an_output_is_never_a_file_beside_the_outputs(
    way: str, fetch: Fetch, local: Local, known: dict[str, tuple[str, str]]
) -> None:
    id, _ = known["id"]
    assert local.folder(id).parent.joinpath("end.json").is_file()
    for sent in (way, quote(way, safe="/"), quote(way, safe="")):
        answer = fetch(f"jobs/local/{id}/outputs/{sent}")
        assert answer.code in (400, 404), (sent, answer.body)
        assert set(json.loads(answer.body)) == SHAPE


def test_a_backend_of_notebooks_to_come_is_a_name_too(
    fetch: Fetch, known: dict[str, tuple[str, str]], store: Path
) -> None:
    for way in ROUNDABOUT:
        body = {"source": way.format("local", parent="local")}
        answer = fetch("serving", method="PUT", body=body)
        assert answer.code in (400, 404), (body, answer.body)
    assert not store.parent.joinpath("config.toml").exists()
