"""What a TrainJob of ours says, in each of the three shapes, and how it is steered."""

from __future__ import annotations

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.kinds import KINDS, Change
from cnai_sdk.backends.kubernetes.pods import worker_pod
from cnai_sdk.errors import InvalidRequest, Unsupported
from cnai_sdk.model.spec import Resources

from .manifests import (
    COMMAND,
    GRANTED,
    ID,
    LABELS,
    POD_LABELS,
    TRAINJOBS,
    manifest_of,
    plan_of,
    spec_of,
)

_MOUNTS = [
    {"name": "cnai-work", "mountPath": "/cnai"},
    {"name": "cnai-tmp", "mountPath": "/tmp"},
    {"name": "cnai-shm", "mountPath": "/dev/shm"},
    {
        "name": "cnai-no-token",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": True,
    },
]
_VOLUMES = [
    {"name": "cnai-work", "emptyDir": {}},
    {"name": "cnai-tmp", "emptyDir": {}},
    {"name": "cnai-shm", "emptyDir": {"medium": "Memory"}},
    {"name": "cnai-no-token", "emptyDir": {}},
]
_POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "fsGroup": 1000,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_TRAINER = {
    "numNodes": 2,
    "numProcPerNode": 1,
    "image": "lab/torch:1",
    "command": COMMAND,
    "env": [
        {"name": "HOME", "value": "/tmp"},
        {"name": "CNAI_JOB_ID", "value": ID},
        {"name": "CNAI_CODE_SHA256", "value": "..."},
        {"name": "CNAI_CODE", "value": "..."},
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
        {
            "name": "CNAI_RESTARTS",
            "valueFrom": {
                "fieldRef": {"fieldPath": "metadata.labels['jobset.sigs.k8s.io/restart-attempt']"}
            },
        },
    ],
}


def test_2_2_and_later_say_it_in_runtime_patches() -> None:
    assert manifest_of(spec_of(workers=2), TRAINJOBS["2.2"]) == {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {
            "name": "digits",
            "namespace": "team-a",
            "labels": LABELS,
            "annotations": {
                "cnai-sdk/spec": '{"kind":"train","name":"digits","payload":{"entry":"train"},'
                '"workers":2,"image":"lab/torch:1"}',
                "cnai-sdk/base": "digits",
                "cnai-sdk/granted": GRANTED.format("2 workers"),
            },
        },
        "spec": {
            "runtimeRef": {"name": "torch-distributed"},
            "trainer": _TRAINER,
            "runtimePatches": [
                {
                    "manager": "cnai-sdk/job",
                    "trainingRuntimeSpec": {
                        "template": {"spec": {"replicatedJobs": [_PATCHED_JOB]}},
                    },
                }
            ],
        },
    }


_PATCHED_JOB = {
    "name": "node",
    "template": {
        "spec": {
            "template": {
                "metadata": {"labels": POD_LABELS},
                "spec": {
                    "volumes": _VOLUMES,
                    "securityContext": _POD_SECURITY,
                    "containers": [
                        {
                            "name": "node",
                            "volumeMounts": _MOUNTS,
                            "securityContext": _CONTAINER_SECURITY,
                        }
                    ],
                },
            }
        }
    },
}


def test_2_1_says_it_in_pod_template_overrides_without_a_security_context() -> None:
    body = manifest_of(spec_of(workers=2), TRAINJOBS["2.1"])["spec"]
    assert body["trainer"] == _TRAINER
    assert body["podTemplateOverrides"] == [
        {
            "targetJobs": [{"name": "node"}],
            "metadata": {"labels": POD_LABELS},
            "spec": {
                "volumes": _VOLUMES,
                "containers": [{"name": "node", "volumeMounts": _MOUNTS}],
            },
        }
    ]


def test_2_0_says_it_in_pod_spec_overrides_without_labels() -> None:
    body = manifest_of(spec_of(workers=2), TRAINJOBS["2.0"])["spec"]
    assert body["trainer"] == _TRAINER
    assert body["podSpecOverrides"] == [
        {
            "targetJobs": [{"name": "node"}],
            "volumes": _VOLUMES,
            "containers": [{"name": "node", "volumeMounts": _MOUNTS}],
        }
    ]


def test_the_pod_that_is_tried_beforehand_is_as_safe_as_the_jobs_own_and_no_safer() -> None:
    spec = spec_of()
    for version, said in (("2.0", False), ("2.1", False), ("2.2", True)):
        plan = plan_of(spec, TRAINJOBS[version])
        kind = KINDS["trainjob"]
        pod = worker_pod(spec, plan, secured=kind.secured(plan))
        assert ("securityContext" in pod["spec"]) is said
        assert ("securityContext" in pod["spec"]["containers"][0]) is said


def test_a_deadline_is_the_operators_where_it_has_one_else_the_workers_own() -> None:
    spec = spec_of(timeout=60.0)
    assert manifest_of(spec, TRAINJOBS["2.2"])["spec"]["activeDeadlineSeconds"] == 60
    assert "activeDeadlineSeconds" not in manifest_of(spec, TRAINJOBS["2.1"])["spec"]


def test_resources_are_per_node() -> None:
    body = manifest_of(spec_of(resources=Resources(cpu=0.5, gpu=2)), TRAINJOBS["2.2"])["spec"]
    amounts = {"cpu": "500m", "nvidia.com/gpu": "2"}
    assert body["trainer"]["resourcesPerNode"] == {"requests": amounts, "limits": amounts}
    assert body["trainer"]["numProcPerNode"] == 1


def test_the_runtime_is_the_one_of_the_settings() -> None:
    manifest = manifest_of(spec_of(), TRAINJOBS["2.2"], config={"runtime": "ours"})
    assert manifest["spec"]["runtimeRef"] == {"name": "ours"}


def test_a_runtime_that_is_not_there_is_refused_with_those_that_are() -> None:
    served = msgspec.structs.replace(TRAINJOBS["2.2"], runtimes=("mpi", "jax"))
    with pytest.raises(InvalidRequest, match="torch-distributed") as refusal:
        manifest_of(spec_of(), served)
    assert "mpi, jax" in refusal.value.why


def test_a_priority_without_a_queue_is_refused_since_it_has_no_field_for_it() -> None:
    with pytest.raises(InvalidRequest, match="priority='high'") as refusal:
        manifest_of(spec_of(priority="high"), TRAINJOBS["2.2"])
    assert "pytorchjob" in refusal.value.next_step


def test_a_priority_with_a_queue_is_kueues() -> None:
    served = msgspec.structs.replace(TRAINJOBS["2.2"], kueue="v1beta2")
    labels = manifest_of(spec_of(priority="high", queue="team"), served)["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/priority-class"] == "high"
    assert labels["kueue.x-k8s.io/queue-name"] == "team"


def test_the_pod_that_is_tried_does_not_have_the_priority_of_kueue() -> None:
    """The job's pods do not have it either: it is the name of another kind of object."""
    served = msgspec.structs.replace(TRAINJOBS["2.2"], kueue="v1beta2")
    spec = spec_of(priority="high", queue="team")
    assert "priorityClassName" not in worker_pod(spec, plan_of(spec, served))["spec"]


def test_what_trainer_sets_itself_is_refused_before_it_would_be() -> None:
    with pytest.raises(InvalidRequest, match="PET_NNODES"):
        manifest_of(spec_of(env={"PET_NNODES": "2"}), TRAINJOBS["2.2"])


def test_a_shape_that_is_not_known_is_refused() -> None:
    served = msgspec.structs.replace(TRAINJOBS["2.2"], overrides=None)
    with pytest.raises(InvalidRequest, match="no field that this SDK knows"):
        manifest_of(spec_of(), served)


def test_a_cluster_without_an_operator_is_refused() -> None:
    served = msgspec.structs.replace(TRAINJOBS["2.2"], operator=None, why="it serves neither")
    with pytest.raises(Unsupported, match="cannot run training"):
        manifest_of(spec_of(), served)


def test_a_stop_pauses_it_for_good_since_nothing_else_ends_a_trainjob() -> None:
    job = manifest_of(spec_of(), TRAINJOBS["2.2"])
    note = {"metadata": {"annotations": {"cnai-sdk/stopped": "5.000"}}}
    [change] = KINDS["trainjob"].stop(job, at=5.0)
    assert change == Change(target="job", patch=note | {"spec": {"suspend": True}})


def test_a_queued_one_is_stopped_in_the_queue_which_would_start_it_again_otherwise() -> None:
    served = msgspec.structs.replace(TRAINJOBS["2.2"], kueue="v1beta2")
    job = manifest_of(spec_of(queue="team"), served)
    first, second = KINDS["trainjob"].stop(job, at=5.0)
    assert (first.target, first.patch) == ("workload", {"spec": {"active": False}})
    assert first.instead == {
        "metadata": {"labels": {"kueue.x-k8s.io/queue-name": None}},
        "spec": {"suspend": True},
    }
    assert second.target == "job"
    assert "spec" not in second.patch


def test_a_pause_is_its_suspend() -> None:
    kind, job = KINDS["trainjob"], manifest_of(spec_of(), TRAINJOBS["2.2"])
    assert [c.patch for c in kind.suspend(job)] == [{"spec": {"suspend": True}}]
    assert [c.patch for c in kind.resume(job)] == [{"spec": {"suspend": False}}]


def test_its_paths_are_those_of_the_api_server() -> None:
    path = KINDS["trainjob"].path("a", "b")
    assert path == "/apis/trainer.kubeflow.org/v1alpha1/namespaces/a/trainjobs/b"


@pytest.mark.parametrize("served", [{"volcano": True}, {"kai": True}])
def test_a_queue_of_a_scheduler_that_no_trainjob_can_name_is_refused(
    served: dict[str, bool],
) -> None:
    there = msgspec.structs.replace(TRAINJOBS["2.2"], **served)
    with pytest.raises(InvalidRequest, match="a TrainJob cannot") as refused:
        manifest_of(spec_of(queue="team"), there)
    assert 'operator="pytorchjob"' in refused.value.next_step
    manifest_of(spec_of(), there, config={"queue": "ours"})
