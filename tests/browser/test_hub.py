"""Behind JupyterHub's proxy: the panel works, and a page that nobody looks at is no activity."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .hub import Hub, run_hub, until
from .panel import Sockets, open_panel, visibility
from .terminal import Terminal, terminal

QUIET = 25.0
"""Seconds. JupyterLab itself asks every 10 s while it is looked at, our server beats oftener."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with run_hub(tmp_path_factory.mktemp("hub"), {}) as running:
        yield running


@pytest.fixture
def outside(hub: Hub, tmp_path: Path) -> Iterator[Terminal]:
    with terminal(hub.env, tmp_path / "outside") as opened:
        yield opened


def test_the_panel_works_through_the_proxy(
    page: Page, hub: Hub, outside: Terminal, shots: Path
) -> None:
    sockets = Sockets(page)
    hub.sign_in(page)
    panel = open_panel(page)
    outside.train("behind-the-proxy", metrics={"accuracy": 0.1}, epochs=3)
    panel.says("behind-the-proxy", "Running 10%")
    job = panel.open_job("behind-the-proxy")
    expect(job.log.get_by_text("epoch 3 of 30")).to_be_visible()
    page.screenshot(path=shots / "hub.png")
    panel.act("behind-the-proxy", "Stop")
    panel.says("behind-the-proxy", "Stopped by you")
    assert sockets.open == 1
    assert f"/user/{hub.user}/" in sockets.opened[0].url


def test_a_page_that_nobody_looks_at_is_no_activity(
    page: Page, hub: Hub, outside: Terminal
) -> None:
    sockets = Sockets(page)
    hub.sign_in(page)
    panel = open_panel(page)
    outside.train("goes-on", epochs=30, pace=1)
    panel.says("goes-on", "Running")
    assert time.time() - hub.activity().timestamp() < QUIET

    visibility(page, "hidden")
    # The page's own clock runs on; what is waited for is that the proxy saw nothing for so long.
    until(lambda: _settled(page, hub), 180)
    assert sockets.open == 0
    until(lambda: hub.hub_activity() == hub.activity(), 60)

    before = hub.activity()
    visibility(page, "visible")
    panel.says("goes-on", "Running")
    until(lambda: _opened(page, sockets) and hub.activity() > before, 60)


def _settled(page: Page, hub: Hub) -> bool:
    page.wait_for_timeout(200)  # lets the browser's events in
    return time.time() - hub.activity().timestamp() > QUIET


def _opened(page: Page, sockets: Sockets) -> bool:
    page.wait_for_timeout(100)
    return sockets.open == 1
