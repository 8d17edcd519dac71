"""Notebook 7 has another shell and restores nothing: the panel and the page work there too."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from .axe import grave
from .conftest import run_lab
from .notebook import write_notebook
from .panel import JobPage, Panel
from .terminal import terminal


def test_the_panel_and_the_page_in_notebook_7(page: Page, tmp_path: Path, shots: Path) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.stack or str(error)))
    with (
        run_lab(tmp_path / "lab", command=("notebook",)) as lab,
        terminal(lab.env, tmp_path / "outside") as outside,
    ):
        page.goto(lab.url("tree"))
        expect(page.locator("#main")).to_be_visible()
        write_notebook(lab.root, "seven.ipynb", ["import cnai_sdk as cnai"])
        page.goto(lab.url("notebooks/seven.ipynb"))
        expect(page.locator(".jp-NotebookPanel")).to_be_visible()
        kernel = page.get_by_title("Python 3 (ipykernel)")
        expect(kernel.or_(page.get_by_text("Python 3 (ipykernel)")).first).to_be_visible()
        page.get_by_role("menuitem", name="View", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text="Left Sidebar").click()
        page.locator(".lm-Menu-itemLabel", has_text="Quotas and jobs").click()
        panel = Panel(page)
        outside.train("in-seven", metrics={"accuracy": 0.1}, epochs=3)
        panel.says("in-seven", "Running 10%")
        page.screenshot(path=shots / "notebook7-panel.png")
        assert grave(page, "#cnai-side-panel") == []
        with page.expect_popup() as popup:
            panel.row("in-seven").dblclick()
        assert JobPage(popup.value, "in-seven").root.is_visible()
        popup.value.screenshot(path=shots / "notebook7-page.png")
    assert [error for error in errors if "cnai" in error] == []
