"""What a person is told of a job on a cluster, at the call and of its handle."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import cnai_sdk as cnai
from cnai_sdk.client import Client
from cnai_sdk.errors import NotFound, Unsupported, WaitTimeout
from cnai_sdk.training import TrainJob
from tests.cluster.trained import OPERATORS

PATIENCE = 120


@pytest.fixture(params=OPERATORS)
def client(request: pytest.FixtureRequest, client: Client) -> Client:
    """On the cluster, with either operator."""
    client.use("kubernetes", operator=request.param)
    return client


def saving() -> Callable[[], None]:
    def save() -> None:
        (cnai.output_dir() / "model.pt").write_bytes(b"weights")

    return save


def diverging() -> Callable[[], dict[str, float | None]]:
    def diverge() -> dict[str, float | None]:
        return {"loss": float("nan"), "best": float("-inf"), "none": None}

    return diverge


def lasting() -> Callable[[], None]:
    def last() -> None:
        import time

        print("up", flush=True)
        time.sleep(600)

    return last


def small(client: Client, fn: Callable[[], object]) -> TrainJob:
    return client.train(fn, cpu=0.1, memory="256Mi")


def test_files_that_nothing_keeps_are_told_of_at_the_call_and_not_denied_afterwards(
    client: Client,
) -> None:
    job = small(client, saving())
    (notice,) = [each for each in job.workload.notices if "output_dir()" in each]
    assert 'outputs="pvc://CLAIM/folder"' in notice
    job.wait(PATIENCE)
    assert "Nothing went wrong" in str(job.explain()), "whether it left files is not known"
    assert "went with its workers" in repr(job.outputs)
    with pytest.raises(Unsupported, match="went with its workers"):
        list(job.outputs)


def test_a_loss_that_is_no_number_is_returned_as_that(client: Client) -> None:
    result = small(client, diverging()).wait(PATIENCE).result()
    assert math.isnan(result["loss"])
    assert result["best"] == -math.inf
    assert result["none"] is None


def test_a_suspended_job_is_said_to_be_that_as_soon_as_it_is(client: Client) -> None:
    job = small(client, lasting())
    with pytest.raises(WaitTimeout, match="has not ended in 0"):
        job.wait("0.1s")
    job.suspend()
    assert "is suspended. job.resume() lets it go on." in str(job.explain())
    with pytest.raises(WaitTimeout, match="it is suspended") as told:
        job.wait("0.1s")
    assert ".resume()" in told.value.next_step
    job.resume()
    assert not job.workload.suspended
    job.delete()
    assert "It was deleted" in repr(job)
    with pytest.raises(NotFound, match="was deleted"):
        job.wait(PATIENCE)
