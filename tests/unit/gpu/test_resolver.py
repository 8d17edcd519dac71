"""From gpu= and gpu_memory= to devices, on recorded cards."""

import msgspec
import pytest

from cnai_sdk.backends.local.nvml import read_gpus
from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.gpu.grant import GpuGrant
from cnai_sdk.gpu.resolver import MECHANISMS, assign, check_devices
from cnai_sdk.gpu.wish import check_wish
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import Resources

from .recorded import A100_MIG_CARD, H200_CARD, MIB, RecordedNvml

GIB = 2**30


def devices(tmp_path, *cards):
    return read_gpus(RecordedNvml(list(cards)), proc=tmp_path, pipes=tmp_path).devices


@pytest.fixture
def h200s(tmp_path):
    return devices(tmp_path, H200_CARD, H200_CARD | {"uuid": "GPU-second"})


@pytest.fixture
def a100_mig(tmp_path):
    return devices(tmp_path, A100_MIG_CARD)


def one(resources, found, **options):
    granted = assign(resources, 1, found, **options)
    assert not isinstance(granted, str), granted
    return granted[0]


def test_half_a_card_is_a_limit_on_what_torch_allocates(h200s):
    got = one(Resources(gpu=0.5), h200s)
    assert got.devices == ("GPU-h200",)
    assert got.memory == 143771 * MIB // 2
    assert got.environment["CUDA_VISIBLE_DEVICES"] == "GPU-h200"
    assert got.environment["PYTORCH_CUDA_ALLOC_CONF"] == "per_process_memory_fraction:0.5"
    assert "Compute is not divided" in got.not_enforced


def test_gpu_memory_is_rounded_up_to_a_hundredth_of_the_card(h200s):
    got = one(Resources(gpu_memory=10 * GIB), h200s)
    assert got.share == 0.08
    assert got.memory >= 10 * GIB


def test_shares_fill_one_card_before_they_open_the_next(h200s):
    first = one(Resources(gpu=0.5), h200s)
    second = one(Resources(gpu=0.25), h200s, granted=[first])
    third = one(Resources(gpu=0.5), h200s, granted=[first, second])
    assert [g.devices[0] for g in (first, second, third)] == ["GPU-h200", "GPU-h200", "GPU-second"]


def test_two_workers_with_a_gpu_each_see_one_device_each(h200s):
    granted = assign(Resources(gpu=1.0), 2, h200s)
    assert not isinstance(granted, str)
    first, second = granted
    assert (first.devices, second.devices) == (("GPU-h200",), ("GPU-second",))
    assert first.environment["LOCAL_RANK"] == second.environment["LOCAL_RANK"] == "0"


def test_a_whole_gpu_waits_while_a_share_of_it_is_in_use(h200s):
    shares = [GpuGrant(devices=(d.id,), mechanism="fraction", share=0.1) for d in h200s]
    assert assign(Resources(gpu=1.0), 1, h200s, granted=shares) == "1 more whole GPU"


def test_a_share_waits_when_every_card_is_taken(h200s):
    wholes = [GpuGrant(devices=(d.id,), mechanism="whole") for d in h200s]
    answer = assign(Resources(gpu=0.5), 1, h200s, granted=wholes)
    assert answer == "a free share of a GPU (gpu=0.5)"


def test_under_an_mps_daemon_memory_and_compute_are_capped(h200s):
    under = [msgspec.structs.replace(d, mechanism="mps") for d in h200s]
    surroundings = {"CUDA_MPS_PIPE_DIRECTORY": "/run/mps"}
    got = one(Resources(gpu=0.25), under, surroundings=surroundings)
    assert got.environment["CUDA_MPS_PIPE_DIRECTORY"] == "/run/mps"
    assert got.environment["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] == f"0={143771 // 4}M"
    assert got.environment["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] == "25"
    assert "PYTORCH_CUDA_ALLOC_CONF" in got.environment


@pytest.mark.parametrize(
    ("wish", "slice_"),
    [
        (Resources(gpu=0.1), "MIG-1g-a"),
        (Resources(gpu=0.3), "MIG-3g"),
        (Resources(gpu=0.5), "MIG-3g"),
        (Resources(gpu_memory=9 * GIB), "MIG-1g-a"),
        (Resources(gpu_memory=20 * GIB), "MIG-3g"),
    ],
)
def test_with_mig_the_smallest_slice_that_is_large_enough_is_taken(a100_mig, wish, slice_):
    got = one(wish, a100_mig)
    assert got.devices == (slice_,)
    assert got.environment["CUDA_VISIBLE_DEVICES"] == slice_


def test_a_slice_is_given_to_one_job_only(a100_mig):
    first = one(Resources(gpu=0.1), a100_mig)
    second = one(Resources(gpu=0.1), a100_mig, granted=[first])
    assert (first.devices, second.devices) == (("MIG-1g-a",), ("MIG-1g-b",))


def test_a_slice_slightly_smaller_than_its_name_is_granted_with_a_notice(a100_mig):
    (notice,) = check_devices(Resources(gpu_memory=10 * GIB), 1, a100_mig, "")
    assert "9.5" in notice
    assert "10" in notice
    assert one(Resources(gpu_memory=10 * GIB), a100_mig).devices == ("MIG-1g-a",)


def test_a_card_cut_into_slices_cannot_be_given_whole(a100_mig):
    with pytest.raises(DoesNotFit, match="there are 0 here") as error:
        check_devices(Resources(gpu=1.0), 1, a100_mig, "")
    assert "gpu=0.25" in error.value.next_step
    assert "2 × NVIDIA A100-SXM4-80GB 1g.10gb" in error.value.why


def test_mig_without_a_slice_names_the_administrators_step(tmp_path):
    found = devices(tmp_path, A100_MIG_CARD | {"slices": []})
    with pytest.raises(DoesNotFit) as error:
        check_devices(Resources(gpu=0.5), 1, found, "")
    assert "nvidia-smi mig" in error.value.next_step


def test_no_gpu_at_all_says_how_it_was_looked_for_and_what_else_there_is():
    with pytest.raises(DoesNotFit) as error:
        check_devices(Resources(gpu=1.0), 1, (), "NVML is not there.")
    assert error.value.why == "NVML is not there."
    assert "workers" in error.value.next_step
    assert "cpu" in error.value.next_step


def test_more_whole_gpus_than_there_are_is_refused_with_what_would_fit(h200s):
    with pytest.raises(DoesNotFit, match="4 workers with gpu=1 need 4") as error:
        check_devices(Resources(gpu=1.0), 4, h200s, "")
    assert error.value.next_step == "Write workers=2, gpu=1."


def test_more_memory_than_any_card_has_is_refused_with_the_most_there_is(h200s):
    with pytest.raises(DoesNotFit) as error:
        check_devices(Resources(gpu_memory=200 * GIB), 1, h200s, "")
    assert 'gpu_memory="140Gi"' in error.value.next_step


def test_another_model_is_refused_with_the_one_that_is_here(h200s):
    with pytest.raises(DoesNotFit, match="no B200 here") as error:
        check_devices(Resources(gpu=1.0, gpu_model="B200"), 1, h200s, "")
    assert "NVIDIA H200" in error.value.next_step


def test_a_share_and_a_memory_that_contradict_each_other_are_refused(h200s):
    with pytest.raises(InvalidRequest, match="contradict") as error:
        check_devices(Resources(gpu=0.25, gpu_memory=100 * GIB), 1, h200s, "")
    assert 'gpu_memory="100Gi"; gpu=0.' in error.value.next_step


def test_a_card_that_others_use_is_taken_last_and_is_said(tmp_path):
    busy = devices(tmp_path, H200_CARD | {"used": 90000}, H200_CARD | {"uuid": "GPU-quiet"})
    assert one(Resources(gpu=1.0), busy).devices == ("GPU-quiet",)
    (notice,) = check_devices(Resources(gpu=1.0), 1, busy, "")
    assert "in use already" in notice


@pytest.mark.parametrize("gpu", [1.5, -1, "half", 0.001, True, float("nan"), 2.25])
def test_a_number_that_is_no_number_of_gpus_is_refused_with_a_choice(gpu):
    with pytest.raises(InvalidRequest) as error:
        check_wish(Resources(gpu=gpu), 1)
    assert "gpu=" in error.value.next_step


@pytest.mark.parametrize("share", [Resources(gpu=0.5), Resources(gpu_memory=GIB)])
def test_several_workers_on_shares_are_refused_because_of_nccl(share):
    with pytest.raises(InvalidRequest, match="2 workers") as error:
        check_wish(share, 2)
    assert "duplicate GPU" in error.value.why
    assert "workers=1" in error.value.next_step
    assert "gpu=1" in error.value.next_step


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda m: m.name)
def test_every_mechanism_serves_its_own_devices_and_says_what_it_enforces(mechanism):
    card = Device(id="GPU-0", model="NVIDIA L4", memory=24 * GIB, mechanism=mechanism.name)
    if mechanism.name == "mig":
        card = msgspec.structs.replace(card, id="MIG-0", parent="GPU-0", profile="7g.24gb")
    assert [m.name for m in MECHANISMS if m.serves(card)] == [mechanism.name]
    got = one(Resources(gpu=0.5), [card], surroundings={"CUDA_MPS_PIPE_DIRECTORY": "/run/mps"})
    assert got.mechanism == mechanism.name
    assert got.enforced.endswith(".")
