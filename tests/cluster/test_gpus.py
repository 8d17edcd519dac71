"""Shares of GPUs on nodes of every mechanism, put there by the real scheduler.

Whole, MIG in both strategies, time-slicing, MPS and DRA are nothing but resources and slices to the
scheduler, so that nodes which publish them as the vendors do are enough. What HAMi, Volcano and KAI
schedule themselves is decided on recorded objects, in tests/unit/gpu.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import Config
from cnai_sdk.errors import CnaiError, DoesNotFit, InvalidRequest
from cnai_sdk.facts import diagnose_workload
from cnai_sdk.gpu.cluster.resolver import BY_NAME
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Payload, Resources, TrainSpec
from cnai_sdk.model.workload import Workload
from tests import vendors
from tests.cluster.surviving import until
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import own_cluster_or_skip

GIB = 2**30
RESERVED = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
NODES = (
    vendors.whole("whole", count=2) | {"taints": RESERVED},
    vendors.mig_mixed("mixed", _1g_20gb=1, _3g_40gb=1),
    vendors.mig_single("single", profile="2g.20gb", count=1),
    vendors.shared("mps", "mps", product=vendors.H100, by=10),
    vendors.shared("turns", "time-slicing", product=vendors.A100_40, by=2, renamed=True),
    vendors.dra(
        "dra",
        vendors.device("gpu-0", "NVIDIA-L40S", 46068),
        vendors.device("gpu-1-mig-0", "NVIDIA-H200", 71680, profile="3g.71gb"),
    ),
    vendors.dra("dra-shared", vendors.device("gpu-0", "NVIDIA-L4", 23034, shared=True)),
)
SCHEDULED = {"whole", "mig", "mps", "time-slicing", "dra", "dra-mig", "dra-shared"}
"""What the tests below see on a node; the docs say the same."""

WISHES: dict[str, tuple[dict[str, Any], str, str]] = {
    "whole": ({"gpu": 2.0}, "whole", "requests.nvidia.com/gpu"),
    "half a card": ({"gpu": 0.5}, "mixed", "requests.nvidia.com/mig-3g.40gb"),
    "a quarter": ({"gpu": 0.25, "gpu_model": "A100"}, "mixed", "requests.nvidia.com/mig-1g.20gb"),
    "a tenth": ({"gpu": 0.1, "gpu_model": "H100"}, "mps", "requests.nvidia.com/gpu"),
    "a turn": (
        {"gpu": 0.45, "gpu_model": "40GB", "isolation": "none"},
        "turns",
        "requests.nvidia.com/gpu.shared",
    ),
    "a whole card by DRA": (
        {"gpu": 1.0, "gpu_model": "L40S"},
        "dra",
        "gpu.nvidia.com.deviceclass.resource.k8s.io/devices",
    ),
    "a slice by DRA": (
        {"gpu_memory": 60 * GIB},
        "dra",
        "mig.nvidia.com.deviceclass.resource.k8s.io/devices",
    ),
    "a part by DRA": (
        {"gpu_memory": 10 * GIB, "gpu_model": "L4", "isolation": "none"},
        "dra-shared",
        "gpu.nvidia.com.deviceclass.resource.k8s.io/devices",
    ),
}
STUDENT = (
    {"apiGroups": ["kubeflow.org"], "resources": ["pytorchjobs"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "create"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events", "resourcequotas"], "verbs": ["list", "watch"]},
    {"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaimtemplates"], "verbs": ["*"]},
)


@pytest.fixture(scope="module")
def gpus() -> Iterator[Cluster]:
    """A cluster with nodes of every mechanism."""
    cluster = own_cluster_or_skip(operators=("training-operator",), nodes=NODES)
    cluster.start()
    for each in vendors.CLASSES:
        cluster.apply(each)
    yield cluster
    cluster.stop()


@pytest.fixture
def room(gpus: Cluster) -> Iterator[str]:
    name = gpus.namespace()
    yield name
    gpus.delete_namespace(name)


@pytest_asyncio.fixture
async def backend(
    gpus: Cluster, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KubernetesBackend]:
    """As somebody who sees the nodes."""
    monkeypatch.setenv("KUBECONFIG", str(gpus.context(room)))
    made = KubernetesBackend(Config(home=tmp_path / "store"))
    yield made
    await made.close()


@pytest_asyncio.fixture
async def student(
    gpus: Cluster, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KubernetesBackend]:
    """As somebody who sees one namespace."""
    gpus.grant("student", room, STUDENT)
    path = gpus.user_kubeconfig("student", namespace=room)
    monkeypatch.setenv("KUBECONFIG", str(path))
    made = KubernetesBackend(Config(home=tmp_path / "student"))
    yield made
    await made.close()


def job(name: str = "share", *, stays: bool = False, workers: int = 1, **wish: Any) -> TrainSpec:
    """A job that prints what torch was told, or one that stays until it is deleted."""
    text = "import os, time\nprint('cap', os.environ.get('PYTORCH_CUDA_ALLOC_CONF', 'none'))\n"
    text += "time.sleep(3600)\n" if stays else ""
    payload = Payload(entry="work", files={"script.py": text.encode()})
    resources = Resources(cpu=0.1, memory=2**28, **wish)
    return TrainSpec(
        name=name, image="python:3", payload=payload, resources=resources, workers=workers
    )


async def node_of(cluster: Cluster, room: str, made: Workload) -> str:
    """Where its first pod was put."""
    found: list[str] = []

    def placed() -> bool:
        pods = cluster.pods(room, f"cnai-sdk/id={made.id}")
        found[:] = [pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")]
        return bool(found)

    await until(placed)
    return found[0]


async def ended(backend: KubernetesBackend, made: Workload) -> Workload:
    async for _ in backend.watch():
        now = await backend.get(made.id)
        if now.phase.ended:
            return now
    raise AssertionError("the watch ended")


async def verdict(backend: KubernetesBackend, made: Workload) -> str:
    """What is said of a job that no node takes."""
    async for _ in backend.watch():
        now = await backend.get(made.id)
        if now.reason == "Unschedulable":
            found = await diagnose_workload(backend, now)
            return found.id if found is not None else ""
    raise AssertionError("the watch ended")


@pytest.mark.parametrize("name", WISHES)
async def test_a_wish_runs_where_the_cluster_has_it(
    gpus: Cluster, backend: KubernetesBackend, room: str, name: str
) -> None:
    wish, node, key = WISHES[name]
    made = await backend.submit(job(**wish), secrets={})
    assert await node_of(gpus, room, made) == node
    granted = (await ended(backend, made)).granted
    assert granted is not None
    assert (granted.quota_key, (await backend.get(made.id)).phase) == (key, Phase.SUCCEEDED)
    assert granted.gpu_granted


async def test_torch_is_told_its_part_where_nothing_else_holds_it(
    backend: KubernetesBackend,
) -> None:
    wish = WISHES["a turn"][0]
    made = await backend.submit(job(**wish), secrets={})
    await ended(backend, made)
    lines = [line.text async for batch in backend.logs(made.id) for line in batch]
    assert "cap per_process_memory_fraction:0.5" in lines


async def test_a_device_that_is_shared_is_not_given_beyond_its_memory(
    gpus: Cluster, backend: KubernetesBackend, room: str
) -> None:
    wish = WISHES["a part by DRA"][0]
    two = [await backend.submit(job(f"n{n}", stays=True, **wish), secrets={}) for n in (0, 1)]
    for each in two:
        assert await node_of(gpus, room, each) == "dra-shared"
    third = await backend.submit(job("third", stays=True, **wish), secrets={})

    def refused() -> bool:
        pods = gpus.pods(room, f"cnai-sdk/id={third.id}")
        said = [c for pod in pods for c in pod["status"].get("conditions", ())]
        return any("cannot allocate all claims" in c.get("message", "") for c in said)

    await until(refused)
    assert await verdict(backend, third) == "SCHED_GPU"
    await backend.delete(two[0].id)
    assert await node_of(gpus, room, third) == "dra-shared"


async def test_a_slice_that_somebody_has_is_waited_for_and_the_verdict_says_so(
    gpus: Cluster, backend: KubernetesBackend, room: str
) -> None:
    first = await backend.submit(job("first", stays=True, gpu=0.5), secrets={})
    assert await node_of(gpus, room, first) == "mixed"
    second = await backend.submit(job("second", gpu=0.5), secrets={})
    assert await verdict(backend, second) == "SCHED_GPU"
    await backend.delete(first.id)
    assert await node_of(gpus, room, second) == "mixed"


async def test_a_claims_template_goes_with_its_job(
    gpus: Cluster, backend: KubernetesBackend, room: str
) -> None:
    path = f"/apis/resource.k8s.io/v1/namespaces/{room}/resourceclaimtemplates"
    made = await backend.submit(job(**WISHES["a slice by DRA"][0]), secrets={})
    (template,) = gpus.http.get(path).json()["items"]
    assert template["metadata"]["ownerReferences"][0]["kind"] == "PyTorchJob"
    await backend.delete(made.id)
    await until(lambda: not gpus.http.get(path).json()["items"])


async def test_what_is_on_offer_is_listed_with_what_holds_it(backend: KubernetesBackend) -> None:
    found = {(each.mechanism, each.profile): each for each in await backend.devices()}
    assert {mechanism for mechanism, _ in found} == SCHEDULED
    assert found["mig", "3g.40gb"].isolation == "hardware"
    assert found["mps", ""].replicas == 10
    assert found["time-slicing", ""].isolation == "none"
    assert found["dra-mig", "3g.71gb"].found == "ResourceSlices"
    assert all(each.count and each.memory for each in found.values())


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"gpu": 0.9}, "isolation="),
        ({"gpu": 3.0}, "gpu=2"),
        ({"gpu": 1.0, "gpu_model": "B200"}, "leave gpu_model out"),
        ({"gpu": 0.5, "workers": 2}, "gpu=1"),
        ({"gpu": 1.5}, "gpu=2"),
        ({"gpu": 0.25, "gpu_memory": 100 * GIB}, "gpu_memory alone"),
    ],
)
async def test_what_cannot_be_given_is_refused_with_choices_and_nothing_is_made(
    gpus: Cluster, backend: KubernetesBackend, room: str, wish: dict[str, Any], said: str
) -> None:
    with pytest.raises((DoesNotFit, InvalidRequest)) as error:
        await backend.submit(job(**wish), secrets={})
    assert said in error.value.next_step
    for path in (
        f"/apis/kubeflow.org/v1/namespaces/{room}/pytorchjobs",
        f"/apis/resource.k8s.io/v1/namespaces/{room}/resourceclaimtemplates",
    ):
        assert gpus.http.get(path).json()["items"] == []


# -- a student --------------------------------------------------------------------------


def quota(room: str, **hard: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus", "namespace": room},
        "spec": {"hard": hard},
    }


async def test_a_student_gets_a_share_by_what_the_quota_tells(
    gpus: Cluster, student: KubernetesBackend, room: str
) -> None:
    gpus.apply(quota(room, **{"requests.nvidia.com/mig-3g.40gb": "1"}))
    made = await student.submit(job(gpu=0.5), secrets={})
    assert await node_of(gpus, room, made) == "mixed"
    assert made.granted is not None
    assert "quota" in made.granted.how[-1]


async def test_a_student_claims_a_slice_that_only_the_scheduler_sees(
    gpus: Cluster, student: KubernetesBackend, room: str
) -> None:
    key = "mig.nvidia.com.deviceclass.resource.k8s.io/devices"
    gpus.apply(quota(room, **{key: "1"}))
    made = await student.submit(job(gpu_memory=60 * GIB), secrets={})
    assert await node_of(gpus, room, made) == "dra"


async def test_a_student_is_told_what_cannot_be_seen(student: KubernetesBackend) -> None:
    with pytest.raises(DoesNotFit) as error:
        await student.submit(job(gpu=0.5), secrets={})
    assert "Not visible to you: nodes" in error.value.why


async def test_a_student_gets_what_the_administrator_publishes_or_is_told_of_its_slip(
    gpus: Cluster, student: KubernetesBackend, room: str
) -> None:
    shared = gpus.namespace()
    reads = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}]
    gpus.grant("student", shared, reads)
    student._config = Config(home=student._config.home, shared=shared)
    text = (
        '[[offer]]\nmechanism = "mps"\nkey = "nvidia.com/gpu"\nmemory = "8Gi"\ncard = "80Gi"\n'
        f'model = "NVIDIA H100"\nproduct = "{vendors.H100}-SHARED"\nreplicas = 10\n'
    )
    meta = {"name": "cnai-gpu-profile", "namespace": shared}
    profile = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    gpus.apply({**profile, "data": {"gpus.toml": text}})
    made = await student.submit(job(gpu=0.1), secrets={})
    assert await node_of(gpus, room, made) == "mps"
    gpus.apply({**profile, "data": {"gpus.toml": "[[offer]]\nmechanism = 3"}})

    async def told() -> bool:
        try:
            await student.submit(job(gpu=0.1), secrets={})
        except CnaiError as error:
            return "profile" in error.why
        return False

    async with asyncio.timeout(30):
        while not await told():
            await asyncio.sleep(0.1)
    gpus.delete_namespace(shared)


# -- which is which -----------------------------------------------------------------------


_TESTED = ("decided on recorded nodes", "scheduled on the test cluster")


def test_the_table_of_what_is_really_scheduled_is_the_docs(capsys: pytest.CaptureFixture[str]):
    rows = [
        (
            name,
            "scheduled on the test cluster" if name in SCHEDULED else "decided on recorded nodes",
        )
        for name in BY_NAME
    ]
    with capsys.disabled():
        print("\n" + "\n".join(f"{name:<14}{how}" for name, how in rows))
    text = (Path(__file__).parents[2] / "docs" / "gpu-cluster.md").read_text()
    for name, how in rows:
        (line,) = [each for each in text.splitlines() if each.startswith(f"| `{name}` |")]
        assert how in line
