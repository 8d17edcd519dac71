"""The card in a real JupyterLab: it follows its job, obeys its buttons, and stays when saved."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import cast
from urllib.parse import quote

import nbformat
import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from .conftest import Lab
from .notebook import card, open_notebook, run_all, write_notebook

TRAINING = """
def patient(until):
    import math, time
    from pathlib import Path
    epoch = 0
    while not Path(until).exists():
        if epoch < 12:
            epoch += 1
            if cnai.rank() == 0:
                cnai.report(step=epoch, accuracy=1 - 0.5 / epoch, loss=math.exp(-epoch / 4))
                cnai.progress(epoch, 30, unit="epoch")
            print(f"epoch {epoch}  loss {math.exp(-epoch / 4):.3f}")
        time.sleep(0.05)
    (cnai.output_dir() / "model.pt").write_bytes(b"weights" * 1000)
    return {"accuracy": 0.974}
"""
FAILING = """
def careless():
    if cnai.rank() == 1:
        raise ValueError("bad label 7 <img src=x onerror=alert(1)>")
    import time
    time.sleep(600)
"""
IMPORT = "import cnai_sdk as cnai"


@pytest.fixture
def shots(shots: Path) -> Path:
    """Where the pictures go; SHOTS names another folder."""
    folder = Path(os.environ.get("SHOTS") or shots)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_without_running(page: Page, lab: Lab, name: str) -> None:
    page.goto(lab.url(f"lab/tree/{name}"))
    expect(page.locator(".jp-NotebookPanel")).to_be_visible()


def save(page: Page) -> None:
    page.locator(".jp-NotebookPanel").press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)


def button(page: Page, word: str) -> Locator:
    return page.locator(".cnai-button", has_text=word)


def picture(page: Page, to: Path) -> None:
    page.locator(".jp-NotebookPanel").screenshot(path=to)


def test_a_card_follows_its_job_to_the_end_and_a_saved_notebook_keeps_it(
    page: Page, lab: Lab, shots: Path, tmp_path: Path
):
    go = tmp_path / "go"
    call = f'job = cnai.train(patient, workers=2, args={{"until": {str(go)!r}}})\njob'
    open_notebook(page, lab, write_notebook(lab.root, "follow.ipynb", [IMPORT, TRAINING, call]))
    run_all(page)

    running = card(page, "Running")
    expect(running.get_by_text("Epoch 12 of 30")).to_be_visible()
    expect(running.get_by_role("progressbar", name="epoch")).to_have_attribute(
        "aria-valuenow", "40"
    )
    expect(running.get_by_text("Worker 1")).to_be_visible()
    expect(button(page, "Stop")).to_be_enabled()
    picture(page, shots / "card-running-light.png")

    go.touch()
    ended = card(page, "Succeeded")
    expect(ended.get_by_text('{"accuracy": 0.974}')).to_be_visible()
    expect(ended.get_by_text("model.pt")).to_be_visible()
    expect(button(page, "Stop")).to_have_count(0)
    expect(button(page, "Run again")).to_be_visible()
    picture(page, shots / "card-succeeded-light.png")

    save(page)
    kept = nbformat.read(lab.root / "follow.ipynb", as_version=4).cells[-1].outputs
    assert set(kept[0].data) == {"text/html", "text/plain"}
    sessions = cast("list[dict[str, str]]", lab.api("api/sessions"))
    for session in sessions:
        lab.api(f"api/sessions/{quote(session['id'])}", method="DELETE")

    open_without_running(page, lab, "follow.ipynb")
    expect(card(page, "Succeeded").get_by_text(re.compile("As of "))).to_be_visible()
    expect(page.get_by_text("Loading widget...")).to_be_hidden()
    expect(button(page, "Run again")).to_have_count(0)
    expect(page.get_by_text("Error displaying widget: model not found")).to_be_hidden()
    picture(page, shots / "card-saved-light.png")


def test_a_failed_card_is_the_verdict_and_foreign_text_stays_text(
    page: Page, lab: Lab, shots: Path
):
    asked: list[str] = []

    def asks(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", asks)
    call = "job = cnai.train(careless, workers=2)\njob"
    open_notebook(page, lab, write_notebook(lab.root, "fail.ipynb", [IMPORT, FAILING, call]))
    run_all(page)

    failed = card(page, "Failed")
    expect(failed.get_by_text("What happened")).to_be_visible()
    expect(failed.locator("img")).to_have_count(0)
    expect(button(page, "Run again")).to_be_visible()
    picture(page, shots / "card-failed-light.png")
    assert asked == []


def test_stop_ends_the_job(page: Page, lab: Lab, shots: Path, tmp_path: Path):
    until = str(tmp_path / "never")
    call = f'job = cnai.train(patient, workers=2, name="stopped", args={{"until": {until!r}}})\njob'
    open_notebook(page, lab, write_notebook(lab.root, "stop.ipynb", [IMPORT, TRAINING, call]))
    run_all(page)

    card(page, "Running")
    button(page, "Stop").click()
    card(page, "Stopped")
    expect(button(page, "Run again")).to_be_visible()
    for line in page.locator(".cnai-spark").all():
        assert line.evaluate("line => line.getBoundingClientRect().height") == 16
    picture(page, shots / "card-stopped-light.png")


def test_stop_ends_the_job_while_a_cell_waits_for_it(page: Page, lab: Lab, tmp_path: Path):
    until = str(tmp_path / "never")
    call = f'job = cnai.train(patient, name="awaited", args={{"until": {until!r}}})'
    wait = "display(job)\njob.wait()\nprint('the cell went on, and the job', job.status.value)"
    open_notebook(page, lab, write_notebook(lab.root, "wait.ipynb", [IMPORT, TRAINING, call, wait]))
    run_all(page)

    card(page, "Running")
    button(page, "Stop").click()
    card(page, "Stopped")
    expect(page.get_by_text("the cell went on, and the job Stopped")).to_be_visible()


def test_run_again_shows_the_new_job_in_the_place_of_the_old_one(
    page: Page, lab: Lab, tmp_path: Path
):
    go = tmp_path / "go"
    go.touch()
    call = f'cnai.train(patient, name="twice", args={{"until": {str(go)!r}}})'
    open_notebook(page, lab, write_notebook(lab.root, "again.ipynb", [IMPORT, TRAINING, call]))
    run_all(page)

    card(page, "Succeeded")
    button(page, "Run again").click()
    expect(page.locator(".cnai-name")).to_have_text(["twice-2"])
    card(page, "Succeeded")
    expect(button(page, "Run again")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "theme", "width"),
    [("dark", "JupyterLab Dark", 1200), ("narrow", "JupyterLab Light", 600)],
)
def test_a_card_fits_where_it_stands(
    page: Page,
    lab: Lab,
    shots: Path,
    tmp_path: Path,
    name: str,
    theme: str,
    width: int,
):
    settings = "lab/api/settings/@jupyterlab/apputils-extension:themes"
    lab.api(settings, method="PUT", body={"raw": json.dumps({"theme": theme})})
    go = tmp_path / "go"
    call = f'job = cnai.train(patient, workers=2, args={{"until": {str(go)!r}}})\njob'
    failing = "cnai.train(careless, workers=2)"
    open_notebook(
        page,
        lab,
        write_notebook(lab.root, f"{name}.ipynb", [IMPORT, TRAINING, FAILING, call, failing]),
        width=width,
        mode="doc",
    )
    run_all(page)
    try:
        running = card(page, "Running")
        expect(running.get_by_text("Epoch 12 of 30")).to_be_visible()
        picture(page, shots / f"card-{name}.png")
        # Two workers may fill the machine: the second job then waits for the first.
        go.touch()
        card(page, "Succeeded")
        card(page, "Failed")
        # Each card is replaced once, when its job has ended; its button comes after that.
        expect(button(page, "Run again")).to_have_count(2)
        for shown in page.locator(".cnai-Card").all():
            assert shown.evaluate("card => card.scrollWidth - card.clientWidth") <= 0
        picture(page, shots / f"card-{name}-ended.png")
    finally:
        go.touch()
        lab.api(settings, method="PUT", body={"raw": json.dumps({"theme": "JupyterLab Light"})})
