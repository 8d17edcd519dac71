"""What a worker writes, kept in a bucket: a real S3 server, and real processes of a container."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.stores.running import key, running

from .containers import Container, free_port

WRITES = """
import pathlib, cnai_sdk as cnai
(cnai.checkpoint_dir() / "epoch").write_text("5")
pathlib.Path("model.bin").write_bytes(bytes(range(256)))
print("wrote")
"""
RESUMES = """
import cnai_sdk as cnai
kept = cnai.checkpoint_dir() / "epoch"
print("begins at", kept.read_text() if kept.exists() else 0)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    with running("s3") as told:
        yield told


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Container]:
    """Containers of pods of one job, each with a disk of its own."""

    def made(name: str, **settings: Any) -> Container:
        (tmp_path / name).mkdir()
        container = Container(tmp_path / name)
        job = {"bucket": f"s3://runs/{request.node.name}", "id": request.node.name}
        container.settings |= job | settings
        return container

    return made


class Store:
    """The job's folder in the bucket."""

    def __init__(self, server: dict[str, Any], name: str) -> None:
        names = {
            "aws_access_key_id": server["owner"][0],
            "aws_secret_access_key": server["owner"][1],
        }
        url = f"http://127.0.0.1:{server['port']}"
        self._s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **names)
        self._prefix = f"{name}/"

    def files(self) -> dict[str, bytes]:
        """What the workers wrote, by path."""
        found = self._s3.list_objects_v2(Bucket="runs", Prefix=self._prefix).get("Contents", ())
        paths = [each["Key"].removeprefix(self._prefix) for each in found]
        return {path: self.read(path) for path in paths if not path.startswith(".cnai/")}

    def read(self, path: str) -> bytes:
        got = self._s3.get_object(Bucket="runs", Key=self._prefix + path)
        return bytes(got["Body"].read())

    def write(self, path: str, data: bytes) -> None:
        self._s3.put_object(Bucket="runs", Key=self._prefix + path, Body=data)


@pytest.fixture
def store(server: dict[str, Any], request: pytest.FixtureRequest) -> Store:
    return Store(server, request.node.name)


def test_everything_is_there_when_the_worker_has_ended_with_its_log(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    code, log, _ = make("a").run(WRITES, env=key(server))
    assert (code, log) == (0, "wrote\n")
    assert store.files() == {
        "checkpoints/epoch": b"5",
        "model.bin": bytes(range(256)),
        "logs/rank-0.log": b"wrote\n",
    }


def test_what_a_worker_wrote_before_it_failed_is_there_too(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    container = make("a")
    assert container.run(WRITES + "raise ValueError('no')", env=key(server))[0] == 1
    assert container.said["error"]["message"] == "no"
    assert store.read("model.bin") == bytes(range(256))
    assert b"ValueError: no" in store.read("logs/rank-0.log")


def test_a_large_result_is_kept_there(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    container = make("a")
    assert container.run("_cnai_result = ['x' * 100] * 100", env=key(server))[0] == 0
    assert container.said["result_file"] == "result.json"
    assert b"xxx" in store.read("result.json")


def test_data_that_was_given_is_not_copied(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    container = make("a")
    (container.home / "set").mkdir()
    (container.home / "set" / "labels.txt").write_text("cat")
    container.settings["data"] = {"cifar": str(container.home / "set")}
    container.run("print(open('cifar/labels.txt').read())", env=key(server))
    assert list(store.files()) == ["logs/rank-0.log"]


def test_a_checkpoint_is_copied_while_the_worker_runs(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    script = WRITES + "import time\nwhile True: time.sleep(1)"
    process = make("a").start(script, env=key(server))
    try:
        while store.files().get("checkpoints/epoch") != b"5":
            assert process.poll() is None
        while b"wrote" not in store.files().get("logs/rank-0.log", b""):
            assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM


def test_a_worker_that_is_sent_away_copies_what_it_has(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    process = make("a").start(WRITES + "import time\ntime.sleep(600)", env=key(server))
    _until_said(process, b"wrote")
    process.send_signal(signal.SIGTERM)
    process.wait()
    assert store.files()["checkpoints/epoch"] == b"5"


def test_a_pod_that_is_made_anew_begins_with_the_checkpoints_and_goes_on_in_its_log(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    make("a").run(WRITES, env=key(server))
    code, log, _ = make("b").run(RESUMES, env=key(server))
    assert (code, log) == (0, "begins at 5\n")
    assert store.read("logs/rank-0.log") == b"wrote\nbegins at 5\n"


def test_a_file_that_is_taken_away_or_renamed_goes_from_the_bucket(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    make("a").run(WRITES, env=key(server))
    script = """
import os, cnai_sdk as cnai
os.rename(cnai.checkpoint_dir() / "epoch", cnai.checkpoint_dir() / "last")
"""
    make("b").run(script, env=key(server))
    assert {path for path in store.files() if "checkpoints" in path} == {"checkpoints/last"}


def test_a_container_that_was_killed_keeps_what_is_newer_than_its_copy(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    container = make("a", retries=1)
    killed = WRITES + "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"
    process = container.start(killed, env=key(server))
    process.wait()
    store.write("checkpoints/epoch", b"4")
    code, log, _ = container.run(RESUMES, env=key(server))
    assert (code, log) == (0, "begins at 5\n")
    assert store.read("checkpoints/epoch") == b"5"


def test_all_workers_begin_again_with_the_same_checkpoints(
    make: Callable[..., Container], server: dict[str, Any], store: Store
) -> None:
    script = """
import os, time
import cnai_sdk as cnai
kept = cnai.checkpoint_dir() / "epoch"
found = kept.read_text() if kept.exists() else 0
print("attempt", os.environ["CNAI_ATTEMPT"], "begins at", found, flush=True)
if os.environ["CNAI_ATTEMPT"] == "0":
    if cnai.rank() == 0:
        kept.write_text("5")
        open(os.environ["RELEASE"], "w").close()
        time.sleep(600)
    while not os.path.exists(os.environ["RELEASE"]):
        time.sleep(0.02)
    raise SystemExit(1)
"""
    env = key(server) | {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    first = make("a", workers=2, retries=1)
    env["RELEASE"] = str(first.home / "release")
    second = make("b", workers=2, retries=1)
    processes = [
        container.start(script, env=env | {"RANK": str(rank)})
        for rank, container in enumerate((first, second))
    ]
    said = [process.communicate(timeout=240)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert all("attempt 1 begins at 5" in each for each in said), said


@pytest.mark.parametrize(
    ("address", "user", "reason", "words"),
    [
        ("s3://nowhere/runs", "owner", "OutputsMissing", "There is no bucket nowhere"),
        ("s3://runs/a", "nobody", "OutputsDenied", "s3://runs/a may not be written to with"),
        ("s3://runs/a", "", "OutputsDenied", "without credentials"),
    ],
)
def test_a_bucket_that_cannot_be_written_to_is_said_before_anything_runs(
    make: Callable[..., Container],
    server: dict[str, Any],
    address: str,
    user: str,
    reason: str,
    words: str,
) -> None:
    container = make("a", bucket=address)
    code, log, _ = container.run("print('ran')", env=key(server, user))
    assert code == 1
    assert "ran" not in log.splitlines()
    assert container.said["reason"] == reason
    assert words in container.said["message"]


def test_a_bucket_that_goes_away_fails_a_job_whose_files_it_does_not_have(
    make: Callable[..., Container],
) -> None:
    container = make("a")
    with running("s3") as told:
        process = container.start(
            f"import os, signal; print('up', flush=True); os.read(0, 0)\n"
            f"while not os.path.exists({str(container.home / 'go')!r}): pass",
            env=key(told),
        )
        _until_said(process, b"up")
    (container.home / "go").touch()
    assert process.wait() == 1
    assert container.said["reason"] == "OutputsUnreachable"


def _until_said(process: subprocess.Popen[bytes], word: bytes) -> None:
    assert process.stdout is not None
    while word not in (line := process.stdout.readline()):
        assert line, "it ended"
