"""The lesson about a cluster, run as a student runs it."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def lesson(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> nbformat.NotebookNode:
    """After Run All, in a namespace and with a store of its own."""
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("CNAI_CONFIG", str(tmp_path / "config.toml"))
    book: nbformat.NotebookNode = nbformat.read(EXAMPLES / "02-cluster.ipynb", as_version=4)
    nbclient.NotebookClient(
        book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    return book


def outputs(book: nbformat.NotebookNode, beginning: str) -> str:
    """What the cell that begins so has shown, as text."""
    (cell,) = [c for c in book.cells if c.source.startswith(beginning)]
    return "\n".join(
        str(each.get("text") or each.get("data", {}).get("text/plain", "")) for each in cell.outputs
    )


def test_the_lesson_trains_fails_explains_and_trains_again(lesson: nbformat.NotebookNode) -> None:
    assert "kubernetes: " in outputs(lesson, "cnai.use(")
    assert float(outputs(lesson, "job.wait()").split(":")[1].strip(" }")) > 0.85
    assert "accuracy" in outputs(lesson, "job.metrics")
    assert "epoch 5" in outputs(lesson, "job.logs")
    assert "reserved for each worker" in outputs(lesson, "for sentence")
    assert "memory" in outputs(lesson, "small.explain()")
    assert "What to do" in outputs(lesson, "small.explain()")
    assert "accuracy" in outputs(lesson, "small.rerun")
    assert "this machine" in outputs(lesson, "for each in cnai.jobs()")


def test_the_saved_lesson_has_no_outputs_of_whoever_wrote_it() -> None:
    book = nbformat.read(EXAMPLES / "02-cluster.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in book.cells)
