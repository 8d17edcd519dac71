"""A share of a real card: what holds it, what an overrun does, and what is said of it.

Everything here is skipped, and says so, on a machine without a card that can be shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import cnai_sdk as cnai
from bench.gpu_share import reports_of, training
from bench.throughput import still_learns
from cnai_sdk.backends.local.nvml import read_gpus
from cnai_sdk.client import Client
from cnai_sdk.errors import JobFailed
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quota import Device
from cnai_sdk.training import TrainJob
from tests.cluster.produced import Ledger, produces

from .conftest import until

pytestmark = pytest.mark.gpu

PATIENCE = 120
GIB = 2**30
MIB = 2**20
SHARE: dict[str, Any] = {"gpu": 0.25, "cpu": 0.25}
NEIGHBOUR = ("residual", 16, GIB // 4, "cuda")


def filling() -> Callable[..., dict[str, Any]]:
    def fill(prepare: str = "") -> dict[str, Any]:
        import torch

        exec(prepare)
        held = []
        try:
            while True:
                held.append(torch.empty(2**25, dtype=torch.uint8, device="cuda"))
        except torch.cuda.OutOfMemoryError as error:
            refused = str(error)
        card = torch.cuda.get_device_properties(0)
        return {
            "held": torch.cuda.memory_reserved(),
            "total": card.total_memory,
            "uuid": f"GPU-{card.uuid}",
            "devices": torch.cuda.device_count(),
            "refused": refused,
        }

    return fill


def holding() -> Callable[[], None]:
    def hold() -> None:
        import time

        import torch

        kept = torch.empty(2**31, dtype=torch.uint8, device="cuda")
        torch.cuda.synchronize()
        free, total = torch.cuda.mem_get_info()
        cnai.report(free=free, total=total)
        while not (cnai.output_dir() / "release").exists():
            time.sleep(0.02)
        assert kept.numel()

    return hold


def overrunning() -> Callable[[], None]:
    def overrun() -> None:
        import torch

        blocks = []
        while True:
            blocks.append(torch.zeros(2**26, dtype=torch.uint8, device="cuda"))

    return overrun


def asserting() -> Callable[[], None]:
    def look_up() -> None:
        import torch

        table = torch.ones(4, 2, device="cuda")
        torch.nn.functional.embedding(torch.tensor([10], device="cuda"), table)
        torch.cuda.synchronize()

    return look_up


def wanting() -> Callable[[], None]:
    def want() -> None:
        import torch

        torch.ones(1, device="cuda")

    return want


def failed(job: TrainJob, ledger: Ledger) -> Any:
    """Its verdict, once it has failed."""
    with pytest.raises(JobFailed):
        job.wait(PATIENCE)
    said = job.explain().diagnosis
    assert said is not None
    return ledger.note(said)


def granted(job: TrainJob) -> Any:
    found = job.workload.granted
    assert found is not None
    return found


# -- what a worker gets ------------------------------------------------------------------------


def test_torch_is_refused_what_is_beyond_its_share(client: Client, card: Device) -> None:
    job = client.train(filling(), gpu=0.25, gpu_model=card.model)
    said = job.result()
    assert "fraction" in granted(job).gpu_granted
    assert 0.23 * said["total"] < said["held"] <= 0.25 * said["total"]
    assert said["devices"] == 1
    assert said["refused"].startswith("CUDA out of memory. Tried to allocate 32.00 MiB")


def test_a_share_asked_for_as_memory_is_at_least_that(client: Client, card: Device) -> None:
    said = client.train(filling(), gpu_memory="3Gi", gpu_model=card.model).result()
    most = 3 * GIB + card.memory / 100
    assert 0.9 * 3 * GIB < said["held"] <= most


def test_a_torch_that_does_not_read_the_share_is_held_to_it_too(
    client: Client, card: Device
) -> None:
    """As a worker with a torch before 2.10 does it, on a card that is otherwise its own."""
    prepare = (
        "import os\n"
        "from cnai_sdk import sharing\n"
        "sharing._READ_SINCE = (99, 0)\n"
        "os.environ[sharing.VARIABLE] = sharing.KEY + '0.1'\n"
        "sharing.keeper()(torch)\n"
        "assert sharing.VARIABLE not in os.environ\n"
    )
    said = client.train(filling(), gpu=1, gpu_model=card.model, args={"prepare": prepare}).result()
    assert 0.08 * said["total"] < said["held"] <= 0.1 * said["total"]


def test_a_whole_device_is_the_one_that_was_granted(client: Client, card: Device) -> None:
    prepare = "torch.cuda.set_per_process_memory_fraction(0.05)"
    job = client.train(filling(), gpu=1, gpu_model=card.model, args={"prepare": prepare})
    said = job.result()
    assert granted(job).devices == (said["uuid"],)
    assert said["devices"] == 1


def test_the_driver_and_torch_tell_the_same_of_the_memory(client: Client, card: Device) -> None:
    def seen() -> Device:
        return next(each for each in read_gpus().devices if each.id == card.id)

    before = seen()
    job = client.train(holding(), gpu=0.5, gpu_model=card.model)
    until(lambda: len(job.reports()) or job.status.ended)
    now, (said,) = seen(), job.reports()
    (job.outputs.path / "release").touch()
    job.wait(PATIENCE)
    assert granted(job).devices == (card.id,)
    assert said["total"] == pytest.approx(card.memory, rel=0.03)
    assert now.memory - now.memory_used == pytest.approx(said["free"], abs=512 * MIB)
    assert 2 * GIB <= now.memory_used - before.memory_used < 4 * GIB, "a tensor and a context"
    until(lambda: seen().memory_used < before.memory_used + GIB)


# -- who is hurt -------------------------------------------------------------------------------


@produces("real", "CUDA_OOM")
def test_an_overrun_fails_its_owner_only(client: Client, card: Device, ledger: Ledger) -> None:
    wish = {**SHARE, "gpu_model": card.model}
    with training(client, 2, NEIGHBOUR, wish, expected="fraction") as neighbours:
        greedy = client.train(overrunning(), **wish)
        said = failed(greedy, ledger)
        assert granted(greedy).devices == granted(neighbours[0]).devices
        ended = [reports_of(job)[-1].at for job in neighbours]
        until(lambda: all(reports_of(j)[-1].at > max(ended) for j in neighbours))
    assert said.short == "GPU memory full in worker 0"
    assert "gpu_memory=" in said.fix
    assert "It was given" in said.why
    assert any("CUDA out of memory" in line.text for line in said.evidence)
    assert [job.status for job in neighbours] == [Phase.SUCCEEDED] * 2
    assert all(still_learns(reports_of(job), max(ended)) for job in neighbours)


@produces("real", "CUDA_DEVICE_ASSERT")
def test_a_check_that_fails_on_the_device_ends_its_owner_only(
    client: Client, card: Device, ledger: Ledger
) -> None:
    wish = {**SHARE, "gpu_model": card.model}
    with training(client, 1, NEIGHBOUR, wish, expected="fraction") as (neighbour,):
        said = failed(client.train(asserting(), **wish), ledger)
        ended = reports_of(neighbour)[-1].at
        until(lambda: reports_of(neighbour)[-1].at > ended)
    assert said.code == 'job.rerun(env={"CUDA_LAUNCH_BLOCKING": "1"})'
    assert neighbour.status == Phase.SUCCEEDED
    assert still_learns(reports_of(neighbour), ended)


@produces("real", "CUDA_NO_GPU")
def test_a_job_that_asked_for_no_gpu_sees_none_of_this_machine(
    client: Client, ledger: Ledger
) -> None:
    said = failed(client.train(wanting()), ledger)
    assert "gpu=1" in said.fix


def test_what_shares_of_others_leave_is_waited_for(client: Client, card: Device) -> None:
    count = sum(1 for d in read_gpus().devices if d.model == card.model and not d.parent)
    first = [
        client.train(holding(), gpu=0.75, cpu=0.25, gpu_model=card.model) for _ in range(count)
    ]
    until(lambda: all(len(job.reports()) or job.status.ended for job in first))
    second = client.train(wanting(), gpu=0.5, cpu=0.25, gpu_model=card.model)
    until(lambda: second.workload.message)
    waiting = second.workload
    assert waiting.phase is Phase.QUEUED
    assert "GPU" in waiting.message
    for job in first:
        (job.outputs.path / "release").touch()
    second.wait(PATIENCE)
    assert second.status == Phase.SUCCEEDED
