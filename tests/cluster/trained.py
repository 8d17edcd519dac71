"""Jobs as this SDK writes them, sent to a cluster without the backend."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes import naming, pods
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.plan import Plan, planned
from cnai_sdk.backends.record.frames import FrameFilter
from cnai_sdk.config import Config
from cnai_sdk.model.spec import Payload, TrainSpec
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.processes import until

OPERATORS = ("pytorchjob", "trainjob")
_LABEL = {
    "pytorchjob": "training.kubeflow.org/job-name",
    "trainjob": "jobset.sigs.k8s.io/jobset-name",
}

MEETING = """
import os, time
def meet():
    port = f":{int(os.environ['MASTER_PORT']) + 1:04X}"
    while True:
        lines = open("/proc/net/tcp").readlines() + open("/proc/net/tcp6").readlines()
        ends = (line.split()[1:4] for line in lines)
        if any(state == "01" and port in (a[-5:], b[-5:]) for a, b, state in ends):
            return
        time.sleep(0.01)
"""
"""How a script of two workers begins: meet() returns once they are in touch, on the port after
torch's. A worker that is lost before rank 0 has heard of it is not missed: the one in its place
joins the attempt that runs."""


@dataclass(frozen=True)
class Bench:
    """One operator in one namespace, spoken to without the backend."""

    cluster: Cluster | External
    namespace: str
    operator: str
    served: Served

    def plan(self, spec: TrainSpec) -> Plan:
        return planned(
            spec,
            id=naming.new_id(),
            name=spec.name,
            namespace=self.namespace,
            served=self.served,
            config=Config(home=Path("/none")),
        )

    def submit(self, spec: TrainSpec) -> Plan:
        plan = self.plan(spec)
        if plan.config_map:
            self.post(f"{self.core}/configmaps", pods.config_map(plan))
        self.post(self.path(), KINDS[self.operator].manifest(spec, plan))
        return plan

    @property
    def core(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}"

    def path(self, name: str = "") -> str:
        return KINDS[self.operator].path(self.namespace, name)

    def post(self, path: str, body: Mapping[str, Any], *, dry: bool = False) -> dict[str, Any]:
        params = {"dryRun": "All", "fieldValidation": "Strict"} if dry else {}
        answer = self.cluster.http.post(path, json=dict(body), params=params)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def get(self, path: str, **params: str) -> dict[str, Any]:
        answer = self.cluster.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def job(self, plan: Plan) -> dict[str, Any]:
        return self.get(self.path(plan.object_name))

    def holds(self, plan: Plan, *conditions: str) -> bool:
        found = self.job(plan).get("status", {}).get("conditions") or []
        return any(c["type"] in conditions and c["status"] == "True" for c in found)

    def pods(self, plan: Plan) -> list[dict[str, Any]]:
        selector = f"{_LABEL[self.operator]}={plan.object_name}"
        items = self.get(f"{self.core}/pods", labelSelector=selector)["items"]
        return sorted(items, key=lambda pod: pod["metadata"]["name"])

    def log(self, pod: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        answer = self.cluster.http.get(f"{self.core}/pods/{pod['metadata']['name']}/log")
        if answer.status_code != 200:
            return "", []  # its container has not started
        text, frames = FrameFilter().feed(answer.content)
        return text.decode(), frames

    def ended(self, plan: Plan, *, seconds: float = 240.0) -> bool:
        """Whether it succeeded, once it has ended."""
        ends = ("Succeeded", "Complete", "Failed")
        until(f"{plan.name} ends", lambda: self.holds(plan, *ends), seconds=seconds)
        return self.holds(plan, "Succeeded", "Complete")

    def steer(self, plan: Plan, verb: str) -> None:
        kind, job = KINDS[self.operator], self.job(plan)
        options = {"at": time.time()} if verb == "stop" else {}
        for change in getattr(kind, verb)(job, **options):
            path = self.path(plan.object_name)
            if change.target == "workload":
                path = self._workload(job["metadata"]["uid"])
            answer = self.cluster.http.patch(
                path,
                content=msgspec.json.encode(change.patch),
                headers={"Content-Type": "application/merge-patch+json"},
            )
            assert answer.status_code == 200, answer.text

    def _workload(self, owner: str) -> str:
        base = f"/apis/kueue.x-k8s.io/v1beta2/namespaces/{self.namespace}/workloads"
        for item in self.get(base)["items"]:
            if owner in [o["uid"] for o in item["metadata"].get("ownerReferences", ())]:
                return f"{base}/{item['metadata']['name']}"
        raise AssertionError("it has no Workload")


def bench_of(cluster: Cluster | External, namespace: str, operator: Any) -> Bench:
    """That operator in that namespace."""
    served = Served(operator=operator, overrides="runtimePatches", kueue="v1beta2")
    return Bench(cluster, namespace, operator, served)


def spec_of(source: str, *, name: str = "digits", **fields: Any) -> TrainSpec:
    """A spec whose workers run a script that defines train()."""
    text = dedent(source).strip() + '\n\nif __name__ == "__main__":\n    _cnai_result = train()\n'
    files = {"script.py": text.encode(), **fields.pop("files", {})}
    return TrainSpec(name=name, payload=Payload(entry="train", files=files), **fields)


def message_of(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The last message of a worker's container."""
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    found = json.loads(state.get("message") or "{}")
    assert isinstance(found, dict)
    return found


def told(bench: Bench, plan: Plan) -> str:
    """What a person would look at first."""
    logs = [bench.log(pod)[0] for pod in bench.pods(plan)]
    return json.dumps(bench.job(plan).get("status"), indent=1) + "\n" + "\n----\n".join(logs)


def lost(said: Any, kept: Any, where: str = "spec") -> list[str]:
    """Where the server does not keep what was said. Quantities it writes in its own way."""
    if isinstance(said, dict):
        return [
            place
            for name, value in said.items()
            for place in (
                lost(value, kept[name], f"{where}.{name}")
                if name in kept
                else ([f"{where}.{name}"] if value not in ({}, None) else [])
            )
        ]
    if isinstance(said, list):
        if len(said) > len(kept):
            return [where]
        pairs = zip(said, kept, strict=False)
        return [p for n, (a, b) in enumerate(pairs) for p in lost(a, b, f"{where}[{n}]")]
    return [] if said == kept or where.endswith(("memory", "sizeLimit")) else [where]
