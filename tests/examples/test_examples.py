"""Every example runs as a student runs it, and learns."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The first lesson after Run All, in a folder and with a store of its own."""
    folder = tmp_path_factory.mktemp("lesson")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CNAI_HOME", str(folder / "store"))
        book = nbformat.read(EXAMPLES / "01-train.ipynb", as_version=4)
        nbclient.NotebookClient(
            book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
    return book


def outputs(book: nbformat.NotebookNode, beginning: str) -> list[nbformat.NotebookNode]:
    """What the cell that begins so has shown."""
    (cell,) = [c for c in book.cells if c.source.startswith(beginning)]
    found: list[nbformat.NotebookNode] = cell.outputs
    return found


def test_the_digits_are_learned(lesson: nbformat.NotebookNode):
    (shown,) = outputs(lesson, "job.wait()")

    assert float(shown.data["text/plain"].split(":")[1].strip(" }")) > 0.9


def test_the_metrics_are_seen_as_a_picture(lesson: nbformat.NotebookNode):
    (chart,) = outputs(lesson, "job.plot()")

    assert base64.b64decode(chart.data["image/png"]).startswith(b"\x89PNG")


def test_the_card_is_kept_as_it_was_at_the_end(lesson: nbformat.NotebookNode):
    card = outputs(lesson, "job = cnai.train")[0]

    assert set(card.data) == {"text/html", "text/plain"}
    assert "<b>Succeeded</b>" in card.data["text/html"]
    assert "model.pt" in card.data["text/html"]
    assert "<button" not in card.data["text/html"]
    assert "Succeeded" in card.data["text/plain"]


def test_the_failure_names_its_cause(lesson: nbformat.NotebookNode):
    (verdict,) = outputs(lesson, "spoiled.explain()")

    assert "What to do" in verdict.data["text/plain"]
    assert "A label in worker" in verdict.data["text/plain"]
    assert "labels.max()" in verdict.data["text/plain"], "and not to the training function"
    assert "cnai-Verdict" in verdict.data["text/html"]


def test_the_saved_lesson_has_no_outputs_of_whoever_wrote_it():
    book = nbformat.read(EXAMPLES / "01-train.ipynb", as_version=4)

    assert all(not cell.get("outputs") for cell in book.cells)


def test_the_script_trains_prints_its_end_and_exits_with_0():
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "digits.py")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Succeeded" in done.stdout
