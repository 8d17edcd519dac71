"""What workers print and how their processes end, each on the cluster, and what is said of it.

The jobs of one test stand side by side: most of their time is a pod's start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cnai_sdk.model.spec import DataLink
from tests.cluster.testnode.controls import Controls
from tests.stores import hub, index

from . import surviving
from .produced import Ledger, produces
from .serving import served
from .verdicts import Job, Stage, all_end_as


def of(scripts: dict[str, str]) -> dict[str, Job]:
    return {id: Job(script) for id, script in scripts.items()}


PYTHON = {
    "PY_MODULE_MISSING": "import no_such_module_of_anybody",
    "PY_NAME_MISSING": "print(pd)",
    "PY_VERSION_SKEW_OPCODE": "type(work.__code__)(*range(32))",
    "PY_UNPICKLABLE": "import pickle, threading\npickle.dumps(threading.Lock())",
    "PY_NO_SOURCE": "import inspect\nexec('def f(): pass', globals())\ninspect.getsource(f)",
    "FILE_MISSING": "open('data/train.csv')",
    "PORT_IN_USE": """
        import socket
        first = socket.create_server(("127.0.0.1", 0))
        socket.socket().bind(first.getsockname())
        """,
    "SDK_REFUSED": "import cnai_sdk as cnai\ncnai.report(step=0, loss=[1.0])",
    "USER_EXCEPTION": "raise ValueError('bad label')",
    "NAN_LOSS": "import cnai_sdk as cnai\ncnai.report(step=0, loss=float('nan'))",
}


@produces("real", *PYTHON)
async def test_what_python_says(stage: Stage, ledger: Ledger) -> None:
    await all_end_as(stage, ledger, of(PYTHON))


def _ends_by(signal: str) -> str:
    return f"import os, signal, time\nos.kill(os.getpid(), signal.{signal})\ntime.sleep(600)"


ENDS = {
    "SEGFAULT": _ends_by("SIGSEGV"),
    "KILLED": _ends_by("SIGKILL"),
    "ABORTED": "import os\nos.abort()",
    "BUS_ERROR": _ends_by("SIGBUS"),
    "ILLEGAL_INSTRUCTION": _ends_by("SIGILL"),
    "SIGFPE": _ends_by("SIGFPE"),
    "EXIT_143": _ends_by("SIGTERM"),
    "INTERRUPTED": _ends_by("SIGINT"),
    "EXIT_CODE": "import os\nos._exit(7)",
}


@produces("real", *ENDS)
async def test_how_a_process_ends(stage: Stage, ledger: Ledger) -> None:
    await all_end_as(stage, ledger, of(ENDS))


LEARNS = "import torch\nfrom torch import nn\nx, y = torch.zeros(2, 5), torch.tensor([0, 10])\n"
LOADS = """
import os, signal, torch
class Set(torch.utils.data.Dataset):
    def __len__(self): return 2
    def __getitem__(self, n): return {item}
for batch in torch.utils.data.DataLoader(Set(), num_workers=1, batch_size=None): pass
"""

TORCH = {
    "SHAPE": f"{LEARNS}nn.Linear(3, 4)(x)",
    "LABEL_RANGE": f"{LEARNS}nn.functional.cross_entropy(x, y)",
    "DTYPE": f"{LEARNS}nn.functional.cross_entropy(x, y.int())",
    "WEIGHTS_ONLY": f"{LEARNS}torch.save(nn.Linear(2, 2), 'net.pt')\ntorch.load('net.pt')",
    "SHM_SMALL": f"{LEARNS}torch.zeros(2**23).share_memory_()",
    "OOM_CHILD_ONLY": LOADS.format(item="os.kill(os.getpid(), signal.SIGKILL)"),
    "DATALOADER_HIDDEN": LOADS.format(item="os._exit(1)"),
}


@produces("real", *TORCH)
async def test_what_torch_says(stage: Stage, ledger: Ledger) -> None:
    await all_end_as(stage, ledger, of(TORCH), shm=2**20)


JOINS = """
import datetime, os, torch, torch.distributed as d
soon = datetime.timedelta(seconds=3)
"""
FORKS = f"""
{JOINS}
os.environ["WORLD_SIZE"] = "2"
peer = os.fork() == 0
os.environ["RANK"] = str(int(peer))
d.init_process_group("gloo", timeout=3 * soon)
d.barrier()
if peer: {{peer}}
d.all_reduce(torch.ones(1))
"""
"""A worker whose peer is a process beside it, so that of the peer nothing is heard but this."""

MEET = {
    "DIST_ENV": f"{JOINS}del os.environ['RANK']\nd.init_process_group('gloo')",
    "DIST_NOT_JOINED": f"{JOINS}d.barrier()",
    "DIST_JOINED_TWICE": f"{JOINS}d.init_process_group('gloo')\nd.init_process_group('gloo')",
    "DDP_UNUSED": f"""{JOINS}
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    def forward(self, x): return self.used(x)
d.init_process_group('gloo')
net = torch.nn.parallel.DistributedDataParallel(Net())
for step in range(2): net(torch.ones(2)).sum().backward()
""",
    "GLOO_IFNAME": f"""{JOINS}
os.environ['GLOO_SOCKET_IFNAME'] = 'eth9'
d.init_process_group('gloo')
""",
    "RDZV_DNS": f"""{JOINS}
os.environ.update(MASTER_ADDR='worker-0.nosuch', RANK='1', WORLD_SIZE='2')
d.init_process_group('gloo', timeout=soon)
""",
    "RDZV_REFUSED": f"""{JOINS}
os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT='1', RANK='1', WORLD_SIZE='2')
d.init_process_group('gloo', timeout=soon)
""",
    "RDZV_WAIT": f"""{JOINS}
store = d.TCPStore('127.0.0.1', 0, is_master=True, wait_for_workers=False, timeout=soon)
d.init_process_group('gloo', store=store, rank=0, world_size=2, timeout=soon)
""",
    "GLOO_PEER_DIED": FORKS.format(peer="os._exit(1)"),
    "GLOO_HANG": FORKS.format(peer="__import__('time').sleep(600)"),
    "TORCHRUN_CHILD": """
import pathlib
from torch.distributed.run import main
pathlib.Path('child.py').write_text('raise SystemExit(3)')
main(['--standalone', 'child.py'])
""",
}


@produces("real", *MEET)
async def test_what_workers_say_who_do_not_meet(stage: Stage, ledger: Ledger) -> None:
    await all_end_as(stage, ledger, of(MEET))


@produces("real", "UNEVEN_BATCHES")
async def test_a_worker_that_has_fewer_batches(stage: Stage, ledger: Ledger) -> None:
    script = f"""{JOINS}
d.init_process_group("gloo")
d.barrier()
for step in range(1 + (d.get_rank() == 0)): d.all_reduce(torch.ones(1))
"""
    await all_end_as(stage, ledger, {"UNEVEN_BATCHES": Job(script, workers=2)})


@produces("real", "UNEXPLAINED")
async def test_an_operator_that_gives_up_and_does_not_say_why(
    cluster: Any, stage: Stage, ledger: Ledger
) -> None:
    """The test says in the operator's place that it did."""
    await stage.pytorchjob("odd", policy={"suspend": True})
    path = f"/apis/kubeflow.org/v1/namespaces/{stage.namespace}/pytorchjobs/odd"
    held = lambda: "conditions" in cluster.http.get(path).json().get("status", {})  # noqa: E731
    await surviving.until(held)
    gave_up = {"type": "Failed", "status": "True", "reason": "GaveUp", "message": ""}
    cluster.http.patch(
        f"{path}/status",
        json={"status": {"conditions": [gave_up]}},
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()
    found = ledger.note(await stage.verdict("odd", "UNEXPLAINED"))
    assert "The cluster does not say why" in found.happened


@produces("real", "START_FAILED")
async def test_a_claim_in_which_the_folder_of_the_outputs_cannot_be_made(
    stage: Stage, ledger: Ledger
) -> None:
    await stage.claim("scratch")
    takes = "import cnai_sdk as cnai\n(cnai.output_dir().parent / 'taken').write_text('')"
    await stage.ended(await stage.train(takes, outputs="pvc://scratch/runs"))
    job = Job(outputs="pvc://scratch/runs/taken")
    await all_end_as(stage, ledger, {"START_FAILED": job})


FULL = 8 * 2**20
"""Bytes that a node's disk has left, a little more than a worker needs to start."""


@pytest.fixture
def full(cluster: Any, node: Controls) -> Iterator[None]:
    """The disks of all nodes are nearly full."""
    nodes = [each["metadata"]["name"] for each in cluster.http.get("/api/v1/nodes").json()["items"]]
    for name in nodes:
        node.disk(name, FULL)
    yield
    for name in nodes:
        node.disk(name, None)


@produces("real", "DISK_FULL", "PIP_DISK_FULL", "DATA_NO_ROOM")
async def test_a_node_whose_disk_is_full(
    cluster: Any, stage: Stage, ledger: Ledger, full: None
) -> None:
    packages, models = await asyncio.to_thread(
        served, cluster, stage.namespace, index=index, hub=hub
    )
    env = {
        "PIP_INDEX_URL": f"http://{packages.address}/simple",
        "PIP_TRUSTED_HOST": packages.host,
        "HF_ENDPOINT": f"http://{models.address}",
    }
    jobs = {
        "DISK_FULL": Job(f"open('model.pt', 'wb').write(bytes({2 * FULL}))"),
        "PIP_DISK_FULL": Job(packages=("large",)),
        "DATA_NO_ROOM": Job(data=(DataLink(path="big", source="hf://acme/large"),)),
    }
    await all_end_as(stage, ledger, jobs, env=env)
