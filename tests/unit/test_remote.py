"""Addresses of data elsewhere: which are understood, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnai_sdk.arguments import parse_outputs
from cnai_sdk.backends.local.request import cluster_only
from cnai_sdk.data import links_for
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.spec import DataLink, Payload, TrainSpec
from cnai_sdk.remote import without_credentials


@pytest.mark.parametrize(
    ("item", "path", "source"),
    [
        ("pvc://datasets/cifar", "cifar", "pvc://datasets/cifar"),
        ("s3://lake/sets/cifar", "cifar", "s3://lake/sets/cifar"),
        ("s3://lake/sets/cifar/", "cifar", "s3://lake/sets/cifar"),
        ("s3://lake", "lake", "s3://lake"),
        ("sets/train=s3://lake/cifar-10", "sets/train", "s3://lake/cifar-10"),
        ("s3://lake/a b/tag=1/x.csv", "x.csv", "s3://lake/a b/tag=1/x.csv"),
        ("hf://acme/net", "net", "hf://acme/net"),
        ("hf://gpt2", "gpt2", "hf://gpt2"),
        ("hf://datasets/acme/digits", "digits", "hf://datasets/acme/digits"),
        ("it=hf://datasets/acme/digits@v1.0", "it", "hf://datasets/acme/digits@v1.0"),
        ("hf://acme/net@refs/pr/1", "net", "hf://acme/net@refs/pr/1"),
    ],
)
def test_an_address_appears_under_its_last_name_or_the_one_it_is_given(
    item: str, path: str, source: str
) -> None:
    links, notices = links_for([item], Path("/"))
    assert links == (DataLink(path=path, source=source),)
    assert notices == []


@pytest.mark.parametrize(
    "item",
    [
        "s3:lake",
        "s3://",
        "s3:///cifar",
        "s3://Lake/cifar",
        "s3://lake//cifar",
        "s3://lake/../other",
        "s3://l/cifar",
        "s3://lake/" + "x" * 2000,
        "../x=s3://lake/cifar",
        "/x=s3://lake/cifar",
        "=s3://lake/cifar",
        "hf://",
        "hf://datasets",
        "hf://spaces/acme/app",
        "hf://datasets/acme/digits/images",
        "hf://acme/net@",
        "hf://acme/net@../main",
        "hf://-acme/net",
        "hf:acme/net",
        "pvc:datasets",
        "pvc://Datasets/x",
    ],
)
def test_a_malformed_address_is_refused_with_one_that_is_right(item: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        links_for([item], Path("/"))
    assert repr(item)[:60] in str(refusal.value)
    scheme = item.rpartition("=")[2].partition(":")[0]
    assert f'data=["{scheme}://' in refusal.value.next_step


@pytest.mark.parametrize("item", ["gs://lake/cifar", "x=https://host/cifar", "az://lake"])
def test_another_kind_of_address_is_refused_with_those_that_there_are(item: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        links_for([item], Path("/"))
    assert all(scheme in refusal.value.why for scheme in ("pvc://", "s3://", "hf://"))


def test_two_addresses_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="two entries"):
        links_for(["s3://lake/cifar", "hf://datasets/acme/cifar"], Path("/"))


@pytest.mark.parametrize(
    ("outputs", "kept"),
    [("s3://lake/runs/", "s3://lake/runs"), ("s3://lake", "s3://lake"), (None, ""), ("", "")],
)
def test_outputs_may_be_a_bucket(outputs: str | None, kept: str) -> None:
    assert parse_outputs(outputs) == kept


@pytest.mark.parametrize(
    "outputs",
    ["s3://", "s3://Lake", "s3://lake/../x", "x=s3://lake", "hf://acme/net", "/data", "gs://lake"],
)
def test_outputs_that_cannot_be_written_to_are_refused(outputs: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_outputs(outputs)
    assert 'outputs="s3://BUCKET/runs"' in refusal.value.next_step


def test_a_bucket_without_a_key_is_allowed_and_told() -> None:
    (notice,) = without_credentials(["", "s3://lake/cifar"], ["HF_TOKEN"], [])
    assert "AWS_ACCESS_KEY_ID" in notice
    assert "s3://lake/cifar" in notice
    assert without_credentials(["s3://lake"], ["aws/AWS_ACCESS_KEY_ID"], []) == []
    assert without_credentials(["s3://lake"], [], ["AWS_PROFILE"]) == []
    assert without_credentials(["hf://acme/net", "pvc://a"], [], []) == []


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("s3://lake/cifar", "aws s3 sync s3://lake/cifar cifar"),
        ("hf://acme/net@v1", "hf download acme/net --revision v1"),
    ],
)
def test_a_job_of_this_machine_is_told_how_to_load_it(source: str, command: str) -> None:
    payload = Payload(entry="f", files={"script.py": b""})
    spec = TrainSpec(name="a", payload=payload, data=(DataLink(path="x", source=source),))
    with pytest.raises(InvalidRequest) as refusal:
        cluster_only(spec)
    assert command in refusal.value.next_step
    assert 'cnai.use("kubernetes")' in refusal.value.next_step
