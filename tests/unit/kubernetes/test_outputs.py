"""What runs beside a claim, and what comes back of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import browse
from cnai_sdk.backends.kubernetes.outputs import check_path, without_outputs
from cnai_sdk.backends.kubernetes.shelves import Bucket, Claim, shelf_of
from cnai_sdk.errors import InvalidRequest
from tests.stores.running import key, running
from tests.unit.kubernetes.manifests import ID, spec_of


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    """A claim with a job's folder in it, and something outside."""
    folder = tmp_path / "claim" / "runs" / "abc"
    (folder / "model").mkdir(parents=True)
    (folder / "notes.txt").write_text("三 epochs", encoding="utf-8")
    (folder / "model" / "weights.bin").write_bytes(bytes(range(256)))
    (folder / "away").symlink_to("/etc/hostname")
    (folder / "near").symlink_to("notes.txt")
    (folder / "around").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    (tmp_path / "claim" / "other.txt").write_text("of another job")
    (tmp_path / "outside.txt").write_text("not of the claim")
    (tmp_path / "claim" / "escape").symlink_to(tmp_path)
    return tmp_path / "claim"


def said(claim: Path, *words: str) -> tuple[dict[str, Any], bytes]:
    """What a pod beside the claim says: the same source, in a process of its own."""
    source = Path(browse.__file__).read_text(encoding="utf-8")
    command = [sys.executable, "-c", source, str(claim), *words]
    return answered(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def answered(text: str) -> tuple[dict[str, Any], bytes]:
    """The header and the data of one answer."""
    first, *data, last = [line.removeprefix(browse.MARK) for line in text.splitlines()]
    found = zlib.decompress(base64.b64decode("".join(data)))
    assert json.loads(last) == {"sha256": hashlib.sha256(found).hexdigest()}
    return json.loads(first), found


def test_files_are_listed_without_links_and_pipes(claim: Path) -> None:
    header, data = said(claim, "list", "runs/abc")
    assert json.loads(data) == [["notes.txt", 10], ["model/weights.bin", 256]]
    assert header == {"count": 2}


def test_a_folder_that_was_never_made_has_no_files(claim: Path) -> None:
    assert json.loads(said(claim, "list", "runs/never")[1]) == []


def test_a_file_comes_with_its_size_and_the_digest_of_the_whole(claim: Path) -> None:
    header, data = said(claim, "read", "runs/abc", "model/weights.bin", "0")
    assert data == bytes(range(256))
    assert header == {"size": 256, "whole": hashlib.sha256(data).hexdigest()}


def test_a_large_file_comes_in_pieces(claim: Path) -> None:
    data = os.urandom(browse.PIECE + 1000)
    (claim / "runs" / "abc" / "big").write_bytes(data)
    header, first = said(claim, "read", "runs/abc", "big", "0")
    _, second = said(claim, "read", "runs/abc", "big", "1")
    assert first + second == data
    assert header == {"size": len(data), "whole": hashlib.sha256(data).hexdigest()}


def test_a_link_inside_is_read_and_one_that_leads_out_is_not(claim: Path) -> None:
    assert said(claim, "read", "runs/abc", "near", "0")[1].decode() == "三 epochs"
    for path in ("away", "around/outside.txt", "../../other.txt", "/etc/hostname"):
        assert said(claim, "read", "runs/abc", path, "0") == ({"problem": "outside"}, b"")


def test_a_folder_that_leads_out_of_the_claim_is_not_looked_into(claim: Path) -> None:
    assert said(claim, "list", "escape") == ({"problem": "outside"}, b"")
    assert said(claim, "list", "..") == ({"problem": "outside"}, b"")


@pytest.mark.parametrize("path", ["nothing", "model", "pipe", "model/none"])
def test_what_is_no_file_is_missing(claim: Path, path: str) -> None:
    assert said(claim, "read", "runs/abc", path, "0") == ({"problem": "missing"}, b"")


@pytest.mark.parametrize(
    "path", ["../a", "/etc/hostname", "a/../../b", "..", "a/../..", "", "a\0b"]
)
def test_a_path_that_leads_out_is_refused_without_asking_the_cluster(path: str) -> None:
    with pytest.raises(InvalidRequest, match="not inside"):
        check_path(path)


def test_a_claim_and_its_folder_come_from_the_spec() -> None:
    assert Claim.parse("pvc://scratch/runs").of("abc") == Claim("scratch", "runs/abc")
    assert Claim.parse("pvc://scratch").of("abc") == Claim("scratch", "abc")


@pytest.mark.parametrize(
    "outputs", ["s3://bucket/runs", "/data", "pvc:///runs", "", "pvc://a/../b"]
)
def test_what_is_no_claim_is_refused_with_what_to_write(outputs: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Claim.parse(outputs)
    assert "pvc://CLAIM" in refusal.value.next_step


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    with running("s3") as told:
        yield told


def said_of_bucket(
    server: dict[str, Any], home: Path, *words: str, user: str = "owner"
) -> tuple[dict[str, Any], bytes]:
    """What a pod says that reads a bucket: its own command, in a process of this machine."""
    bucket = Bucket("s3://data/digits")
    told = {each["name"]: each["value"] for each in bucket.environment()} | {"HOME": str(home)}
    done = subprocess.run(
        [sys.executable, *bucket.command(*words)[1:]],
        env=key(server, user) | told,
        capture_output=True,
        text=True,
        check=True,
    )
    return answered(done.stdout)


def test_files_of_a_bucket_are_listed_and_read(server: dict[str, Any], tmp_path: Path) -> None:
    header, data = said_of_bucket(server, tmp_path, "list")
    assert json.loads(data) == [["images/1.bin", 256], ["images/zwei.bin", 1], ["labels.txt", 7]]
    assert header == {"count": 3}
    header, data = said_of_bucket(server, tmp_path, "read", "images/1.bin", "0")
    assert data == bytes(range(256))
    assert header == {"size": 256, "whole": hashlib.sha256(data).hexdigest()}


def test_what_is_not_in_a_bucket_is_missing(server: dict[str, Any], tmp_path: Path) -> None:
    for path in ("nothing", "images"):
        assert said_of_bucket(server, tmp_path, "read", path, "0") == ({"problem": "missing"}, b"")


def test_a_bucket_that_may_not_be_read_says_so(server: dict[str, Any], tmp_path: Path) -> None:
    header, _ = said_of_bucket(server, tmp_path, "list", user="nobody")
    assert header["problem"] == "error"
    assert "may not be read with the credentials" in header["said"]


def test_a_pod_that_reads_a_bucket_gets_its_keys_by_reference_and_no_other_secret() -> None:
    spec = spec_of(
        outputs="s3://runs/team",
        env={"AWS_ENDPOINT_URL": "http://store"},
        secrets=("aws/AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN"),
    )
    shelf = shelf_of(spec, ID)
    assert isinstance(shelf, Bucket)
    assert shelf.address == f"s3://runs/team/{ID}"
    assert list(shelf.told) == [
        {"name": "AWS_ENDPOINT_URL", "value": "http://store"},
        {
            "name": "AWS_ACCESS_KEY_ID",
            "valueFrom": {"secretKeyRef": {"name": "aws", "key": "AWS_ACCESS_KEY_ID"}},
        },
        {
            "name": "AWS_SECRET_ACCESS_KEY",
            "valueFrom": {
                "secretKeyRef": {"name": f"cnai-secret-{ID}", "key": "AWS_SECRET_ACCESS_KEY"}
            },
        },
    ]


def test_a_job_without_outputs_is_told_what_to_write() -> None:
    assert "outputs=" in without_outputs("digits").next_step
