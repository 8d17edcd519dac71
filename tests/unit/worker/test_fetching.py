"""Data from a bucket and from the Hub, fetched by a worker's container before its code runs.

The servers are real ones of this machine: moto's for S3, and one that speaks the Hub's routes.
"""

from __future__ import annotations

import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stores import hub, s3
from tests.stores.running import key, running

from .containers import Container


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, Any]]:
    with running("s3") as told:
        yield told


@pytest.fixture(scope="module")
def hf() -> Iterator[dict[str, str]]:
    with running("hub") as told:
        yield {"HF_ENDPOINT": f"http://127.0.0.1:{told['port']}"}


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def fetched(container: Container, address: str, env: dict[str, str], script: str) -> Any:
    """Run a script whose data `sets/it` is at an address."""
    place = str(container.home / "data" / "0")
    container.settings |= {"data": {"sets/it": place}, "fetch": {place: address}}
    return container.run(script, env=env | {"CNAI_JOB_ID": "abcd"})


LISTS = """
from pathlib import Path
print(sorted(str(path) for path in Path("sets/it/").rglob("*") if path.is_file()))
"""


def test_a_folder_of_a_bucket_is_there_before_the_code_runs(
    container: Container, bucket: dict[str, Any]
) -> None:
    code, log, frames = fetched(container, "s3://data/digits", key(bucket), LISTS)
    assert code == 0, log
    names = [f"sets/it/{n.partition('/')[2]}" for n in sorted(s3.SETS) if n.startswith("digits/")]
    assert str(sorted(names)) in log
    assert "Fetched s3://data/digits: 3 files, 264 bytes" in log
    told = [frame["doing"] for frame in frames if "doing" in frame]
    assert told[0] == "Fetching s3://data/digits"
    assert told[1].startswith("Fetching s3://data/digits, ")
    assert told[1].endswith(" of 264 bytes")


def test_one_object_is_a_file(container: Container, bucket: dict[str, Any]) -> None:
    code, log, _ = fetched(
        container, "s3://data/train.csv", key(bucket), "print(open('sets/it').read())"
    )
    assert code == 0, log
    assert "a,b\n1,2\n" in log


def test_a_container_that_is_started_again_fetches_nothing_again(
    container: Container, bucket: dict[str, Any]
) -> None:
    container.settings["retries"] = 1
    fetched(
        container, "s3://data/digits", key(bucket), "import os, signal; os.kill(os.getppid(), 9)"
    )
    code, log, _ = container.run(
        LISTS, env=key(bucket) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    )
    assert code == 0, log
    assert "labels.txt" in log
    assert "Fetched" not in log


@pytest.mark.parametrize(
    ("address", "user", "reason", "words"),
    [
        ("s3://nowhere/digits", "owner", "DataMissing", "There is no bucket nowhere"),
        ("s3://data/letters", "owner", "DataMissing", "Nothing is at s3://data/letters"),
        ("s3://data/digit", "owner", "DataMissing", "Nothing is at s3://data/digit"),
        ("s3://data/digits", "nobody", "DataDenied", "may not be read with the credentials"),
        ("s3://data/digits", "", "DataDenied", "may not be read without credentials"),
        (
            "s3://data/digits",
            "wrong",
            "DataDenied",
            "credentials for s3://data/digits were refused",
        ),
    ],
)
def test_what_cannot_be_had_of_a_bucket_is_said_before_anything_runs(
    container: Container, bucket: dict[str, Any], address: str, user: str, reason: str, words: str
) -> None:
    keys = bucket | {"wrong": [bucket["owner"][0], "x" * 20]}
    code, log, _ = fetched(container, address, key(keys, user), "print('ran')")
    assert code == 1
    assert "ran" not in log.splitlines()
    assert container.said["reason"] == reason
    assert words in container.said["message"]


@pytest.mark.parametrize(
    ("address", "library"),
    [("s3://data/digits", "boto3"), ("hf://acme/net", "huggingface_hub")],
)
def test_an_image_that_lacks_the_library_installs_it_or_says_so(
    container: Container, tmp_path: Path, address: str, library: str
) -> None:
    bare = tmp_path / "image"
    venv.create(bare, symlinks=True)
    container.python = str(bare / "bin" / "python")
    env = {"PIP_NO_INDEX": "1"}
    code, log, frames = fetched(container, address, env, "print('ran')")
    assert code == 1
    assert "ran" not in log.splitlines()
    assert any(frame.get("doing", "").startswith(f"Installing {library}") for frame in frames)
    assert container.said["reason"] == "InstallFailed"
    assert container.said["message"].startswith(f"The image lacks {library}: ")


def test_a_store_that_does_not_answer_is_named(
    container: Container, bucket: dict[str, Any]
) -> None:
    env = key(bucket) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    fetched(container, "s3://data/digits", env, "print('ran')")
    assert container.said["reason"] == "DataUnreachable"
    assert container.said["message"].startswith("http://127.0.0.1:1 cannot be reached")


@pytest.mark.parametrize(
    ("address", "name", "label"),
    [
        ("hf://datasets/acme/digits", "datasets/acme/digits", "labels.txt"),
        ("hf://acme/net", "models/acme/net", "config.json"),
    ],
)
def test_a_repository_of_the_hub_is_there_whole_and_nothing_else(
    container: Container, hf: dict[str, str], address: str, name: str, label: str
) -> None:
    code, log, _ = fetched(container, address, hf, LISTS)
    assert code == 0, log
    assert str(sorted(f"sets/it/{path}" for path in hub.FILES[name])) in log
    assert (container.home / "data" / "0" / label).read_bytes() == hub.FILES[name][label]


def test_a_revision_is_the_one_that_is_fetched(container: Container, hf: dict[str, str]) -> None:
    address = "hf://datasets/acme/digits@old"
    _, log, _ = fetched(container, address, hf, "print(open('sets/it/labels.txt').read())")
    assert "old one two\n" in log
    assert "Fetched hf://datasets/acme/digits@old at 222222222222" in log


def test_a_private_repository_is_fetched_with_its_token(
    container: Container, hf: dict[str, str]
) -> None:
    container.settings["secrets"] = ["HF_TOKEN"]
    code, log, _ = fetched(
        container, "hf://datasets/acme/hidden", hf | {"HF_TOKEN": hub.TOKEN}, LISTS
    )
    assert code == 0, log


@pytest.mark.parametrize(
    ("address", "reason", "words"),
    [
        ("hf://datasets/acme/hidden", "DataMissing", "somebody without a token may read"),
        ("hf://acme/nothing", "DataMissing", "There is no model acme/nothing"),
        ("hf://datasets/acme/digits@none", "DataMissing", "has no revision none"),
        ("hf://datasets/acme/gated", "DataDenied", "open only to whom its owner allows it"),
    ],
)
def test_what_cannot_be_had_of_the_hub_is_said_before_anything_runs(
    container: Container, hf: dict[str, str], address: str, reason: str, words: str
) -> None:
    code, log, _ = fetched(container, address, hf, "print('ran')")
    assert code == 1
    assert "ran" not in log.splitlines()
    assert container.said["reason"] == reason
    assert words in container.said["message"]


def test_a_hub_that_does_not_answer_is_named(container: Container) -> None:
    fetched(container, "hf://acme/net", {"HF_ENDPOINT": "http://127.0.0.1:1"}, "print('ran')")
    assert container.said["reason"] == "DataUnreachable"
    assert container.said["message"].startswith("http://127.0.0.1:1 cannot be reached")
