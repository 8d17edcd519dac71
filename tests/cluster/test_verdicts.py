"""Every way to fail that a training job can meet on a cluster, made to happen, has its verdict.

`python -m tests.cluster.produced` prints which of them are real, which the test node imitates in
the kubelet's own wording, and which can only be recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from cnai_sdk import runtime
from cnai_sdk.backends.kubernetes.api import connect
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kubeconfig import find
from cnai_sdk.config import Config
from cnai_sdk.explain.catalogue import row
from cnai_sdk.handle import Handle
from cnai_sdk.model.spec import Resources
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import External
from tests.cluster.testnode.controls import Controls
from tests.unit.explain.workloads import raised, verdict

from .produced import Ledger, produces, recorded
from .verdicts import QUEUES, SMALL, Job, Stage, all_end_as, much, stage_of

# -- the workers are not made -----------------------------------------------------------------


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
@produces("real", "QUOTA")
async def test_a_quota_that_is_used_up(stage: Stage, ledger: Ledger, operator: str) -> None:
    await stage.have("ResourceQuota", "student", spec={"hard": {"requests.memory": "256Mi"}})
    wish = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    if operator == "pytorchjob":
        await stage.pytorchjob("big", resources=wish)
    else:
        await stage.trainjob("big", resourcesPerNode=wish)
    found = ledger.note(await stage.verdict("big", "QUOTA"))
    assert "it allows 256Mi of memory, 0 is in use, and a worker asks for 2Gi" in found.why
    assert any("exceeded quota: student" in line.text for line in found.evidence)


@produces("real", "QUOTA_MUST_SPECIFY")
async def test_a_quota_that_wants_every_amount(stage: Stage, ledger: Ledger) -> None:
    await stage.have("ResourceQuota", "q", spec={"hard": {"limits.cpu": "4"}})
    await stage.pytorchjob("silent", resources={})
    ledger.note(await stage.verdict("silent", "QUOTA_MUST_SPECIFY"))


@produces("real", "LIMITRANGE")
async def test_an_amount_outside_the_namespaces_limits(stage: Stage, ledger: Ledger) -> None:
    limits = {"limits": [{"type": "Container", "max": {"memory": "256Mi"}}]}
    await stage.have("LimitRange", "limits", spec=limits)
    await stage.pytorchjob("big", resources=much(memory="2Gi"))
    found = ledger.note(await stage.verdict("big", "LIMITRANGE"))
    assert "at most 256Mi of memory" in found.why


@produces("real", "PSA")
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
        ledger.note(await stage.verdict("careless", "PSA"))


# -- the server refuses the request -------------------------------------------------------------


def trainjob_body(**spec: Any) -> dict[str, Any]:
    trainer = {"image": "python:3", "command": ["python3", "-c", "pass"], **spec.pop("trainer", {})}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "refused"},
        "spec": {"runtimeRef": {"name": "torch-distributed"}, "trainer": trainer, **spec},
    }


@produces("real", "RUNTIME_MISSING")
async def test_a_runtime_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs"
    body = trainjob_body(runtimeRef={"name": "no-such-runtime"})
    ledger.note(await stage.refusal(path, body))


@produces("real", "RESERVED_ENV")
async def test_an_environment_that_the_operator_keeps_to_itself(
    stage: Stage, ledger: Ledger
) -> None:
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs"
    body = trainjob_body(trainer={"env": [{"name": "PET_NNODES", "value": "9"}]})
    found = ledger.note(await stage.refusal(path, body))
    assert found.id == "RESERVED_ENV"
    assert "PET_NNODES" in found.happened


@produces("real", "RBAC")
async def test_an_account_without_the_right(
    cluster: Cluster | External, stage: Stage, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    if isinstance(cluster, External):
        pytest.skip("makes an account, which somebody else's cluster does not let it")
    visitor = cluster.user_kubeconfig("visitor", namespace=stage.namespace)
    monkeypatch.setenv("KUBECONFIG", str(visitor))
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs"
    found = ledger.note(await stage.refusal(path, trainjob_body()))
    assert found.id == "RBAC"
    assert found.happened == "You may not create trainjobs in this namespace."


# -- no node for a worker -----------------------------------------------------------------------


@produces("real", "SCHED_CPU_MEM")
async def test_no_node_has_the_memory(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("big", resources=much(memory="900Gi"))
    found = ledger.note(await stage.verdict("big", "SCHED_CPU_MEM"))
    assert "too little free memory" in found.why


@produces("real", "SCHED_CPU_MEM")
async def test_no_node_has_the_cores(stage: Stage, ledger: Ledger) -> None:
    await stage.trainjob("wide", resourcesPerNode=much(cpu="900"))
    found = ledger.note(await stage.verdict("wide", "SCHED_CPU_MEM"))
    assert "too few free cores" in found.why


@produces("real", "SCHED_GPU")
async def test_no_node_has_the_gpus(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("greedy", resources=much(nvidia_gpu="64"))
    ledger.note(await stage.verdict("greedy", "SCHED_GPU"))


@produces("real", "SCHED_AFFINITY")
async def test_no_node_is_of_the_kind(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("choosy", pod={"nodeSelector": {"gpu.example.com/model": "a100"}})
    ledger.note(await stage.verdict("choosy", "SCHED_AFFINITY"))


@produces("real", "SCHED_TAINT")
async def test_all_nodes_are_reserved(
    cluster: Cluster | External, stage: Stage, ledger: Ledger
) -> None:
    if isinstance(cluster, External):
        pytest.skip("taints every node, which somebody else's cluster does not let it")
    with tainted(cluster):
        await stage.pytorchjob("unwanted")
        ledger.note(await stage.verdict("unwanted", "SCHED_TAINT"))


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


@produces("real", "SCHED_PVC_UNBOUND")
async def test_a_volume_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "nosuch"}}
    await stage.pytorchjob("lost", pod={"volumes": [volume]})
    found = ledger.note(await stage.verdict("lost", "SCHED_PVC_UNBOUND"))
    assert "There is no volume nosuch" in found.why


@produces("real", "PREEMPTED_SCHED")
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
    grace = {"terminationGracePeriodSeconds": 2}  # long enough to say how it ended
    for name in holders:
        await stage.pytorchjob(name, resources=whole, pod=grace)
    for name in holders:
        await stage.running(name)
    await stage.pytorchjob("urgent", resources=whole, pod={"priorityClassName": "urgent"})
    waits = [asyncio.ensure_future(stage.verdict(n, "PREEMPTED_SCHED")) for n in holders]
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    ledger.note(done.pop().result())


def _nodes_with_gpus(cluster: Cluster) -> list[str]:
    return [
        node["metadata"]["name"]
        for node in cluster.http.get("/api/v1/nodes").json()["items"]
        if int(node["status"]["allocatable"].get("nvidia.com/gpu", 0))
    ]


# -- a worker does not start -------------------------------------------------------------------


@produces("imitated", "IMG_NOTFOUND")
async def test_an_image_that_is_not_there(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("typo", image="registry.example.com/nosuch:v9")
    found = ledger.note(await stage.verdict("typo", "IMG_NOTFOUND"))
    assert "registry.example.com/nosuch:v9" in found.why


@produces("imitated", "IMG_INVALID")
async def test_a_name_that_no_image_can_have(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("shouts", image="Python:3")
    found = ledger.note(await stage.verdict("shouts", "IMG_INVALID"))
    assert found.why.startswith("The image name Python:3 is not valid. ")


@produces("imitated", "BAD_COMMAND")
async def test_a_program_that_the_image_lacks(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("typo", command=["nosuchprogram"])
    found = ledger.note(await stage.verdict("typo", "BAD_COMMAND"))
    assert "nosuchprogram" in found.why


@produces("imitated", "MOUNT_MISSING")
async def test_a_secret_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    source = {"secretKeyRef": {"name": "hf-token", "key": "token"}}
    await stage.pytorchjob("locked", env=[{"name": "HF_TOKEN", "valueFrom": source}])
    found = ledger.note(await stage.verdict("locked", "MOUNT_MISSING"))
    assert "There is no secret hf-token" in found.why
    assert 'secrets=["NAME/KEY"] takes a Secret that is in this namespace' in found.fix


@produces("imitated", "MOUNT_MISSING")
async def test_a_config_map_that_cannot_be_mounted(stage: Stage, ledger: Ledger) -> None:
    volume = {"name": "settings", "configMap": {"name": "nosuch"}}
    mount = {"name": "settings", "mountPath": "/settings"}
    await stage.pytorchjob("lost", pod={"volumes": [volume]}, volumeMounts=[mount])
    found = ledger.note(await stage.verdict("lost", "MOUNT_MISSING"))
    assert "There is no ConfigMap nosuch" in found.why


# -- a worker is taken away --------------------------------------------------------------------

EATS = """
import time
held = []
while True:
    held.append(bytes(2**20) + b"x")
    time.sleep(0.005)
"""
"""Slowly: who looks after it may be late, and the machine's own memory is not to run out."""


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
@produces("imitated", "OOM_KILLED")
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
        found = ledger.note(await stage.verdict(name, "OOM_KILLED"))
    assert found.rank == 0
    assert found.changes == {"memory": "256Mi"}


@produces("imitated", "EVICTED_NODE")
async def test_a_worker_that_is_evicted(stage: Stage, ledger: Ledger, node: Controls) -> None:
    await stage.pytorchjob("guest")
    await stage.running("guest")
    await asyncio.to_thread(node.evict, stage.namespace, "guest-master-0")
    found = ledger.note(await stage.verdict("guest", "EVICTED_NODE"))
    assert "ran short of memory" in found.happened


def hold_pod(cluster: Cluster | External, namespace: str, name: str, held: bool) -> None:
    """By a finalizer: who is deleted stays to be seen until it is taken away."""
    answer = cluster.http.patch(
        f"/api/v1/namespaces/{namespace}/pods/{name}",
        json={"metadata": {"finalizers": ["cnai.dev/held"] if held else None}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 200, answer.text


@produces("real", "POD_DELETED")
async def test_a_worker_whose_pod_somebody_deletes(
    cluster: Cluster | External, namespace: str, kubeconfig: Path, tmp_path: Path, ledger: Ledger
) -> None:
    """The operator then ends the other one, within the same second; if it looks before all of the
    pod is gone, since otherwise it makes another. So the pod is held until it has looked.
    """
    async with stage_of(cluster, namespace, tmp_path, operator="pytorchjob") as stage:
        name = await stage.train("import time; time.sleep(600)", workers=2)
        await stage.running(name)
        hold_pod(cluster, namespace, f"{name}-worker-1", True)
        await asyncio.to_thread(cluster.delete_pod, namespace, f"{name}-worker-1")
        try:
            found = ledger.note(await stage.verdict(name, "POD_DELETED"))
        finally:
            hold_pod(cluster, namespace, f"{name}-worker-1", False)
    assert found.rank == 1
    assert found.why.startswith("The pod of worker 1 was deleted: by a person")


AWAY = {"key": "reserved", "value": "work", "effect": "NoSchedule"}
ROOM = {"cpu": "8", "memory": "16Gi", "pods": "110"}
NODES = [
    {"name": "stays", "allocatable": ROOM},
    {"name": "goes", "allocatable": ROOM, "taints": [AWAY]},
]
"""The operator is on the node that stays."""


@produces("real", "NODE_LOST")
async def test_a_node_that_is_lost(
    own_cluster: Callable[..., Cluster],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ledger: Ledger,
) -> None:
    cluster = await asyncio.to_thread(own_cluster, operators=("training-operator",), nodes=NODES)
    namespace = cluster.namespace()
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(namespace)))
    soon = [
        {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute",
         "tolerationSeconds": 1}
        for what in ("unreachable", "not-ready")
    ]  # fmt: skip
    here = {"nodeSelector": {"kubernetes.io/hostname": "goes"}, "terminationGracePeriodSeconds": 9}
    pod = here | {"tolerations": [*soon, {"key": "reserved", "operator": "Exists"}]}
    async with stage_of(cluster, namespace, tmp_path) as stage:
        await stage.pytorchjob("adrift", pod=pod)
        await stage.running("adrift")
        await asyncio.to_thread(Controls(cluster.controls).lose, "goes")
        ledger.note(await stage.verdict("adrift", "NODE_LOST", seconds=180))


# -- its end -----------------------------------------------------------------------------------


NOT_THERE = "registry.example.com/nosuch:v9"
LATE = {
    "DEADLINE running": Job("import time\ntime.sleep(600)", timeout=12.0),
    "DEADLINE no image": Job(timeout=8.0, image=NOT_THERE, saying=NOT_THERE),
    "DEADLINE no node": Job(timeout=8.0, outputs="pvc://nosuch", saying='"nosuch" not found'),
}


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
@produces("real", "DEADLINE")
async def test_a_timeout_of_workers_that_run_and_of_those_that_do_not_start(
    cluster: Cluster | External,
    namespace: str,
    kubeconfig: Path,
    tmp_path: Path,
    ledger: Ledger,
    operator: str,
) -> None:
    async with stage_of(cluster, namespace, tmp_path, operator=operator) as stage:
        found = await all_end_as(stage, ledger, LATE)
    assert {key.removeprefix("DEADLINE "): each.happened for key, each in found.items()} == {
        "running": "The job was still running when its timeout of 12\xa0s was over.",
        "no image": "The job had not started when its timeout of 8\xa0s was over.",
        "no node": "The job had not started when its timeout of 8\xa0s was over.",
    }


@produces("real", "BACKOFF_LIMIT")
async def test_workers_that_failed_while_nobody_watched(
    stage: Stage, ledger: Ledger, tmp_path: Path
) -> None:
    """JobSet deletes failed pods: who comes later finds only what the conditions tell."""
    await stage.trainjob("lonely", "import sys; sys.exit(3)")
    path = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{stage.namespace}/trainjobs/lonely"
    api = connect(find(namespace=stage.namespace))
    try:
        async with asyncio.timeout(180):
            while not failed(await api.get(path)):
                await asyncio.sleep(0.2)
    finally:
        await api.close()
    found = ledger.note(await stage.verdict("lonely", "BACKOFF_LIMIT"))
    assert "forgets" in found.why
    assert any(line.text.startswith("Nobody read the log") for line in found.evidence)
    shown = await asyncio.to_thread(log_as_shown, stage, tmp_path / "later", "lonely")
    assert shown.startswith("… Nobody read the log while the workers were there")


def failed(job: dict[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    return any(each["type"] == "Failed" and each["status"] == "True" for each in conditions)


def log_as_shown(stage: Stage, folder: Path, name: str) -> str:
    """What somebody sees who comes later, from a machine that knows nothing of the job."""
    backend = KubernetesBackend(Config(home=folder, namespace=stage.namespace))
    try:
        [job] = [each for each in runtime.call(backend.list()) if each.name == name]
        return str(Handle(backend, job).logs())
    finally:
        runtime.call(backend.close())


# -- queues ------------------------------------------------------------------------------------

IN_QUEUE = {"kueue.x-k8s.io/queue-name": "team"}


@produces("real", "KUEUE_WAIT")
async def test_a_job_that_waits_in_its_queue(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    half = {"requests": {"cpu": "600m", "memory": "64Mi"}}
    await stage.pytorchjob("first", resources=half, labels=IN_QUEUE)
    await stage.running("first")
    await stage.pytorchjob("second", resources=half, labels=IN_QUEUE)
    waits = "0.2 more CPU to become free in the queue team"
    ledger.note(await stage.verdict("second", "KUEUE_WAIT", saying=waits))


@produces("real", "KUEUE_TOO_BIG")
async def test_a_job_that_is_larger_than_its_queue(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    await stage.pytorchjob("big", resources=much(cpu="4", memory="64Mi"), labels=IN_QUEUE)
    found = ledger.note(await stage.verdict("big", "KUEUE_TOO_BIG"))
    assert "has 1 CPU in all" in found.why


@produces("real", "KUEUE_NO_FLAVOR")
async def test_a_queue_that_lacks_what_is_asked_for(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1"})
    await stage.pytorchjob("odd", resources=much(cpu="1", memory="64Mi"), labels=IN_QUEUE)
    ledger.note(await stage.verdict("odd", "KUEUE_NO_FLAVOR"))


@produces("real", "KUEUE_MISCONF")
async def test_a_queue_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    await stage.pytorchjob("lost", labels={"kueue.x-k8s.io/queue-name": "nosuch"})
    found = ledger.note(await stage.verdict("lost", "KUEUE_MISCONF"))
    assert "There is no queue nosuch" in found.why


@produces("real", "KUEUE_STOPPED")
async def test_a_queue_that_is_paused(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"}, stopPolicy="Hold")
    await stage.pytorchjob("early", labels=IN_QUEUE)
    ledger.note(await stage.verdict("early", "KUEUE_STOPPED"))


@produces("real", "KUEUE_PREEMPTED")
async def test_a_job_that_makes_room_for_another_in_its_queue(stage: Stage, ledger: Ledger) -> None:
    await stage.have("PriorityClass", "urgent", "scheduling.k8s.io/v1", value=1000)
    preemption = {"withinClusterQueue": "LowerPriority"}
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"}, preemption=preemption)
    whole = {"requests": {"cpu": "1", "memory": "64Mi"}}
    await stage.pytorchjob("modest", resources=whole, labels=IN_QUEUE)
    await stage.running("modest")
    pod = {"priorityClassName": "urgent"}
    await stage.pytorchjob("urgent", resources=whole, labels=IN_QUEUE, pod=pod)
    ledger.note(await stage.verdict("modest", "KUEUE_PREEMPTED"))


@produces("real", "KUEUE_MAXTIME")
async def test_a_queue_whose_time_is_over(stage: Stage, ledger: Ledger) -> None:
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    labels = {**IN_QUEUE, "kueue.x-k8s.io/max-exec-time-seconds": "2"}
    await stage.pytorchjob("long", resources=SMALL, labels=labels)
    ledger.note(await stage.verdict("long", "KUEUE_MAXTIME"))


@pytest_asyncio.fixture
async def checked(cluster: Cluster | External, stage: Stage) -> AsyncIterator[Callable[..., None]]:
    """A queue whose administrator has another check; it sets what that check says of all jobs."""
    merge = {"Content-Type": "application/merge-patch+json"}
    now = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    path = f"/apis/{QUEUES}/admissionchecks/{stage.namespace}"
    check = {"controllerName": "example.com/approval"}
    await stage.have("AdmissionCheck", stage.namespace, QUEUES, spec=check)
    served = {"type": "Active", "status": "True", "reason": "Active", "message": "", **now}
    cluster.http.patch(
        f"{path}/status", json={"status": {"conditions": [served]}}, headers=merge
    ).raise_for_status()
    checks = {"admissionChecks": [{"name": stage.namespace}]}
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"}, admissionChecksStrategy=checks)

    def say(state: str, message: str) -> None:
        workloads = f"/apis/{QUEUES}/namespaces/{stage.namespace}/workloads"
        said = {"name": stage.namespace, "state": state, "message": message, **now}
        for each in cluster.http.get(workloads).json()["items"]:
            cluster.http.patch(
                f"{workloads}/{each['metadata']['name']}/status",
                json={"status": {"admissionChecks": [said]}},
                headers=merge,
            ).raise_for_status()

    yield say
    cluster.http.delete(path)


@produces("real", "KUEUE_PENDING", "KUEUE_GAVE_UP")
async def test_a_queue_whose_administrator_has_another_check(
    stage: Stage, ledger: Ledger, checked: Callable[..., None]
) -> None:
    await stage.pytorchjob("unapproved", labels=IN_QUEUE)
    waits = f"waits for the check {stage.namespace}"
    ledger.note(await stage.verdict("unapproved", "KUEUE_PENDING", saying=waits))
    await asyncio.to_thread(checked, "Rejected", "no budget")
    over = ledger.note(await stage.verdict("unapproved", "KUEUE_GAVE_UP"))
    assert over.why == f"The check {stage.namespace} of the queue team refused it: no budget."


@produces("real", "KUEUE_TAS")
async def test_a_queue_that_has_no_room_in_one_place(stage: Stage, ledger: Ledger) -> None:
    levels = [{"nodeLabel": "kubernetes.io/hostname"}]
    await stage.have("Topology", stage.namespace, QUEUES, spec={"levels": levels})
    nodes = {"topologyName": stage.namespace, "nodeLabels": {"kubernetes.io/os": "linux"}}
    await stage.queue(quota={"cpu": "2000", "memory": "1Gi"}, flavor=nodes)
    close = {"kueue.x-k8s.io/podset-required-topology": "kubernetes.io/hostname"}
    wide = {"requests": {"cpu": "900", "memory": "64Mi"}}
    await stage.pytorchjob("wide", resources=wide, labels=IN_QUEUE, annotations=close)
    ledger.note(await stage.verdict("wide", "KUEUE_TAS"))


# -- what workers print ------------------------------------------------------------------------


@produces("real", "RDZV_MISSING_WORKERS")
async def test_a_rendezvous_that_nobody_comes_to(stage: Stage, ledger: Ledger) -> None:
    name = await stage.train(
        "import datetime, os, torch.distributed as d\n"
        "os.environ['WORLD_SIZE'] = '2'\n"
        "d.init_process_group('gloo', timeout=datetime.timedelta(seconds=3))",
        resources=Resources(cpu=0.5, memory=2**30),
    )
    found = ledger.note(await stage.verdict(name, "RDZV_MISSING_WORKERS"))
    assert found.evidence


@pytest.mark.parametrize("id", [each.id for each in recorded() if each.match and not each.reason])
def test_what_only_a_gpu_can_do_is_recorded(id: str) -> None:
    sample = row(id).sample
    text = raised(sample) if "Error: " in sample.split("(")[0] else f"epoch 1\n{sample}"
    assert verdict([(0, text)]).id == id
