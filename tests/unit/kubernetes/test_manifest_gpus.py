"""What a worker's pod says to get its GPUs, in both operators' jobs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import pods
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.plan import Plan
from cnai_sdk.gpu.cluster.profile import read_profile
from cnai_sdk.gpu.cluster.resolver import resolve
from cnai_sdk.gpu.cluster.seen import Seen
from cnai_sdk.model.spec import Resources
from tests import vendors

from .manifests import PYTORCH, TRAINJOBS, environment_of, manifest_of, plan_of, pod_of, spec_of


def with_gpus(there: Seen, *, served: Served = PYTORCH, **wish: Any) -> tuple[Plan, dict[str, Any]]:
    spec = spec_of(resources=Resources(**wish))
    carries = KINDS[served.operator or ""].carries(served)
    seen = msgspec.structs.replace(there, carries=carries)
    plan = plan_of(spec, served, ask=resolve(spec.resources, 1, seen))
    manifest: dict[str, Any] = KINDS[plan.kind].manifest(spec, plan)
    return plan, manifest


def test_a_slice_is_asked_for_by_its_key_and_the_reserved_nodes_take_the_pod() -> None:
    _, manifest = with_gpus(vendors.seen(vendors.mig_mixed(_3g_40gb=1)), gpu=0.5)
    pod = pod_of(manifest)
    amounts = {"nvidia.com/mig-3g.40gb": "1"}
    assert pod["containers"][0]["resources"] == {"requests": amounts, "limits": amounts}
    borne = {each["key"] for each in pod["tolerations"]}
    assert borne == {"nvidia.com/gpu", "nvidia.com/mig-3g.40gb"}
    assert "NVIDIA_VISIBLE_DEVICES" not in environment_of(manifest)


@pytest.mark.parametrize("key", ["amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe"])
def test_a_device_of_another_maker_is_asked_for_by_its_key_and_its_taint_is_borne(key: str) -> None:
    text = f'[[offer]]\nmechanism = "whole"\nkey = "{key}"\nmodel = "the card"\n'
    pod = pod_of(with_gpus(Seen(profile=read_profile(text)), gpu=2.0)[1])
    amounts = {key: "2"}
    assert pod["containers"][0]["resources"] == {"requests": amounts, "limits": amounts}
    assert key in {each["key"] for each in pod["tolerations"]}
    assert "nodeSelector" not in pod


def test_a_named_model_keeps_the_pod_on_its_nodes() -> None:
    there = vendors.seen(vendors.whole("a"), vendors.whole("b", vendors.A100_40))
    pod = pod_of(with_gpus(there, gpu=1.0, gpu_model="A100")[1])
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}
    assert "nodeSelector" not in pod_of(with_gpus(there, gpu=1.0)[1])


def test_several_models_that_would_do_are_an_affinity() -> None:
    there = vendors.seen(
        vendors.whole("a"), vendors.whole("b", vendors.A100_40), vendors.mig_single()
    )
    pod = pod_of(with_gpus(there, gpu=1.0)[1])
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchExpressions"][0]["values"] == [vendors.A100_40, vendors.H100]


def test_kais_queue_is_on_the_job_and_its_fraction_on_the_pod() -> None:
    there = vendors.seen(vendors.whole(), kai=True, kai_queue="team-a")
    _, manifest = with_gpus(there, gpu=0.5, isolation="none")
    template = manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]
    assert template["metadata"]["annotations"] == {"gpu-fraction": "0.50"}
    assert template["metadata"]["labels"]["kai.scheduler/queue"] == "team-a"
    assert manifest["metadata"]["labels"]["kai.scheduler/queue"] == "team-a"
    assert template["spec"]["schedulerName"] == "kai-scheduler"
    assert template["spec"]["containers"][0]["resources"] == {}


def test_volcanos_share_waits_in_its_queue_and_hamis_keeps_its_own_scheduler() -> None:
    served = msgspec.structs.replace(PYTORCH, volcano=True)
    resources = Resources(gpu=0.5)
    for node, scheduler in ((vendors.volcano(), "volcano"), (vendors.hami(), None)):
        ask = resolve(resources, 1, vendors.seen(node))
        manifest = manifest_of(spec_of(resources=resources, queue="team"), served, ask=ask)
        template = manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]
        queue = template["metadata"]["annotations"].get("scheduling.volcano.sh/queue-name")
        assert template["spec"].get("schedulerName") == scheduler
        assert queue == ("team" if scheduler else None)


def test_a_claims_template_is_made_beside_the_job_and_named_in_the_pod() -> None:
    card = vendors.device("gpu-0", vendors.A100, 81920)
    plan, manifest = with_gpus(vendors.seen(vendors.dra("dra", card)), gpu=1.0)
    template = pods.claim_template(plan)
    pod = pod_of(manifest)
    named = pod["resourceClaims"]
    assert named == [{"name": "gpu", "resourceClaimTemplateName": template["metadata"]["name"]}]
    assert pod["containers"][0]["resources"] == {"claims": [{"name": "gpu"}]}
    request = template["spec"]["spec"]["devices"]["requests"][0]
    assert request["exactly"]["deviceClassName"] == "gpu.nvidia.com"


def test_torchs_cap_stands_beside_the_writers_own_settings() -> None:
    there = vendors.seen(vendors.shared("turns", "time-slicing", by=2))
    spec = spec_of(
        resources=Resources(gpu=0.5, isolation="none"),
        env={"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"},
    )
    plan = plan_of(spec, ask=resolve(spec.resources, 1, there))
    told = environment_of(KINDS[plan.kind].manifest(spec, plan))
    assert told["PYTORCH_CUDA_ALLOC_CONF"] == (
        "expandable_segments:True,per_process_memory_fraction:0.5"
    )


@pytest.mark.parametrize("served", TRAINJOBS.values(), ids=TRAINJOBS)
def test_a_trainjob_says_a_model_in_every_shape_it_has_had(served: Served) -> None:
    there = vendors.seen(vendors.whole("a"), vendors.whole("b", vendors.A100_40))
    _, manifest = with_gpus(there, served=served, gpu=1.0, gpu_model="A100")
    text = msgspec.json.encode(manifest["spec"]).decode()
    assert '"nodeSelector":{"nvidia.com/gpu.product":"NVIDIA-A100-SXM4-40GB"}' in text
    assert '"tolerations":' in text


def test_what_was_granted_says_devices_isolation_and_what_is_charged() -> None:
    plan, _ = with_gpus(vendors.seen(vendors.mig_mixed(_3g_40gb=1)), gpu=0.5)
    granted = plan.granted
    assert granted.gpu_granted == (
        "1 × MIG 3g.40gb of NVIDIA A100-SXM4-80GB, 39.2\N{NO-BREAK SPACE}GiB"
    )
    assert (granted.isolation, granted.gpu_memory) == ("hardware", 40192 * 2**20)
    assert granted.quota_key == "requests.nvidia.com/mig-3g.40gb"
    assert "Found by labels and allocatable of the nodes." in granted.how[-1]
