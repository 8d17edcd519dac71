"""What a notebook starts is in the panel at once; what the panel does, the card says."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from .conftest import Lab
from .notebook import card, copy_example, open_notebook, run_all, write_notebook
from .panel import open_panel

IMPORT = "import cnai_sdk as cnai"
PATIENT = """
def patient(folder):
    import math, time
    from pathlib import Path
    epoch = 0
    while not Path(folder, "end").exists():
        if epoch < int(Path(folder, "epochs").read_text()):
            epoch += 1
            if cnai.rank() == 0:
                cnai.report(step=epoch, accuracy=1 - 0.5 / epoch, loss=math.exp(-epoch / 4))
                cnai.progress(epoch, 30, unit="epoch")
            print(f"epoch {epoch} of worker {cnai.rank()}", flush=True)
        time.sleep(0.06)
    return {"accuracy": 0.974}
"""
CARELESS = """
def careless():
    if cnai.rank() == 1:
        raise ValueError("the labels do not fit")
    import time
    time.sleep(600)
"""
WATCH = """
name => {
  const seen = window.cnaiSeen = [];
  const note = () => {
    for (const row of document.querySelectorAll('#cnai-side-panel [role=row]')) {
      const { phase } = row.dataset;
      if (row.textContent.includes(name) && seen.at(-1) !== phase) seen.push(phase);
    }
  };
  new MutationObserver(note).observe(document.body,
    { subtree: true, childList: true, attributes: true });
}
"""
PIXELS = "canvas => canvas.toDataURL()"
PHASES = ["Queued", "Starting", "Running", "Succeeded"]


def ticking(folder: Path, epochs: int) -> str:
    """Let `patient` go on up to an epoch; the folder as its argument."""
    folder.mkdir(exist_ok=True)
    draft = folder / "draft"
    draft.write_text(str(epochs))
    draft.replace(folder / "epochs")
    return repr(str(folder))


def test_run_all_of_the_example_is_followed_from_start_to_end(
    page: Page, lab: Lab, outside: object, shots: Path
) -> None:
    open_notebook(page, lab, copy_example(lab.root, "example.ipynb"))
    panel = open_panel(page)
    page.evaluate(WATCH, "digits")
    run_all(page)

    panel.says("digits", re.compile(r"Succeeded in .* accuracy"), timeout=120_000)
    # In order, and not only its end; how many of them are painted is the machine's affair.
    seen = page.evaluate("window.cnaiSeen")
    assert len(seen) > 1 and seen == [phase for phase in PHASES if phase in seen], seen

    failed = panel.says("spoiled", "Failed:", timeout=120_000)
    page.screenshot(path=shots / "panel-example.png")
    assert "…" not in failed.inner_text()
    panel.says("repaired", "Succeeded", timeout=120_000)

    page.set_viewport_size({"width": 1280, "height": 720})
    job = panel.open_job("spoiled")
    expect(job.root.get_by_text(re.compile("Target 10 is out of bounds")).first).to_be_visible()
    expect(job.root.get_by_text("What happened", exact=True)).to_be_in_viewport()
    for word in ("What happened", "Why", "What to do", "Evidence"):
        expect(job.root.get_by_text(word, exact=True)).to_be_visible()
    expect(job.root.get_by_text(re.compile("Target 10 is out of bounds")).first).to_be_visible()
    page.screenshot(path=shots / "job-spoiled.png")


def test_its_page_moves_with_the_job_and_stop_in_the_panel_is_seen_by_the_card(
    page: Page, lab: Lab, outside: object, shots: Path, tmp_path: Path
) -> None:
    told = ticking(tmp_path / "told", 4)
    call = f'job = cnai.train(patient, workers=2, name="patient", args={{"folder": {told}}})\njob'
    open_notebook(page, lab, write_notebook(lab.root, "move.ipynb", [IMPORT, PATIENT, call]))
    panel = open_panel(page)
    run_all(page)

    panel.says("patient", "Running 13%")
    job = panel.open_job("patient")
    metrics = job.section("Metrics")
    expect(metrics.get_by_text("0.875")).to_be_visible()
    chart = metrics.locator("canvas").first
    before = chart.evaluate(PIXELS)
    expect(job.log.get_by_text("epoch 4 of worker 1")).to_be_visible()
    expect(job.log.get_by_text("epoch 5 of")).to_have_count(0)

    ticking(tmp_path / "told", 20)
    expect(metrics.get_by_text("0.975")).to_be_visible()
    expect(job.log.get_by_text("epoch 20 of worker 0")).to_be_visible()
    panel.says("patient", re.compile(r"Running 67%.*0\.975 accuracy"))
    drawn_anew = f"([canvas, before]) => ({PIXELS})(canvas) !== before"
    page.wait_for_function(drawn_anew, arg=[chart.element_handle(), before])
    page.screenshot(path=shots / "job-running.png")

    panel.act("patient", "Stop")
    panel.says("patient", "Stopped by you")
    expect(job.root.get_by_role("heading", name=re.compile("Stopped"))).to_be_visible()
    page.get_by_role("tab", name=re.compile("move.ipynb")).click()
    card(page, "Stopped")
    page.screenshot(path=shots / "panel-stopped-card.png")


def test_a_failure_is_explained_in_the_row_and_on_the_page(
    page: Page, lab: Lab, outside: object, shots: Path
) -> None:
    call = 'job = cnai.train(careless, workers=2, name="careless")\njob'
    open_notebook(page, lab, write_notebook(lab.root, "careless.ipynb", [IMPORT, CARELESS, call]))
    panel = open_panel(page)
    run_all(page)

    panel.says("careless", "Failed: ValueError in worker 1")
    job = panel.open_job("careless")
    expect(job.root.get_by_text(re.compile("Worker 1.*ValueError")).first).to_be_visible()
    expect(job.root.get_by_text("the labels do not fit").first).to_be_visible()
    evidence = job.root.get_by_role("button", name=re.compile("worker 1, line")).or_(
        job.root.get_by_role("link", name=re.compile("worker 1, line"))
    )
    evidence.first.click()
    expect(job.log.get_by_text("the labels do not fit").first).to_be_visible()
    page.screenshot(path=shots / "job-careless.png")
