"""Numbers of every type are numbers, and what is none is refused where it is written."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from cnai_sdk.arguments import parse_options, parse_resources
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.spec import Resources
from cnai_sdk.training import how_many

GIB = 2**30


def kind(value: object) -> str:
    return type(value).__name__


HUGE = (10**400, 10**5000, "9" * 400 + "Gi", "2000000Ti", 2**61)


def resources(**given: Any) -> Resources:
    names = ("cpu", "memory", "gpu", "gpu_memory", "gpu_model", "isolation")
    return parse_resources(**{name: given.get(name) for name in names})


def options(**given: Any) -> dict[str, Any]:
    names = ("workers", "retries", "timeout", "env", "secrets", "packages", "image")
    plain = {"workers": 1, "retries": 0, "secrets": (), "packages": ()}
    return parse_options(**{name: given.get(name, plain.get(name)) for name in names})


@pytest.mark.parametrize("one", [1, 1.0, np.int64(1), np.float32(1), np.uint8(1), Fraction(1)])
def test_one_is_one_whatever_counted_it(one: Any) -> None:
    assert resources(gpu=one, cpu=one) == Resources(gpu=1.0, cpu=1.0)
    assert options(timeout=one)["timeout"] == 1.0
    assert type(resources(gpu=one).gpu) is float


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.7, 1 / 3])
def test_a_share_of_single_precision_is_the_share_that_was_meant(share: float) -> None:
    assert resources(gpu=np.float32(share)).gpu == resources(gpu=share).gpu
    assert resources(gpu=share).gpu <= share + 1e-12


@pytest.mark.parametrize("two", [2, np.int64(2), np.uint64(2)])
def test_a_whole_number_of_numpys_counts(two: Any) -> None:
    found = options(workers=two, retries=two)
    assert (found["workers"], found["retries"], how_many(two)) == (2, 2, 2)
    assert type(found["workers"]) is int
    assert resources(memory=two * GIB, gpu_memory=two * GIB).gpu_memory == 2 * GIB


@pytest.mark.parametrize(
    "value", [True, np.bool_(True), "1", None, 1.5, np.float64(1), 10**5000], ids=kind
)
def test_what_is_no_whole_number_is_no_count(value: Any) -> None:
    for refused in (lambda: options(workers=value), lambda: how_many(value)):
        with pytest.raises(InvalidRequest) as error:
            refused()
        assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "value",
    [True, np.bool_(True), "1", 10**400, 10**5000, -(10**400), np.inf, np.nan, 1j, [1]],
    ids=kind,
)
@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_what_is_no_amount_is_refused_in_words_that_can_be_read(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=name) as error:
        resources(**{name: value})
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("huge", HUGE, ids=kind)
@pytest.mark.parametrize("name", ["memory", "gpu_memory"])
def test_more_memory_than_there_is_is_refused(name: str, huge: Any) -> None:
    with pytest.raises(InvalidRequest, match="more than any machine has") as error:
        resources(**{name: huge})
    assert f'{name}="8Gi"' in error.value.next_step
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("odd", ["١٠Gi", "inf", "nanGi", np.float64(2**33), b"8Gi", "8" * 500])
def test_an_amount_that_is_none_is_refused(odd: Any) -> None:
    with pytest.raises(InvalidRequest, match="gpu_memory"):
        resources(gpu_memory=odd)


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"gpu": "3g.40gb"}, 'gpu_memory="40Gi"'),
        ({"gpu": "MIG 1g.10gb"}, 'gpu_memory="10Gi"'),
        ({"gpu": 1, "gpu_model": "mig-9g.400gb"}, 'gpu_memory="400Gi"'),
        ({"gpu_memory": "nvidia.com/mig-1g.5gb"}, 'gpu_memory="5Gi"'),
        ({"gpu": "0g.0gb"}, 'gpu_memory="1Gi"'),
    ],
)
def test_a_slice_cannot_be_named_and_its_memory_can(given: dict[str, Any], step: str) -> None:
    """Whether it exists or not: which there are is for `cnai.gpus()` to say."""
    with pytest.raises(InvalidRequest) as error:
        resources(**given)
    assert step in error.value.next_step
    assert "slice" in error.value.what


def test_a_kind_of_isolation_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest) as error:
        resources(isolation="foo")
    assert error.value.what == "isolation='foo' is not a kind of isolation."
    assert '"hardware" or "none"' in error.value.next_step


@pytest.mark.parametrize(
    "image",
    [
        "python",
        "python:3.12-slim",
        "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime",
        "quay.io/jupyter/pytorch-notebook:python-3.12",
        "localhost:5000/team/not_a_part",
        "registry.example.com:5000/a/b__c/d-e.f:V1_rc.2",
        "REGISTRY.example.com/a:1",
        f"ghcr.io/a/b@sha256:{'0a' * 32}",
        f"ghcr.io/a/b:v1@sha256:{'0a' * 32}",
    ],
)
def test_a_reference_of_an_image_is_taken(image: str) -> None:
    assert options(image=image)["image"] == image


@pytest.mark.parametrize(
    "image",
    [
        "Python:3",
        "lab.example/Torch:1",
        "python:",
        "python:a b",
        "python:3:4",
        "a//b",
        "a/-b",
        "-a",
        "a@sha256:12",
        "https://ghcr.io/a/b",
        "a" * 600,
        7,
    ],
    ids=lambda image: str(image)[:20],
)
def test_what_no_node_could_pull_by_its_name_is_refused_at_the_call(image: Any) -> None:
    with pytest.raises(InvalidRequest, match="no reference of a container image") as refusal:
        options(image=image)
    assert "no capital letters" in refusal.value.why
