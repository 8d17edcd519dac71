"""What goes into a job's folder, and what comes out of it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

import cnai_sdk as cnai
from cnai_sdk.client import Client
from cnai_sdk.errors import InvalidRequest, NotFound


@pytest.fixture
def data(notebook: Path) -> Path:
    """A file and a folder beside the notebook."""
    (notebook / "train.csv").write_text("1,2\n")
    (notebook / "images" / "cats").mkdir(parents=True)
    (notebook / "images" / "cats" / "a.txt").write_text("cat")
    return notebook


def test_data_appears_under_the_same_relative_path(client: Client, data: Path) -> None:
    def reads() -> dict[str, str]:
        wanted = ["train.csv", "images/cats/a.txt"]
        return {path: Path(path).read_text() for path in wanted}

    job = client.train(reads, data=["train.csv", "images/"])
    assert job.result() == {"train.csv": "1,2\n", "images/cats/a.txt": "cat"}


def test_data_in_a_folder_appears_in_that_folder(client: Client, data: Path) -> None:
    def reads() -> list[str]:
        return [str(path) for path in (*Path("images").iterdir(), *Path("images/cats").iterdir())]

    job = client.train(reads, data=["./images/cats"])
    assert job.result() == ["images/cats", "images/cats/a.txt"]


def test_data_from_elsewhere_appears_under_its_last_name_and_that_is_said(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "far" / "labels.json"
    elsewhere.parent.mkdir()
    elsewhere.write_text('["cat"]')

    def reads() -> object:
        return json.loads(Path("labels.json").read_text())

    job = client.train(reads, data=[str(elsewhere)])
    assert job.result() == ["cat"]
    said = capsys.readouterr().err
    assert "appears to the workers as labels.json" in said
    assert "nothing on this machine stops them from writing" in said


def test_data_with_a_name_of_any_kind_is_found(client: Client, notebook: Path) -> None:
    names = ["数据 1.csv", "a'b\"c.txt", "-x", "$HOME", "a b/c"]
    (notebook / "a b").mkdir()
    for name in names:
        (notebook / name).write_text(name)

    def reads(names: list[str]) -> list[str]:
        return [Path(name).read_text() for name in names]

    assert client.train(reads, args={"names": names}, data=names).result() == names


def test_deleting_the_job_leaves_the_data(client: Client, data: Path) -> None:
    def writes() -> None:
        Path("mine.txt").write_text("mine")

    job = client.train(writes, data=["train.csv", "images"])
    job.wait(60)
    folder = job.outputs.path
    job.delete()
    assert not folder.exists()
    assert (data / "train.csv").read_text() == "1,2\n"
    assert (data / "images" / "cats" / "a.txt").read_text() == "cat"


def test_outputs_are_what_the_workers_wrote_and_not_the_data(client: Client, data: Path) -> None:
    def writes() -> None:
        (cnai.checkpoint_dir() / "1.pt").write_bytes(b"weights")
        (cnai.output_dir() / "model.json").write_text("{}")
        Path(f"rank-{cnai.rank()}.txt").write_text("here")
        if cnai.rank() == 0:
            Path("link").symlink_to("/etc/passwd")

    job = client.train(writes, workers=2, data=["train.csv", "images"])
    job.wait(60)
    outputs = job.outputs
    assert sorted(outputs) == ["checkpoints/1.pt", "model.json", "rank-0.txt", "rank-1.txt"]
    assert outputs["checkpoints/1.pt"] == b"weights"
    assert outputs.sizes()["model.json"] == 2
    assert len(outputs) == 4
    assert (outputs.path / "model.json").read_text() == "{}"
    assert "model.json  2\xa0B" in repr(outputs)
    assert "checkpoints/1.pt" in outputs._repr_html_()


def test_a_path_that_leaves_the_outputs_is_refused(client: Client, tmp_path: Path) -> None:
    def links() -> None:
        Path("out").symlink_to("/etc")

    job = client.train(links)
    job.wait(60)
    for path in ("../spec.json", "/etc/passwd", "out/passwd", "a/../../lock", "..", "\0"):
        with pytest.raises(InvalidRequest) as refusal:
            job.outputs[path]
        assert refusal.value.next_step


def test_a_file_that_was_not_written_is_not_found(client: Client) -> None:
    job = client.train(lambda: None, name="nothing")
    job.wait(60)
    for path in ("model.pt", "", ".", "model.pt/x"):
        with pytest.raises((NotFound, InvalidRequest)):
            job.outputs[path]
    assert list(job.outputs) == []
    assert "No files" in repr(job.outputs)
    assert "model.pt" not in job.outputs


def test_an_output_of_any_name_is_listed_and_read(client: Client) -> None:
    def writes() -> None:
        Path("a b").mkdir()
        for name in ("模型.pt", "a b/c'd.txt", "<b>.html"):
            Path(name).write_text(name)
        Path(os.fsdecode(b"\xff.bin")).write_text("bytes")

    job = client.train(writes)
    job.wait(60)
    assert job.outputs["模型.pt"].decode() == "模型.pt"
    assert job.outputs["a b/c'd.txt"].decode() == "a b/c'd.txt"
    assert "&lt;b&gt;.html" in job.outputs._repr_html_()
    assert len(list(job.outputs)) == 4
    json.dumps([name.encode("utf-8", "replace").decode() for name in job.outputs])


def test_every_read_of_a_growing_file_gives_what_is_there(client: Client, notebook: Path) -> None:
    def grows() -> None:
        with Path("log.txt").open("w") as file:
            file.write("first\n")
            file.flush()
            while not Path("go").exists():
                time.sleep(0.01)
            file.write("second\n")

    job = client.train(grows)
    place = job.outputs.path
    while not (place / "log.txt").exists() or not (place / "log.txt").read_text():
        assert not job.status.ended
    assert job.outputs["log.txt"] == b"first\n"
    (place / "go").touch()
    job.wait(60)
    assert job.outputs["log.txt"] == b"first\nsecond\n"
