"""What a worker's pod carries, and what is refused before anything is created."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import naming, pods
from cnai_sdk.backends.kubernetes.payload import INLINE
from cnai_sdk.backends.kubernetes.plan import Plan, default_image, settings
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.spec import DataLink, Payload, Resources, TrainSpec

from .manifests import (
    ID,
    PYTORCH,
    container_of,
    environment_of,
    manifest_of,
    plan_of,
    pod_of,
    spec_of,
)


def _large() -> TrainSpec:
    import random

    noise = random.Random(1).randbytes(2 * INLINE)
    return spec_of(payload=Payload(entry="f", files={"script.py": b"", "values/1.pkl": noise}))


def test_requests_are_the_limits() -> None:
    spec = spec_of(resources=Resources(cpu=1.5, memory=3 * 2**30, gpu=1))
    amounts = {"cpu": "1500m", "memory": str(3 * 2**30), "nvidia.com/gpu": "1"}
    assert container_of(manifest_of(spec))["resources"] == {
        "requests": amounts,
        "limits": amounts,
    }


def test_without_a_gpu_the_images_of_cuda_see_none_of_the_nodes() -> None:
    told = environment_of(manifest_of(spec_of()))
    assert told["NVIDIA_VISIBLE_DEVICES"] == "void"
    with_gpu = environment_of(manifest_of(spec_of(resources=Resources(gpu=1))))
    assert "NVIDIA_VISIBLE_DEVICES" not in with_gpu


def test_an_environment_variable_arrives_as_it_was_written() -> None:
    env = {"A": "$(HOME)/x", "B": "5$", "C": "$$", "D": "`rm -rf`; \\ '\""}
    told = environment_of(manifest_of(spec_of(env=env)))
    assert told["A"] == "$$(HOME)/x"
    assert told["B"] == "5$"
    assert told["C"] == "$$$$"
    assert told["D"] == env["D"]


def test_a_secret_goes_by_reference_and_never_by_value() -> None:
    told = environment_of(manifest_of(spec_of(secrets=("TOKEN", "hub/KEY"))))
    assert told["TOKEN"] == {"secretKeyRef": {"name": f"cnai-secret-{ID}", "key": "TOKEN"}}
    assert told["KEY"] == {"secretKeyRef": {"name": "hub", "key": "KEY"}}


def test_own_secrets_come_in_a_secret_that_carries_the_jobs_labels() -> None:
    spec = spec_of(secrets=("TOKEN", "hub/KEY"))
    plan = plan_of(spec)
    assert pods.own_secrets(spec) == ("TOKEN",)
    made = pods.secret(plan, {"TOKEN": "geheim"})
    assert made["metadata"]["labels"] == plan.labels
    assert base64.b64decode(made["data"]["TOKEN"]) == b"geheim"
    assert made["immutable"]


def test_shared_memory_may_be_half_of_the_memory_that_it_counts_as() -> None:
    assert _shm(resources=Resources(memory=2**30)) == {
        "medium": "Memory",
        "sizeLimit": str(2**29),
    }
    assert _shm() == {"medium": "Memory"}
    assert _shm(shm=2**20)["sizeLimit"] == str(2**20)


def test_shared_memory_that_leaves_no_memory_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="is not less than memory"):
        manifest_of(spec_of(shm=2**30, resources=Resources(memory=2**30)))


def test_outputs_and_data_are_mounted_from_their_claims_one_volume_a_claim() -> None:
    data = (
        DataLink(path="cifar", source="pvc://datasets/cifar-10"),
        DataLink(path="more", source="pvc://datasets/more"),
        DataLink(path="old", source="pvc://scratch/old"),
    )
    spec = spec_of(outputs="pvc://scratch/runs", data=data)
    pod = pod_of(manifest_of(spec))
    claims = [v for v in pod["volumes"] if "persistentVolumeClaim" in v]
    assert claims == [
        {"name": "claim-scratch", "persistentVolumeClaim": {"claimName": "scratch"}},
        {"name": "claim-datasets", "persistentVolumeClaim": {"claimName": "datasets"}},
    ]
    mounts = [m for m in pod["containers"][0]["volumeMounts"] if m["name"].startswith("claim")]
    assert mounts == [
        {"name": "claim-scratch", "mountPath": "/mnt/outputs"},
        {"name": "claim-datasets", "mountPath": "/mnt/data/datasets", "readOnly": True},
        {"name": "claim-scratch", "mountPath": "/mnt/data/scratch", "readOnly": True},
    ]


def test_what_is_fetched_needs_no_volume_and_is_told_to_the_worker() -> None:
    data = (
        DataLink(path="cifar", source="pvc://datasets/cifar-10"),
        DataLink(path="train", source="s3://lake/train"),
        DataLink(path="mnist", source="hf://datasets/ylecun/mnist@main"),
    )
    spec = spec_of(data=data, outputs="s3://lake/runs", secrets=("aws/AWS_ACCESS_KEY_ID",))
    pod = pod_of(manifest_of(spec))
    claims = [v["name"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
    assert claims == ["claim-datasets"]
    told = settings(spec, id=ID, name="digits", deadline=False)
    assert told["data"] == {
        "cifar": "/mnt/data/datasets/cifar-10",
        "train": "/cnai/data/1",
        "mnist": "/cnai/data/2",
    }
    assert told["fetch"] == {
        "/cnai/data/1": "s3://lake/train",
        "/cnai/data/2": "hf://datasets/ylecun/mnist@main",
    }
    assert (told["outputs"], told["bucket"]) == ("", f"s3://lake/runs/{ID}")


def test_data_of_this_machine_is_refused_with_where_to_put_it() -> None:
    spec = spec_of(data=(DataLink(path="train.csv", source="/srv/train.csv"),))
    with pytest.raises(InvalidRequest) as refusal:
        manifest_of(spec)
    assert "train.csv=pvc://CLAIM/folder" in refusal.value.next_step
    assert "train.csv=s3://BUCKET/folder" in refusal.value.next_step


def test_a_claim_with_a_long_or_dotted_name_has_a_volume_with_a_valid_one() -> None:
    names = [f"{'a' * 80}.one", f"{'a' * 80}.two", "a.b"]
    for name in names:
        pod = pod_of(manifest_of(spec_of(outputs=f"pvc://{name}")))
        volume = pod["volumes"][-1]
        assert volume["persistentVolumeClaim"] == {"claimName": name}
        assert len(volume["name"]) <= 63
        assert "." not in volume["name"]
    volumes = {
        pod_of(manifest_of(spec_of(outputs=f"pvc://{n}")))["volumes"][-1]["name"] for n in names
    }
    assert len(volumes) == 3


def test_code_that_is_too_large_for_the_job_comes_in_a_config_map() -> None:
    spec = _large()
    plan = plan_of(spec)
    told, pod = environment_of(manifest_of(spec)), pod_of(manifest_of(spec))
    assert "CNAI_CODE" not in told
    assert {"name": "cnai-code", "configMap": {"name": f"cnai-payload-{ID}"}} in pod["volumes"]
    mount = {"name": "cnai-code", "mountPath": "/etc/cnai", "readOnly": True}
    assert mount in pod["containers"][0]["volumeMounts"]
    made = pods.config_map(plan)
    assert made["metadata"]["name"] == f"cnai-payload-{ID}"
    assert made["metadata"]["labels"] == plan.labels
    assert base64.b64decode(made["binaryData"]["code"]) == plan.packed.data


def test_what_lies_beside_a_job_goes_with_it() -> None:
    job = manifest_of(spec_of())
    job["metadata"]["uid"] = "1-2-3"
    assert pods.owned_by(job) == {
        "metadata": {
            "ownerReferences": [
                {
                    "apiVersion": "kubeflow.org/v1",
                    "kind": "PyTorchJob",
                    "name": "digits",
                    "uid": "1-2-3",
                }
            ]
        }
    }


def test_the_pod_that_is_tried_beforehand_is_the_jobs_own() -> None:
    spec = spec_of(resources=Resources(cpu=1), outputs="pvc://scratch")
    tried, own = pods.worker_pod(spec, plan_of(spec)), pod_of(manifest_of(spec))
    assert tried["metadata"]["labels"][naming.ID] == ID
    assert tried["spec"]["volumes"] == own["volumes"]
    assert tried["spec"]["securityContext"] == own["securityContext"]
    assert tried["spec"]["containers"][0]["resources"] == own["containers"][0]["resources"]


def test_the_default_image_has_the_notebooks_python() -> None:
    python = TrainSpec(name="a", payload=Payload(entry="f", python="3.12"))
    assert default_image(python) == "quay.io/jupyter/pytorch-notebook:python-3.12"
    gpu = TrainSpec(name="a", payload=python.payload, resources=Resources(gpu=1))
    assert default_image(gpu) == "quay.io/jupyter/pytorch-notebook:cuda12-python-3.12"


def test_the_image_is_the_calls_then_the_settings_then_the_default() -> None:
    assert _image(spec_of(image="a:1"), image="b:1") == "a:1"
    assert _image(spec_of(image=""), image="b:1") == "b:1"
    assert _image(spec_of(image="")).startswith("quay.io/jupyter/pytorch-notebook:python-3.")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"workers": 0}, "workers=0"),
        ({"data": (DataLink(path="a.csv", source="/srv/a.csv"),)}, "lies on this machine"),
        ({"env": {"A": "x" * 200_000}}, "env has 'A'"),
        ({"env": {f"A{n}": "x" * 120_000 for n in range(3)}}, "annotations|describes this job"),
    ],
    ids=["workers", "local-data", "large-env", "many-env"],
)
def test_what_a_cluster_cannot_carry_is_refused_with_a_way_out(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said) as refusal:
        manifest_of(spec_of(**fields))
    assert refusal.value.next_step


def test_the_description_says_what_each_worker_is_granted() -> None:
    spec = spec_of(workers=2, resources=Resources(cpu=2, memory=2**30, gpu=1))
    granted = plan_of(spec).granted
    assert granted.asked == f"2 workers, cpu 2, memory {show_bytes(2**30)}, gpu 1"
    assert granted.quota_key == "requests.nvidia.com/gpu"
    assert len(granted.how) == 3


def _shm(**fields: Any) -> dict[str, Any]:
    volumes = pod_of(manifest_of(spec_of(**fields)))["volumes"]
    found = next(v["emptyDir"] for v in volumes if v["name"] == "cnai-shm")
    assert isinstance(found, dict)
    return found


def _image(spec: TrainSpec, **config: str) -> str:
    plan: Plan = plan_of(spec, PYTORCH, config=config)
    return plan.image
