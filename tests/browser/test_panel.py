"""The panel: everything in the store, whoever started it, and what may be done with it."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from .conftest import Lab
from .panel import SOCKET, open_lab
from .terminal import Terminal


def test_what_the_terminal_does_is_in_every_window(page: Page, lab: Lab, outside: Terminal) -> None:
    here = open_lab(page, lab)
    there = open_lab(page.context.new_page(), lab)
    job = outside.train("from-outside", metrics={"accuracy": 0.05}, epochs=3)
    for panel in (here, there):
        panel.says("from-outside", "Running 10%")

    outside.run("stop", "from-outside", "--json")
    for panel in (here, there):
        panel.says("from-outside", "Stopped")
    outside.run("delete", "--yes", "--json", job.name)
    for panel in (here, there):
        expect(panel.row("from-outside")).to_have_count(0)


def test_nothing_is_polled_and_one_socket_serves_the_page(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    asked: list[str] = []
    sockets: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: sockets.append(socket.url))
    panel = open_lab(page, lab)
    outside.train("watched", epochs=5)
    panel.says("watched", "Running 17%")
    job = panel.open_job("watched")
    expect(job.log.get_by_text("epoch 5 of 30")).to_be_visible()
    expect(job.section("Metrics").locator("canvas").first).to_be_visible()
    settled = len([url for url in asked if "/cnai/api/" in url])
    outside.train("watched-too", epochs=5)
    panel.says("watched-too", "Running 17%")
    assert len([url for url in asked if SOCKET in url or url.endswith("/cnai/api/jobs")]) <= 1
    assert len([url for url in asked if "/cnai/api/" in url]) == settled
    assert len([url for url in sockets if SOCKET in url]) == 1


def test_stop_run_again_and_delete_with_a_question(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    panel = open_lab(page, lab)
    for name in ("one", "two", "three"):
        outside.train(name)
        panel.says(name, "Running")
    panel.act("one", "Stop")
    panel.says("one", "Stopped")

    panel.row("one").click(modifiers=["Control"])
    panel.row("three").click(modifiers=["Shift"])
    bulk = panel.root.get_by_role("toolbar", name="Selected jobs")
    expect(bulk).to_contain_text("3 selected")
    page.screenshot(path=shots / "panel-bulk.png")
    bulk.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 jobs")
    page.screenshot(path=shots / "panel-delete.png")
    dialog.get_by_role("button", name="Cancel").click()
    expect(panel.row("one")).to_be_visible()

    bulk.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for name in ("one", "two", "three"):
        expect(panel.row(name)).to_have_count(0)
    assert outside.run("jobs", "--all", "--json") == []


def test_run_again_makes_a_new_job(page: Page, lab: Lab, outside: Terminal) -> None:
    panel = open_lab(page, lab)
    outside.train("again", epochs=2).end()
    panel.says("again", "Succeeded")
    panel.act("again", "Run again")
    panel.show_new()
    panel.says("again-2", "Succeeded")


def test_the_keyboard_reaches_everything(page: Page, lab: Lab, outside: Terminal) -> None:
    panel = open_lab(page, lab)
    for name in ("alpha", "beta", "gamma"):
        outside.train(name)
        panel.says(name, "Running")
    panel.width(300)
    panel.filter.focus()
    page.keyboard.press("Tab")
    expect(panel.root.get_by_label("Phase")).to_be_focused()
    page.keyboard.press("Tab")
    newest = panel.row("gamma")
    expect(newest).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(panel.row("beta")).to_be_focused()
    page.keyboard.press("End")
    expect(panel.row("alpha")).to_be_focused()
    page.keyboard.press("Home")
    expect(newest).to_be_focused()
    page.keyboard.press("Space")
    expect(newest).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(newest).to_have_attribute("aria-selected", "false")
    page.keyboard.press("ArrowRight")
    expect(newest.get_by_role("button").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(newest).to_be_focused()
    page.keyboard.press("/")
    expect(panel.filter).to_be_focused()
    page.keyboard.type("bet")
    expect(panel.row("alpha")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(panel.row("alpha")).to_be_visible()
    newest.focus()
    page.keyboard.type("be")
    expect(panel.row("beta")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".cnai-JobPage:visible")).to_contain_text("beta")


def test_the_filter_says_how_many_do_not_match_and_clears(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    panel = open_lab(page, lab)
    outside.train("digits-a", epochs=1).end()
    panel.says("digits-a", "Succeeded")
    outside.train("other")
    panel.says("other", "Running")
    panel.filter.fill("digits")
    expect(panel.row("other")).to_have_count(0)
    expect(panel.row("digits-a")).to_be_visible()
    panel.filter.fill("no such job")
    expect(panel.root.get_by_text("2 jobs do not match.")).to_be_visible()
    page.screenshot(path=shots / "panel-no-match.png")
    panel.root.get_by_role("button", name="Clear the filter").last.click()
    expect(panel.row("other")).to_be_visible()
    panel.width(300)
    panel.root.get_by_label("Phase").select_option("Succeeded")
    expect(panel.row("other")).to_have_count(0)
    expect(panel.row("digits-a")).to_be_visible()


def test_the_gauge_shows_what_a_job_holds_and_who(page: Page, lab: Lab, outside: Terminal) -> None:
    panel = open_lab(page, lab)
    meter = panel.root.get_by_role("meter", name="CPU")
    expect(meter).to_be_visible()
    free = meter.get_attribute("aria-valuetext")
    outside.train("holder", "--workers", "2")
    panel.says("holder", "Running")
    expect(meter).not_to_have_attribute("aria-valuetext", free or "")
    expect(meter).to_have_attribute("aria-valuetext", re.compile(r"0\.2 of \d+ cores"))
    panel.root.get_by_role("button", name="CPU").click()
    expect(panel.row("holder")).to_be_visible()


def test_an_empty_panel_says_what_to_type(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    panel = open_lab(page, lab)
    expect(panel.root.get_by_role("button", name="Insert as a cell")).to_be_visible()
    expect(panel.root.get_by_text(re.compile("cnai.train"))).to_be_visible()
    page.screenshot(path=shots / "panel-empty.png")
