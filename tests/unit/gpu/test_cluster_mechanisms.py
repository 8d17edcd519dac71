"""Each mechanism of a cluster: found on nodes as its vendor publishes them, and asked for."""

from __future__ import annotations

import pytest

from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu.cluster.resolver import BY_NAME, MECHANISMS, offers, resolve
from cnai_sdk.gpu.cluster.seen import Allowance, Seen
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import Resources
from tests.vendors import (
    A100,
    A100_40,
    H100,
    device,
    dra,
    hami,
    mig_mixed,
    mig_single,
    seen,
    shared,
    volcano,
    whole,
)

GIB = 2**30
DRA_WHOLE = dra("dra", device("gpu-0", A100, 81920), device("gpu-1", A100, 81920))
DRA_MIG = dra("dra", device("gpu-0-mig-0", A100, 40192, profile="3g.40gb"))
DRA_SHARED = dra("dra", device("gpu-0", A100, 81920, shared=True))


def ask(there: Seen, workers: int = 1, **wish):
    return resolve(Resources(**wish), workers, there)


def test_a_whole_gpu_is_the_device_plugins_key():
    got = ask(seen(whole(count=4)), workers=2, gpu=2.0)
    assert got.limits == {"nvidia.com/gpu": "2"}
    assert (got.isolation, got.model) == ("hardware", "NVIDIA H100-80GB-HBM3")
    assert got.quota_key == "requests.nvidia.com/gpu"
    assert got.granted == "2 × whole GPU of NVIDIA H100-80GB-HBM3, 79.6\N{NO-BREAK SPACE}GiB each"


@pytest.mark.parametrize(
    ("share", "profile"), [(0.25, "1g.20gb"), (0.3, "3g.40gb"), (0.5, "3g.40gb"), (0.1, "1g.10gb")]
)
def test_on_an_80_gb_card_a_share_is_the_smallest_slice_with_its_memory(share, profile):
    there = seen(mig_mixed(_1g_10gb=1, _1g_20gb=1, _3g_40gb=1))
    got = ask(there, gpu=share)
    assert got.limits == {f"nvidia.com/mig-{profile}": "1"}
    assert got.isolation == "hardware"
    assert got.quota_key == f"requests.nvidia.com/mig-{profile}"


def test_an_amount_of_memory_needs_no_model():
    got = ask(seen(mig_mixed(_1g_10gb=1, _1g_20gb=1)), gpu_memory=20 * GIB)
    assert (got.profile, got.memory) == ("1g.20gb", 19968 * 2**20)
    assert got.notices == (
        "The MIG slice 1g.20gb has 19.5\N{NO-BREAK SPACE}GiB, a little less than "
        "20\N{NO-BREAK SPACE}GiB.",
    )


def test_a_slice_with_less_compute_than_the_share_is_granted_and_said():
    got = ask(seen(mig_mixed(_3g_40gb=2)), gpu=0.5)
    assert got.notices[-1] == (
        "It has 3 of the card's 7 compute slices (42.9 %): with MIG a share is one of memory."
    )


def test_in_the_single_strategy_a_slice_is_called_a_gpu():
    got = ask(seen(mig_single(profile="3g.40gb")), gpu=0.5)
    assert (got.limits, got.profile) == ({"nvidia.com/gpu": "1"}, "3g.40gb")


def test_a_node_of_slices_is_never_given_as_a_whole_gpu():
    with pytest.raises(DoesNotFit, match="gpu=1"):
        ask(seen(mig_single()), gpu=1.0)
    beside = ask(seen(mig_single(), whole()), gpu=1.0)
    # the same key means a slice elsewhere
    assert beside.places == ({"nvidia.com/gpu.product": (H100,)},)


def test_a_slot_of_mps_is_taken_when_it_is_large_enough():
    there = seen(shared("mps", "mps", by=4))
    got = ask(there, gpu=0.25)
    assert got.limits == {"nvidia.com/gpu": "1"}
    assert (got.mechanism, got.isolation, got.memory) == ("mps", "memory", 20 * GIB)
    with pytest.raises(DoesNotFit, match=r"gpu=0\.3") as error:
        ask(there, gpu=0.3)
    assert "does not fit into 1/4 of NVIDIA A100-SXM4-80GB" in error.value.why


@pytest.mark.parametrize("renamed", [False, True])
def test_a_time_slice_needs_the_word_that_nothing_is_held(renamed):
    there = seen(shared("turns", "time-slicing", by=4, renamed=renamed))
    with pytest.raises(DoesNotFit) as error:
        ask(there, gpu=0.25)
    assert "nothing keeps memory apart" in error.value.why
    assert 'isolation="none"' in error.value.next_step
    got = ask(there, gpu=0.25, isolation="none")
    assert got.limits == {"nvidia.com/gpu.shared" if renamed else "nvidia.com/gpu": "1"}
    assert got.environment == {"PYTORCH_CUDA_ALLOC_CONF": "per_process_memory_fraction:0.25"}
    assert "Neither memory" in got.not_enforced


def test_hami_is_told_memory_and_cores_and_shows_more_gpus_than_there_are():
    there = seen(hami(count=2))
    got = ask(there, gpu=0.25)
    assert got.limits == {
        "nvidia.com/gpu": "1",
        "nvidia.com/gpumem": "20480",
        "nvidia.com/gpucores": "25",
    }
    assert (got.scheduler, got.isolation) == ("", "memory")
    assert [each.count for each in offers(there)] == [2]
    assert ask(there, gpu_memory=10 * GIB).limits["nvidia.com/gpumem"] == "10240"


def test_hami_names_the_card_where_there_are_several():
    got = ask(seen(hami("a", A100), hami("b", A100_40)), gpu=0.5, gpu_model="40GB")
    assert got.annotations == {"nvidia.com/use-gputype": "A100-SXM4-40GB"}
    assert got.limits["nvidia.com/gpumem"] == "20480"


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(("factor", "units"), [(1, "20480"), (10, "2048")])
def test_volcano_counts_memory_in_units_of_its_factor(factor, units, old):
    there = seen(volcano(factor=factor, old=old))
    assert [(each.memory, each.unit) for each in offers(there)] == [(80 * GIB, factor)]
    got = ask(there, gpu=0.25)
    assert (got.scheduler, got.memory) == ("volcano", 20 * GIB)
    assert got.limits == {
        "volcano.sh/vgpu-number": "1",
        "volcano.sh/vgpu-memory": units,
        "volcano.sh/vgpu-cores": "25",
    }


def test_volcano_names_the_card_whose_amounts_it_asks_for():
    got = ask(seen(volcano("a", A100), volcano("b", A100_40)), gpu=0.5, gpu_model="40GB")
    assert got.annotations == {"nvidia.com/use-gputype": "A100-SXM4-40GB"}
    assert got.limits["volcano.sh/vgpu-memory"] == "20480"


def test_a_node_of_volcano_whose_kubelet_took_no_units_of_memory_has_no_part_to_give():
    node = volcano()
    node["allocatable"]["volcano.sh/vgpu-memory"] = "0"
    assert not offers(seen(node))


def test_kai_books_a_fraction_by_an_annotation_and_asks_for_no_device():
    there = seen(whole(product=A100), kai=True, kai_queue="team-a")
    got = ask(there, gpu=0.251, isolation="none")
    assert got.annotations == {"gpu-fraction": "0.26"}
    assert (got.scheduler, got.labels) == ("kai-scheduler", {"kai.scheduler/queue": "team-a"})
    assert got.limits == {}
    assert got.environment == {"PYTORCH_CUDA_ALLOC_CONF": "per_process_memory_fraction:0.26"}


def test_kai_gives_at_most_99_hundredths_and_needs_a_queue():
    there = seen(whole(), kai=True, kai_queue="team-a")
    with pytest.raises(DoesNotFit) as error:
        ask(there, gpu=0.995, isolation="none")
    assert "at most 0.99" in error.value.why
    with pytest.raises(DoesNotFit) as error:
        ask(seen(whole(), kai=True), gpu=0.5, isolation="none")
    assert "queue=" in error.value.next_step


def test_dra_claims_whole_devices():
    got = ask(seen(DRA_WHOLE), gpu=2.0)
    request = got.claim["devices"]["requests"][0]
    assert request["exactly"]["deviceClassName"] == "gpu.nvidia.com"
    assert request["exactly"]["count"] == 2
    assert got.limits == {}
    assert got.quota_key == "gpu.nvidia.com.deviceclass.resource.k8s.io/devices"


def test_dra_claims_a_slice_by_its_profile():
    got = ask(seen(DRA_MIG), gpu=0.5)
    exactly = got.claim["devices"]["requests"][0]["exactly"]
    assert exactly["deviceClassName"] == "mig.nvidia.com"
    tests = [each["cel"]["expression"] for each in exactly["selectors"]]
    assert "device.attributes['gpu.nvidia.com'].profile == '3g.40gb'" in tests
    assert got.isolation == "hardware"


def test_dra_shares_a_device_that_allows_it_and_says_that_nothing_holds():
    there = seen(DRA_SHARED)
    got = ask(there, gpu_memory=10 * GIB, isolation="none")
    exactly = got.claim["devices"]["requests"][0]["exactly"]
    assert exactly["capacity"] == {"requests": {"memory": "10240Mi"}}
    assert got.environment == {"PYTORCH_CUDA_ALLOC_CONF": "per_process_memory_fraction:0.13"}
    with pytest.raises(DoesNotFit, match="isolation"):
        ask(there, gpu_memory=10 * GIB)


def test_what_a_product_is_called_cannot_leave_the_quotes_of_a_selector():
    evil = dra("dra", device("gpu-0", "x' || true || '", 81920))
    exactly = ask(seen(evil), gpu=1.0).claim["devices"]["requests"][0]["exactly"]
    assert exactly["selectors"][0]["cel"]["expression"].endswith(r"== 'x\' || true || \''")


def test_every_mechanism_says_what_it_enforces_and_none_is_listed_twice():
    names = [name for each in MECHANISMS for name in each.names]
    assert len(names) == len(set(names)) == len(BY_NAME)
    for each in MECHANISMS:
        assert each.enforced.endswith(".")
        assert bool(each.not_enforced) == (each.isolation != "hardware")


@pytest.mark.parametrize(
    ("nodes", "key"),
    [
        ([whole()], "requests.nvidia.com/gpu"),
        ([mig_mixed(_3g_40gb=1)], "requests.nvidia.com/mig-3g.40gb"),
        ([hami()], "requests.nvidia.com/gpu"),
    ],
)
def test_the_offers_are_what_a_person_is_shown(nodes, key):
    (offer,) = offers(seen(*nodes))
    assert offer.found.endswith("of the nodes")
    assert f"requests.{offer.key}" == key
    assert Device(id=offer.key, model=offer.model, memory=offer.memory).memory > 0


def test_hamis_own_quota_of_memory_is_what_is_charged():
    allowance = Allowance(key="limits.nvidia.com/gpumem", hard=40960, quota="gpus")
    there = seen(hami(), allowances={"limits.nvidia.com/gpumem": allowance})
    assert ask(there, gpu=0.25).quota_key == "limits.nvidia.com/gpumem"
