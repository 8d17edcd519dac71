"""The lesson about a cluster, run as a student runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests import vendors
from tests.cluster.testbed.cluster import Cluster

pytestmark = pytest.mark.timeout(900)  # where it is busy, a job of the lesson takes half a minute

EXAMPLES = Path(__file__).parents[2] / "examples"


HAVE = [vendors.mig_mixed("sliced", _1g_20gb=4, _3g_40gb=1)]
"""Four quarters of an A100, and a half."""


def run(folder: Path) -> nbformat.NotebookNode:
    """The lesson after Run All, with a store of its own."""
    book: nbformat.NotebookNode = nbformat.read(EXAMPLES / "02-cluster.ipynb", as_version=4)
    nbclient.NotebookClient(
        book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return book


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("CNAI_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def lesson(kubeconfig: Path, tmp_path: Path) -> nbformat.NotebookNode:
    """In a namespace of the shared cluster, which has no GPU in parts."""
    return run(tmp_path)


def outputs(book: nbformat.NotebookNode, beginning: str) -> str:
    """What the cell that begins so has shown, as text."""
    (cell,) = [c for c in book.cells if c.source.startswith(beginning)]
    return "\n".join(
        str(each.get("text") or each.get("data", {}).get("text/plain", "")) for each in cell.outputs
    )


def check_training(lesson: nbformat.NotebookNode) -> None:
    assert "kubernetes: " in outputs(lesson, "cnai.use(")
    assert float(outputs(lesson, "job.wait()").split(":")[1].strip(" }")) > 0.85
    assert "accuracy" in outputs(lesson, "job.metrics")
    assert "epoch 5" in outputs(lesson, "job.logs")
    assert "reserved for each worker" in outputs(lesson, "print(job.granted)")
    assert "memory" in outputs(lesson, "small.explain()")
    assert "What to do" in outputs(lesson, "small.explain()")
    assert "accuracy" in outputs(lesson, "small.rerun")
    assert "this machine" in outputs(lesson, "for each in cnai.jobs()")


def test_the_lesson_trains_fails_explains_and_trains_again(lesson: nbformat.NotebookNode) -> None:
    check_training(lesson)
    assert "cpu" in outputs(lesson, "cnai.quota()").lower()
    assert outputs(lesson, "cnai.fits(").startswith("Never fits. ")
    refused = outputs(lesson, "def square(")
    assert refused.startswith(("No GPU gives gpu=0.25", "There is no GPU for gpu=0.25"))
    assert "What to do: " in refused
    check_several_workers(lesson)


def test_the_lesson_gets_a_quarter_where_there_are_parts(
    own_cluster: Callable[..., Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = own_cluster(operators=("training-operator",), nodes=HAVE)
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(cluster.namespace())))
    lesson = run(tmp_path)
    check_training(lesson)
    assert "MIG 1g.20gb" in outputs(lesson, "cnai.gpus()")
    assert outputs(lesson, "cnai.fits(").startswith("All 4 fit now")
    got = outputs(lesson, "def square(").replace("\xa0", " ")
    assert "{'device': 'cpu', 'mean': " in got  # the GPUs of the test cluster are only counted
    assert "1 × MIG 1g.20gb of NVIDIA A100-SXM4-80GB, 19.5 GiB" in got
    assert "requests.nvidia.com/mig-1g.20gb" in got
    check_several_workers(lesson)


def check_several_workers(lesson: nbformat.NotebookNode) -> None:
    refused = outputs(lesson, "try:\n    cnai.train(square, workers=2")
    assert "2 workers cannot each have a share of a GPU." in refused
    assert "workers=1, gpu=0.25; workers=2, gpu=1" in refused


def test_the_saved_lesson_has_no_outputs_of_whoever_wrote_it() -> None:
    book = nbformat.read(EXAMPLES / "02-cluster.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in book.cells)
