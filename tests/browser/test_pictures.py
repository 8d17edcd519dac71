"""The pictures of the README: a real JupyterLab, the example's code, at twice the resolution.

`SHOTS=docs/images pytest tests/browser/test_pictures.py` makes those that are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from .conftest import Lab, run_lab
from .kube import room
from .notebook import EXAMPLE, card, open_notebook, run_all, write_notebook
from .panel import open_lab, open_panel
from .terminal import Terminal, terminal

EPOCHS = 100
HELD = "Running 35%"
HOLDS = """
class DistributedSampler(torch.utils.data.DistributedSampler):
    def set_epoch(self, epoch):
        import time
        while epoch >= 35:
            time.sleep(0.1)
        super().set_epoch(epoch)
"""
"""A cell after which the example's job stands still while its pictures are taken."""
CALL = f'job = cnai.train(digits, workers=2, args={{"epochs": {EPOCHS}}})\njob'

QUOTA = {"requests.cpu": "8", "requests.memory": "16Gi", "requests.nvidia.com/gpu": "4"}
QUIET = {"cnai-lab:settings": {"notifySuccess": False, "notifyFailure": False}}
CLUSTER_CALL = (
    f'job = cnai.train(digits, workers=2, cpu=1, memory="1Gi", args={{"epochs": {EPOCHS}}})\njob'
)
BEFORE = {
    "baseline": "for step in range(10):\n    cnai.report(step=step, accuracy=0.09 * (step + 1))",
    "churn": 'raise ValueError("bad label 7 in row 1204")',
}
"""Scripts of jobs that ran before."""


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


def example() -> list[str]:
    """The example's cells up to where it trains."""
    cells = nbformat.read(EXAMPLE, as_version=4).cells
    imports, *code = [cell.source for cell in cells if cell.cell_type == "code"]
    call = next(at for at, source in enumerate(code) if "cnai.train(" in source)
    return [imports, HOLDS, *code[:call]]


def stands(page: Page) -> None:
    """Bring the card into sight, once it is as far as the panel's row."""
    expect(card(page, "Running").get_by_text(f"Epoch 35 of {EPOCHS}")).to_be_attached()
    page.locator(".cnai-Live").last.scroll_into_view_if_needed()  # the card in it is drawn anew


def test_pictures_of_the_panel_beside_a_notebook_and_of_a_page(
    sharp: Page, shop: tuple[Lab, Terminal], kept: Path, shots: Path
) -> None:
    lab, _ = shop
    open_notebook(sharp, lab, write_notebook(lab.root, "digits.ipynb", [*example(), CALL]))
    panel = open_panel(sharp)
    panel.width(300)
    run_all(sharp)
    panel.says("digits", HELD, timeout=120_000)
    stands(sharp)
    sharp.screenshot(path=kept / "panel-notebook.png")
    cell = sharp.locator(".jp-CodeCell", has_text="cnai.train(digits")
    cell.screenshot(path=kept / "card-running.png")

    job = panel.open_job("digits")
    expect(job.section("Metrics").locator("canvas").first).to_be_visible()
    sharp.screenshot(path=kept / "job-light.png")
    lab.set("@jupyterlab/apputils-extension:themes", theme="JupyterLab Dark")
    panel = open_lab(sharp, lab)
    shown = panel.open_job("digits")
    expect(shown.section("Metrics").locator("canvas").first).to_be_visible()
    sharp.screenshot(path=shots / "job-dark.png")
    failed = panel.open_job("churn")
    expect(failed.root.get_by_text("What happened")).to_be_visible()
    sharp.screenshot(path=kept / "job-failed-dark.png")
    panel.act("digits", "Stop")
    panel.says("digits", "Stopped")


def test_a_picture_of_the_panel_on_a_cluster(sharp: Page, kept: Path, tmp_path: Path) -> None:
    with (
        room(tmp_path, name="vision", quota=QUOTA) as team,
        run_lab(tmp_path / "lab", settings=QUIET, KUBECONFIG=str(team.kubeconfig)) as lab,
    ):
        shell = Terminal(lab.env, tmp_path / "outside")
        shell.run("use", "kubernetes", "--json")
        cells = [*example(), 'cnai.use("kubernetes")', CLUSTER_CALL]
        open_notebook(sharp, lab, write_notebook(lab.root, "digits.ipynb", cells))
        panel = open_panel(sharp)
        panel.width(300)
        for name, script in BEFORE.items():
            path = tmp_path / f"{name}.py"
            path.write_text(f"import cnai_sdk as cnai\n\n{script}\n")
            asks = ("--name", name, "--cpu", "0.2", "--memory", "256Mi", "--detach", "--json")
            shell.run("train", str(path), *asks)
            panel.says(name, re.compile("Succeeded|Failed"))
        run_all(sharp)
        panel.says("digits", HELD, timeout=120_000)
        stands(sharp)
        sharp.screenshot(path=kept / "panel-cluster.png")
        panel.act("digits", "Stop")
        panel.says("digits", "Stopped")
