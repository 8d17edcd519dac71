"""Many jobs: two processes submit 100 jobs each at once into one store, and all of them run.

Each job is one worker that returns its number. More are submitted than the machine has room for,
so the rest wait in the queue, first in, first out; the time is that from the first submission until
the last has ended, and every job must have succeeded under a name of its own. Beside it, as many
plain `python` processes that do as much, two at a time, without any record of them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence

from bench.peers import SCRIPTS
from bench.plan import Plan
from bench.table import Row, seconds
from bench.workplace import warm_client
from cnai_sdk import Client

SUBMITTERS = 2


def measure(plan: Plan) -> Sequence[Row]:
    """Until all were submitted, and until all had ended."""
    each = 4 if plan.quick else 100
    total = each * SUBMITTERS
    client = warm_client()
    submitted, ended, phases, names = _ours(client, each)
    plain = _plain(total)
    return [
        Row(
            what=f"{total} jobs from {SUBMITTERS} processes, submitted",
            ours=f"{seconds(submitted)}, {seconds(submitted / total)} a job",
        ),
        Row(
            what=f"{total} jobs from {SUBMITTERS} processes, ended",
            ours=f"{seconds(ended)}, {seconds(ended / total)} a job",
            peers=f"as many plain processes, two at a time {seconds(plain)}",
            ratio=ended / plain,
        ),
        Row(
            what="how they ended",
            ours=f"{', '.join(f'{n} {phase}' for phase, n in phases.items())}; {names} names",
            goal="all Succeeded, no name twice",
            met=phases == {"Succeeded": total} and names == total,
        ),
    ]


def _ours(client: Client, each: int) -> tuple[float, float, Counter[str], int]:
    """Seconds to submit and to end, the phases, and how many different names there are."""
    before = {job.id for job in client.jobs()}
    started = time.monotonic()
    submitting = [
        subprocess.Popen([sys.executable, str(SCRIPTS / "submit.py"), str(each)])
        for _ in range(SUBMITTERS)
    ]
    if any(process.wait() for process in submitting):
        raise RuntimeError("A process could not submit its jobs.")
    submitted = time.monotonic() - started
    jobs = [job for job in client.jobs() if job.id not in before]
    phases: Counter[str] = Counter()
    for job in jobs:
        phases[job.wait().status.value] += 1
    ended = time.monotonic() - started
    return submitted, ended, phases, len({job.name for job in jobs})


def _plain(total: int) -> float:
    started = time.monotonic()
    for _ in range(total // 2):
        pair = [
            subprocess.Popen([sys.executable, "-c", "print(1)"], stdout=subprocess.DEVNULL)
            for _ in range(2)
        ]
        for process in pair:
            process.wait()
    return time.monotonic() - started
