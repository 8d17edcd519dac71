"""Shares of GPUs on nodes of every mechanism, put there by the real scheduler.

Whole, MIG in both strategies, time-slicing, MPS and DRA are nothing but resources and slices to the
scheduler, so that nodes which publish them as the vendors do are enough. What HAMi, Volcano and KAI
schedule themselves is decided on recorded objects, in tests/unit/gpu.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
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
from tests.cluster.produced import Ledger, produces
from tests.cluster.surviving import until
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import own_cluster_or_skip

GIB = 2**30
RESERVED = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
NODES = (
    vendors.whole("whole", count=2) | {"taints": RESERVED},
    vendors.mig_mixed("mixed", _1g_20gb=1, _3g_40gb=1),
    vendors.mig_single("single", profile="1g.10gb", count=1),
    vendors.shared("mps", "mps", product=vendors.H100, by=10) | {"one_each": ["nvidia.com/gpu"]},
    vendors.shared("beside", "time-slicing", product=vendors.H100, by=10)
    | {"one_each": ["nvidia.com/gpu"]},  # the same key and product, and nothing held
    vendors.shared("turns", "time-slicing", product=vendors.A100_40, by=2, renamed=True),
    vendors.dra(
        "dra",
        vendors.device("gpu-0", "NVIDIA-L40S", 46068),
        vendors.device("gpu-1-mig-0", "NVIDIA-H200", 16384, profile="1g.18gb"),
        vendors.device("gpu-1-mig-1", "NVIDIA-H200", 71680, profile="3g.71gb"),
    ),
    vendors.dra("dra-shared", vendors.device("gpu-0", "NVIDIA-L4", 23034, shared=True)),
)
SCHEDULED = {"whole", "mig", "mps", "time-slicing", "dra", "dra-mig", "dra-shared"}
"""What the tests below see on a node; the docs say the same."""


class Got(msgspec.Struct, frozen=True, kw_only=True):
    """A wish, and what a worker has for it.

    Attributes:
        granted: as `job.granted` says it.
        charged: the key of a quota, as `job.granted` says it.
        devices: what its pod has: of a device plugin so many of a resource, of a claim the devices
            that the scheduler has chosen, with the memory that it has counted.
        product: the nodes that it keeps to, where its resource is something else on others.
    """

    wish: dict[str, Any]
    node: str
    granted: str
    charged: str
    devices: dict[str, str]
    product: str = ""


WISHES = {
    "whole": Got(
        wish={"gpu": 2.0},
        node="whole",
        granted="2 × whole GPU of NVIDIA H100-80GB-HBM3, 79.6 GiB each",
        charged="requests.nvidia.com/gpu",
        devices={"nvidia.com/gpu": "2"},
        product=vendors.H100,
    ),
    "half a card": Got(
        wish={"gpu": 0.5},
        node="mixed",
        granted="1 × MIG 3g.40gb of NVIDIA A100-SXM4-80GB, 39.2 GiB",
        charged="requests.nvidia.com/mig-3g.40gb",
        devices={"nvidia.com/mig-3g.40gb": "1"},
    ),
    "a quarter": Got(
        wish={"gpu": 0.25, "gpu_model": "A100"},
        node="mixed",
        granted="1 × MIG 1g.20gb of NVIDIA A100-SXM4-80GB, 19.5 GiB",
        charged="requests.nvidia.com/mig-1g.20gb",
        devices={"nvidia.com/mig-1g.20gb": "1"},
        product=vendors.A100,
    ),
    "a slice that is called a GPU": Got(
        wish={"gpu": 0.1, "gpu_model": "A100"},
        node="single",
        granted="1 × MIG 1g.10gb of NVIDIA A100-SXM4-80GB, 9.5 GiB",
        charged="requests.nvidia.com/gpu",
        devices={"nvidia.com/gpu": "1"},
        product=f"{vendors.A100}-MIG-1g.10gb",
    ),
    "a tenth": Got(
        wish={"gpu": 0.1, "gpu_model": "H100"},
        node="mps",
        granted="10 % of NVIDIA H100-80GB-HBM3, 7.96 GiB, by MPS",
        charged="requests.nvidia.com/gpu",
        devices={"nvidia.com/gpu": "1"},
        product=f"{vendors.H100}-SHARED",
    ),
    "a turn": Got(
        wish={"gpu": 0.45, "gpu_model": "40GB", "isolation": "none"},
        node="turns",
        granted="50 % of NVIDIA A100-SXM4-40GB, 20 GiB, by time-slicing",
        charged="requests.nvidia.com/gpu.shared",
        devices={"nvidia.com/gpu.shared": "1"},
        product=vendors.A100_40,
    ),
    "a whole card by DRA": Got(
        wish={"gpu": 1.0, "gpu_model": "L40S"},
        node="dra",
        granted="1 × whole GPU of NVIDIA L40S, 45 GiB",
        charged="gpu.nvidia.com.deviceclass.resource.k8s.io/devices",
        devices={"gpu-0": ""},
    ),
    "a slice by DRA": Got(
        wish={"gpu_memory": 60 * GIB},
        node="dra",
        granted="1 × MIG 3g.71gb of NVIDIA H200, 70 GiB",
        charged="mig.nvidia.com.deviceclass.resource.k8s.io/devices",
        devices={"gpu-1-mig-1": ""},
    ),
    "a part by DRA": Got(
        wish={"gpu_memory": 10 * GIB, "gpu_model": "L4", "isolation": "none"},
        node="dra-shared",
        granted="45 % of NVIDIA L4, 10 GiB, by DRA",
        charged="gpu.nvidia.com.deviceclass.resource.k8s.io/devices",
        devices={"gpu-0": "10Gi"},
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


@pytest.fixture
def in_class(gpus: Cluster, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The settings of somebody who sees one namespace."""
    gpus.grant("student", room, STUDENT)
    path = gpus.user_kubeconfig("student", namespace=room)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return Config(home=tmp_path / "student")


@pytest_asyncio.fixture
async def student(in_class: Config) -> AsyncIterator[KubernetesBackend]:
    """As somebody who sees one namespace."""
    made = KubernetesBackend(in_class)
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


async def pod_of(cluster: Cluster, room: str, made: Workload) -> dict[str, Any]:
    """Its first pod, once it was put somewhere."""
    found: list[dict[str, Any]] = []

    def placed() -> bool:
        pods = cluster.pods(room, f"cnai-sdk/id={made.id}")
        found[:] = [pod for pod in pods if pod["spec"].get("nodeName")]
        return bool(found)

    await until(placed)
    return found[0]


async def node_of(cluster: Cluster, room: str, made: Workload) -> str:
    """Where that is."""
    pod = await pod_of(cluster, room, made)
    return str(pod["spec"]["nodeName"])


def devices_of(cluster: Cluster, pod: dict[str, Any]) -> dict[str, str]:
    """What a pod that was put on a node has of GPUs there."""
    limits = pod["spec"]["containers"][0]["resources"]["limits"]
    found = {key: amount for key, amount in limits.items() if key.startswith("nvidia.com/")}
    room = pod["metadata"]["namespace"]
    for each in pod["status"].get("resourceClaimStatuses", ()):
        path = f"/apis/resource.k8s.io/v1/namespaces/{room}/resourceclaims"
        claim = cluster.http.get(f"{path}/{each['resourceClaimName']}").json()
        for one in claim["status"]["allocation"]["devices"]["results"]:
            found[one["device"]] = one.get("consumedCapacity", {}).get("memory", "")
    return found


async def running(backend: KubernetesBackend, made: Workload) -> Workload:
    async for _ in backend.watch():
        now = await backend.get(made.id)
        if now.phase is Phase.RUNNING:
            return now
        assert not now.phase.ended, now.message
    raise AssertionError("the watch ended")


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
async def test_a_worker_has_what_its_job_says_that_it_was_granted(
    gpus: Cluster, backend: KubernetesBackend, room: str, name: str
) -> None:
    got = WISHES[name]
    made = await backend.submit(job(stays=True, **got.wish), secrets={})
    granted = (await running(backend, made)).granted
    pod = await pod_of(gpus, room, made)
    assert granted is not None
    assert granted.gpu_granted.replace("\xa0", " ") == got.granted
    assert granted.quota_key == got.charged
    assert pod["spec"]["nodeName"] == got.node
    assert devices_of(gpus, pod) == got.devices
    assert pod["spec"].get("nodeSelector", {}).get("nvidia.com/gpu.product", "") == got.product
    await backend.delete(made.id)


@pytest.mark.parametrize(
    ("name", "told"), [("a turn", "0.5"), ("a part by DRA", "0.45"), ("a tenth", "")]
)
async def test_torch_is_told_its_part_where_nothing_else_holds_it(
    backend: KubernetesBackend, name: str, told: str
) -> None:
    made = await backend.submit(job(**WISHES[name].wish), secrets={})
    assert (await ended(backend, made)).phase is Phase.SUCCEEDED
    lines = [line.text async for batch in backend.logs(made.id) for line in batch]
    assert f"cap {f'per_process_memory_fraction:{told}' if told else 'none'}" in lines


async def test_a_device_that_is_shared_is_not_given_beyond_its_memory(
    gpus: Cluster, backend: KubernetesBackend, room: str
) -> None:
    wish = WISHES["a part by DRA"].wish
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


@pytest.mark.parametrize(
    "name", ["whole", "half a card", "a slice that is called a GPU", "a whole card by DRA"]
)
async def test_what_somebody_has_is_waited_for_and_the_verdict_says_so(
    gpus: Cluster, backend: KubernetesBackend, room: str, name: str
) -> None:
    got = WISHES[name]
    first = await backend.submit(job("first", stays=True, **got.wish), secrets={})
    assert await node_of(gpus, room, first) == got.node
    second = await backend.submit(job("second", **got.wish), secrets={})
    assert await verdict(backend, second) == "SCHED_GPU"
    await backend.delete(first.id)
    assert await node_of(gpus, room, second) == got.node


async def test_a_claims_template_goes_with_its_job(
    gpus: Cluster, backend: KubernetesBackend, room: str
) -> None:
    path = f"/apis/resource.k8s.io/v1/namespaces/{room}/resourceclaimtemplates"
    made = await backend.submit(job(**WISHES["a slice by DRA"].wish), secrets={})
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
        ({"gpu": 1.0, "gpu_model": "B200"}, "Write gpu=1."),
        ({"gpu": 0.5, "workers": 2}, "gpu=1"),
        ({"gpu": 1.5}, "gpu=2"),
        ({"gpu": 0.25, "gpu_memory": 100 * GIB}, 'gpu_memory="100Gi"'),
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
    made = await student.submit(job(stays=True, gpu=0.5), secrets={})
    pod = await pod_of(gpus, room, made)
    assert (pod["spec"]["nodeName"], devices_of(gpus, pod)) == (
        "mixed",
        {"nvidia.com/mig-3g.40gb": "1"},
    )
    assert made.granted is not None
    assert "quota" in made.granted.how[-1]


async def test_a_student_claims_a_slice_that_only_the_scheduler_sees(
    gpus: Cluster, student: KubernetesBackend, room: str
) -> None:
    key = "mig.nvidia.com.deviceclass.resource.k8s.io/devices"
    gpus.apply(quota(room, **{key: "1"}))
    made = await student.submit(job(stays=True, gpu_memory=60 * GIB), secrets={})
    assert devices_of(gpus, await pod_of(gpus, room, made)) == {"gpu-1-mig-1": ""}


async def test_who_may_not_claim_is_refused_at_the_call_and_not_once_it_is_allowed(
    gpus: Cluster, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "mig.nvidia.com.deviceclass.resource.k8s.io/devices"
    gpus.apply(quota(room, **{key: "1"}))
    path = f"/apis/resource.k8s.io/v1/namespaces/{room}/resourceclaimtemplates"
    without = [each for each in STUDENT if "resourceclaimtemplates" not in each["resources"]]
    gpus.grant("newcomer", room, without)
    monkeypatch.setenv("KUBECONFIG", str(gpus.user_kubeconfig("newcomer", namespace=room)))
    newcomer = KubernetesBackend(Config(home=tmp_path / "newcomer"))
    slice_ = job(stays=True, gpu_memory=60 * GIB)
    try:
        with pytest.raises(DoesNotFit) as error:
            await newcomer.submit(slice_, secrets={})
        assert f"You may not create ResourceClaimTemplates in {room}" in error.value.why
        assert gpus.http.get(path).json()["items"] == []
        gpus.grant("newcomer", room, STUDENT)

        async def submitted() -> Workload | None:
            with contextlib.suppress(DoesNotFit):  # the API server learns of a right in a moment
                return await newcomer.submit(slice_, secrets={})
            return None

        async with asyncio.timeout(120):
            while (made := await submitted()) is None:
                await asyncio.sleep(0.1)
        assert devices_of(gpus, await pod_of(gpus, room, made)) == {"gpu-1-mig-1": ""}
    finally:
        await newcomer.close()


@produces("imitated", "GPU_SHARED_COUNT")
async def test_a_student_who_cannot_see_that_gpus_are_shared_is_told_by_the_node(
    gpus: Cluster, student: KubernetesBackend, room: str, ledger: Ledger
) -> None:
    gpus.apply(quota(room, **{"requests.nvidia.com/gpu": "4"}))
    made = await student.submit(job(gpu=3.0), secrets={})
    assert await node_of(gpus, room, made) in ("mps", "beside"), "which of them, nobody has said"
    found = await diagnose_workload(student, await ended(student, made))
    assert found is not None
    ledger.note(found)
    assert "parts of shared ones" in found.happened


async def test_a_student_is_told_what_cannot_be_seen(student: KubernetesBackend) -> None:
    with pytest.raises(DoesNotFit) as error:
        await student.submit(job(gpu=0.5), secrets={})
    assert "You may not list nodes" in error.value.why


async def test_a_student_gets_what_the_administrator_publishes_or_is_told_of_its_slip(
    gpus: Cluster, in_class: Config, room: str
) -> None:
    shared = gpus.namespace()
    reads = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}]
    gpus.grant("student", shared, reads)
    student = KubernetesBackend(Config(home=in_class.home, shared=shared))
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

    async with asyncio.timeout(120):
        while not await told():
            await asyncio.sleep(0.1)
    await student.close()
    gpus.delete_namespace(shared)


# -- which is which -----------------------------------------------------------------------


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
