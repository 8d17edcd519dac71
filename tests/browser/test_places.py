"""A cluster that is gone for good: one line, and out of the panel when it is forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cnai_sdk.config import Config
from cnai_sdk.places import Place, note, noted

from .conftest import Lab, run_lab
from .panel import open_lab
from .terminal import terminal

GONE = Place(context="gpu-lab", namespace="team-a")
HIGHEST = 60
"""Pixels; where the panel is as narrow as it opens, the line breaks in two."""


def home(lab: Lab) -> Config:
    """The settings that lead to its store."""
    return Config(home=Path(lab.env["CNAI_HOME"]))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab whose person once used a cluster that does not answer any more."""
    kubeconfig = tmp_path / "kubeconfig"
    clusters = [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}]
    contexts = [{"name": "gpu-lab", "context": {"cluster": "c"}}]
    kubeconfig.write_text(json.dumps({"clusters": clusters, "contexts": contexts}))
    with run_lab(tmp_path / "lab", KUBECONFIG=str(kubeconfig)) as running:
        note(home(running), GONE)
        yield running


def test_a_cluster_that_is_gone_for_good_is_a_line_that_can_be_forgotten(
    page: Page, lab: Lab, tmp_path: Path, shots: Path
) -> None:
    panel = open_lab(page, lab)
    line = panel.root.get_by_text(
        re.compile(r"^team-a on gpu-lab is not available, since \d\d:\d\d$")
    )
    expect(line).to_be_visible()
    away = panel.root.locator(".cnai-Away")
    box = away.bounding_box()
    assert box and box["height"] < HIGHEST
    with terminal(lab.env, tmp_path / "outside") as outside:
        outside.train("goes-on")
        panel.says("goes-on", "Running")

        panel.root.get_by_role("button", name="Details of team-a on gpu-lab").click()
        expect(away.get_by_text("What to do")).to_be_visible()
        page.screenshot(path=shots / "panel-place-away.png")
        away.get_by_role("button", name="Forget…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Nothing on the cluster is touched")
        dialog.get_by_role("button", name="Cancel").click()
        expect(line).to_be_visible()
        assert noted(home(lab)) == (GONE,)

        away.get_by_role("button", name="Forget…").click()
        page.get_by_role("dialog").get_by_role("button", name="Forget", exact=True).click()
        expect(away).to_have_count(0)
        expect(panel.root.locator(".cnai-Other")).to_have_count(0)
        assert noted(home(lab)) == ()
        panel.says("goes-on", "Running")


def test_forgotten_in_a_terminal_it_leaves_the_open_panel(
    page: Page, lab: Lab, tmp_path: Path
) -> None:
    panel = open_lab(page, lab)
    away = panel.root.locator(".cnai-Away")
    expect(away).to_contain_text("team-a on gpu-lab is not available")
    with terminal(lab.env, tmp_path / "outside") as outside:
        outside.run("use", "--forget", "team-a on gpu-lab", "--json")
    expect(away).to_have_count(0)
