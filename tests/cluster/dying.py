"""Clients that die while they submit: python -m tests.cluster.dying OPERATOR SPEC FOLDER WRITES

One is ended before the first request that changes something, and one at each answer to such a
request: the server has done it, the client has not heard of it, and the next was not sent. A last
one, with no such answer left, lives on. Each has a process of its own and submits under a name that
says when it dies. Prints their exit codes by name.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import Config
from cnai_sdk.model.spec import Spec, TrainSpec

DIED = 9
_CHANGES = ("POST", "PATCH", "DELETE")


async def submit(config: Config, spec: TrainSpec, hook: str, survives: int) -> None:
    """Submit, and die at the request or the answer after so many.

    Args:
        hook: of the HTTP client: 'request' or 'response'.
    """
    backend = KubernetesBackend(config)
    api = (await backend._session()).api
    left = survives

    async def die(what: Any) -> None:
        nonlocal left
        request = what if hook == "request" else what.request
        if request.method in _CHANGES:
            left -= 1
            if left < 0:
                os._exit(DIED)

    api._http.event_hooks[hook].append(die)
    await backend.submit(spec, secrets=dict.fromkeys(spec.secrets, "hf_not_a_real_one"))


def main(operator: str, file: str, folder: str, writes: str) -> None:
    """All at once: a client waits for the server most of its time."""
    spec = msgspec.json.decode(Path(file).read_bytes(), type=Spec)
    assert isinstance(spec, TrainSpec)
    deaths = [("request", 0), *(("response", n) for n in range(int(writes) + 1))]
    pids: dict[str, int] = {}
    for hook, survives in deaths:
        name = f"{hook}-{survives}"
        if not (pid := os.fork()):
            config = Config(home=Path(folder) / name, operator=operator)
            asyncio.run(submit(config, msgspec.structs.replace(spec, name=name), hook, survives))
            os._exit(0)
        pids[name] = pid
    codes = {n: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for n, pid in pids.items()}
    print(json.dumps(codes))


if __name__ == "__main__":
    main(*sys.argv[1:])
