"""In every theme, in Chinese, in little room: readable, whole, and nothing grave for axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from .axe import grave
from .conftest import Lab
from .language import HAN, english, in_chinese, told
from .panel import Panel, open_lab, open_panel
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


@pytest.fixture
def chinese(lab: Lab) -> Iterator[None]:
    """The person has chosen Chinese."""
    plugin = "@jupyterlab/translation-extension:plugin"
    lab.set(plugin, locale="zh_CN")
    yield
    lab.set(plugin, locale="en")


def open_in_chinese(page: Page, lab: Lab) -> Panel:
    """A window with all that the panel can show of these jobs."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(lab.url())
    panel = open_panel(page, jobs="任务")
    panel.says("digits-3", "运行中")
    panel.says("digits-2", "失败：worker 0 中的 ValueError")
    panel.says("digits", "成功")
    panel.says("vit-probe", "排队中")
    return panel


@pytest.mark.usefixtures("chinese")
def test_in_chinese_nothing_is_left_in_english(
    page: Page, lab: Lab, phases: Terminal, shots: Path
) -> None:
    panel = open_in_chinese(page, lab)
    page.screenshot(path=shots / "window-zh.png")
    for tool in ("Would it fit?", "Who uses what"):
        panel.root.get_by_role("button", name=in_chinese(tool)).click()
    form = panel.root.locator(".cnai-WhatIf")
    for memory, answer in (
        ("1", "前面还有"),
        ("64000", "永远放不下"),
        ("-1", "memory='-1Gi' 不是"),
    ):
        form.get_by_label(in_chinese("Memory each")).fill(memory)
        expect(form.locator(".cnai-WhatIf-said")).to_contain_text(answer)
        assert english(told(panel.root)) == []
    panel.root.screenshot(path=shots / "panel-zh.png")
    assert english(told(page.locator(".cnai-StatusItem"))) == []
    for name in ("digits-3", "digits-wide", "vit-probe", "digits-2"):
        shown = open_page(panel, name)
        if name != "vit-probe":
            expect(shown.get_by_role("log")).to_contain_text("epoch 1 of 30")
        expect(shown.locator(".cnai-JobEvents li").first).to_be_visible()
        assert english(told(shown), foreign=["bad label 7"]) == []
    for word in ("发生了什么", "原因", "怎么办", "证据"):
        expect(shown.get_by_text(word, exact=True)).to_be_visible()
    expect(
        shown.get_by_text("您的代码在 worker 0 中引发了 ValueError：bad label 7")
    ).to_be_visible()
    page.screenshot(path=shots / "page-zh.png")
    heads = page.locator("#cnai-side-panel .jp-AccordionPanel-title, .cnai-JobPage h2").all()
    assert [head.inner_text() for head in heads if not HAN.search(head.inner_text())] == []


@pytest.mark.usefixtures("chinese")
def test_a_sentence_without_its_chinese_would_be_seen(
    page: Page, lab: Lab, phases: Terminal
) -> None:
    def without_some(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        left = {
            english: chinese
            for english, chinese in body["sentences"].items()
            if "raised {type}" not in english
        }
        assert len(left) < len(body["sentences"])
        route.fulfill(response=answer, json={**body, "sentences": left})

    page.route("**/cnai/api/sentences?*", without_some)
    panel = open_in_chinese(page, lab)
    assert english(told(panel.root)) == []
    shown = open_page(panel, "digits-2")
    happened = shown.get_by_text("Your code raised ValueError in worker 0: bad label 7")
    expect(happened).to_be_visible()
    assert english(told(shown), foreign=["bad label 7"]) == [happened.inner_text()]


def open_page(panel: Panel, name: str) -> Locator:
    """The page of a job, whatever the language."""
    panel.row(name).dblclick()
    shown = panel.page.locator(".cnai-JobPage:visible")
    expect(shown.get_by_role("heading", name=name)).to_be_visible()
    return shown


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
