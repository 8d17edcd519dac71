"""What every test may rely on, and nothing that only some need."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.sockets import folder_of_sockets


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


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder for sockets, which need short paths; templates in it end when it is gone."""
    with folder_of_sockets() as folder:
        yield folder


def pytest_configure() -> None:
    """Ctrl-C reaches the programs that tests start, also where a shell runs all this in the
    background: what is ignored there would be ignored by them, and no handler is handed down."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The first build of the test cluster takes longer than a test may, and shows its progress."""
    needed = any(
        item.path.parent.name == "cluster"
        or (item.path.parent.name == "browser" and "cluster" in item.nodeid)
        or "[pytorchjob" in item.nodeid
        or "[trainjob" in item.nodeid
        for item in session.items
    )
    if not needed or session.config.option.collectonly:
        return
    from tests.cluster.testbed.fixtures import build_for_tests

    tests = (item for item in session.items if isinstance(item, pytest.Function))
    asked = {name for test in tests for name in getattr(test.module, "ASKED", ())}
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        build_for_tests(asked)
