"""What runs beside a claim, and what comes back of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import browse
from cnai_sdk.backends.kubernetes.outputs import Claim, check_path, without_outputs
from cnai_sdk.errors import InvalidRequest


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
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
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


def test_a_job_without_outputs_is_told_what_to_write() -> None:
    assert "outputs=" in without_outputs("digits").next_step
