"""Many short DDP jobs of two ranks without our bootstrap, forked from one process that has torch.

The process has imported torch and torch._dynamo, and computes nothing itself. The ranks of a job
end as any script ends, by the interpreter's own shutdown. What each job did is printed as a line:
'ok', 'hang', or the exit codes of its ranks.

python short_ddp.py JOBS SECONDS destroy|leave
"""

from __future__ import annotations

import os
import socket
import sys
import time

import torch
import torch._dynamo
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

RANKS = 2


def short(*, destroy: bool) -> None:
    """What bench/deadlock.py has in its cell."""
    dist.init_process_group("gloo")
    model = DistributedDataParallel(nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(4, 8)).sum().backward()
        optimizer.step()
    if destroy:
        dist.destroy_process_group()


def free_port() -> int:
    """A port that nobody listened on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(rank: int, port: int) -> int:
    """Fork one rank: its process id in the parent, 0 in the rank."""
    pid = os.fork()
    if not pid:
        os.environ |= {
            "RANK": str(rank),
            "WORLD_SIZE": str(RANKS),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
        }
    return pid


def outcome(pids: list[int], patience: float) -> str:
    """Wait for all ranks, and end those that have not ended in time."""
    deadline = time.monotonic() + patience
    waiting, codes = set(pids), []
    while waiting and time.monotonic() < deadline:
        for pid in list(waiting):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                waiting.remove(pid)
                codes.append(os.waitstatus_to_exitcode(status))
        time.sleep(0.005)
    for pid in waiting:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    if waiting:
        return "hang"
    return " ".join(map(str, sorted(codes))) if any(codes) else "ok"


def main() -> None:
    """Run the jobs, one after another; a rank leaves through here, and ends."""
    jobs, patience, ending = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    for _ in range(jobs):
        port, pids = free_port(), []
        for rank in range(RANKS):
            pid = start(rank, port)
            if not pid:
                short(destroy=ending == "destroy")
                return
            pids.append(pid)
        print(outcome(pids, patience), flush=True)


if __name__ == "__main__":
    main()
