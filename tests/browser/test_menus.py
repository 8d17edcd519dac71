"""Every entry of a menu and of the palette: chosen once, and what it says has happened."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab
from .notebook import open_notebook, write_notebook
from .panel import JobPage, Panel, open_lab, open_panel
from .terminal import Terminal

IMPORT = "import cnai_sdk as cnai"
FUNCTION = "def small(lr=0.5):\n    return lr"
ALWAYS = ("Show quotas and jobs", "Open the training example", "Insert an example cell")
PALETTE = (
    *ALWAYS,
    *("Stop", "Suspend", "Resume", "Run again", "Delete…"),
    *("Train this function…", "Connect to the cnai-sdk server again"),
)


class Palette:
    """JupyterLab's list of commands, opened by its keys."""

    def __init__(self, page: Page) -> None:
        page.keyboard.press("Control+Shift+C")
        self.page = page
        self.root = page.locator("#modal-command-palette")
        expect(self.root).to_be_visible()
        self.ours = self.root.locator("li[data-command^='cnai:']")

    def entry(self, label: str) -> Locator:
        """The one with exactly this label."""
        own = self.page.locator(".lm-CommandPalette-itemLabel")
        return self.ours.filter(has=own.get_by_text(label, exact=True))

    def choose(self, label: str) -> None:
        """Type its label, and click it."""
        self.root.get_by_role("searchbox").or_(self.root.get_by_role("textbox")).fill(label)
        self.entry(label).click()
        expect(self.root).to_be_hidden()

    def allows(self, *labels: str) -> Palette:
        """Wait until all of ours are there, and all but these are greyed."""
        expect(self.ours).to_have_count(len(PALETTE))
        for label in PALETTE:
            shown = expect(self.entry(label))
            greyed = re.compile(r"\blm-mod-disabled\b")
            if label in labels:
                shown.not_to_have_class(greyed)
            else:
                shown.to_have_class(greyed)
        return self


def choose(page: Page, *labels: str) -> None:
    """In the bar of menus: the menu, then what is in it."""
    page.get_by_role("menuitem", name=labels[0], exact=True).click()
    for label in labels[1:]:
        # A menu's name for a screen reader has the keys too.
        own = page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True)
        page.locator(".lm-Menu-item", has=own).click()


@pytest.fixture
def book(page: Page, lab: Lab, outside: Terminal) -> Locator:
    """An open notebook whose first cell imports, and whose second defines a function."""
    open_notebook(page, lab, write_notebook(lab.root, "menus.ipynb", [IMPORT, FUNCTION]))
    return page.locator(".jp-NotebookPanel")


def row_menu(panel: Panel, name: str) -> Locator:
    """The menu of a row, opened as by a right click."""
    panel.row(name).click(button="right")
    menu = panel.page.locator(".lm-Menu").last
    expect(menu).to_be_visible()
    return menu


def entries(menu: Locator) -> list[str]:
    """What it offers, from the top."""
    return menu.locator(".lm-Menu-itemLabel").filter(has_text=re.compile(r"\S")).all_inner_texts()


class TestPalette:
    def test_it_offers_all_of_ours_and_greys_what_cannot_be_done(
        self, page: Page, lab: Lab, outside: Terminal
    ) -> None:
        open_lab(page, lab)
        # No job's page and no notebook is in front, and the server answers.
        Palette(page).allows(*ALWAYS)

    def test_on_a_jobs_page_its_entries_are_about_that_job(
        self, page: Page, lab: Lab, outside: Terminal
    ) -> None:
        panel = open_lab(page, lab)
        outside.train("other", epochs=1)
        outside.train("chosen", epochs=1)
        panel.says("chosen", "Running")
        panel.open_job("chosen")
        Palette(page).allows(*ALWAYS, "Stop", "Delete…").choose("Stop")
        panel.says("chosen", "Stopped")
        Palette(page).allows(*ALWAYS, "Run again", "Delete…").choose("Run again")
        panel.says("chosen-2", "Running")
        Palette(page).choose("Delete…")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("chosen")
        dialog.get_by_role("button", name="Delete").click()
        expect(panel.row("chosen")).to_have_count(0)
        panel.says("other", "Running")

    def test_the_example_cell_runs_as_it_was_inserted(self, page: Page, book: Locator) -> None:
        panel = open_panel(page)
        book.locator(".jp-CodeCell").first.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        Palette(page).choose("Insert an example cell")
        cell = book.locator(".jp-CodeCell", has_text="cnai.train(hello")
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        panel.says("hello", "Succeeded")

    def test_the_function_of_the_cell_in_front_is_trained(self, page: Page, book: Locator) -> None:
        book.locator(".jp-CodeCell", has_text="def small").locator(".cm-content").click()
        Palette(page).choose("Train this function…")
        expect(page.get_by_role("dialog")).to_contain_text("cnai.train(small")


class TestBarOfMenus:
    def test_run_trains_the_function_of_a_cell_and_says_where_there_is_none(
        self, page: Page, book: Locator
    ) -> None:
        book.locator(".jp-CodeCell", has_text="def small").locator(".cm-content").click()
        choose(page, "Run", "Train this function…")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("cnai.train(small")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_have_count(0)
        book.locator(".jp-CodeCell", has_text="import cnai_sdk").locator(".cm-content").click()
        choose(page, "Run", "Train this function…")
        expect(dialog).to_contain_text("Choose a code cell that defines a function")


class TestThePaletteAndTheBar:
    def test_either_shows_the_panel(self, page: Page, lab: Lab, outside: Terminal) -> None:
        panel = open_lab(page, lab)
        ways = (
            lambda label: Palette(page).choose(label),
            lambda label: choose(page, "Run", label),
        )
        for way in ways:
            panel.tab.click()
            expect(panel.root).to_be_hidden()
            way("Show quotas and jobs")
            expect(panel.root).to_be_visible()

    def test_either_opens_the_example_as_a_notebook_of_ones_own(
        self, page: Page, lab: Lab, outside: Terminal
    ) -> None:
        open_lab(page, lab)
        book = page.locator(".jp-NotebookPanel")
        Palette(page).choose("Open the training example")
        expect(book).to_contain_text("cnai.train")
        choose(page, "File", "New", "Open the training example")
        expect(book).to_have_count(2)
        expect(book.filter(visible=True)).to_contain_text("cnai.train")


class TestMenuOfARow:
    def test_a_running_job_is_opened_at_its_top_and_at_its_log_and_stopped(
        self, page: Page, lab: Lab, outside: Terminal
    ) -> None:
        panel = open_lab(page, lab)
        outside.train("here", lines=tuple(f"line {n}" for n in range(200)), epochs=1)
        panel.says("here", "Running")
        menu = row_menu(panel, "here")
        assert entries(menu) == [
            *("Open the job page", "Open the logs", "Copy as a cell"),
            *("Stop", "Delete…"),
        ]
        menu.get_by_text("Open the job page").click()
        job = JobPage(page, "here")
        expect(job.root.get_by_role("heading", name="here")).to_be_in_viewport()
        row_menu(panel, "here").get_by_text("Open the logs").click()
        expect(job.log).to_be_focused()
        expect(job.log).to_be_in_viewport()
        row_menu(panel, "here").get_by_text("Stop").click()
        panel.says("here", "Stopped")

    def test_an_ended_job_is_run_again_copied_and_deleted(
        self, page: Page, book: Locator, outside: Terminal
    ) -> None:
        panel = open_panel(page)
        outside.train("ended", epochs=1).end()
        panel.says("ended", "Succeeded")
        menu = row_menu(panel, "ended")
        assert entries(menu) == [
            *("Open the job page", "Open the logs", "Copy as a cell"),
            *("Run again", "Delete…"),
        ]
        menu.get_by_text("Copy as a cell").click()
        expect(book.locator(".jp-CodeCell", has_text='cnai.job("ended")')).to_be_visible()
        row_menu(panel, "ended").get_by_text("Run again").click()
        panel.says("ended-2", "Succeeded")
        row_menu(panel, "ended").get_by_text("Delete…").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(panel.row("ended")).to_have_count(0)
        expect(panel.row("ended-2")).to_be_visible()

    def test_several_chosen_rows_have_one_menu(
        self, page: Page, lab: Lab, outside: Terminal
    ) -> None:
        panel = open_lab(page, lab)
        for name in ("first", "second"):
            outside.train(name, epochs=1)
            panel.says(name, "Running")
        panel.row("first").click(modifiers=["Control"])
        panel.row("second").click(modifiers=["Control"])
        menu = row_menu(panel, "first")
        assert entries(menu) == ["Stop", "Delete…"]
        menu.get_by_text("Stop").click()
        for name in ("first", "second"):
            panel.says(name, "Stopped")
