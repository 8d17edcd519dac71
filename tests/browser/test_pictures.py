"""The pictures of the README: a real JupyterLab, the example's code, at twice the resolution.

`SHOTS=docs/images pytest tests/browser/test_pictures.py` makes those that are kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import Lab, run_lab
from .notebook import EXAMPLE, SLOW, open_notebook, run_all, write_notebook
from .panel import open_lab, open_panel
from .terminal import Terminal, terminal

EPOCHS = 600
CALL = f'job = cnai.train(digits, workers=2, args={{"epochs": {EPOCHS}}})\njob'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Terminal]]:
    """A JupyterLab of its own, in whose store something has already run."""
    folder = tmp_path_factory.mktemp("pictures")
    with run_lab(folder / "lab") as lab, terminal(lab.env, folder / "outside") as outside:
        outside.train("baseline", metrics={"accuracy": 0.0974}, epochs=10, of=10).end()
        outside.train("churn", metrics={"accuracy": 0.05}, epochs=6).fail("bad label 7 in row 1204")
        outside.train("wide-net", metrics={"accuracy": 0.06}, epochs=7, of=20)
        outside.run("stop", "wide-net", "--json")
        yield lab, outside


@pytest.fixture
def sharp(browser: Browser) -> Iterator[Page]:
    """A page of 1440 by 808 points with two pixels to the point."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 808}, device_scale_factor=2, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def kept(shots: Path) -> Path:
    """Where the pictures go; SHOTS names another folder."""
    folder = Path(os.environ.get("SHOTS") or shots)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_pictures_of_the_panel_beside_a_notebook_and_of_a_page(
    sharp: Page, shop: tuple[Lab, Terminal], kept: Path
) -> None:
    lab, _ = shop
    example = nbformat.read(EXAMPLE, as_version=4)
    code = [cell.source for cell in example.cells if cell.cell_type == "code"]
    call = next(at for at, source in enumerate(code) if "cnai.train(" in source)
    open_notebook(sharp, lab, write_notebook(lab.root, "digits.ipynb", [*code[:call], CALL]))
    panel = open_panel(sharp)
    panel.width(300)
    run_all(sharp)
    panel.says("digits", re.compile(r"Running (1\d|2\d|3\d)%"), timeout=120_000)
    sharp.locator(".cnai-Live").last.scroll_into_view_if_needed()  # the card in it is drawn anew
    sharp.screenshot(path=kept / "panel-notebook.png")

    job = panel.open_job("digits")
    expect(job.section("Metrics").locator("canvas").first).to_be_visible(timeout=SLOW)
    panel.says("digits", re.compile(r"Running [3-9]\d%"), timeout=120_000)
    sharp.screenshot(path=kept / "job-light.png")
    lab.set("@jupyterlab/apputils-extension:themes", theme="JupyterLab Dark")
    panel = open_lab(sharp, lab)
    shown = panel.open_job("digits")
    expect(shown.section("Metrics").locator("canvas").first).to_be_visible(timeout=SLOW)
    sharp.screenshot(path=kept / "job-dark.png")
    failed = panel.open_job("churn")
    expect(failed.root.get_by_text("What happened")).to_be_visible()
    sharp.screenshot(path=kept / "job-failed-dark.png")
    panel.act("digits", "Stop")
    panel.says("digits", "Stopped")
