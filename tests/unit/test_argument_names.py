"""Who comes from another tool is told what its arguments are called here."""

from __future__ import annotations

from typing import Any

import pytest

from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.client import Client
from cnai_sdk.errors import InvalidRequest


def work(api_key: str = "") -> None:
    """A function that travels."""


def advice(**options: Any) -> str:
    backend = MemoryBackend()
    with pytest.raises(InvalidRequest) as told:
        Client(backend=backend).train(work, **options)
    assert Client(backend=backend).jobs().workloads == ()
    return told.value.next_step


@pytest.mark.parametrize(
    ("there", "value", "here"),
    [
        ("num_workers", 4, "workers=4"),  # Kubeflow's TrainingClient, and Ray
        ("num_nodes", 2, "workers=2"),  # Kubeflow's TrainerClient
        ("nnodes", 2, "workers=2"),  # torchrun
        ("packages_to_install", ["torch"], "packages=['torch']"),
        ("base_image", "python:3.11", "image='python:3.11'"),
        ("env_vars", {"NCCL_DEBUG": "INFO"}, "env={'NCCL_DEBUG': 'INFO'}"),
        ("func_args", {"lr": 0.1}, "args={'lr': 0.1}"),
        ("num_gpus", 1, "gpu=1"),
        ("shm_size", "1Gi", "shm='1Gi'"),
        ("backoffLimit", 3, "retries=3"),
        ("queue_name", "team", "queue='team'"),
        ("wrokers", 2, "workers=2"),
    ],
)
def test_an_argument_of_another_tool_is_named_as_it_is_here(
    there: str, value: object, here: str
) -> None:
    assert advice(**{there: value}) == f"Did you mean {here}?"


@pytest.mark.parametrize("name", ["resources", "resources_per_node", "resources_per_worker"])
def test_resources_are_written_one_by_one(name: str) -> None:
    assert "cpu=4" in advice(**{name: {"cpu": 4}})


def test_processes_are_workers() -> None:
    assert "workers=" in advice(nproc_per_node=2)


def test_who_wants_to_wait_is_told_how() -> None:
    assert "job.wait()" in advice(wait=True)


def test_what_is_like_nothing_is_answered_with_all_that_there_is() -> None:
    assert advice(script="train.py").startswith("train() takes workers, args, name,")


@pytest.mark.parametrize("name", ["envs", "env_vars", "api_key"])
def test_a_secret_is_not_repeated(name: str) -> None:
    token = "hf_" + "a" * 30
    step = advice(**{name: token if name == "api_key" else {"HF_TOKEN": token}})
    assert token not in step
    assert "…" in step
