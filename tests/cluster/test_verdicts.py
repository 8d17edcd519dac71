"""Every way to fail that a training job can meet on a cluster, made to happen, has its verdict.

At the end of the run three lists are printed: what was real, what the test node imitates in the
kubelet's own wording, and what can only be recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.api import Refused, connect
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.explain import diagnose_refusal
from cnai_sdk.explain.catalogue import SHORT, rows
from cnai_sdk.model.diagnosis import Diagnosis
from cnai_sdk.model.spec import Resources
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import External
from tests.unit.explain.workloads import raised, verdict

from .verdicts import QUEUES, SMALL, Stage, stage_of

How = Literal["real", "imitated", "recorded"]
WORDING = "1.36"
RECORDED = [
    each.id for each in rows() if each.id.startswith(("NCCL_", "CUDA_")) and not each.reason
]


class Ledger:
    """Which rows were produced, and how."""

    def __init__(self) -> None:
        self.found: dict[str, set[str]] = {"real": set(), "imitated": set(), "recorded": set()}

    def note(self, how: How, found: Diagnosis) -> Diagnosis:
        """One verdict that was given."""
        assert len(found.short) <= SHORT
        assert found.happened
        assert found.fix
        self.found[how].add(found.id)
        return found

    def lines(self) -> Iterator[str]:
        """The three lists."""
        words = {
            "real": "real, by the cluster's own parts",
            "imitated": f"imitated by the test node, in the wording of the kubelet {WORDING}",
            "recorded": "recorded, since no GPU is here",
        }
        for how, ids in self.found.items():
            yield f"{words[how]} ({len(ids)}): {', '.join(sorted(ids)) or 'none'}"


@pytest.fixture(scope="module")
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Filled by the tests, printed when they are over."""
    made = Ledger()
    yield made
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line("")
        for line in made.lines():
            reporter.write_line(line)


@pytest.fixture
async def stage(
    cluster: Cluster | External, namespace: str, kubeconfig: Path, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with stage_of(cluster, namespace, tmp_path) as found:
        yield found


@pytest.fixture
def node(cluster: Cluster | External) -> Any:
    """What the test node does on demand; a real kubelet has no such handles."""
    if isinstance(cluster, External):
        pytest.skip("evicts pods and loses nodes, which the test node does on demand")
    from tests.cluster.testnode.controls import Controls

    return Controls(cluster.controls)


def much(**amounts: str) -> dict[str, Any]:
    """Resources of a container, by name with '_' for '/' and '.'."""
    named = {name.replace("nvidia_gpu", "nvidia.com/gpu"): each for name, each in amounts.items()}
    return {"requests": named, "limits": named}


# -- the workers are not made -----------------------------------------------------------------


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
async def test_a_quota_that_is_used_up(stage: Stage, ledger: Ledger, operator: str) -> None:
    await stage.have("ResourceQuota", "student", spec={"hard": {"requests.memory": "256Mi"}})
    wish = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    if operator == "pytorchjob":
        await stage.pytorchjob("big", resources=wish)
    else:
        await stage.trainjob("big", resourcesPerNode=wish)
    found = ledger.note("real", await stage.verdict("big", "QUOTA"))
    assert "it allows 256Mi of memory, 0 is in use, and a worker asks for 2Gi" in found.why
    assert any("exceeded quota: student" in line.text for line in found.evidence)


async def test_a_quota_that_wants_every_amount(stage: Stage, ledger: Ledger) -> None:
    await stage.have("ResourceQuota", "q", spec={"hard": {"limits.cpu": "4"}})
    await stage.pytorchjob("silent", resources={})
    ledger.note("real", await stage.verdict("silent", "QUOTA_MUST_SPECIFY"))


async def test_an_amount_outside_the_namespaces_limits(stage: Stage, ledger: Ledger) -> None:
    limits = {"limits": [{"type": "Container", "max": {"memory": "256Mi"}}]}
    await stage.have("LimitRange", "limits", spec=limits)
    await stage.pytorchjob("big", resources=much(memory="2Gi"))
    found = ledger.note("real", await stage.verdict("big", "LIMITRANGE"))
    assert "at most 256Mi of memory" in found.why


async def test_a_pod_that_is_not_secure_enough(
    cluster: Cluster | External,
    restricted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ledger: Ledger,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(restricted)))
    async with stage_of(cluster, restricted, tmp_path) as stage:
        await stage.pytorchjob("careless")
        ledger.note("real", await stage.verdict("careless", "PSA"))


# -- the server refuses the request -------------------------------------------------------------


async def refusal_of(stage: Stage, path: str, body: dict[str, Any]) -> Diagnosis:
    """The verdict on a create that the server refuses."""
    api = connect(find(namespace=stage.namespace))
    try:
        with pytest.raises(Refused) as refused:
            await api.create(path, body)
    finally:
        await api.close()
    return diagnose_refusal(refused.value.message)


def trainjob_body(**spec: Any) -> dict[str, Any]:
    trainer = {"image": "python:3", "command": ["python3", "-c", "pass"], **spec.pop("trainer", {})}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "refused"},
        "spec": {"runtimeRef": {"name": "torch-distributed"}, "trainer": trainer, **spec},
    }


async def test_a_webhook_that_refuses(stage: Stage, ledger: Ledger) -> None:
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs"
    body = trainjob_body(runtimeRef={"name": "no-such-runtime"})
    found = ledger.note("real", await refusal_of(stage, path, body))
    assert found.id in ("RUNTIME_MISSING", "WEBHOOK_DENIED")


async def test_an_environment_that_the_operator_keeps_to_itself(
    stage: Stage, ledger: Ledger
) -> None:
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs"
    body = trainjob_body(trainer={"env": [{"name": "PET_NNODES", "value": "9"}]})
    found = ledger.note("real", await refusal_of(stage, path, body))
    assert found.id == "RESERVED_ENV"
    assert "PET_NNODES" in found.happened


async def test_an_account_without_the_right(
    cluster: Cluster | External, stage: Stage, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    if isinstance(cluster, External):
        pytest.skip("makes an account, which somebody else's cluster does not let it")
    visitor = cluster.user_kubeconfig("visitor", namespace=stage.namespace)
    monkeypatch.setenv("KUBECONFIG", str(visitor))
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs"
    found = ledger.note("real", await refusal_of(stage, path, trainjob_body()))
    assert found.id == "RBAC"
    assert found.happened == "You may not create trainjobs in this namespace."


# -- no node for a worker -----------------------------------------------------------------------


async def test_no_node_has_the_memory(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("big", resources=much(memory="900Gi"))
    found = ledger.note("real", await stage.verdict("big", "SCHED_CPU_MEM"))
    assert "too little free memory" in found.why


async def test_no_node_has_the_cores(stage: Stage, ledger: Ledger) -> None:
    await stage.trainjob("wide", resourcesPerNode=much(cpu="900"))
    found = ledger.note("real", await stage.verdict("wide", "SCHED_CPU_MEM"))
    assert "too few free cores" in found.why


async def test_no_node_has_the_gpus(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("greedy", resources=much(nvidia_gpu="64"))
    ledger.note("real", await stage.verdict("greedy", "SCHED_GPU"))


async def test_no_node_is_of_the_kind(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("choosy", pod={"nodeSelector": {"gpu.example.com/model": "a100"}})
    ledger.note("real", await stage.verdict("choosy", "SCHED_AFFINITY"))


async def test_all_nodes_are_reserved(
    cluster: Cluster | External, stage: Stage, ledger: Ledger
) -> None:
    if isinstance(cluster, External):
        pytest.skip("taints every node, which somebody else's cluster does not let it")
    with tainted(cluster):
        await stage.pytorchjob("unwanted")
        ledger.note("real", await stage.verdict("unwanted", "SCHED_TAINT"))


@contextlib.contextmanager
def tainted(cluster: Cluster) -> Iterator[None]:
    """All nodes keep new work away while the block lasts."""
    _taint(cluster, [{"key": "reserved", "value": "yes", "effect": "NoSchedule"}])
    try:
        yield
    finally:
        _taint(cluster, [])


def _taint(cluster: Cluster, taints: list[dict[str, str]]) -> None:
    for each in cluster.http.get("/api/v1/nodes").json()["items"]:
        cluster.http.patch(
            f"/api/v1/nodes/{each['metadata']['name']}",
            content=msgspec.json.encode({"spec": {"taints": taints}}),
            headers={"Content-Type": "application/merge-patch+json"},
        ).raise_for_status()


async def test_a_volume_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "nosuch"}}
    await stage.pytorchjob("lost", pod={"volumes": [volume]})
    found = ledger.note("real", await stage.verdict("lost", "SCHED_PVC_UNBOUND"))
    assert "There is no volume nosuch" in found.why


async def test_work_with_a_higher_priority_takes_the_room(
    cluster: Cluster | External, stage: Stage, ledger: Ledger
) -> None:
    if isinstance(cluster, External):
        pytest.skip("fills every node, which somebody else's cluster does not let it")
    await stage.have("PriorityClass", "urgent", "scheduling.k8s.io/v1", value=1000)
    gpus = max(
        int(node["status"]["allocatable"].get("nvidia.com/gpu", 0))
        for node in cluster.http.get("/api/v1/nodes").json()["items"]
    )
    whole = much(nvidia_gpu=str(gpus))
    holders = [f"first-{n}" for n in range(len(_nodes_with_gpus(cluster)))]
    for name in holders:
        await stage.pytorchjob(name, resources=whole)
    for name in holders:
        await _running(stage, name)
    await stage.pytorchjob("urgent", resources=whole, pod={"priorityClassName": "urgent"})
    waits = [asyncio.ensure_future(stage.verdict(n, "PREEMPTED_SCHED")) for n in holders]
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    ledger.note("real", done.pop().result())


def _nodes_with_gpus(cluster: Cluster) -> list[str]:
    return [
        node["metadata"]["name"]
        for node in cluster.http.get("/api/v1/nodes").json()["items"]
        if int(node["status"]["allocatable"].get("nvidia.com/gpu", 0))
    ]


async def _running(stage: Stage, name: str) -> str:
    """The id of a job once it runs."""
    async with asyncio.timeout(60):
        async for update in stage.backend.watch():
            for workload in update.workloads:
                if workload.name == name and workload.phase.value == "Running":
                    return workload.id
    raise AssertionError


# -- a worker does not start -------------------------------------------------------------------


async def test_an_image_that_is_not_there(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("typo", image="registry.example.com/nosuch:v9")
    found = ledger.note("imitated", await stage.verdict("typo", "IMG_NOTFOUND"))
    assert "registry.example.com/nosuch:v9" in found.why


async def test_a_program_that_the_image_lacks(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("typo", command=["nosuchprogram"])
    found = ledger.note("imitated", await stage.verdict("typo", "BAD_COMMAND"))
    assert "nosuchprogram" in found.why


async def test_a_secret_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    source = {"secretKeyRef": {"name": "hf-token", "key": "token"}}
    await stage.pytorchjob("locked", env=[{"name": "HF_TOKEN", "valueFrom": source}])
    found = ledger.note("imitated", await stage.verdict("locked", "MOUNT_MISSING"))
    assert "There is no secret hf-token" in found.why


async def test_a_config_map_that_cannot_be_mounted(stage: Stage, ledger: Ledger) -> None:
    volume = {"name": "settings", "configMap": {"name": "nosuch"}}
    mount = {"name": "settings", "mountPath": "/settings"}
    await stage.pytorchjob("lost", pod={"volumes": [volume]}, volumeMounts=[mount])
    found = ledger.note("imitated", await stage.verdict("lost", "MOUNT_MISSING"))
    assert "There is no ConfigMap nosuch" in found.why


# -- a worker is taken away --------------------------------------------------------------------

EATS = "held = []\nwhile True:\n    held.append(bytes(2**20) + b'x')"


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
async def test_a_worker_that_needs_more_memory(
    cluster: Cluster | External,
    namespace: str,
    kubeconfig: Path,
    tmp_path: Path,
    ledger: Ledger,
    operator: str,
) -> None:
    async with stage_of(cluster, namespace, tmp_path, operator=operator) as stage:
        name = await stage.train(EATS, resources=Resources(cpu=0.1, memory=128 * 2**20))
        found = ledger.note("imitated", await stage.verdict(name, "OOM_KILLED"))
    assert found.rank == 0
    assert found.changes == {"memory": "256Mi"}


async def test_a_worker_that_is_evicted(stage: Stage, ledger: Ledger, node: Any) -> None:
    await stage.pytorchjob("guest")
    await _running(stage, "guest")
    await asyncio.to_thread(node.evict, stage.namespace, "guest-master-0")
    found = ledger.note("imitated", await stage.verdict("guest", "EVICTED_NODE"))
    assert "ran short of memory" in found.happened


async def node_of(stage: Stage, pod: str) -> str:
    """Where a pod runs."""
    api = connect(find(namespace=stage.namespace))
    try:
        found = await api.get(f"/api/v1/namespaces/{stage.namespace}/pods/{pod}")
    finally:
        await api.close()
    return str(found["spec"]["nodeName"])


async def test_a_node_that_is_lost(stage: Stage, ledger: Ledger, node: Any) -> None:
    soon = [
        {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute",
         "tolerationSeconds": 1}
        for what in ("unreachable", "not-ready")
    ]  # fmt: skip
    await stage.pytorchjob("adrift", pod={"tolerations": soon})
    await _running(stage, "adrift")
    name = await node_of(stage, "adrift-master-0")
    await asyncio.to_thread(node.lose, name)
    try:
        ledger.note("real", await stage.verdict("adrift", "NODE_LOST", seconds=180))
    finally:
        await asyncio.to_thread(node.back, name)


# -- its end -----------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
async def test_a_timeout(
    cluster: Cluster | External,
    namespace: str,
    kubeconfig: Path,
    tmp_path: Path,
    ledger: Ledger,
    operator: str,
) -> None:
    async with stage_of(cluster, namespace, tmp_path, operator=operator) as stage:
        name = await stage.train("import time\ntime.sleep(600)", timeout=3.0)
        found = ledger.note("real", await stage.verdict(name, "DEADLINE"))
    assert found.happened == "The job was still running when its timeout of 3\xa0s was over."


async def test_workers_that_failed_while_nobody_watched(
    cluster: Cluster | External, stage: Stage, ledger: Ledger
) -> None:
    """JobSet deletes failed pods: who comes later finds only what the conditions tell."""
    await stage.trainjob("lonely", "import sys; sys.exit(3)")
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs/lonely"
    api = connect(find(namespace=stage.namespace))
    try:
        async with asyncio.timeout(180):
            while "Failed" not in str((await api.get(path)).get("status", {})):
                await asyncio.sleep(0.2)
    finally:
        await api.close()
    found = ledger.note("real", await stage.verdict("lonely", "BACKOFF_LIMIT"))
    assert "forgets" in found.why


# -- queues ------------------------------------------------------------------------------------

IN_QUEUE = {"kueue.x-k8s.io/queue-name": "team"}


async def test_a_job_that_waits_in_its_queue(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    half = {"requests": {"cpu": "600m", "memory": "64Mi"}}
    await stage.pytorchjob("first", resources=half, labels=IN_QUEUE)
    await _running(stage, "first")
    await stage.pytorchjob("second", resources=half, labels=IN_QUEUE)
    found = ledger.note("real", await stage.verdict("second", "KUEUE_WAIT"))
    assert "0.2 more CPU to become free in the queue team" in found.why


async def test_a_job_that_is_larger_than_its_queue(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    await stage.pytorchjob("big", resources=much(cpu="4", memory="64Mi"), labels=IN_QUEUE)
    found = ledger.note("real", await stage.verdict("big", "KUEUE_TOO_BIG"))
    assert "has 1 CPU in all" in found.why


async def test_a_queue_that_lacks_what_is_asked_for(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1"})
    await stage.pytorchjob("odd", resources=much(cpu="1", memory="64Mi"), labels=IN_QUEUE)
    ledger.note("real", await stage.verdict("odd", "KUEUE_NO_FLAVOR"))


async def test_a_queue_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("lost", labels={"kueue.x-k8s.io/queue-name": "nosuch"})
    found = ledger.note("real", await stage.verdict("lost", "KUEUE_MISCONF"))
    assert "There is no queue nosuch" in found.why


async def test_a_queue_that_is_paused(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"}, stopPolicy="Hold")
    await stage.pytorchjob("early", labels=IN_QUEUE)
    ledger.note("real", await stage.verdict("early", "KUEUE_STOPPED"))


async def test_a_job_that_makes_room_for_another_in_its_queue(stage: Stage, ledger: Ledger) -> None:
    await stage.have("PriorityClass", "urgent", "scheduling.k8s.io/v1", value=1000)
    preemption = {"withinClusterQueue": "LowerPriority"}
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"}, preemption=preemption)
    whole = {"requests": {"cpu": "1", "memory": "64Mi"}}
    await stage.pytorchjob("modest", resources=whole, labels=IN_QUEUE)
    await _running(stage, "modest")
    pod = {"priorityClassName": "urgent"}
    await stage.pytorchjob("urgent", resources=whole, labels=IN_QUEUE, pod=pod)
    ledger.note("real", await stage.verdict("modest", "KUEUE_PREEMPTED"))


async def test_a_queue_with_room_that_is_not_close_together(stage: Stage, ledger: Ledger) -> None:
    """Quota is there, and no node of the topology has that much."""
    name = f"{stage.namespace}-hosts"
    levels = [{"nodeLabel": "kubernetes.io/hostname"}]
    await stage.have("Topology", name, QUEUES, spec={"levels": levels})
    flavor = {"nodeLabels": {"kubernetes.io/os": "linux"}, "topologyName": name}
    await stage.have("ResourceFlavor", name, QUEUES, spec=flavor)
    await stage.queue(quota={"cpu": "10k", "memory": "1Gi"}, flavor=name)
    await stage.pytorchjob("wide", resources=much(cpu="5k", memory="64Mi"), labels=IN_QUEUE)
    found = ledger.note("real", await stage.verdict("wide", "KUEUE_TAS"))
    assert "close together in the queue team" in found.why


async def test_a_queue_whose_time_is_over(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    labels = {**IN_QUEUE, "kueue.x-k8s.io/max-exec-time-seconds": "2"}
    await stage.pytorchjob("long", resources=SMALL, labels=labels)
    ledger.note("real", await stage.verdict("long", "KUEUE_MAXTIME"))


# -- what workers print ------------------------------------------------------------------------


async def test_a_rendezvous_that_nobody_comes_to(stage: Stage, ledger: Ledger) -> None:
    name = await stage.train(
        "import datetime, os, torch.distributed as d\n"
        "os.environ['WORLD_SIZE'] = '2'\n"
        "d.init_process_group('gloo', timeout=datetime.timedelta(seconds=3))",
        resources=Resources(cpu=0.5, memory=2**30),
    )
    found = ledger.note("real", await stage.verdict(name, "RDZV_MISSING_WORKERS"))
    assert found.evidence


@pytest.mark.parametrize("id", RECORDED)
def test_what_only_a_gpu_can_do_is_recorded(ledger: Ledger, id: str) -> None:
    sample = next(each for each in rows() if each.id == id).sample
    text = raised(sample) if "Error: " in sample.split("(")[0] else f"epoch 1\n{sample}"
    found = ledger.note("recorded", verdict([(0, text)]))
    assert found.id == id
