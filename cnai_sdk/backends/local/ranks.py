"""How one rank comes to be: forked from the warm image of its supervisor, or started plainly."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from cnai_sdk.backends.local import tree

TEMPLATE_THREADS = 1
own_modules: tuple[str, ...] = ()  # the SDK's own, in a process that was forked from the template
_OURS = ("CNAI_", "JPY_", "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_")
_BLAS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class RankPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is needed to start one rank.

    Attributes:
        rank: its number.
        payload, outputs: folders.
        environment: the whole environment.
        cpus: cores to pin to; empty for all.
        out: the write end of its pipe, for both of its streams.
        store: the listening socket that rank 0 inherits, or -1.
        interpreter: the Python that runs it when it is not forked.
        umask, open_files: as the submitter has them.
    """

    rank: int
    payload: str
    outputs: str
    environment: dict[str, str]
    cpus: tuple[int, ...]
    out: int
    store: int
    interpreter: str
    umask: int = 0o022
    open_files: int = 0


def base_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what belongs to the caller's own process."""
    kept = {k: v for k, v in caller.items() if not k.startswith(_OURS)}
    if kept.get("MPLBACKEND", "").startswith("module://"):
        kept["MPLBACKEND"] = "Agg"  # the notebook's own backend draws into a notebook
    return kept


def distributed_environment(
    *, rank: int, world: int, port: int, attempt: int, threads: int, wished: str = ""
) -> dict[str, str]:
    """What torchrun gives a worker, and its thread counts.

    Args:
        threads: how many its cores are enough for.
        wished: the caller's own OMP_NUM_THREADS for it; MKL and the others follow that one where
            nothing else is said, and so must they here.
    """
    values = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": world,
        "LOCAL_WORLD_SIZE": world,
        "GROUP_RANK": 0,
        "GROUP_WORLD_SIZE": 1,
        "ROLE_RANK": rank,
        "ROLE_WORLD_SIZE": world,
        "ROLE_NAME": "default",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCHELASTIC_RESTART_COUNT": attempt,
        "TORCHELASTIC_MAX_RESTARTS": 0,
        "TORCHELASTIC_RUN_ID": "cnai",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "GLOO_SOCKET_IFNAME": "lo",
        "CNAI_THREADS": threads,
    }
    shown = {name: str(value) for name, value in values.items()}
    return shown | dict.fromkeys(_BLAS, wished or str(threads))


def start(plan: RankPlan, *, warm: bool) -> int:
    """Start the rank and return its process id. The caller is single-threaded."""
    parent = os.getpid()
    with tree.requests_wait():
        pid = os.fork()
        if pid == 0:
            _run(plan, parent, warm=warm)
    return pid


def _run(plan: RankPlan, parent: int, *, warm: bool) -> NoReturn:
    """Be the rank, in a fork of the supervisor."""
    try:
        _become(plan, parent)
        if warm:
            _run_here(plan)
        bootstrap = os.path.join(plan.payload, "worker", "cnai_sdk", "bootstrap.py")
        os.execve(
            plan.interpreter,
            [plan.interpreter, os.path.realpath(bootstrap), plan.payload],
            plan.environment,
        )
    except BaseException as error:
        os.write(2, f"The worker could not start: {error}\n".encode())
    finally:
        os._exit(127)


def _become(plan: RankPlan, parent: int) -> None:
    """From a copy of the supervisor to a process of its own that dies with it."""
    os.setsid()
    tree.die_with_parent(parent)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, plan.out), (2, plan.out)):
        os.dup2(source, target)
    _close_others([plan.store])
    if plan.store >= 0:
        os.set_inheritable(plan.store, True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as in every Python program
    tree.take_requests()
    if plan.cpus:
        os.sched_setaffinity(0, plan.cpus)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if plan.open_files:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        soft = plan.open_files if hard == resource.RLIM_INFINITY else min(plan.open_files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    os.umask(plan.umask)
    os.chdir(plan.outputs)


def _close_others(kept: Sequence[int]) -> None:
    start = 3
    for descriptor in sorted(d for d in kept if d >= 3):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, 65536)


def _run_here(plan: RankPlan) -> None:
    """Run the bootstrap in this forked copy."""
    os.environ.clear()
    os.environ.update(plan.environment)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    path = os.path.join(plan.payload, "worker", "cnai_sdk", "bootstrap.py")
    namespace: dict[str, object] = {"__name__": "cnai_bootstrap", "__file__": path}
    exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), namespace)
    namespace["run"](plan.payload, loaded_with=TEMPLATE_THREADS, loaded=own_modules)  # type: ignore[operator]


def shipped_environment(
    *, payload: str, outputs: str, result: str, rank: int, job: str, name: str, mark: str
) -> dict[str, str]:
    """What the worker package reads."""
    values = {
        "CNAI_JOB_ID": job,
        "CNAI_JOB_NAME": name,
        "CNAI_PAYLOAD": payload,
        "CNAI_OUTPUT_DIR": outputs,
        tree.MARK: mark,
    }
    if rank == 0:
        values["CNAI_RESULT"] = result
    return values


def arguments(argv: Sequence[str]) -> dict[str, str]:
    """sys.argv beyond the script's own name."""
    return {"CNAI_ARGV": json.dumps(list(argv))} if argv else {}
