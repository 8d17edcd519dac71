"""The jobs of the gpu_share bench really train, and are seen to; here without a card."""

from __future__ import annotations

import pytest

from bench.gpu_share import reports_of, trained, training
from bench.throughput import WARM, still_learns, together
from cnai_sdk.client import Client
from cnai_sdk.errors import JobFailed
from cnai_sdk.model.phase import Phase

MODEL = ("residual", 1, 1000, "cpu")


def test_two_jobs_train_beside_each_other_and_both_are_counted(client: Client) -> None:
    reports = trained(client, 2, MODEL, {}, 0.0)
    assert len(reports) == 2
    assert all(len(each) > WARM for each in reports)
    assert all(rate > 0 for rate in together(reports))
    assert [job.status for job in client.jobs()] == [Phase.SUCCEEDED] * 2


def test_a_job_goes_on_while_another_beside_it_fails(client: Client) -> None:
    with training(client, 1, MODEL, {}) as jobs:
        (job,) = jobs
        with (
            pytest.raises(JobFailed),
            training(client, 1, ("no such model", 1, 0, "cpu"), {}),
        ):
            pass
        before = reports_of(job)[-1].at
    reports = reports_of(job)
    assert reports[-1].at > before
    assert still_learns(reports, since=before)
