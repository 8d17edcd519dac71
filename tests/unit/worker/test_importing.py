"""What happens around the import of a library on a worker, and that nothing is left of it."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnai_sdk.worker.importing import around, without_collector


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "library_of_a_test"
    (tmp_path / f"{name}.py").write_text("import gc\ncollecting = gc.isenabled()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = list(sys.meta_path)
    yield name
    sys.modules.pop(name, None)
    sys.meta_path[:] = before
    gc.enable()


def test_a_library_is_imported_without_the_collector_which_goes_on_after(library: str) -> None:
    around(library, without_collector)
    assert importlib.import_module(library).collecting is False
    assert gc.isenabled()


def test_a_program_that_switched_the_collector_off_keeps_it_off(library: str) -> None:
    gc.disable()
    around(library, without_collector)
    importlib.import_module(library)
    assert not gc.isenabled()


def test_the_collector_goes_on_when_the_import_fails(library: str, tmp_path: Path) -> None:
    (tmp_path / f"{library}.py").write_text("raise ImportError('broken')")
    around(library, without_collector)
    with pytest.raises(ImportError, match="broken"):
        importlib.import_module(library)
    assert gc.isenabled()


def test_it_steps_aside_once_the_module_was_found(library: str) -> None:
    before = list(sys.meta_path)
    around(library, without_collector)
    importlib.import_module(library)
    assert sys.meta_path == before
