"""From a cell to a job, and from a job back to a cell."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from .conftest import Lab
from .notebook import open_notebook, run_all, write_notebook
from .panel import open_panel
from .terminal import Terminal

IMPORT = "import cnai_sdk as cnai"
FUNCTION = """
def small(lr=0.5, epochs=2):
    cnai.report(step=1, accuracy=lr)
    return {"epochs": epochs}
"""


def test_copy_as_a_cell_inserts_what_attaches_to_the_job(
    page: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    open_notebook(page, lab, write_notebook(lab.root, "attach.ipynb", [IMPORT]))
    run_all(page)
    panel = open_panel(page)
    outside.train("attached", metrics={"accuracy": 0.1}, epochs=3)
    panel.says("attached", "Running 10%")
    panel.act("attached", "More actions")
    page.get_by_role("menuitem", name="Copy as a cell").click()
    cell = page.locator(".jp-CodeCell", has_text="cnai.job(")
    expect(cell).to_contain_text('cnai.job("attached")')
    page.screenshot(path=shots / "copy-as-cell.png")
    run_all(page)
    expect(page.locator(".cnai-Card", has_text="attached")).to_be_visible()


def test_train_this_function_asks_little_and_starts_the_job(
    page: Page, lab: Lab, outside: object, shots: Path
) -> None:
    open_notebook(page, lab, write_notebook(lab.root, "form.ipynb", [IMPORT, FUNCTION]))
    run_all(page)
    panel = open_panel(page)
    cell = page.locator(".jp-CodeCell", has_text="def small")
    cell.locator(".cm-content").click()
    cell.get_by_role("button", name=re.compile("Train this function")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cnai.train(small")
    page.screenshot(path=shots / "train-form.png")
    dialog.get_by_label("Workers").fill("2")
    expect(dialog).to_contain_text("workers=2")
    dialog.get_by_role("button", name="Train").click()
    panel.says("small", "Succeeded")
    expect(page.locator(".jp-CodeCell", has_text="cnai.train(small")).to_be_visible()


def test_a_function_that_ran_before_its_kernel_was_restarted_is_run_again_first(
    page: Page, lab: Lab, outside: object
) -> None:
    """The numbers beside the cells outlive the kernel, which knows nothing any more."""
    open_notebook(
        page,
        lab,
        write_notebook(lab.root, "anew.ipynb", [IMPORT, FUNCTION.replace("small", "anew")]),
    )
    run_all(page)
    panel = open_panel(page)
    page.locator("[data-command='notebook:restart-kernel']:visible").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    cell = page.locator(".jp-CodeCell", has_text="def anew")
    cell.locator(".cm-content").click()
    cell.get_by_role("button", name=re.compile("Train this function")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Train").click()
    panel.says("anew", "Succeeded")
