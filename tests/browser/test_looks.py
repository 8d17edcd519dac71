"""In every theme, in Chinese, in little room: readable, whole, and nothing grave for axe."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .axe import grave
from .conftest import Lab
from .panel import open_lab, open_panel
from .terminal import Terminal, terminal

THEMES = {
    "light": "JupyterLab Light",
    "dark": "JupyterLab Dark",
    "contrast": "JupyterLab Dark High Contrast",
}
WIDER = """
panel => [...panel.querySelectorAll('*')]
  .filter(part => part.getClientRects().length && part.scrollWidth > panel.clientWidth + 1)
  .map(part => part.className)
"""
HAN = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def phases(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Jobs that run, wait, succeeded, failed and were stopped."""
    with terminal(lab.env, tmp_path_factory.mktemp("phases")) as outside:
        outside.train("digits", metrics={"accuracy": 0.09, "loss": 0.02}, epochs=10).end()
        bad = outside.train("digits-2", metrics={"accuracy": 0.01}, epochs=4)
        bad.fail("bad label 7")
        outside.train("digits-wide", epochs=7)
        outside.run("stop", "digits-wide", "--json")
        outside.train("digits-3", metrics={"accuracy": 0.076, "loss": 0.02}, epochs=12)
        outside.train("vit-probe", "--cpu", str(len(os.sched_getaffinity(0))))
        yield outside


@pytest.fixture
def theme(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    plugin = "@jupyterlab/apputils-extension:themes"
    lab.set(plugin, theme=THEMES[request.param])
    yield request.param
    lab.set(plugin, theme=THEMES["light"])


@pytest.mark.parametrize("theme", THEMES, indirect=True)
def test_axe_finds_nothing_grave(
    page: Page, lab: Lab, phases: Terminal, theme: str, shots: Path
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    panel = open_lab(page, lab)
    panel.width(300)
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", THEMES[theme])
    panel.says("digits-2", "Failed")
    panel.says("digits-3", "Running 40%")
    page.screenshot(path=shots / f"window-{theme}.png")
    panel.root.screenshot(path=shots / f"panel-{theme}.png")
    assert grave(page, "#cnai-side-panel") == []
    for name in ("digits-3", "digits-2"):
        job = panel.open_job(name)
        expect(job.log).to_contain_text("epoch 1 of 30")
        page.screenshot(path=shots / f"page-{name}-{theme}.png")
        assert grave(page, ".cnai-JobPage") == []


def test_in_chinese_nothing_is_left_in_english(
    page: Page, lab: Lab, phases: Terminal, shots: Path
) -> None:
    plugin = "@jupyterlab/translation-extension:plugin"
    lab.set(plugin, locale="zh_CN")
    try:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(lab.url())
        panel = open_panel(page, jobs="任务")
        panel.says("digits-3", "运行中")
        panel.says("digits-2", "失败")
        panel.says("digits", "成功")
        panel.says("vit-probe", "排队中")
        page.screenshot(path=shots / "window-zh.png")
        panel.root.screenshot(path=shots / "panel-zh.png")
        panel.row("digits-2").dblclick()
        shown = page.locator(".cnai-JobPage:visible")
        for word in ("发生了什么", "原因", "怎么办", "证据"):
            expect(shown.get_by_text(word, exact=True)).to_be_visible()
        page.screenshot(path=shots / "page-zh.png")
        heads = page.locator("#cnai-side-panel .jp-AccordionPanel-title, .cnai-JobPage h2").all()
        english = [head.inner_text() for head in heads if not HAN.search(head.inner_text())]
        assert english == []
    finally:
        lab.set(plugin, locale="en")


@pytest.mark.parametrize("width", [250, 300])
def test_a_narrow_panel_cuts_nothing_that_matters(
    page: Page, lab: Lab, phases: Terminal, shots: Path, width: int
) -> None:
    page.set_viewport_size({"width": 1000, "height": 800})
    panel = open_lab(page, lab)
    panel.says("digits-3", "Running 40%")
    panel.width(width)
    row = panel.row("digits-3")
    expect(row).to_contain_text("Running 40%")
    over = panel.root.evaluate(WIDER)
    assert over == []
    failed = panel.row("digits-2").locator(".cnai-JobRow-state")
    expect(failed).to_contain_text("Failed")
    assert failed.evaluate("state => state.scrollWidth <= state.clientWidth"), "its cause is cut"
    panel.root.screenshot(path=shots / f"panel-{width}.png")
    assert grave(page, "#cnai-side-panel") == []
