"""What a student, or a teacher, tries with the real kubectl, and why the API server denies it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import ceilings
from cnai_sdk.backends.kubernetes.api import Refused
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import Config
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Resources
from tests.cluster.classroom import (
    Classroom,
    classroom_on,
    container,
    picky,
    pod,
    pod_spec,
    pytorchjob,
    trainjob,
)
from tests.cluster.surviving import connected
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.processes import until
from tests.cluster.trained import spec_of


@pytest.fixture(scope="module")
def room(cluster: Cluster | External) -> Iterator[Classroom]:
    """A class in which the student has a pod of one's own."""
    with classroom_on(cluster) as found:
        sleeps = container(command=["python3", "-c", "import time; time.sleep(3000)"])
        body = pod(containers=[sleeps], activeDeadlineSeconds=3000)
        body["metadata"] = {"name": "own"}
        assert found.said(body, "create") == ""
        until(
            "the student's pod runs",
            lambda: "Running" in found.run(found.student, "get", "pod", "own").stdout,
        )
        yield found


HOST = {"name": "host", "hostPath": {"path": "/"}}
RAISED = container(securityContext={"privileged": True})
SEES_ALL = [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]
TERMS = [{"matchExpressions": [{"key": "kubernetes.io/os", "operator": "Exists"}]}]
REQUIRED = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": TERMS}}
ANYWHERE = [{"operator": "Exists"}]
BESIDE = {
    "podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
        ]
    }
}

# What is asked, and a word of the reason.
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "a path of the node": ({"volumes": [HOST]}, "hostPath"),
    "the node's network": ({"hostNetwork": True}, "host"),
    "the node's processes": ({"hostPID": True}, "host"),
    "a privileged container": ({"containers": [RAISED]}, "privileged"),
    "another service account": ({"serviceAccountName": "teacher"}, "service account"),
    "GPUs that were not asked for": ({"containers": [container(env=SEES_ALL)]}, "'void'"),
    "a node by its label": (
        {"nodeSelector": {"kubernetes.io/hostname": "node-a"}},
        "scheduler chooses",
    ),
    "a node by affinity": ({"affinity": {"nodeAffinity": REQUIRED}}, "scheduler chooses"),
    "a place beside somebody": ({"affinity": BESIDE}, "scheduler chooses"),
    "reserved nodes": ({"tolerations": ANYWHERE}, "reserved"),
}
BY_PRIORITY = {"priorityClassName": "system-node-critical"}


@pytest.mark.parametrize("wish", ASKED)
def test_a_pod_is_denied_and_the_reason_said(room: Classroom, wish: str) -> None:
    spec, reason = ASKED[wish]
    said = room.said(pod(**spec), "create")
    assert "forbidden" in said
    assert reason in said


@pytest.mark.parametrize("wish", ASKED)
def test_a_pytorchjob_is_denied_at_the_call_where_pod_security_would_only_refuse_its_pods(
    room: Classroom, wish: str
) -> None:
    spec, reason = ASKED[wish]
    said = room.said(pytorchjob(spec=pod_spec(**spec)), "create")
    assert "cnai-confinement" in said
    assert reason in said


@pytest.mark.parametrize(
    "wish",
    # What a TrainJob's patch of its pods can say at all.
    [
        "a path of the node",
        "another service account",
        "a node by its label",
        "a node by affinity",
        "reserved nodes",
    ],
)
def test_a_trainjob_is_denied_at_the_call(room: Classroom, wish: str) -> None:
    spec, reason = ASKED[wish]
    said = room.said(trainjob(patch=spec), "create")
    assert "cnai-confinement" in said
    assert reason in said


def test_the_priorities_of_the_cluster_itself_are_denied(room: Classroom) -> None:
    gang = pytorchjob()
    gang["spec"]["runPolicy"]["schedulingPolicy"] = {"priorityClass": "system-cluster-critical"}
    line = pytorchjob(labels={"kueue.x-k8s.io/priority-class": "system-node-critical"})
    for document in (pod(**BY_PRIORITY), pytorchjob(spec=pod_spec(**BY_PRIORITY)), gang, line):
        assert "cluster's own" in room.said(document)


def test_the_runtime_of_other_pods_is_denied(room: Classroom) -> None:
    """Of a pod the server says so itself, unless there is such a runtime."""
    assert "runtimeClassName" in room.said(pytorchjob(spec=pod_spec(runtimeClassName="others")))
    assert room.said(pytorchjob(spec=pod_spec(runtimeClassName="nvidia"))) == ""


def test_a_job_that_grows_by_itself_is_denied(room: Classroom) -> None:
    grows = pytorchjob()
    grows["spec"]["elasticPolicy"] = {"minReplicas": 1, "maxReplicas": 1000}
    assert "elasticPolicy" in room.said(grows)


def test_a_trainjob_tells_no_container_of_its_own_of_gpus_that_were_not_asked_for(
    room: Classroom,
) -> None:
    sees = trainjob()
    sees["spec"]["trainer"]["env"] = SEES_ALL
    assert "'void'" in room.said(sees)
    sees["spec"]["trainer"]["env"] = [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}]
    assert room.said(sees) == ""


def test_a_node_is_named_from_no_kubectl(room: Classroom) -> None:
    assert "scheduler chooses" in room.said(pod(nodeName="node-a"))


def test_a_gpu_and_a_long_life_are_had_by_jobs_alone(room: Classroom) -> None:
    gpu = [container(resources={"limits": {"nvidia.com/gpu": "1"}})]
    assert "training goes by jobs" in room.said(pod(containers=gpu), "create")
    assert "training goes by jobs" in room.said(pod(activeDeadlineSeconds=7200), "create")
    # Dry runs of a worker are how a job is checked before it is made.
    assert room.said(pod(containers=gpu)) == ""


def test_what_the_sdk_asks_for_is_not_denied(room: Classroom) -> None:
    model = {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}}
    tolerant = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
    for document in (
        pod(**model, **tolerant),
        pytorchjob(workers=2, gpus=1, seconds=3600),
        pytorchjob(spec=pod_spec(**model)),
        trainjob(workers=2, gpus=1, seconds=3600, patch=tolerant),
    ):
        assert room.said(document) == ""


def test_only_a_reader_of_a_claim_names_the_node_where_it_is(room: Classroom) -> None:
    place = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-a"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": place}}
    claim = [{"name": "claim", "persistentVolumeClaim": {"claimName": "scratch"}}]
    body = pod(
        affinity={"nodeAffinity": required}, volumes=claim, automountServiceAccountToken=False
    )
    assert "only a pod that reads a claim" in room.said(body)
    body["metadata"]["labels"] = {"cnai-sdk/role": "reader"}
    assert room.said(body) == ""


def test_a_reader_without_a_claim_names_no_node(room: Classroom) -> None:
    place = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-a"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": place}}
    body = pod(affinity={"nodeAffinity": required}, automountServiceAccountToken=False)
    body["metadata"]["labels"] = {"cnai-sdk/role": "reader"}
    assert "only a pod that reads a claim" in room.said(body)


# -- what lies beside jobs -----------------------------------------------------------------


def secret(type: str, *, account: str = "") -> dict[str, Any]:
    """A Secret; the control plane fills one of an account with its token."""
    notes = {"kubernetes.io/service-account.name": account} if account else {}
    meta = {"name": "taken", "annotations": notes}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": type}


async def test_the_token_of_another_account_is_not_had_by_a_secret(room: Classroom) -> None:
    room.admin("-n", room.namespace, "create", "serviceaccount", "pipeline")
    token = secret("kubernetes.io/service-account-token", account="pipeline")
    assert "token of a service account" in room.said(token, "create")
    assert "token of a service account" in room.said(secret("bootstrap.kubernetes.io/token"))
    plain = secret("Opaque", account="pipeline")
    assert room.said(plain, "create") == ""  # nobody fills it
    room.run(room.student, "delete", "secret", "taken")
    room.admin("-n", room.namespace, "create", "-f", "-", input=json.dumps(token))
    path = f"/api/v1/namespaces/{room.namespace}/secrets/taken"
    try:
        async with connected(room.student) as api:  # kubectl would read it first
            with pytest.raises(Refused, match="token of a service account"):
                await api.patch(path, {"metadata": {"labels": {"mine": "yes"}}})
    finally:
        room.admin("-n", room.namespace, "delete", "secret", "taken")


def claim(**request: Any) -> dict[str, Any]:
    """A template of claims, in the shape of resource.k8s.io/v1."""
    devices = {"requests": [{"name": "gpu", **request}]}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "claims"},
        "spec": {"spec": {"devices": devices}},
    }


GPUS = {"deviceClassName": "gpu.nvidia.com"}


def test_a_claim_asks_for_no_more_devices_than_a_job_may_have(room: Classroom) -> None:
    every = {**GPUS, "allocationMode": "All"}
    assert "how many devices" in room.said(claim(exactly=every))
    assert "how many devices" in room.said(claim(firstAvailable=[{"name": "a", **every}]))
    assert "gpus-per-job" in room.said(claim(exactly={**GPUS, "count": 9}))
    assert "gpus-per-job" in room.said(claim(firstAvailable=[{"name": "a", **GPUS, "count": 9}]))
    assert room.said(claim(exactly={**GPUS, "count": 8})) == ""


def test_objects_do_not_fill_the_clusters_store(room: Classroom) -> None:
    words = ("-n", room.namespace, "get", "resourcequota", "cnai-quota", "-o", "json")
    status = json.loads(room.admin(*words))["status"]
    for key in (
        "configmaps",
        "secrets",
        "count/pytorchjobs.kubeflow.org",
        "count/trainjobs.trainer.kubeflow.org",
        "count/resourceclaimtemplates.resource.k8s.io",
    ):
        assert int(status["hard"][key]) > 0
        assert key in status["used"]
    few = room.printed("--quota", "count/pytorchjobs.kubeflow.org=0")
    room.admin("apply", "-f", "-", input=few)
    try:
        until("it holds", lambda: "exceeded quota" in room.said(pytorchjob()))
    finally:
        room.admin("apply", "-f", "-", input=room.printed())
        until("it holds no more", lambda: room.said(pytorchjob()) == "")


# -- other objects, other namespaces -------------------------------------------------------

STUDENT = {
    "a pod in another namespace": "-n default run x --image=python:3",
    "a job in another namespace": "-n default delete pytorchjobs --all",
    "another's secrets": "-n kube-system get secrets",
    "another's pods": "get pods --all-namespaces",
    "a shell in a pod": "exec own -- true",
    "a container in a running pod": "debug own --image=busybox",
    "a tunnel into a pod": "port-forward own 1",
    "a right": "create rolebinding x --clusterrole=cluster-admin --user=student",
    "all rights": "create clusterrolebinding x --clusterrole=cluster-admin --user=student",
    "another name": "get pods --as=somebody",
    "a token of an account": "create token default",
    "an account": "create serviceaccount x",
    "another kind of workload": "create deployment x --image=python:3",
    "nodes": "get nodes",
    "a higher quota": "patch resourcequota cnai-quota --type=merge -p {}",
    "no quota": "delete resourcequota cnai-quota",
    "a namespace without rules": "label namespace {namespace} pod-security.kubernetes.io/enforce-",
    "a policy": "get validatingadmissionpolicies",
    "no policy": "delete validatingadmissionpolicybinding cnai-confinement",
    "higher ceilings": "-n {shared} patch configmap cnai-ceilings --type=merge -p {}",
    "another profile": "-n {shared} delete configmap cnai-gpu-profile",
    "a new thing to read for all": "-n {shared} create configmap x",
    "a pod in the shared namespace": "-n {shared} run x --image=python:3",
}


@pytest.mark.parametrize("wish", STUDENT)
def test_a_student_is_forbidden(room: Classroom, wish: str) -> None:
    words = [
        word.format(namespace=room.namespace, shared=room.shared) if word != "{}" else word
        for word in STUDENT[wish].split()
    ]
    answer = room.run(room.student, *words)
    assert answer.returncode != 0
    assert "orbidden" in answer.stderr
    assert "student" in answer.stderr


def test_a_student_reads_the_ceilings_and_the_profile(room: Classroom, tmp_path: Path) -> None:
    file = tmp_path / "gpus.toml"
    file.write_text('[[offer]]\nmechanism = "whole"\nkey = "nvidia.com/gpu"\n')
    room.admin("apply", "-f", "-", input=room.printed("--gpu-profile", str(file)))
    answer = room.run(room.student, "-n", room.shared, "get", "configmaps", "-o", "name")
    assert {"configmap/cnai-ceilings", "configmap/cnai-gpu-profile"} <= set(answer.stdout.split())


TEACHER = {
    "a pod beside a student's secrets": "run x --image=python:3",
    "a student's secrets": "get secrets",
    "a shell in a pod": "exec own -- true",
    "higher ceilings": "-n {shared} delete configmap cnai-ceilings",
    "a pod in the shared namespace": "-n {shared} run x --image=python:3",
    "a right": "create rolebinding x --clusterrole=cluster-admin --user=teacher",
    "another namespace": "-n kube-system get pods",
}


@pytest.mark.parametrize("wish", TEACHER)
def test_a_teacher_is_forbidden(room: Classroom, wish: str) -> None:
    words = [word.format(shared=room.shared) for word in TEACHER[wish].split()]
    answer = room.run(room.teacher, *words)
    assert answer.returncode != 0
    assert "orbidden" in answer.stderr


# -- ceilings ------------------------------------------------------------------------------

ABOVE = {
    "workers": ({"workers": 17}, "workers-per-job"),
    "GPUs": ({"workers": 3, "gpus": 3, "seconds": 60}, "gpus-per-job"),
    "GPUs for ever": ({"gpus": 1}, "timeout="),
    "GPUs for too long": ({"gpus": 1, "seconds": 25 * 3600}, "hours-per-job"),
    "too many GPU-hours": ({"workers": 8, "gpus": 1, "seconds": 9 * 3600}, "gpu-hours-per-job"),
}


@pytest.mark.parametrize("make", [pytorchjob, trainjob])
@pytest.mark.parametrize("what", ABOVE)
def test_a_job_above_a_ceiling_is_denied_with_the_ceiling(
    room: Classroom, what: str, make: Any
) -> None:
    asked, ceiling = ABOVE[what]
    said = room.said(make(**asked))
    assert "cnai-ceilings" in said
    assert ceiling in said


def having(limits: Mapping[str, str], *, first: bool = False) -> dict[str, Any]:
    """A job of one worker that says how long it runs; `first`: in an init container."""
    named = "prepare" if first else "pytorch"
    asks = {**container(resources={"limits": dict(limits)}), "name": named}
    spec = pod_spec(initContainers=[asks]) if first else pod_spec(containers=[asks])
    return pytorchjob(seconds=60, spec=spec)


@pytest.mark.parametrize(
    "key",
    [
        "deviceclass.resource.kubernetes.io/gpu.nvidia.com",
        "nvidia.com/gpu.shared",
        "nvidia.com/mig-1g.10gb",
        "nvidia.com/pgpu",
        "nvidia.com/gpumem",
        "acme.org/renamed-gpu",
        "aliyun.com/gpu-mem",
        "tencent.com/vcuda-core",
        "huawei.com/Ascend910B",
        "google.com/tpu",
        "volcano.sh/vgpu-memory",
    ],
)
def test_devices_are_counted_whatever_they_are_called(room: Classroom, key: str) -> None:
    assert "gpus-per-job" in room.said(having({key: "9"}))
    assert "gpus-per-job" in room.said(having({key: "9"}, first=True))


def test_what_says_how_large_a_share_is_counts_as_no_device(room: Classroom) -> None:
    part = {"nvidia.com/gpumem": "10240", "nvidia.com/gpucores": "50"}
    assert room.said(having({"nvidia.com/gpu": "1", **part})) == ""
    assert "gpus-per-job" in room.said(having({"nvidia.com/gpu": "0", **part}))
    part = {"volcano.sh/vgpu-memory": "1000", "rdma/hca": "1000"}
    assert room.said(having({"volcano.sh/vgpu-number": "1", **part})) == ""


def test_a_share_of_many_devices_counts_as_so_many(room: Classroom) -> None:
    for count, reason in (("9", "gpus-per-job"), ("-1", "not below 0"), ("4", "")):
        notes = {"gpu-fraction": "0.5", "gpu-fraction-num-devices": count}
        job = pytorchjob(seconds=60)
        job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["metadata"] = {
            "annotations": notes
        }
        said = room.said(job)
        assert reason in said if reason else said == ""
    shares = trainjob(workers=9, seconds=60, patch={})
    patch = shares["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]
    template = patch["replicatedJobs"][0]["template"]["spec"]["template"]
    template["metadata"] = {"annotations": {"gpu-fraction": "0.5"}}
    assert "gpus-per-job" in room.said(shares)


def test_nothing_below_0_makes_room_for_more(room: Classroom) -> None:
    job = pytorchjob(workers=2, gpus=8, seconds=60)
    less = pod_spec(containers=[container(resources={"limits": {"nvidia.com/gpu": "-15"}})])
    job["spec"]["pytorchReplicaSpecs"]["Master"] = {
        "replicas": 1,
        "restartPolicy": "Never",
        "template": {"spec": less},
    }
    assert "not below 0" in room.said(job)


def test_a_trainjob_does_not_leave_its_workers_to_its_runtime(room: Classroom) -> None:
    job = trainjob()
    del job["spec"]["trainer"]["numNodes"]
    assert "numNodes" in room.said(job)
    del job["spec"]["trainer"]
    assert "numNodes" in room.said(job)


def test_a_job_does_not_grow_past_a_ceiling_afterwards(room: Classroom) -> None:
    made = pytorchjob(workers=1, name="grows")
    made["spec"]["runPolicy"]["suspend"] = True
    assert room.said(made, "create") == ""
    more = {"spec": {"pytorchReplicaSpecs": {"Worker": {"replicas": 17}}}}
    answer = patched(room, room.student, "pytorchjob/grows", more)
    assert "workers-per-job" in answer
    room.run(room.student, "delete", "pytorchjob", "grows")


def test_a_job_is_stopped_also_when_a_ceiling_has_come_down_since(room: Classroom) -> None:
    made = pytorchjob(workers=2, name="earlier")
    made["spec"]["runPolicy"]["suspend"] = True
    assert room.said(made, "create") == ""
    room.admin("apply", "-f", "-", input=room.printed("--workers", "1"))
    try:
        until("it holds", lambda: "workers-per-job" in room.said(pytorchjob(workers=2)))
        stop = {"spec": {"runPolicy": {"activeDeadlineSeconds": 0, "suspend": False}}}
        assert patched(room, room.student, "pytorchjob/earlier", stop) == ""
    finally:
        room.admin("apply", "-f", "-", input=room.printed())
        room.run(room.student, "delete", "pytorchjob", "earlier")
        until("it holds no more", lambda: room.said(pytorchjob(workers=2)) == "")


def test_a_ceiling_that_is_no_number_is_said_and_the_others_hold(room: Classroom) -> None:
    wrong = json.dumps({"data": {"gpus-per-job": "four"}})
    words = ("-n", room.shared, "patch", "configmap", "cnai-ceilings", "--type=merge", "-p")
    room.admin(*words, wrong)
    try:
        data = room.run(room.student, *words[:2], "get", *words[3:5], "-o", "json").stdout
        known = ceilings.read(json.loads(data)["data"], where="here")
        assert "'four'" in known.ignored[0]
        assert known.of("workers-per-job") == 16
        assert "gpus-per-job" in room.said(pytorchjob(workers=3, gpus=3, seconds=60))
    finally:
        room.admin("apply", "-f", "-", input=room.printed())


def patched(room: Classroom, who: Any, what: str, change: Mapping[str, Any]) -> str:
    """What kubectl says to a patch; '' when it was taken."""
    answer = room.run(who, "patch", what, "--type=merge", "-p", json.dumps(change))
    return answer.stderr if answer.returncode else ""


# -- to patch is to steer --------------------------------------------------------------------


RUNS: dict[str, dict[str, Any]] = {
    "where its workers meet": {"spec": {"elasticPolicy": {"rdzvHost": "other.example"}}},
    "processes of a worker": {"spec": {"nprocPerNode": "64"}},
    "its priority": {"spec": {"runPolicy": {"schedulingPolicy": {"priorityClass": "first"}}}},
    "how long it is kept": {"spec": {"runPolicy": {"ttlSecondsAfterFinished": 0}}},
    "a later end": {"spec": {"runPolicy": {"activeDeadlineSeconds": 10**8}}},
    "no end": {"spec": {"runPolicy": {"activeDeadlineSeconds": None}}},
    "what a rerun runs": {"metadata": {"annotations": {"cnai-sdk/spec": "{}"}}},
    "no description": {"metadata": {"annotations": {"cnai-sdk/spec": None}}},
    "that it is never deleted": {"metadata": {"finalizers": ["a.example/never"]}},
    "its labels": {"metadata": {"labels": {"a": "b"}}},
    "whom it goes with": {
        "metadata": {
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "00000000-0000"}
            ]
        }
    },
}


def test_a_teacher_stops_a_job_and_changes_nothing_of_what_it_runs(room: Classroom) -> None:
    made = pytorchjob(name="steered", seconds=3600)
    made["spec"]["runPolicy"]["suspend"] = True
    made["metadata"]["annotations"] = {"cnai-sdk/spec": '{"name": "steered"}'}
    assert room.said(made, "create") == ""
    replica = json.loads(json.dumps(made["spec"]["pytorchReplicaSpecs"]))
    replica["Worker"]["template"]["spec"]["containers"][0]["command"] = ["printenv"]
    command = {"spec": {"pytorchReplicaSpecs": replica}}
    for what, change in {**RUNS, "its command": command}.items():
        said = patched(room, room.teacher, "pytorchjob/steered", change)
        assert "does not change what it runs" in said, what
    note = {"metadata": {"annotations": {"cnai-sdk/overdue": "1"}}}
    assert patched(room, room.teacher, "pytorchjob/steered", note) == ""
    stop = {
        "metadata": {"annotations": {"cnai-sdk/stopped": "1"}},
        "spec": {"runPolicy": {"activeDeadlineSeconds": 0, "suspend": False}},
    }
    assert patched(room, room.teacher, "pytorchjob/steered", stop) == ""
    room.run(room.student, "delete", "pytorchjob", "steered")


def test_a_teacher_pauses_a_trainjob_and_changes_nothing_of_what_it_runs(room: Classroom) -> None:
    made = trainjob(patch={"tolerations": []})
    made["spec"]["suspend"] = True
    assert room.said(made, "create") == ""
    for what in ("what a rerun runs", "that it is never deleted", "its labels"):
        said = patched(room, room.teacher, "trainjob/try", RUNS[what])
        assert "does not change what it runs" in said, what
    patches = {"spec": {"runtimePatches": None}}
    assert "does not change what it runs" in patched(room, room.teacher, "trainjob/try", patches)
    go = {"metadata": {"annotations": {"cnai-sdk/stopped": "1"}}, "spec": {"suspend": False}}
    assert patched(room, room.teacher, "trainjob/try", go) == ""
    room.run(room.student, "delete", "trainjob", "try")


async def test_a_student_suspends_a_place_in_line_and_does_not_move_it(room: Classroom) -> None:
    labels = {"kueue.x-k8s.io/queue-name": "none-such"}
    assert room.said(pytorchjob(name="waits", labels=labels), "create") == ""
    found: list[str] = []

    def has_place() -> bool:
        found[:] = room.run(room.student, "get", "workloads", "-o", "name").stdout.split()
        return bool(found)

    until("Kueue has a place for it", has_place)
    (place,) = found
    path = f"/apis/kueue.x-k8s.io/v1beta2/namespaces/{room.namespace}/workloads"
    path = f"{path}/{place.partition('/')[2]}"
    async with connected(room.student) as api:  # kubectl would read it first, which is not allowed
        for wish in (
            {"spec": {"priority": 1000}},
            {"spec": {"queueName": "first"}},
            {"spec": {"preemptionGates": [{"name": "kueue.x-k8s.io/mine"}]}},
            # Without its job it would take up its queue's room for ever.
            {"metadata": {"ownerReferences": None}},
            {"metadata": {"finalizers": ["a.example/never"]}},
            {"metadata": {"annotations": {"a": "b"}}},
        ):
            with pytest.raises(Refused) as caught:
                await api.patch(path, wish)
            assert "only spec.active" in caught.value.message
        assert (await api.patch(path, {"spec": {"active": False}}))["spec"]["active"] is False
    room.run(room.student, "delete", "pytorchjob", "waits")


@pytest.fixture(scope="module")
def queue(room: Classroom) -> Iterator[str]:
    """A queue whose flavor sends jobs to a node, and lets them bear its taint."""
    version, name = "kueue.x-k8s.io/v1beta2", room.namespace
    amounts = {"cpu": "1", "memory": "2Gi"}
    resources = [{"name": each, "nominalQuota": amount} for each, amount in amounts.items()]
    group = {
        "coveredResources": list(amounts),
        "flavors": [{"name": name, "resources": resources}],
    }
    of_the_class = {"matchLabels": {"kubernetes.io/metadata.name": room.namespace}}
    flavor = {
        "nodeLabels": {"kubernetes.io/hostname": "node-a"},
        "tolerations": [{"key": name, "operator": "Exists"}],
    }
    several = {"namespaceSelector": of_the_class, "resourceGroups": [group]}
    made: list[dict[str, Any]] = [
        {"kind": "ResourceFlavor", "metadata": {"name": name}, "spec": flavor},
        {"kind": "ClusterQueue", "metadata": {"name": name}, "spec": several},
        {
            "kind": "LocalQueue",
            "metadata": {"name": "line", "namespace": room.namespace},
            "spec": {"clusterQueue": name},
        },
    ]
    for each in made:
        room.cluster.apply({"apiVersion": version, **each})
    yield "line"
    for kind in ("clusterqueues", "resourceflavors"):
        room.cluster.http.delete(f"/apis/{version}/{kind}/{name}")


WAITS = """
    import time

    def train():
        time.sleep(600)
    """


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
async def test_a_job_is_steered_also_where_its_queue_has_chosen_the_nodes(
    room: Classroom, queue: str, operator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kueue has written into it what a student may not say."""
    monkeypatch.setenv("KUBECONFIG", str(room.student))
    config = Config(
        home=tmp_path,
        namespace=room.namespace,
        operator=operator,
        image="python:3",
        shared=room.shared,
    )
    backend = KubernetesBackend(config)
    small = Resources(cpu=0.2, memory=2**28)

    async def until_it(phase: Phase) -> None:
        async with asyncio.timeout(120):
            while (await backend.get(made.id)).phase is not phase:
                await asyncio.sleep(0.05)

    try:
        spec = spec_of(WAITS, name="queued", resources=small, queue=queue)
        made = await backend.submit(spec, secrets={})
        await until_it(Phase.RUNNING)
        words = ("-n", room.namespace, "get", operator, "queued", "-o", "json")
        job = json.loads(room.admin(*words))
        assert "kubernetes.io/hostname" in json.dumps(job["spec"])
        assert "scheduler chooses" in patched(
            room, room.student, f"{operator}/queued", other_nodes(operator)
        )
        await backend.suspend(made.id)
        await until_it(Phase.QUEUED)
        await backend.resume(made.id)
        await until_it(Phase.RUNNING)
        await backend.stop(made.id)
        await until_it(Phase.STOPPED)
        await backend.delete(made.id)
    finally:
        await backend.close()


def other_nodes(operator: str) -> dict[str, Any]:
    """What would send a job's pods elsewhere."""
    elsewhere = {"nodeSelector": {"kubernetes.io/hostname": "node-b"}}
    if operator == "pytorchjob":
        worker = {"template": {"spec": elsewhere}}
        return {"spec": {"pytorchReplicaSpecs": {"Worker": worker}}}
    return {"spec": {"runtimePatches": trainjob(patch=elsewhere)["spec"]["runtimePatches"]}}


def test_an_administrator_is_not_held_by_any_of_it(room: Classroom) -> None:
    words = ("-n", room.namespace, "create", "--dry-run=server", "-f", "-")
    room.admin(*words, input=json.dumps(picky()))
    room.admin(*words, input=json.dumps(pytorchjob(workers=40, name="large")))
