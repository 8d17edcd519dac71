"""Where a person of JupyterLab looks: launcher, status bar, notifications, settings."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from .conftest import Lab
from .panel import open_lab, open_panel
from .terminal import Terminal


def test_the_status_bar_counts_what_runs_and_hides_when_nothing_does(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    panel = open_lab(page, lab)
    status = page.locator("#jp-main-statusbar").get_by_text(re.compile("running"))
    expect(status).to_have_count(0)
    job = outside.train("counted")
    expect(status).to_contain_text("1 running")
    page.screenshot(path=shots / "status-bar.png")
    panel.tab.click()
    expect(panel.root).to_be_hidden()
    status.click()
    expect(panel.root).to_be_visible()
    job.end()
    panel.says("counted", "Succeeded")
    expect(status).to_have_count(0)


def test_a_failure_is_notified_once_with_its_cause(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    panel = open_lab(page, lab)
    job = outside.train("falls")
    panel.says("falls", "Running")
    job.fail("bad label 7")
    notice = page.locator(".jp-Notification-Toast-Body, .Toastify__toast", has_text="falls")
    expect(notice.first).to_contain_text("ValueError")
    # It slides in.
    notice.first.element_handle().wait_for_element_state("stable")
    page.screenshot(path=shots / "notification.png")
    page.reload()
    open_panel(page).says("falls", "Failed")
    expect(notice).to_have_count(0)


def test_the_launcher_has_a_card_that_opens_an_example(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    open_lab(page, lab)
    card = page.locator(".jp-LauncherCard", has_text="Train from a notebook")
    expect(card).to_be_visible()
    page.screenshot(path=shots / "launcher.png")
    card.click()
    expect(page.locator(".jp-NotebookPanel")).to_be_visible()
    expect(page.locator(".jp-NotebookPanel")).to_contain_text("cnai.train")


def test_settings_are_in_the_editor(page: Page, lab: Lab, outside: Terminal, shots: Path) -> None:
    open_lab(page, lab)
    page.keyboard.press("Control+,")
    editor = page.locator(".jp-SettingsPanel, #setting-editor").first
    expect(editor).to_be_visible()
    search = page.locator("#json-setting-editor, .jp-PluginList").first.locator("input")
    search.first.fill("cnai")
    entry = page.locator(".jp-PluginList-entry, .jp-PluginList button", has_text=re.compile("CNAI"))
    expect(entry.first).to_be_visible()
    entry.first.click()
    page.screenshot(path=shots / "settings.png")


def test_the_settings_speak_the_language_of_the_page(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    plugin = "@jupyterlab/translation-extension:plugin"
    lab.set(plugin, locale="zh_CN")
    try:
        page.goto(lab.url())
        open_panel(page, jobs="任务")
        page.keyboard.press("Control+,")
        entry = page.locator(".jp-PluginList-entry, .jp-PluginList button", has_text="CNAI")
        entry.first.click()
        form = page.locator(".jp-SettingsPanel")
        expect(form.get_by_text("保留的日志行数")).to_be_visible()
        expect(form.get_by_text("任务失败时通知")).to_be_visible()
        page.screenshot(path=shots / "settings-zh.png")
    finally:
        lab.set(plugin, locale="en")


def test_a_page_keeps_as_many_log_lines_as_the_setting_says(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    lab.set("cnai-lab:settings", logLines=1000)
    try:
        panel = open_lab(page, lab)
        made = outside.train("long", lines=tuple(f"line {n:05}" for n in range(4000)), epochs=1)
        outside.wait_for_line(made, "epoch 1 of 30")
        panel.says("long", "Running")
        job = panel.open_job("long")
        expect(job.log.get_by_text("epoch 1 of 30")).to_be_visible()
        held = job.log.locator(".cnai-JobLog-all")
        expect(held).to_have_css("height", f"{500 * 17}px")
        job.log.press("Home")
        expect(held).to_have_css("height", f"{1000 * 17}px")
        expect(job.log.get_by_text("line 03495")).to_be_attached()
        job.log.evaluate("log => log.scrollTo(0, 0)")
        expect(job.log.get_by_text("line 02995")).to_be_attached()
        expect(held).to_have_css("height", f"{1000 * 17}px")
    finally:
        lab.set("cnai-lab:settings")
