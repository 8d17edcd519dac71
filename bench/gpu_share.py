"""One card, alone and shared: throughput, memory held to its share, and an overrun.

Each job is `scripts/shared_card.py`, run by the SDK's own local backend: one with gpu=1, then n
with gpu=1/n at once, held by torch's fraction and, where its daemon can be started, by MPS. Samples
are counted over the time in which all n train. Then three train with half of their quarter taken,
and a fourth takes more than its own. It needs a card of NVIDIA's that is not cut into MIG slices,
and a torch that is built for CUDA.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from bench.mps import NoMps, daemon, folder_for_mps
from bench.peers import SCRIPTS
from bench.plan import Plan
from bench.table import Row
from bench.throughput import WARM, Disturbance, Report, most_held, still_learns, together
from bench.workplace import NotWarm, plain_client, warm_client
from cnai_sdk import Client, JobFailed
from cnai_sdk.backends.local.nvml import read_gpus
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.quota import Device
from cnai_sdk.training import TrainJob

JOBS = (2, 4)
CROWD = 4
"""Of so many one overruns."""

_SCRIPT = SCRIPTS / "shared_card.py"
_PATIENCE = 120.0
_GIB = 2**30
_NO_WORSE = 0.95
_ALL_OF_IT = 0.95
Way = tuple[str, Callable[[], AbstractContextManager[None]]]
WAYS: tuple[Way, ...] = (("fraction", nullcontext), ("mps", daemon))
Runs = dict[tuple[str, str, int], list[list[list[Report]]]]
"""By model, way and number of jobs: for each run, what each of its jobs reported."""


class NotSo(Exception):
    """Jobs share in another way than the one that is measured."""


def measure(plan: Plan) -> Sequence[Row]:
    """Throughput and memory of jobs that share a card, and what an overrun does to the others."""
    card, why = card_to_share()
    if card is None:
        print(
            f"no GPU to share: it needs a card of NVIDIA's without MIG and a torch for CUDA. {why}",
            file=sys.stderr,
        )
        return []
    window = 2.0 if plan.quick else 8.0
    with folder_for_mps(Path(os.environ["CNAI_HOME"]).parent):
        client = _client()
        ways = _ways_of_here(client, card)
        found: Runs = {}
        for _ in range(plan.runs(2)):
            for model, batch in models_for(card):
                _once(client, card, model, batch, ways, window, found)
        rows = rows_of(found, card)
        for name, begin in ways:
            with begin():
                rows += _overrun(client, card, name, window)
    return rows


def _client() -> Client:
    """Warm where that is possible; what is compared starts alike."""
    try:
        return warm_client()
    except NotWarm as error:
        print(f"gpu_share, plain starts: {error}", file=sys.stderr)
        return plain_client()


def card_to_share() -> tuple[Device | None, str]:
    """The largest card that can be shared by this process, or None and why there is none."""
    found = read_gpus()
    cards = [each for each in found.devices if not each.parent and each.mechanism != "mig"]
    if not cards:
        return None, found.looked
    import torch

    if torch.version.cuda is None:
        return None, f"torch {torch.__version__} is the CPU build."
    return max(cards, key=lambda each: each.memory), found.looked


def models_for(card: Device) -> tuple[tuple[str, int], ...]:
    """The models that fit into the smallest share of a card, each with its batch.

    >>> models_for(Device(id="GPU-0", model="NVIDIA H200", memory=140 * 2**30))
    (('residual', 64), ('transformer', 16))
    >>> models_for(Device(id="GPU-0", model="NVIDIA T4", memory=15 * 2**30))
    (('residual', 64),)
    """
    share = card.memory / max(JOBS)
    batch = 16 if share >= 10 * _GIB else 4 if share >= 5 * _GIB else 0
    return (("residual", 64), *((("transformer", batch),) if batch else ()))


def _ways_of_here(client: Client, card: Device) -> list[Way]:
    """Those in which a job trains on this machine; why one is left out is printed."""
    found = []
    for name, begin in WAYS:
        try:
            with begin():
                model = ("residual", 64, 0, "cuda")
                trained(client, 1, model, _wish(card, CROWD), 0.0, expected=name)
        except (NoMps, NotSo, JobFailed) as error:
            print(f"gpu_share, no {name}: {error}", file=sys.stderr)
        else:
            found.append((name, begin))
    return found


def _wish(card: Device, jobs: int) -> dict[str, Any]:
    """A part of the card, and as much of the processor for one alone as for one of a crowd."""
    return {"gpu": 1 / jobs, "gpu_model": card.model, "cpu": cores_each(os.sched_getaffinity(0))}


def cores_each(cores: Sized) -> float:
    """What each job of a crowd has of the processor.

    >>> cores_each(range(16)), cores_each(range(2))
    (4, 0.5)
    """
    return len(cores) // CROWD or len(cores) / CROWD


# -- throughput and memory -----------------------------------------------------------------


def _once(
    client: Client,
    card: Device,
    model: str,
    batch: int,
    ways: Sequence[Way],
    window: float,
    found: Runs,
) -> None:
    def run(name: str, jobs: int) -> None:
        argv, wish = (model, batch, 0, "cuda"), _wish(card, jobs)
        reports = trained(client, jobs, argv, wish, window, expected=name)
        found.setdefault((model, name, jobs), []).append(reports)
        rates = together(reports)
        print(f"gpu_share, {model}, {jobs} by {name}: {_rates(rates)}", file=sys.stderr)

    run("whole", 1)
    for name, begin in ways:
        with begin():
            for jobs in JOBS:
                run(name, jobs)


def trained(
    client: Client,
    count: int,
    argv: Sequence[object],
    wish: Mapping[str, Any],
    window: float,
    *,
    expected: str = "",
) -> list[list[Report]]:
    """What so many jobs reported that trained beside each other for at least a window.

    Args:
        argv: of the script.
        wish: what each asks for.
        expected: what has to hold their shares, or '' for anything.
    """
    with training(client, count, argv, wish, expected=expected) as jobs:
        time.sleep(window)
    return [reports_of(job) for job in jobs]


@contextlib.contextmanager
def training(
    client: Client,
    count: int,
    argv: Sequence[object],
    wish: Mapping[str, Any],
    *,
    expected: str = "",
) -> Iterator[list[TrainJob]]:
    """So many jobs that all train and are warm; ended when the block is left.

    Raises:
        NotSo: they do not share one card, or by another mechanism.
    """
    jobs = [client.train_script(_SCRIPT, argv=[str(a) for a in argv], **wish) for _ in range(count)]
    try:
        for job in jobs:
            _until_warm(job)
        if expected:
            _check_granted(jobs, expected)
        yield jobs
    except BaseException:
        for job in jobs:
            job.stop()
        raise
    for job in jobs:
        (job.outputs.path / "end").touch()
    for job in jobs:
        job.wait(_PATIENCE)


def _until_warm(job: TrainJob) -> None:
    deadline = time.monotonic() + _PATIENCE
    while len(job.reports()) <= WARM:
        if job.status.ended or time.monotonic() > deadline:
            job.wait(0.1)  # says why it failed
            raise RuntimeError(f"{job.name} ended before it was warm")
        time.sleep(0.05)


def _check_granted(jobs: Sequence[TrainJob], expected: str) -> None:
    granted = [job.workload.granted for job in jobs]
    words = {each.gpu_granted for each in granted if each is not None}
    devices = {each.devices for each in granted if each is not None}
    if len(devices) != 1 or not all(expected in each for each in words):
        raise NotSo(f"not one card shared by {expected}: {sorted(words)} on {devices}")


def reports_of(job: TrainJob) -> list[Report]:
    """Everything that a job said of itself."""
    return [Report.of(row) for row in job.reports()]


def rows_of(found: Runs, card: Device) -> list[Row]:
    """Lines of the table: each number of jobs beside one that had the card alone."""
    rows = []
    for (model, name, count), runs in found.items():
        if count == 1:
            continue
        alone = median(sum(together(run)) for run in found[model, "whole", 1])
        shared = [together(run) for run in runs]
        total = median(map(sum, shared))
        share, most = card.memory / count, max(map(most_held, runs))
        rows += [
            Row(
                what=f"{model}, {count} jobs share a {card.model} by {name}",
                ours=f"{total:,.0f} samples/s, {_rates([each for run in shared for each in run])}",
                peers=f"one alone {alone:,.0f} samples/s",
                ratio=total / alone,
            ),
            Row(
                what="the same: memory that torch held, of any job at most",
                ours=show_bytes(most),
                peers=f"its share {show_bytes(share)}",
                ratio=most / share,
                goal="≤ its share",
                met=most <= share,
            ),
        ]
    return rows


def _rates(rates: Sequence[float]) -> str:
    """What each job had.

    >>> _rates([1200.4, 1500.6]), _rates([9.0])
    ('each 1,200 to 1,501', 'each 9')
    """
    low, high = min(rates), max(rates)
    return f"each {low:,.0f}" + (f" to {high:,.0f}" if high > low else "")


# -- an overrun ----------------------------------------------------------------------------


def _overrun(client: Client, card: Device, name: str, window: float) -> list[Row]:
    share = card.memory / CROWD
    wish = _wish(card, CROWD)
    argv = ("residual", 64, int(share / 2), "cuda")
    with training(client, CROWD - 1, argv, wish, expected=name) as jobs:
        time.sleep(window)
        submitted = time.monotonic()
        greedy = client.train_script(_SCRIPT, argv=["overrun"], **wish)
        with contextlib.suppress(JobFailed):
            greedy.wait(_PATIENCE)
        ended = time.monotonic()
        time.sleep(window + 1)
    verdict = greedy.explain()
    print(f"gpu_share, an overrun by {name}:\n{verdict}", file=sys.stderr)
    said = verdict.diagnosis
    return rows_of_overrun(
        f"1 of {CROWD} by {name} takes more than its share",
        verdict=f"{said.id}: {said.short}" if said is not None else "it did not fail",
        held=most_held([reports_of(greedy)]),
        share=share,
        neighbours=[reports_of(job) for job in jobs],
        moments=(submitted, ended, window),
    )


def rows_of_overrun(
    what: str,
    *,
    verdict: str,
    held: float,
    share: float,
    neighbours: Sequence[Sequence[Report]],
    moments: tuple[float, float, float],
) -> list[Row]:
    """Lines of the table: what the one was told, and what the others noticed.

    Args:
        held: bytes that it had when it was refused more.
        moments: when it was submitted and had ended, and how long to count on both sides.
    """
    submitted, ended, window = moments
    seen = Disturbance.of(neighbours, submitted, ended, window)
    going = sum(still_learns(each, ended) for each in neighbours)
    return [
        Row(what=what, ours=verdict, goal="CUDA_OOM", met=verdict.startswith("CUDA_OOM")),
        Row(
            what="the same: memory that it had when it was refused more",
            ours=show_bytes(held),
            peers=f"its share {show_bytes(share)}",
            ratio=held / share,
            goal=f"{100 * _ALL_OF_IT:.0f} to 100 % of its share",
            met=_ALL_OF_IT * share <= held <= share,
        ),
        Row(
            what=f"the same: its {len(neighbours)} neighbours, of which {going} go on and learn",
            ours=f"{seen.after:,.0f} samples/s after it",
            peers=f"before it {seen.before:,.0f} samples/s; meanwhile {seen.during:,.0f}",
            ratio=seen.after / seen.before,
            goal=f"all go on; ≥ {_NO_WORSE:g} of before",
            met=going == len(neighbours) and seen.after >= _NO_WORSE * seen.before,
        ),
    ]
