"""The page of a job: its buttons and links, each pressed once, and what it says when refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab, run_lab
from .notebook import open_notebook, run_all, write_notebook
from .panel import open_lab, open_panel
from .terminal import Terminal, terminal

IMPORT = "import cnai_sdk as cnai"
WRITER = """
def writer():
    folder = cnai.output_dir() / "fi gures"
    folder.mkdir()
    (folder / "a#1.txt").write_text("weights, 重量")
    print("the first line", flush=True)
    raise ValueError("bad label 7")
"""
RUN = 'job = cnai.train(writer, name="writer")\njob'


@pytest.fixture
def written(page: Page, lab: Lab, outside: Terminal) -> str:
    """A notebook in a folder whose job has failed and whose kernel runs; its path."""
    (lab.root / "my work").mkdir(exist_ok=True)
    path = write_notebook(lab.root, "my work/writer.ipynb", [IMPORT, WRITER, RUN])
    open_notebook(page, lab, path)
    panel = open_panel(page)
    run_all(page)
    panel.says("writer", "Failed")
    return path


def test_open_the_notebook_leads_back_to_where_the_job_was_made(
    page: Page, lab: Lab, written: str
) -> None:
    panel = open_lab(page, lab)
    panel.open_job("writer")
    book = page.locator(".jp-NotebookPanel")
    expect(book).to_have_count(0)
    button(page, "Open the notebook").click()
    expect(book).to_be_visible()
    expect(tab(page, "writer.ipynb")).to_have_attribute("aria-selected", "true")


def test_a_notebook_that_is_gone_is_said_where_it_was_asked_for(
    page: Page, lab: Lab, written: str
) -> None:
    panel = open_lab(page, lab)
    (lab.root / written).unlink()
    job = panel.open_job("writer")
    button(page, "Open the notebook").click()
    expect(job.root.get_by_role("alert")).to_contain_text("writer.ipynb")


def test_copy_the_verdict_puts_all_of_it_on_the_clipboard(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel = open_lab(page, lab)
    job = outside.train("fails", epochs=1)
    job.fail("bad label 7")
    panel.says("fails", "Failed")
    shown = panel.open_job("fails")
    shown.button("Copy the verdict").click()
    expect(shown.root.get_by_text("Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"^What happened: .*ValueError", text), text
    assert re.search(r"^What to do: \w", text, flags=re.MULTILINE), text
    assert re.search(r"^Evidence:\n  worker 0, line \d+  .*bad label 7", text, re.M), text


def test_what_a_link_downloads_is_the_file_and_the_whole_log(
    page: Page, lab: Lab, written: str
) -> None:
    panel = open_lab(page, lab)
    job = panel.open_job("writer")
    with page.expect_download() as output:
        job.section("Outputs").get_by_role("link", name="fi gures/a#1.txt").click()
    assert output.value.suggested_filename == "a#1.txt"
    assert Path(output.value.path()).read_text("utf-8") == "weights, 重量"
    with page.expect_download() as log:
        job.root.get_by_role("link", name="Download the log").click()
    assert log.value.suggested_filename == "writer.log.txt"
    lines = Path(log.value.path()).read_text("utf-8").splitlines()
    assert lines[0] == "the first line" and any("bad label 7" in line for line in lines)


def test_a_log_that_the_server_refuses_says_so_at_once_and_is_asked_for_again(
    page: Page, tmp_path: Path, shots: Path
) -> None:
    command = ("lab", "--CnaiServerApp.followed_logs=1")
    with (
        run_lab(tmp_path / "lab", command=command) as lab,
        terminal(lab.env, tmp_path / "outside") as outside,
    ):
        panel = open_lab(page, lab)
        outside.train("one", epochs=1, lines=("this is one",))
        panel.says("one", "Running")
        # Its row changes no more, which would make the page ask again by itself.
        outside.train("two", epochs=1, lines=("this is two",)).end()
        panel.says("two", "Succeeded")
        first = panel.open_job("one")
        expect(first.log.get_by_text("this is one")).to_be_visible()
        second = panel.open_job("two")
        refused = second.section("Logs").get_by_role("alert")
        expect(refused).to_contain_text("the server allows no more. Close a log.")
        page.screenshot(path=shots / "job-log-refused.png")
        tab(page, "one").locator(".lm-TabBar-tabCloseIcon").click()
        refused.get_by_role("button", name="Try again").click()
        expect(second.log.get_by_text("this is two")).to_be_visible()
        expect(refused).to_have_count(0)


def test_the_icon_of_its_tab_stands_in_the_middle_of_the_tab(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    panel = open_lab(page, lab)
    outside.train("centred").end()
    panel.says("centred", "Succeeded")
    panel.open_job("centred")
    own = tab(page, "centred")
    own.screenshot(path=shots / "job-tab.png")
    icon, label = own.locator(".lm-TabBar-tabIcon svg"), own.locator(".lm-TabBar-tabLabel")
    assert abs(middle(icon) - middle(label)) <= 1.5, (middle(icon), middle(label))


def middle(what: Locator) -> float:
    box = what.bounding_box()
    assert box
    return box["y"] + box["height"] / 2


def tab(page: Page, name: str) -> Locator:
    """A tab of the main area."""
    return page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=name)


def button(page: Page, name: str) -> Locator:
    """A button of the toolbar of the page in front."""
    return page.locator(".cnai-JobTab:visible").get_by_role("button", name=name)
