"""What a student, or a teacher, tries with the real kubectl, and why the API server denies it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import ceilings
from cnai_sdk.backends.kubernetes.api import Refused
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
POLITE = {"securityContext": {"allowPrivilegeEscalation": False}}
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
    for document in (pod(**BY_PRIORITY), pytorchjob(spec=pod_spec(**BY_PRIORITY))):
        assert "cluster's own" in room.said(document)


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


def test_a_student_reads_the_ceilings_and_the_profile(room: Classroom) -> None:
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


def test_a_teacher_stops_a_job_and_changes_nothing_of_what_it_runs(room: Classroom) -> None:
    made = pytorchjob(name="steered")
    made["spec"]["runPolicy"]["suspend"] = True
    assert room.said(made, "create") == ""
    replica = json.loads(json.dumps(made["spec"]["pytorchReplicaSpecs"]))
    replica["Worker"]["template"]["spec"]["containers"][0]["command"] = ["printenv"]
    changed = {"spec": {"pytorchReplicaSpecs": replica}}
    assert "does not change what it runs" in patched(
        room, room.teacher, "pytorchjob/steered", changed
    )
    stop = {"spec": {"runPolicy": {"activeDeadlineSeconds": 0, "suspend": False}}}
    assert patched(room, room.teacher, "pytorchjob/steered", stop) == ""
    room.run(room.student, "delete", "pytorchjob", "steered")


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
        for wish in ({"priority": 1000}, {"queueName": "first"}):
            with pytest.raises(Refused) as caught:
                await api.patch(path, {"spec": wish})
            assert "only spec.active" in caught.value.message
        assert (await api.patch(path, {"spec": {"active": False}}))["spec"]["active"] is False
    room.run(room.student, "delete", "pytorchjob", "waits")


def test_an_administrator_is_not_held_by_any_of_it(room: Classroom) -> None:
    words = ("-n", room.namespace, "create", "--dry-run=server", "-f", "-")
    room.admin(*words, input=json.dumps(picky()))
    room.admin(*words, input=json.dumps(pytorchjob(workers=40, name="large")))
