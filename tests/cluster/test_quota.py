"""What may be used in a namespace, and whether and when something fits, with the real Kueue."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quota import Quota, QuotaItem
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from cnai_sdk.model.workload import Workload
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.faults import Request
from tests.cluster.testbed.fixtures import External

from . import surviving
from .verdicts import IMAGE, QUEUES, SLEEPS, Stage, stage_of

MIB = 2**20
WITHIN = 60.0


@pytest.fixture
async def stage(
    cluster: Cluster | External, namespace: str, kubeconfig: Path, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with stage_of(cluster, namespace, tmp_path, queue="team") as found:
        yield found


def spec(cpu: float = 1.0, workers: int = 1, **more: Any) -> TrainSpec:
    script = f"def work():\n    {SLEEPS}\n\n\nif __name__ == '__main__':\n    work()\n"
    payload = Payload(entry="work", files={"script.py": script.encode()})
    resources = Resources(cpu=cpu, memory=64 * MIB, gpu=more.pop("gpu", 0.0))
    return TrainSpec(
        name=more.pop("name", "work"),
        payload=payload,
        workers=workers,
        resources=resources,
        image=IMAGE,
        **more,
    )


def beyond_watches(requests: Sequence[Request], before: int) -> list[Request]:
    """Those since then, but for a watch that opens: once its list is there, whatever else is done.

    One that opens again is among them.
    """
    opened: set[tuple[str, str]] = set()
    asked: list[Request] = []
    for number, each in enumerate(requests):
        path, _, query = each.path.partition("?")
        selected = re.search("labelSelector=[^&]*", query)  # pods are watched in several parts
        what = (path, selected[0] if selected else "")
        if "watch=true" in query and what not in opened:
            opened.add(what)
        elif number >= before:
            asked.append(each)
    return asked


async def until(backend: KubernetesBackend, holds: Callable[[Quota], bool]) -> Quota:
    """The quota, as soon as it is so; looked at whenever it has stirred."""
    quota = await backend.quota()
    try:
        async with asyncio.timeout(WITHIN):
            while not holds(quota):
                await backend.quota_stirs()
                quota = await backend.quota()
    except TimeoutError:
        pytest.fail(f"it never was so; the last was {quota}")
    return quota


async def running(backend: KubernetesBackend, id: str) -> Workload:
    async with asyncio.timeout(WITHIN), aclosing(cast("Any", backend.watch())) as updates:
        async for update in updates:
            for each in update.workloads:
                if each.id == id and each.phase is Phase.RUNNING:
                    return cast("Workload", each)
    raise AssertionError("a watch ended by itself")


def item(quota: Quota, resource: str) -> QuotaItem:
    return next(each for each in quota.items if each.resource == resource)


async def test_what_runs_and_what_waits_in_a_queue(stage: Stage) -> None:
    await stage.queue(quota={"cpu": "2", "memory": "1Gi"})
    backend = stage.backend
    assert (await backend.fits(spec(2))).answer == "now"
    first = await backend.submit(spec(2, name="first", timeout=900.0), secrets={})
    await running(backend, first.id)
    told = await backend.fits(spec(2))
    assert (told.answer, told.position) == ("waits", 1)
    assert told.seconds is not None and 800 < told.seconds <= 900
    second = await backend.submit(spec(2, name="second"), secrets={})
    assert any("by the running jobs' deadlines" in each for each in second.notices)
    quota = await until(backend, lambda quota: bool(quota.lines and quota.lines[0].mine))
    cpu = item(quota, "cpu")
    assert (cpu.limit, cpu.used, cpu.mine, cpu.queued) == (2, 2, 2, 2)
    assert [each.name for each in cpu.holders] == ["first"]
    assert [each.name for each in cpu.waiting] == ["second"]
    quota = await until(backend, lambda quota: quota.lines[0].mine[0].position == 1)
    assert quota.lines[0].waiting == 1
    with pytest.raises(DoesNotFit, match="the queue team gives 2"):
        await backend.submit(spec(3), secrets={})
    await backend.stop(first.id)
    await until(backend, lambda quota: item(quota, "cpu").queued == 0)


async def test_a_queue_borrows_from_its_cohort(stage: Stage) -> None:
    cohort = f"cohort-{stage.namespace}"
    await stage.queue(quota={"cpu": "1", "memory": "1Gi"}, cohortName=cohort)
    flavor = {
        "name": "default",
        "resources": [
            {"name": "cpu", "nominalQuota": "2", "lendingLimit": "1"},
            {"name": "memory", "nominalQuota": "1Gi"},
        ],
    }
    groups = [{"coveredResources": ["cpu", "memory"], "flavors": [flavor]}]
    theirs = f"{stage.namespace}-theirs"
    await asyncio.to_thread(
        stage.cluster.apply,
        {
            "apiVersion": QUEUES,
            "kind": "ClusterQueue",
            "metadata": {"name": theirs},
            "spec": {"cohortName": cohort, "namespaceSelector": {}, "resourceGroups": groups},
        },
    )
    backend = stage.backend
    quota = await until(backend, lambda quota: item(quota, "cpu").lendable == 1)
    assert item(quota, "cpu").limit == 1
    assert (await backend.fits(spec(3))).answer == "never"
    made = await backend.submit(spec(2), secrets={})
    await running(backend, made.id)  # Kueue itself lends it
    quota = await until(backend, lambda quota: item(quota, "cpu").borrowed == 1)
    assert (item(quota, "cpu").used, item(quota, "cpu").lendable) == (2, 0)


async def test_kueue_agrees_about_what_fits(stage: Stage) -> None:
    """As many run as were said to fit, and no more."""
    await stage.queue(quota={"cpu": "3500m", "memory": "1Gi"})
    backend = stage.backend
    told = await backend.fits(spec(1), count=5)
    assert (told.answer, told.now, told.count) == ("waits", 3, 5)
    made = [await backend.submit(spec(1, name=f"trial-{n}"), secrets={}) for n in range(5)]
    quota = await until(
        backend,
        lambda quota: item(quota, "cpu").used == 3 and item(quota, "cpu").queued == 2,
    )
    waiting = {each.name for each in item(quota, "cpu").waiting}
    assert waiting <= {each.name for each in made}
    assert len(waiting) == 2


async def test_a_gpu_is_counted_by_its_key(stage: Stage) -> None:
    await stage.queue(quota={"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "1"})
    await stage.have("ResourceQuota", "team-a", spec={"hard": {"requests.nvidia.com/gpu": "1"}})
    backend = stage.backend
    quota = await until(backend, lambda quota: item(quota, "gpu").limit == 1)
    assert item(quota, "gpu").unit == "GPUs"
    assert (await backend.fits(spec(0.1, gpu=1.0))).answer == "now"
    told = await backend.fits(spec(0.1, workers=2, gpu=1.0))
    assert told.answer == "never"
    assert "gives 1" in told.why


async def test_a_range_is_known_before_the_submit(stage: Stage) -> None:
    limits = [{"type": "Container", "max": {"memory": "128Mi"}, "min": {"cpu": "50m"}}]
    await stage.have("LimitRange", "range", spec={"limits": limits})
    await stage.queue(quota={"cpu": "2", "memory": "1Gi"})
    backend = stage.backend
    await until(backend, lambda quota: item(quota, "memory").most == 128 * MIB)
    large = spec(1)
    resources = msgspec.structs.replace(large.resources, memory=256 * MIB)
    told = await backend.fits(msgspec.structs.replace(large, resources=resources))
    assert (told.answer, "at most 128" in told.why) == ("never", True)


async def test_scopes_say_whose_pods_a_quota_counts(stage: Stage) -> None:
    await stage.queue(quota={"cpu": "2", "memory": "1Gi"})
    hard = {"requests.cpu": "100m"}
    await stage.have("ResourceQuota", "short", spec={"hard": hard, "scopes": ["Terminating"]})
    backend = stage.backend
    await until(backend, lambda quota: item(quota, "cpu").limit == 0.1)
    made = await backend.submit(spec(1), secrets={})
    assert not made.notices
    await running(backend, made.id)  # the server counts it elsewhere, as was told


async def test_who_else_uses_the_namespace(stage: Stage) -> None:
    await stage.have("ResourceQuota", "team-a", spec={"hard": {"requests.cpu": "2"}})
    container = {
        "name": "c",
        "image": IMAGE,
        "command": ["python3", "-c", SLEEPS],
        "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "500m"}},
    }
    await stage.have("Pod", "notebook-0", spec={"containers": [container]})
    # The server counts a pod before it has made it.
    quota = await until(
        stage.backend,
        lambda quota: item(quota, "cpu").used == 0.5 and bool(item(quota, "cpu").holders),
    )
    (holder,) = item(quota, "cpu").holders
    assert (holder.name, holder.amount, holder.mine) == ("notebook-0", 0.5, False)
    assert item(quota, "cpu").mine == 0


async def test_a_student_is_told_what_is_not_visible(
    cluster: Cluster | External, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without rights on the cluster the namespace's own numbers are told, and what is missing."""
    path = cluster.user_kubeconfig("student", namespace=namespace)
    account = f"system:serviceaccount:{namespace}:student"
    who = "student" if isinstance(cluster, Cluster) else account
    cluster.grant(who, namespace, [
        {"apiGroups": ["", "kubeflow.org", "trainer.kubeflow.org", "kueue.x-k8s.io"],
         "resources": ["*"], "verbs": ["get", "list", "watch", "create"]},
    ])  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(namespace)))
    async with stage_of(cluster, namespace, tmp_path / "admin") as stage:
        await stage.queue(quota={"cpu": "1", "memory": "1Gi"})
    monkeypatch.setenv("KUBECONFIG", str(path))
    async with stage_of(cluster, namespace, tmp_path / "student", queue="team") as stage:
        made = await stage.backend.submit(spec(1), secrets={})
        await running(stage.backend, made.id)
        quota = await until(stage.backend, lambda quota: item(quota, "cpu").source != "")
        cpu = item(quota, "cpu")
        assert (cpu.source, cpu.used, cpu.limit) == ("the queue team", 1, None)
        assert any("for want of clusterqueues" in each for each in quota.unseen)
        assert any("for want of nodes" in each for each in quota.unseen)
        told = await stage.backend.fits(spec(1))
        assert told.sentence == (
            "No visible limit forbids it; whether there is room cannot be seen."
        )
        await stage.backend.submit(spec(1, name="second"), secrets={})
        quota = await until(stage.backend, lambda quota: bool(quota.lines and quota.lines[0].mine))
        assert quota.lines[0].waiting is None
        told = await stage.backend.fits(spec(1))
        assert (told.answer, told.position, told.seconds) == ("waits", None, None)
        assert told.why == (
            "1 of this namespace waits in the queue team, and what it has cannot be seen"
        )


async def test_looking_costs_no_request(
    cluster: Cluster | External, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may be used is known by the watches alone, and so is whether something fits."""
    with cluster.faults(namespace) as (faults, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        async with stage_of(cluster, namespace, tmp_path, queue="team") as stage:
            await stage.queue(quota={"cpu": "2", "memory": "1Gi"})
            backend = stage.backend
            await until(backend, lambda quota: item(quota, "cpu").limit == 2)
            await backend.fits(spec(1))
            await backend.devices()  # begins to watch what tells of devices
            before = len(faults.requests)
            for _ in range(50):
                await backend.quota()
                await backend.fits(spec(1), count=4)
                await backend.devices()
            assert beyond_watches(faults.requests, before) == []


async def test_what_no_queue_sets_aside_is_looked_for_on_the_nodes(
    cluster: Cluster | External, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pods of other namespaces are counted by one list, when somebody asks."""
    theirs = cluster.namespace()
    limits = {"limits": {"nvidia.com/gpu": "3"}}
    container = {
        "name": "c",
        "image": IMAGE,
        "command": ["python3", "-c", SLEEPS],
        "resources": limits,
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "theirs", "namespace": theirs}}
    with cluster.faults(namespace) as (faults, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        async with stage_of(cluster, namespace, tmp_path) as stage:
            hard = {"requests.nvidia.com/gpu": "8"}  # which sets nothing aside
            await stage.have("ResourceQuota", "team-a", spec={"hard": hard})
            await until(stage.backend, lambda quota: item(quota, "gpu").limit == 8)
            idle = await stage.backend.fits(spec(0.1, gpu=1.0))
            assert (idle.answer, idle.unsure) == ("now", "")
            body = {"containers": [container], "terminationGracePeriodSeconds": 0}
            await asyncio.to_thread(cluster.apply, pod | {"spec": body})
            await surviving.until(
                lambda: bool(cluster.pods(theirs)[0]["spec"].get("nodeName")),
            )
            before = len(faults.requests)
            told = await stage.backend.fits(spec(0.1, gpu=1.0), count=4)
            async with asyncio.timeout(30):
                while told.answer == "now":  # from the list of before, for a second
                    told = await stage.backend.fits(spec(0.1, gpu=1.0), count=4)
            assert told.answer == "waits"
            assert told.now <= 1
            assert told.why.startswith(("the nodes have room for", "a worker needs 1, and no node"))
            (listed,) = beyond_watches(faults.requests, before)
            assert listed.path.startswith("/api/v1/pods?")
    cluster.delete_namespace(theirs)


async def test_jobs_that_name_no_queue_go_to_the_default_one(
    cluster: Cluster | External, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kueue gives them the queue itself, so its quota is theirs."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(namespace)))
    async with stage_of(cluster, namespace, tmp_path) as stage:
        await stage.queue("default", quota={"cpu": "1", "memory": "1Gi"})
        quota = await until(stage.backend, lambda quota: item(quota, "cpu").limit == 1)
        assert [(line.name, line.chosen) for line in quota.lines] == [("default", True)]
        told = await stage.backend.fits(spec(2))
        assert (told.answer, "the queue default gives 1" in told.why) == ("never", True)
        first = await stage.backend.submit(spec(1, name="first"), secrets={})
        await running(stage.backend, first.id)
        assert (await stage.backend.fits(spec(1))).answer == "waits"
        await stage.backend.submit(spec(1, name="second"), secrets={})
        await until(stage.backend, lambda quota: item(quota, "cpu").queued == 1)


async def test_pods_of_other_kinds_of_jobs_in_a_queue_are_counted_once(stage: Stage) -> None:
    """A JobSet stands in a queue, and its pods belong to Jobs between them."""
    await stage.queue(quota={"cpu": "2", "memory": "1Gi"})
    await stage.have("ResourceQuota", "team-a", spec={"hard": {"requests.cpu": "3"}})
    amounts = {"cpu": "1", "memory": "64Mi"}
    container = {
        "name": "c",
        "image": IMAGE,
        "command": ["python3", "-c", SLEEPS],
        "resources": {"requests": amounts, "limits": amounts},
    }
    pod = {"restartPolicy": "Never", "containers": [container]}
    job = {"name": "work", "replicas": 1, "template": {"spec": {"template": {"spec": pod}}}}
    await stage.have(
        "JobSet",
        "theirs",
        "jobset.x-k8s.io/v1alpha2",
        metadata={"labels": {"kueue.x-k8s.io/queue-name": "team"}},
        spec={"replicatedJobs": [job]},
    )
    backend = stage.backend
    await surviving.until(lambda: bool(stage.cluster.pods(stage.namespace)))
    quota = await until(
        backend,
        lambda quota: [each.name for each in item(quota, "cpu").holders] == ["theirs"],
    )
    cpu = item(quota, "cpu")
    assert (cpu.holders[0].amount, cpu.used, cpu.limit) == (1, 1, 2)
    assert (await backend.fits(spec(1))).answer == "now"


async def test_a_quota_wants_to_know_what_a_worker_takes(stage: Stage) -> None:
    await stage.queue(quota={"cpu": "2", "memory": "1Gi"})
    hard = {"requests.cpu": "2", "limits.memory": "1Gi"}
    await stage.have("ResourceQuota", "team-a", spec={"hard": hard})
    backend = stage.backend
    silent = msgspec.structs.replace(spec(), resources=Resources(cpu=1.0))
    await until(backend, lambda quota: bool(item(quota, "memory").source))
    told = await backend.fits(silent)
    assert (told.answer, told.next_step) == (
        "never",
        'Write memory="1Gi", or what it needs.',
    )
    with pytest.raises(DoesNotFit, match="how much memory"):
        await backend.submit(silent, secrets={})
    assert (await backend.fits(spec())).answer == "now"
