"""docs/server.md names every address and every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnai_server_ext.app import CnaiServerApp
from cnai_server_ext.operation import Operation
from cnai_server_ext.rest import OPERATIONS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "server.md").read_text("utf-8")
SETTINGS = sorted(
    name
    for name, trait in CnaiServerApp.class_own_traits(config=True).items()
    if trait.this_class is CnaiServerApp
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_an_operation_is_in_the_table(operation: Operation) -> None:
    address = operation.path.replace("*}", "}")
    assert f"| {operation.method} | `{address}` |" in TEXT


def test_the_table_has_no_other() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith(("| GET", "| PUT", "| POST"))]
    assert len(rows) == len(OPERATIONS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_in_the_table(name: str) -> None:
    assert len(SETTINGS) > 10
    assert f"| `{name}` |" in TEXT
