"""Submit to a cluster: from a spec to the answer, beside a bare create and Kubeflow's own clients.

A job of two workers for each operator: a PyTorchJob beside kubeflow-training's client, a TrainJob
beside the kubeflow SDK, which is installed with --with-peers into an environment of its own. The
nodes are closed, so that nothing runs meanwhile, and a second passes between two submissions, so
that the operator has done its part of the one before. Ours checks a pod first and creates then.
Then as many jobs of one name at once as a sweep has, beside bare creates of as many names.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.cluster import namespace_or_none
from bench.peers import SCRIPTS, kubeflow_sdk
from bench.plan import Plan
from bench.table import Row, version
from bench.timing import Spread
from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.naming import new_id
from cnai_sdk.backends.kubernetes.plan import planned
from cnai_sdk.config import load_config
from cnai_sdk.model.spec import Payload, Resources, TrainSpec

PAUSE = 1.0
CROWD = 50
_SPEC = TrainSpec(
    name="bench",
    workers=2,
    resources=Resources(cpu=0.1, memory=2**28),
    image="python:3",
    payload=Payload(entry="work", files={"script.py": b"print('done')\n"}),
)


@dataclass(frozen=True)
class Told:
    """What a client took for one submission."""

    took: Spread
    requests: float

    @classmethod
    def of(cls, found: dict[str, Any]) -> Told:
        """What a script printed."""
        return cls(Spread(tuple(found["took"])), found["requests"])

    def __str__(self) -> str:
        return f"{self.took}, {self.requests:g} request{'s' * (self.requests != 1)}"


def measure(plan: Plan) -> Sequence[Row]:
    """Medians of some submissions, after one that is not counted."""
    rounds = 3 if plan.quick else 25
    operators = ("training-operator", "jobset", "trainer")
    rows: list[Row] = []
    with namespace_or_none(plan, operators=operators) as found:
        if found is None:
            return []
        for kind, whose in (("pytorchjob", "kubeflow-training"), ("trainjob", "kubeflow SDK")):
            (ours, bare), (many, plain) = asyncio.run(_ours(kind, rounds))
            rows.append(
                Row(
                    what=f"submit a {KINDS[kind].kind} of two workers",
                    ours=str(ours),
                    peers=f"a bare create of the same object {bare}",
                    ratio=ours.took.median / bare.took.median,
                    goal="2 requests",
                    met=ours.requests == 2,
                )
            )
            peer = _training(rounds) if kind == "pytorchjob" else _sdk(plan, rounds)
            if peer is not None:
                name, theirs = peer
                rows.append(
                    Row(
                        what=f"the same, beside {whose}",
                        ours=str(ours),
                        peers=f"{name} {theirs}",
                        ratio=ours.took.median / theirs.took.median,
                    )
                )
            rows.append(
                Row(
                    what=f"submit {CROWD} such {KINDS[kind].kind}s of one name at once",
                    ours=f"{many.took.median:.2f} s, {many.requests:g} requests each",
                    peers=f"{CROWD} bare creates at once, of as many names {plain:.2f} s",
                    ratio=many.took.median / plain,
                    goal="2 requests each",
                    met=many.requests == 2,
                )
            )
    return rows


async def _ours(kind: str, rounds: int) -> tuple[tuple[Told, Told], tuple[Told, float]]:
    """Submissions and bare creates: in turns, and many at once."""
    config = msgspec.structs.replace(load_config(), operator=kind)
    backend = KubernetesBackend(config)
    session = await backend._session()
    count = _counter(session.api)
    path = KINDS[kind].path(session.target.namespace)

    def bare_job() -> dict[str, Any]:
        id = new_id()
        made = planned(
            _SPEC,
            id=id,
            name=f"bare-{id[:8]}",
            namespace=session.target.namespace,
            served=session.served,
            config=config,
        )
        return KINDS[kind].manifest(_SPEC, made)

    ours, bare, requests = [], [], 0
    for number in range(rounds + 1):
        before, started = count(), time.perf_counter()
        await backend.submit(_SPEC, secrets={})
        took = time.perf_counter() - started
        requests = count() - before
        await asyncio.sleep(PAUSE)
        body = bare_job()
        started = time.perf_counter()
        await session.api.create(path, body)
        if number:
            ours.append(took)
            bare.append(time.perf_counter() - started)
        await asyncio.sleep(PAUSE)
    before, started = count(), time.perf_counter()
    await asyncio.gather(*(backend.submit(_SPEC, secrets={}) for _ in range(CROWD)))
    many, asked = time.perf_counter() - started, count() - before
    await asyncio.sleep(PAUSE)
    bodies = [bare_job() for _ in range(CROWD)]
    started = time.perf_counter()
    await asyncio.gather(*(session.api.create(path, body) for body in bodies))
    plain = time.perf_counter() - started
    await backend.close()
    one = Told(Spread(tuple(ours)), requests), Told(Spread(tuple(bare)), 1)
    return one, (Told(Spread((many,)), asked / CROWD), plain)


def _counter(api: Api) -> Callable[[], int]:
    """Counts the requests that are no watches and follow no log."""
    seen = 0

    async def note(request: Any) -> None:
        nonlocal seen
        seen += "watch" not in str(request.url.query) and "/log" not in request.url.path

    api._http.event_hooks["request"].append(note)
    return lambda: seen


def _training(rounds: int) -> tuple[str, Told]:
    name = f"kubeflow-training {version('kubeflow-training')}"
    return name, _script(sys.executable, "kubeflow_training_submit.py", rounds)


def _sdk(plan: Plan, rounds: int) -> tuple[str, Told] | None:
    if not plan.with_peers:
        print("cluster_submit: the kubeflow SDK only with --with-peers", file=sys.stderr)
        return None
    python, sdk = kubeflow_sdk()
    return f"kubeflow SDK {sdk}", _script(python, "kubeflow_submit.py", rounds)


def _script(python: str, name: str, rounds: int) -> Told:
    command = [python, str(SCRIPTS / name), str(rounds), str(PAUSE)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Told.of(json.loads(done.stdout.splitlines()[-1]))
