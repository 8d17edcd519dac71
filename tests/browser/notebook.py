"""A notebook in the browser: written as a file, opened, run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import copy

import nbformat
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-train.ipynb"


def write_notebook(root: Path, name: str, sources: Sequence[str]) -> str:
    """Write a notebook with these cells; its name."""
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, root / name)
    return name


def copy_example(root: Path, name: str) -> str:
    """Copy the first example under a name; that name."""
    copy(EXAMPLE, root / name)
    return name


def open_notebook(page: Page, lab: Lab, name: str, *, width: int = 0, mode: str = "lab") -> None:
    """Open it in JupyterLab, and wait for its kernel.

    Args:
        width: of the window, unless the browser's own will do.
        mode: 'lab', or 'doc' for the notebook alone.
    """
    if width:
        page.set_viewport_size({"width": width, "height": 900})
    page.goto(lab.url(f"{mode}/tree/{name}"))
    expect(page.locator(".jp-NotebookPanel")).to_be_visible()
    # The cells' own indicator says idle before there is a kernel; the status bar does not.
    expect(page.locator("#jp-main-statusbar").get_by_text("| Idle")).to_be_visible()


def run_all(page: Page) -> None:
    """Run > Run All Cells."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def card(page: Page, phase: str) -> Locator:
    """The kernel's card that shows a phase."""
    found = page.locator(".cnai-Card", has=page.locator(".cnai-title > b", has_text=phase))
    expect(found.first).to_be_visible()
    return found.first
