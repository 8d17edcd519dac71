"""What a PyTorchJob of ours says, and how it is steered."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.kinds import KINDS, Change
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.spec import Resources

from .manifests import (
    COMMAND,
    GRANTED,
    ID,
    LABELS,
    POD_LABELS,
    PYTORCH,
    environment_of,
    manifest_of,
    pod_of,
    spec_of,
)


def test_the_smallest_job_is_exactly_this() -> None:
    assert manifest_of(spec_of()) == {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {
            "name": "digits",
            "namespace": "team-a",
            "labels": LABELS,
            "annotations": {
                "cnai-sdk/spec": '{"kind":"train","name":"digits","payload":{"entry":"train"},'
                '"image":"lab/torch:1"}',
                "cnai-sdk/base": "digits",
                "cnai-sdk/granted": GRANTED.format("1 worker"),
            },
        },
        "spec": {
            "runPolicy": {"cleanPodPolicy": "Running"},
            "nprocPerNode": "1",
            "pytorchReplicaSpecs": {
                "Worker": {
                    "replicas": 1,
                    "restartPolicy": "Never",
                    "template": {"metadata": {"labels": POD_LABELS}, "spec": _SMALLEST_POD},
                }
            },
        },
    }


_SMALLEST_POD = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [
        {
            "name": "pytorch",
            "image": "lab/torch:1",
            "command": COMMAND,
            "ports": [{"name": "pytorchjob-port", "containerPort": 23456}],
            "resources": {},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
            "env": [
                {"name": "HOME", "value": "/tmp"},
                {"name": "CNAI_JOB_ID", "value": ID},
                {"name": "CNAI_CODE_SHA256", "value": "..."},
                {"name": "CNAI_CODE", "value": "..."},
                {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
                {
                    "name": "RANK",
                    "valueFrom": {
                        "fieldRef": {
                            "fieldPath": "metadata.labels['training.kubeflow.org/replica-index']"
                        }
                    },
                },
                {"name": "WORLD_SIZE", "value": "1"},
                {"name": "MASTER_ADDR", "value": "digits-worker-0"},
                {"name": "MASTER_PORT", "value": "23456"},
            ],
            "volumeMounts": [
                {"name": "cnai-work", "mountPath": "/cnai"},
                {"name": "cnai-tmp", "mountPath": "/tmp"},
                {"name": "cnai-shm", "mountPath": "/dev/shm"},
            ],
        }
    ],
    "volumes": [
        {"name": "cnai-work", "emptyDir": {}},
        {"name": "cnai-tmp", "emptyDir": {}},
        {"name": "cnai-shm", "emptyDir": {"medium": "Memory"}},
    ],
}


def test_the_typed_model_of_kubeflow_training_knows_every_field() -> None:
    served = Served(operator="pytorchjob", pytorchjob=True, kueue="v1beta2", volcano=True)
    manifest = manifest_of(
        spec_of(
            workers=2,
            retries=2,
            timeout=60.0,
            queue="team",
            priority="high",
            secrets=("TOKEN", "hub/KEY"),
            outputs="pvc://scratch/runs",
            resources=Resources(cpu=1.5, memory=2**30, gpu=1),
        ),
        served,
    )
    text = msgspec.json.encode(manifest)
    again = subprocess.run(
        [sys.executable, "-c", _THROUGH_THE_MODEL], input=text, capture_output=True, check=True
    )
    assert msgspec.json.decode(again.stdout) == manifest


# By itself, since this folder hides the library of its own name from what is imported here.
_THROUGH_THE_MODEL = """
import json, sys, types
from kubeflow.training.api_client import ApiClient
client = ApiClient()
answer = types.SimpleNamespace(data=sys.stdin.read())
typed = client.deserialize(answer, "KubeflowOrgV1PyTorchJob")
json.dump(client.sanitize_for_serialization(typed), sys.stdout)
"""


def test_all_ranks_are_workers_since_a_master_would_bring_a_container_that_restricted_refuses() -> (
    None
):
    replicas = manifest_of(spec_of(workers=4))["spec"]["pytorchReplicaSpecs"]
    assert {kind: replica["replicas"] for kind, replica in replicas.items()} == {"Worker": 4}


def test_each_worker_learns_its_rank_and_where_rank_0_is() -> None:
    told = environment_of(manifest_of(spec_of(workers=3)))
    assert told["WORLD_SIZE"] == "3"
    assert told["MASTER_ADDR"] == "digits-worker-0"
    assert "replica-index" in told["RANK"]["fieldRef"]["fieldPath"]


def test_a_name_that_starts_with_a_digit_gets_a_letter_since_services_need_one() -> None:
    manifest = manifest_of(spec_of(name="3d-net"))
    assert manifest["metadata"]["name"] == "j-3d-net"
    assert manifest["metadata"]["labels"]["cnai-sdk/name"] == "3d-net"
    assert environment_of(manifest)["MASTER_ADDR"] == "j-3d-net-worker-0"


def test_a_timeout_is_the_operators_deadline_in_whole_seconds() -> None:
    assert _policy(timeout=90.5)["activeDeadlineSeconds"] == 91
    assert _policy(timeout=0.2)["activeDeadlineSeconds"] == 1
    assert "activeDeadlineSeconds" not in _policy()


def test_a_timeout_is_also_the_nodes_which_keeps_it_while_a_worker_does_not_start() -> None:
    assert pod_of(manifest_of(spec_of(timeout=90.5)))["activeDeadlineSeconds"] == 91
    assert "activeDeadlineSeconds" not in pod_of(manifest_of(spec_of()))


def test_with_retries_the_node_starts_a_container_again_that_was_killed() -> None:
    manifest = manifest_of(spec_of(retries=2))
    assert manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["restartPolicy"] == "OnFailure"
    assert manifest["spec"]["runPolicy"]["backoffLimit"] == 3


def test_a_gang_scheduler_is_told_that_all_workers_belong_together() -> None:
    volcano = msgspec.structs.replace(PYTORCH, volcano=True)
    coscheduling = msgspec.structs.replace(PYTORCH, coscheduling=True)
    assert _policy(volcano, workers=2, queue="team", priority="high")["schedulingPolicy"] == {
        "minAvailable": 2,
        "queue": "team",
        "priorityClass": "high",
    }
    assert _policy(coscheduling, workers=2)["schedulingPolicy"] == {"minAvailable": 2}
    assert "schedulingPolicy" not in _policy(volcano, workers=1)
    assert "schedulingPolicy" not in _policy(workers=2)


def test_a_queue_of_a_scheduler_is_named_to_it_however_the_operator_was_set_up() -> None:
    """Without a gang scheduler of its own the operator leaves the policy's queue unread; with one
    it makes a group of a lone worker too."""
    volcano = msgspec.structs.replace(PYTORCH, volcano=True)
    manifest = manifest_of(spec_of(queue="team"), volcano)
    policy = manifest["spec"]["runPolicy"]["schedulingPolicy"]
    assert policy == {"minAvailable": 1, "queue": "team"}
    template = manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]
    assert template["spec"]["schedulerName"] == "volcano"
    assert template["metadata"]["annotations"] == {"scheduling.volcano.sh/queue-name": "team"}

    kai = msgspec.structs.replace(PYTORCH, kai=True)
    manifest = manifest_of(spec_of(queue="team"), kai)
    template = manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]
    assert template["spec"]["schedulerName"] == "kai-scheduler"
    for each in (manifest["metadata"], template["metadata"]):
        assert each["labels"]["kai.scheduler/queue"] == "team"


@pytest.mark.parametrize("served", [{"volcano": True}, {"kai": True}, {"coscheduling": True}])
def test_without_a_queue_the_pods_name_no_scheduler(served: dict[str, bool]) -> None:
    pod = pod_of(manifest_of(spec_of(workers=2), msgspec.structs.replace(PYTORCH, **served)))
    assert "schedulerName" not in pod


def test_kueue_finds_its_queue_in_a_label() -> None:
    served = msgspec.structs.replace(PYTORCH, kueue="v1beta2", volcano=True)
    manifest = manifest_of(spec_of(workers=2, queue="team"), served)
    assert manifest["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
    assert "queue" not in manifest["spec"]["runPolicy"]["schedulingPolicy"]
    assert "schedulerName" not in pod_of(manifest)


def test_the_queue_of_the_settings_is_taken_where_the_call_names_none() -> None:
    served = msgspec.structs.replace(PYTORCH, kueue="v1beta2")
    labels = manifest_of(spec_of(), served, config={"queue": "ours"})["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "ours"
    without = manifest_of(spec_of(), PYTORCH, config={"queue": "ours"})
    assert "kueue.x-k8s.io/queue-name" not in without["metadata"]["labels"]


def test_a_queue_on_a_cluster_without_queues_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="this cluster has none"):
        manifest_of(spec_of(queue="team"))


def test_the_priority_class_is_the_pods() -> None:
    assert pod_of(manifest_of(spec_of(priority="high")))["priorityClassName"] == "high"


def test_a_stop_is_a_deadline_of_no_seconds_which_also_ends_a_queued_or_paused_job() -> None:
    body = {"spec": {"runPolicy": {"activeDeadlineSeconds": 0}}}
    note = {"metadata": {"annotations": {"cnai-sdk/stopped": "1700000000.500"}}}
    assert KINDS["pytorchjob"].stop(manifest_of(spec_of()), at=1700000000.5) == [
        Change(target="job", patch=note | body),
        Change(target="job", patch={"spec": {"runPolicy": {"suspend": False}}}, once="Suspended"),
    ]


def test_a_pause_is_the_operators_suspend() -> None:
    kind, job = KINDS["pytorchjob"], manifest_of(spec_of())
    assert [c.patch for c in kind.suspend(job)] == [{"spec": {"runPolicy": {"suspend": True}}}]
    assert [c.patch for c in kind.resume(job)] == [{"spec": {"runPolicy": {"suspend": False}}}]


def test_a_queued_job_is_paused_in_the_queue_which_would_start_it_again_otherwise() -> None:
    served = msgspec.structs.replace(PYTORCH, kueue="v1beta2")
    kind, job = KINDS["pytorchjob"], manifest_of(spec_of(queue="team"), served)
    for change, paused in ((kind.suspend(job), True), (kind.resume(job), False)):
        itself = {"spec": {"runPolicy": {"suspend": paused}}}
        active = {"spec": {"active": not paused}}
        assert change == [Change(target="workload", patch=active, instead=itself)]


def test_its_paths_are_those_of_the_api_server() -> None:
    kind = KINDS["pytorchjob"]
    assert kind.path("a") == "/apis/kubeflow.org/v1/namespaces/a/pytorchjobs"
    assert kind.path("a", "b") == "/apis/kubeflow.org/v1/namespaces/a/pytorchjobs/b"


def _policy(served: Served = PYTORCH, **fields: Any) -> dict[str, Any]:
    policy = manifest_of(spec_of(**fields), served)["spec"]["runPolicy"]
    assert isinstance(policy, dict)
    return policy
