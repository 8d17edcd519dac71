"""The panel by the keyboard alone: where Tab leads, what the arrows reach, and what is marked."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab
from .panel import Panel, open_lab
from .terminal import Terminal

SCRIPT = Path(__file__).parent / "focus.js"
MANY = 60
"""More presses of Tab than the panel has controls."""
LINE = 8
"""Points by which the middles of two controls on one line may differ."""


class Keys:
    """Presses keys, and says what has the focus then."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, key: str) -> Any:
        """What has the focus in the panel after a key, or None when it is outside."""
        self.page.keyboard.press(key)
        return self.page.evaluate("focused()")

    def through(self, key: str) -> list[Any]:
        """All that has the focus in turn, until it leaves the panel."""
        found = []
        while (now := self.press(key)) is not None:
            found.append(now)
            assert len(found) < MANY, f"a trap: {[each['name'] for each in found[-6:]]}"
        return found

    def returns(self, *names: str) -> None:
        """Wait until one of these has the focus again."""
        self.page.wait_for_function("names => names.includes(focused()?.name)", arg=list(names))


@pytest.fixture
def panel(page: Page, lab: Lab, outside: Terminal) -> Panel:
    """With all of it open: two jobs of which one is selected, the form, and who uses what."""
    page.set_viewport_size({"width": 1280, "height": 1100})
    page.add_init_script(path=SCRIPT)
    opened = open_lab(page, lab)
    for name in ("one", "two"):
        outside.train(name, epochs=3)
        opened.says(name, "Running 10%")
    for name in ("Would it fit?", "Who uses what"):
        opened.root.get_by_role("button", name=name).click()
    opened.row("one").focus()
    page.keyboard.press("Space")
    expect(opened.root.get_by_role("toolbar", name="Selected jobs")).to_be_visible()
    expect(opened.root.locator(".cnai-Holders, .cnai-Link").first).to_be_visible()
    return opened


@pytest.fixture
def keys(panel: Panel) -> Keys:
    return Keys(panel.page)


def test_tab_goes_through_the_panel_as_it_is_read_and_out_again_both_ways(
    panel: Panel, keys: Keys
) -> None:
    panel.tab.focus()
    there = keys.through("Tab")
    names = [each["name"] for each in there]
    for wanted in ("This machine", "Quota Section", "Jobs Section", "Filter jobs", "one", "Stop"):
        assert wanted in names
    for before, after in pairwise(there):
        below = after["y"] - before["y"]
        beside = abs(below) <= LINE and after["x"] > before["x"]
        assert below > LINE or beside, (before, after)
    assert [each["name"] for each in there if not each["seen"]] == []
    back = [each["name"] for each in keys.through("Shift+Tab")]
    assert back == names[::-1]


def test_every_control_that_is_in_sight_is_reached_by_tab_and_arrows(
    panel: Panel, keys: Keys
) -> None:
    panel.tab.focus()
    found = keys.through("Tab")
    for name in ("Hide the form", "Sort"):
        found += reached(keys, panel.root.get_by_role("button", name=name), "Right Left")
    # What a row offers is there while the row has the focus.
    rows = "Home Right Right Right Left Left Left Down Up End Right Right Right"
    found += reached(keys, panel.row("one"), rows)
    assert [each["name"] for each in found if not each["seen"]] == []
    assert {"Open", "More actions", "two"} <= {each["name"] for each in found}
    assert panel.page.evaluate("neverFocused()") == []


def reached(keys: Keys, start: Locator, presses: str) -> list[Any]:
    """What has the focus after each of these keys, none of which leads out of the panel."""
    start.focus()
    arrows = {"Right", "Left", "Down", "Up"}
    found = [keys.press(f"Arrow{key}" if key in arrows else key) for key in presses.split()]
    assert None not in found
    return found


def test_what_opens_by_a_key_closes_by_escape_and_the_keyboard_goes_on_where_it_was(
    panel: Panel, keys: Keys
) -> None:
    page, menu = panel.page, panel.page.locator(".lm-Menu")
    panel.row("one").focus()
    for key in ("Shift+F10", "ArrowRight ArrowRight ArrowRight Enter"):
        for each in key.split():
            page.keyboard.press(each)
        expect(menu).to_be_visible()
        page.keyboard.press("Escape")
        expect(menu).to_have_count(0)
        keys.returns("one", "More actions")
    panel.root.get_by_role("button", name="Sort").focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    keys.returns("Sort")
    backend = panel.root.get_by_role("region", name="Backend").get_by_role("button").first
    backend.focus()
    page.keyboard.press("Enter")
    expect(backend).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(backend).to_have_attribute("aria-expanded", "false")
    keys.returns("This machine")
    chosen = panel.root.get_by_role("toolbar", name="Selected jobs")
    chosen.get_by_role("button", name="Delete…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.returns("Delete…")


def test_a_menu_by_keys_is_about_its_row_and_not_about_another_that_is_selected(
    panel: Panel, keys: Keys
) -> None:
    page = panel.page
    panel.row("two").focus()
    page.keyboard.press("Shift+F10")
    menu = page.locator(".lm-Menu")
    expect(menu).to_be_visible()
    for label in ("Open the job page", "Open the logs", "Copy as a cell", "Stop"):
        page.keyboard.press("ArrowDown")
        expect(menu.locator(".lm-mod-active .lm-Menu-itemLabel")).to_have_text(label)
    page.keyboard.press("Enter")
    panel.says("two", "Stopped")
    panel.says("one", "Running")
    keys.returns("two")
