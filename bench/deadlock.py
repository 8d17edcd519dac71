"""Deadlock: short DDP jobs whose ranks hang or abort as they end, with our cure and without it.

torch's gloo can deadlock when a process group is destroyed while the interpreter holds its lock
(pytorch#56297), above all where torch._dynamo is loaded; where a group is not destroyed, a rank can
abort as it ends. Whether it happens depends on torch's version, which the table names. Each job
trains for three steps on two ranks in a function of its own, from a process that has imported
torch._dynamo:

- with the cure: as our jobs run;
- without keeping groups: our jobs with CNAI_KEEP_GROUPS=0, which still end by os._exit;
- without any cure: the same function in forked processes that end as any script does, once with
  destroy_process_group and once without it (scripts/short_ddp.py).

A job that has not ended after some seconds counts as a hang.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from bench.notebook import Notebook
from bench.peers import SCRIPTS
from bench.plan import Plan
from bench.table import Row, version
from bench.workplace import warm_client
from cnai_sdk import Client, JobFailed

PATIENCE = 10
_CELLS = (
    "import torch\nimport torch._dynamo\nimport torch.distributed as dist\nfrom torch import nn\n"
    "from torch.nn.parallel import DistributedDataParallel",
    """
def short():
    dist.init_process_group("gloo")
    model = DistributedDataParallel(nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(4, 8)).sum().backward()
        optimizer.step()
    dist.destroy_process_group()
""",
)


def measure(plan: Plan) -> Sequence[Row]:
    """How many hung and how many aborted, each way."""
    jobs = 3 if plan.quick else plan.jobs
    notebook = Notebook(*_CELLS)
    client = warm_client()
    ways: dict[str, Callable[[], Counter[str]]] = {
        "with the cure": lambda: _ours(client, notebook, jobs, {}),
        "CNAI_KEEP_GROUPS=0": lambda: _ours(client, notebook, jobs, {"CNAI_KEEP_GROUPS": "0"}),
        "no cure, destroyed": lambda: _without_cure(jobs, "destroy"),
        "no cure, not destroyed": lambda: _without_cure(jobs, "leave"),
    }
    found = {}
    for way, run in ways.items():
        found[way] = run()
        print(f"deadlock, {way}: {_shown(found[way])}", file=sys.stderr)
    cured = found.pop("with the cure")
    return [
        Row(
            what=f"{jobs} short DDP jobs, torch {version('torch')}",
            ours=_shown(cured),
            peers="; ".join(f"{way}: {_shown(counts)}" for way, counts in found.items()),
            goal="0 hang, 0 abort",
            met=cured["ok"] == jobs,
        )
    ]


def _ours(
    client: Client, notebook: Notebook, jobs: int, environment: Mapping[str, str]
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _ in range(jobs):
        job = client.train(notebook["short"], workers=2, timeout=PATIENCE, env=environment)
        try:
            job.wait()
            counts["ok"] += 1
        except JobFailed:
            workload = job.workload
            hung = workload.reason == "Timeout"
            codes = sorted(replica.exit_code or 0 for replica in workload.replicas)
            counts["hang" if hung else " ".join(map(str, codes))] += 1
        job.delete()
    return counts


def _without_cure(jobs: int, ending: str) -> Counter[str]:
    command = [sys.executable, str(SCRIPTS / "short_ddp.py"), str(jobs), str(PATIENCE), ending]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        return Counter(line.strip() for line in process.stdout)


def _shown(counts: Counter[str]) -> str:
    """Hangs, aborts, and whatever else happened.

    >>> _shown(Counter({"ok": 5, "-6 0": 2, "hang": 1}))
    '1 hang, 2 abort'
    >>> _shown(Counter({"ok": 5, "0 1": 1}))
    '0 hang, 0 abort, 1 exit 0 1'
    """
    abort = str(-signal.SIGABRT)
    aborted = {words for words in counts if abort in words.split()}
    others = set(counts) - aborted - {"ok", "hang"}
    parts = [f"{counts['hang']} hang", f"{sum(counts[words] for words in aborted)} abort"]
    parts += [f"{counts[words]} exit {words}" for words in sorted(others)]
    return ", ".join(parts)
