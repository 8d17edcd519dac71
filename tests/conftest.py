"""What every test may rely on, and nothing that only some need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store, a configuration and no cluster: never those of who runs the tests."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("CNAI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CNAI_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("KUBECONFIG", str(home / "kubeconfig"))
    return home
