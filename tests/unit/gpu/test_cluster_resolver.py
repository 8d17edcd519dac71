"""The rules by which a wish becomes a pod: what is taken, what is refused, and what is said."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnai_sdk.errors import CnaiError, DoesNotFit, InvalidRequest
from cnai_sdk.gpu.cluster.profile import Profile, read_profile
from cnai_sdk.gpu.cluster.resolver import BY_NAME, offers, resolve
from cnai_sdk.gpu.cluster.seen import EVERYTHING, Allowance, Seen
from cnai_sdk.gpu.wish import ISOLATIONS
from cnai_sdk.model.quantity import parse_memory
from cnai_sdk.model.spec import Resources
from tests.vendors import (
    A100,
    A100_40,
    H100,
    card,
    device,
    dra,
    hami,
    mig_mixed,
    mig_single,
    node,
    seen,
    shared,
    volcano,
    whole,
)

GIB = 2**30
EVERY = [
    whole("h100", H100),
    whole("a100", A100_40),
    mig_mixed(_1g_10gb=4, _3g_40gb=2),
    mig_single(),
    shared("turns", "time-slicing", renamed=True),
    shared("mps", "mps", by=2),
    hami(),
    volcano(),
    dra("dra", device("gpu-0", A100, 81920), device("gpu-1", A100, 81920, shared=True)),
]


def ask(there: Seen, workers: int = 1, **wish):
    return resolve(Resources(**wish), workers, there)


def quota(keys: dict[str, float], **more) -> Seen:
    allowances = {
        key: Allowance(key=f"requests.{key}", hard=hard, used=0, quota="gpus")
        for key, hard in keys.items()
    }
    return Seen(namespace="team-a", allowances=allowances, **more)


# -- what is taken ----------------------------------------------------------------


def test_hardware_comes_before_software_and_that_before_a_daemon():
    order = [mig_mixed(_3g_40gb=1), hami(), shared("mps", "mps", by=2)]
    for n, expected in enumerate(("mig", "hami", "mps")):
        assert ask(seen(*order[n:]), gpu=0.5).mechanism == expected


def test_the_smallest_waste_wins():
    there = seen(mig_mixed(_7g_80gb=1, _2g_20gb=1, _3g_40gb=1))
    assert ask(there, gpu_memory=12 * GIB).profile == "2g.20gb"


def test_the_model_that_was_taken_is_said_and_another_can_be_named():
    there = seen(hami("a", A100), hami("b", A100_40))
    got = ask(there, gpu=0.5)
    assert got.model == "NVIDIA A100-SXM4-40GB"
    assert got.notices[-1] == (
        "NVIDIA A100-SXM4-40GB was taken; gpu_model= names another: NVIDIA A100-SXM4-80GB."
    )
    assert ask(there, gpu=0.5, gpu_model="a100 80gb".replace(" ", "-SXM4-")).model.endswith("80GB")


def test_whole_gpus_may_be_of_any_model_and_one_can_be_named():
    there = seen(whole("a", H100), whole("b", A100_40))
    anyone = ask(there, gpu=1.0)
    assert anyone.places == ()
    assert "gpu_model=" in anyone.notices[-1]
    h100 = ({"nvidia.com/gpu.product": (H100,)},)
    assert ask(there, gpu=1.0, gpu_model="H100").places == h100
    assert ask(there, gpu=1.0, gpu_memory=60 * GIB).places == h100


def test_a_share_becomes_a_whole_gpu_only_where_the_administrator_allows_it():
    offer = '[[offer]]\nmechanism = "whole"\nkey = "nvidia.com/gpu"\ncard = "80Gi"\n'
    with pytest.raises(DoesNotFit) as error:
        ask(Seen(profile=read_profile(offer)), gpu=0.5)
    assert "gpu=1" in error.value.next_step
    rounded = Seen(profile=read_profile(f"round_up = true\n{offer}"))
    assert ask(rounded, gpu=0.5).granted.startswith("1 × whole GPU")


# -- what is refused --------------------------------------------------------------


def test_the_refusal_says_what_was_seen_what_not_and_every_choice():
    there = seen(
        shared("turns", "time-slicing", by=3, renamed=True),
        mig_mixed(_1g_10gb=2),
        whole("whole", A100),
        devices=None,
        dra=True,
        allowances={
            "nvidia.com/gpu": Allowance(key="requests.nvidia.com/gpu", hard=2, used=1, quota="gpus")
        },
    )
    with pytest.raises(DoesNotFit) as error:
        ask(there, gpu=0.3)
    said = f"{error.value.what} {error.value.why} {error.value.next_step}".replace("\xa0", " ")
    assert said == (
        "No GPU gives gpu=0.3 (24 GiB of NVIDIA A100-SXM4-80GB) in namespace team-a. "
        "That does not fit into MIG 1g.10gb of NVIDIA A100-SXM4-80GB (9.5 GiB). "
        'The default, isolation="memory", rules out 1/3 of NVIDIA A100-SXM4-80GB (26.7 GiB) by '
        "time-slicing, where nothing keeps memory apart. "
        "Of NVIDIA A100-SXM4-80GB only whole GPUs are given. "
        "You may not list ResourceSlices, which would tell more. "
        'Write one of these: gpu_memory="9Gi"; gpu=0.3, isolation="none"; '
        "gpu=1 (quota: 1 of 2 free). "
        "Whoever runs the cluster could make a MIG slice 3g.40gb."
    )


@pytest.mark.parametrize("nodes", [n for r in (1, 2, 9) for n in itertools.combinations(EVERY, r)])
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_no_isolation_is_ever_lower_than_what_was_asked_for(nodes, isolation):
    for wish in ({"gpu": 0.3}, {"gpu_memory": 18 * GIB}, {"gpu": 1.0}):
        try:
            got = ask(seen(*nodes), isolation=isolation, **wish)
        except DoesNotFit:
            continue
        assert ISOLATIONS.index(got.isolation) <= ISOLATIONS.index(isolation)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(EVERY), min_size=1, max_size=5, unique_by=lambda n: n["name"]),
    st.floats(0.01, 1.0),
    st.sampled_from(ISOLATIONS),
)
def test_a_share_is_rounded_up_only(nodes, share, isolation):
    try:
        got = ask(seen(*nodes), gpu=share, isolation=isolation)
    except DoesNotFit:
        return
    smallest = min(o.card for o in offers(seen(*nodes)) if o.card)
    assert got.memory >= 0.95 * min(share, 1) * smallest - 2**20


def choices(error: CnaiError) -> list[dict[str, object]]:
    """The arguments that a refusal proposes, read as Python reads them when they are pasted."""
    proposed = re.match(
        r"Write (?:one of these: )?((?:workers|gpu).*?)\.(?= [A-Z]|$)", error.next_step
    )
    each = proposed[1].split("; ") if proposed else []
    return [eval(f"dict({re.sub(r' [(].*[)]$', '', one)})") for one in each]


def granted(there: Seen, arguments: dict[str, Any]):
    """What arguments get that were pasted into a call."""
    wish = dict(arguments)
    if "gpu_memory" in wish:
        wish["gpu_memory"] = parse_memory(wish["gpu_memory"])
    return ask(there, wish.pop("workers", 1), **wish)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(EVERY), min_size=1, max_size=5, unique_by=lambda n: n["name"]),
    st.one_of(
        st.floats(0.01, 0.99).map(lambda share: {"gpu": round(share, 3)}),
        st.integers(1, 200).map(lambda gib: {"gpu_memory": gib * GIB}),
        st.sampled_from([{"gpu": 1.0}, {"gpu": 7.0}, {"gpu": 1.0, "gpu_memory": 90 * GIB}]),
    ),
    st.sampled_from(
        ["", "H100", "B200", 'a"b'],
    ),
    st.sampled_from(ISOLATIONS),
)
def test_every_choice_of_a_refusal_can_be_pasted_and_is_granted(nodes, wish, model, isolation):
    there = seen(*nodes)
    try:
        ask(there, gpu_model=model or None, isolation=isolation, **wish)
    except DoesNotFit as error:
        for each in choices(error):
            granted(there, each)


def test_the_refusal_that_the_docs_show_is_the_one_that_is_given():
    with pytest.raises(DoesNotFit) as error:
        ask(seen(mig_mixed(_1g_10gb=2), shared("turns", "time-slicing", renamed=True)), gpu=0.25)
    shown = Path(__file__).parents[3] / "docs" / "gpu-cluster.md"
    assert str(error.value).replace("\xa0", " ") in shown.read_text()


REFUSED = [
    (
        [mig_mixed(_1g_10gb=4, _1g_20gb=2)],
        {"gpu": 0.5},
        "That does not fit into MIG 1g.20gb of NVIDIA A100-SXM4-80GB (19.5 GiB) or MIG 1g.10gb of "
        "NVIDIA A100-SXM4-80GB (9.5 GiB).",
        [{"gpu_memory": "19Gi"}],
    ),
    (
        [whole("whole", A100)],
        {"gpu": 0.5},
        "Of NVIDIA A100-SXM4-80GB only whole GPUs are given.",
        [{"gpu": 1}],
    ),
    (
        [shared("turns", "time-slicing")],
        {"gpu": 0.25},
        'The default, isolation="memory", rules out 1/4 of NVIDIA A100-SXM4-80GB (20 GiB) by '
        "time-slicing, where nothing keeps memory apart.",
        [{"gpu": 0.25, "isolation": "none"}],
    ),
    (
        [hami(), shared("mps", "mps")],
        {"gpu": 0.25, "isolation": "hardware"},
        'isolation="hardware" rules out a part of NVIDIA A100-SXM4-80GB (80 GiB) by HAMi or 1/4 of '
        "NVIDIA A100-SXM4-80GB (20 GiB) by MPS, which software divides.",
        [{"gpu": 0.25}],
    ),
    (
        [whole(), whole("b", A100_40)],
        {"gpu": 1.0, "gpu_model": "B200"},
        "There is no B200, only NVIDIA H100-80GB-HBM3 and NVIDIA A100-SXM4-40GB.",
        [{"gpu": 1}],
    ),
    (
        [whole(count=2), mig_mixed(_1g_10gb=4)],
        {"gpu": 4.0},
        "No node has more than 2 of NVIDIA H100-80GB-HBM3.",
        [{"gpu": 2}],
    ),
    ([], {"gpu": 0.25}, "No node has one.", []),
]


@pytest.mark.parametrize(
    ("nodes", "wish", "why", "step"), REFUSED, ids=[r[2][:30] for r in REFUSED]
)
def test_a_refusal_says_in_a_sentence_what_stands_against_it(nodes, wish, why, step):
    with pytest.raises(DoesNotFit) as error:
        ask(seen(*nodes), **wish)
    assert error.value.why.replace("\xa0", " ") == why
    assert choices(error.value) == step


def test_many_offers_are_not_named_one_by_one():
    many = [shared(f"n{by}", "mps", by=by) for by in range(2, 20)]
    with pytest.raises(DoesNotFit) as error:
        ask(seen(*many), gpu=0.9)
    assert error.value.why.startswith("That does not fit into 1/2 of ")
    assert error.value.why.endswith(" or 14 more.")


def test_several_workers_on_a_share_are_refused_because_of_nccl():
    with pytest.raises(InvalidRequest, match="2 workers") as error:
        ask(seen(hami()), workers=2, gpu=0.5)
    assert "duplicate GPU" in error.value.why
    assert choices(error.value) == [{"workers": 1, "gpu": 0.5}, {"workers": 2, "gpu": 1}]


def test_a_share_and_a_memory_that_contradict_each_other_are_refused():
    with pytest.raises(InvalidRequest, match="contradict") as error:
        ask(seen(hami()), gpu=0.25, gpu_memory=40 * GIB)
    assert choices(error.value) == [{"gpu_memory": "40Gi"}, {"gpu": 0.5}]
    assert ask(seen(hami()), gpu=0.25, gpu_memory=10 * GIB).limits["nvidia.com/gpumem"] == "20480"


@pytest.mark.parametrize("gpu", [1.5, -1.0, 0.001, float("nan")])
def test_what_is_no_number_of_gpus_is_refused_before_anything_is_looked_at(gpu):
    with pytest.raises(InvalidRequest, match="gpu="):
        ask(Seen(), gpu=gpu)


@pytest.mark.parametrize(
    ("nodes", "choice"),
    [
        ([mig_mixed(_3g_40gb=1)], {"gpu": 0.5}),
        ([shared("turns", "time-slicing", by=4)], {"gpu": 0.25, "isolation": "none"}),
    ],
)
def test_where_there_are_parts_only_a_whole_gpu_is_refused_with_a_part(nodes, choice):
    with pytest.raises(DoesNotFit, match="gpu=1") as error:
        ask(seen(*nodes), gpu=1.0)
    assert error.value.why == "Of NVIDIA A100-SXM4-80GB only parts are given."
    assert choices(error.value) == [choice]


def test_a_slice_that_is_the_whole_card_is_not_proposed():
    with pytest.raises(DoesNotFit) as error:
        ask(seen(whole("whole", A100)), gpu_memory=60 * GIB)
    assert error.value.next_step == 'Write gpu=1, gpu_memory="60Gi".'


def test_a_cluster_without_gpus_says_so():
    with pytest.raises(DoesNotFit) as error:
        ask(seen(), gpu=1.0)
    assert str(error.value).startswith("There is no GPU for gpu=1 in namespace team-a.")
    assert "CPU" in error.value.next_step


# -- what a quota, a queue and a kind of job leave out ------------------------------


def test_what_the_quota_never_gives_is_left_out():
    there = mig_mixed(_1g_20gb=2), hami()
    none = {
        "nvidia.com/mig-1g.20gb": Allowance(
            key="requests.nvidia.com/mig-1g.20gb", hard=0, quota="gpus"
        )
    }
    assert ask(seen(*there), gpu=0.25).mechanism == "mig"
    assert ask(seen(*there, allowances=none), gpu=0.25).mechanism == "hami"


def test_what_the_queue_has_not_is_left_out():
    there = mig_mixed(_1g_20gb=2), shared("mps", "mps")
    keys = frozenset({"cpu", "nvidia.com/gpu"})
    got = ask(seen(*there, queue="lq", queue_keys=keys), gpu=0.25)
    assert got.mechanism == "mps"
    with pytest.raises(DoesNotFit) as error:
        ask(seen(there[0], queue="lq", queue_keys=keys), gpu=0.25)
    assert "The queue lq has no nvidia.com/mig-1g.20gb, which is needed for" in error.value.why
    assert error.value.next_step.startswith("Name another queue with queue=")
    with pytest.raises(DoesNotFit) as error:
        ask(quota({"nvidia.com/gpu": 4.0}), 3, gpu=2.0)
    assert "The quota gpus gives 4 of nvidia.com/gpu in all" in error.value.why
    assert choices(error.value) == [{"gpu": 1}]
    assert "a larger quota" in error.value.next_step


@pytest.mark.parametrize(
    ("nodes", "more", "missing"),
    [
        ([volcano()], {}, "name a scheduler"),
        ([EVERY[-1]], {"isolation": "none"}, "claim a device"),
    ],
)
def test_what_a_trainjob_cannot_carry_is_left_out_and_the_way_out_is_named(nodes, more, missing):
    there = seen(*nodes, carries=frozenset({"metadata", "affinity"}), kind="TrainJob")
    with pytest.raises(DoesNotFit) as error:
        ask(there, gpu=0.25, **more)
    assert f"A TrainJob cannot {missing}" in error.value.why
    assert 'operator="pytorchjob"' in error.value.next_step
    assert ask(seen(*nodes), gpu=0.25, **more)


# -- labels that lie --------------------------------------------------------------


def test_a_card_that_could_be_cut_and_is_not_is_whole():
    there = seen(whole("capable", A100))  # mig.capable=true, mig.strategy=single, no slices
    assert [o.mechanism for o in offers(there)] == ["whole"]


def test_labels_without_devices_are_nothing():
    ghost = mig_mixed(_3g_40gb=2)
    ghost["allocatable"] = {"cpu": "8"}
    assert offers(seen(ghost)) == ()


def test_a_profile_that_does_not_exist_is_not_taken_for_one():
    odd = node("odd", {"nvidia.com/mig-banana": 3, "nvidia.com/mig-9x": 1}, card(A100, 1))
    assert offers(seen(odd)) == ()


@pytest.mark.parametrize("memory", ["", "0", "lots", "-1", "9" * 40, "٣"])
def test_a_memory_that_is_no_number_is_unknown(memory):
    odd = whole("odd", A100)
    odd["labels"]["nvidia.com/gpu.memory"] = memory
    (offer,) = offers(seen(odd))
    assert offer.memory == 0
    assert ask(seen(odd), gpu=1.0).limits == {"nvidia.com/gpu": "1"}
    with pytest.raises(DoesNotFit) as error:
        ask(seen(odd), gpu=1.0, gpu_memory=10 * GIB)
    assert "The memory of NVIDIA A100-SXM4-80GB cannot be seen." in error.value.why


def test_where_labels_contradict_each_other_nobody_is_promised_a_card_alone():
    odd = whole("odd", f"{A100}-SHARED")  # sharing-strategy=none
    assert [o.mechanism for o in offers(seen(odd))] == ["time-slicing"]


@pytest.mark.parametrize("text", ["", "null", "{}", "[1]", "GPU-1,x,y", "[{'id'", ",,,,,,:"])
def test_an_annotation_that_cannot_be_read_offers_nothing(text):
    odd = hami()
    odd["annotations"]["hami.io/node-nvidia-register"] = text
    assert offers(seen(odd)) == ()


# -- a student, who sees no nodes ---------------------------------------------------


def test_a_student_gets_a_slice_by_the_quotas_key_alone():
    there = quota({"nvidia.com/mig-3g.40gb": 2.0})
    got = ask(there, gpu=0.5)
    assert got.limits == {"nvidia.com/mig-3g.40gb": "1"}
    assert got.found == "quota of team-a"
    assert ask(there, gpu_memory=30 * GIB).limits == {"nvidia.com/mig-3g.40gb": "1"}


def test_a_slices_name_is_never_trusted_for_its_full_size():
    with pytest.raises(DoesNotFit):
        ask(quota({"nvidia.com/mig-1g.10gb": 2.0}), gpu_memory=10 * GIB)
    assert ask(quota({"nvidia.com/mig-1g.10gb": 2.0}), gpu_memory=8 * GIB)


def test_a_student_gets_hami_by_the_quota_or_by_what_its_webhook_did():
    by_quota = ask(quota({"nvidia.com/gpumem": 40960.0, "nvidia.com/gpu": 4.0}), gpu=0.25)
    assert by_quota.limits == {
        "nvidia.com/gpu": "1",
        "nvidia.com/gpumem-percentage": "25",
        "nvidia.com/gpucores": "25",
    }
    tried = ask(Seen(hami=True), gpu_memory=10 * GIB)
    assert tried.limits["nvidia.com/gpumem"] == "10240"
    assert tried.found == "a pod that was tried"


def test_a_student_claims_a_slice_by_its_memory_where_slices_are_not_visible():
    there = quota({"mig.nvidia.com.deviceclass.resource.k8s.io/devices": 2.0}, dra=True)
    got = ask(there, gpu_memory=9 * GIB)
    (test,) = got.claim["devices"]["requests"][0]["exactly"]["selectors"]
    assert test["cel"]["expression"] == (
        "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('9216Mi')) >= 0"
    )


def test_a_student_gets_a_whole_gpu_and_is_told_what_cannot_be_seen():
    got = ask(quota({"nvidia.com/gpu": 2.0}), gpu=1.0)
    assert "cannot be seen by you" in got.notices[0]


def test_a_quota_without_a_gpu_key_leaves_a_student_without_a_share_and_says_why():
    with pytest.raises(DoesNotFit) as error:
        ask(quota({"cpu": 4.0}), gpu=0.5)
    assert error.value.why == (
        "The quota of team-a names none. You may not list nodes, which would tell more."
    )


def test_a_student_is_told_that_parts_cannot_be_seen_where_only_whole_ones_are_named():
    with pytest.raises(DoesNotFit) as error:
        ask(quota({"nvidia.com/gpu": 2.0}), gpu=0.5)
    assert "Whether GPUs are given in parts cannot be seen by you." in error.value.why
    assert choices(error.value) == [{"gpu": 1}]


def test_a_student_is_proposed_memory_where_the_sizes_of_slices_cannot_be_seen():
    there = quota({"mig.nvidia.com.deviceclass.resource.k8s.io/devices": 2.0}, dra=True)
    with pytest.raises(DoesNotFit) as error:
        ask(there, gpu=0.25)
    (choice,) = choices(error.value)
    assert granted(there, choice).memory == 10 * GIB


def test_what_an_administrator_publishes_stands_above_what_can_be_seen():
    profile = read_profile(
        """
        [[offer]]
        mechanism = "mps"
        key = "nvidia.com/gpu.shared"
        model = "NVIDIA L40S"
        product = "NVIDIA-L40S"
        memory = "12Gi"
        card = "48Gi"
        replicas = 4
        """
    )
    got = ask(seen(hami(), profile=profile), gpu=0.25)
    assert (got.mechanism, got.memory) == ("mps", 12 * GIB)
    assert got.found == "the administrator's profile"
    (place,) = got.places
    assert place["nvidia.com/gpu.product"] == ("NVIDIA-L40S",)


OFFER = '[[offer]]\nmechanism = "whole"\nkey = "nvidia.com/gpu"\n'
MIG = '[[offer]]\nmechanism = "mig"\nkey = "nvidia.com/mig-1g.10gb"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("offer = [", "no TOML: "),
        ("round_up = yes", "no TOML: Invalid value (at line 1, column 12)"),
        ("offer = 3", "Line 1: offer: expected `array`, got `int`"),
        ("rund_up = true", "Line 1: there is no 'rund_up'; there are round_up, offer"),
        ('[[offer]]\nmechanism = "magic"\nkey = "a/b"', "Line 2: mechanism is 'magic', and"),
        (f'{OFFER}\n{MIG}memory = "10GB"', "Line 8: memory='10GB' is not an amount of memory."),
        (f"{OFFER}{MIG}", "Line 4: an offer of mig does not say memory"),
        (f'{OFFER}[[offer]]\nkey = "a/b"', "Line 4: an offer names no mechanism"),
        ('[[offer]]\nmechanism = "whole"', "Line 1: an offer of whole names no key"),
        (
            '[[offer]]\nmechanism = "mps"\nkey = "nvidia.com/gpu"\nmemory = "9Gi"',
            "Line 1: an offer of mps does not say replicas",
        ),
        (f"{OFFER}# all of them\ncount = -1", "Line 5: count is below 0"),
        (f"{OFFER}share = 3", "Line 4: there is no 'share'; there are mechanism, key,"),
        (f'{OFFER}"count" = "2"', "Line 4: count: expected `int`, got `str`"),
        ('offer = [{mechanism = "whole"}]', "an offer of whole names no key"),
        ("x" * (2**20 + 1), "larger than 1 MiB"),
    ],
)
def test_a_malformed_profile_says_the_line_and_what_is_wrong_there(text, why):
    with pytest.raises(InvalidRequest, match="profile") as error:
        read_profile(text)
    assert why in error.value.why
    assert error.value.why.endswith(".")
    assert "administrator" in error.value.next_step


@given(st.text(max_size=200))
def test_no_profile_ever_breaks_the_reader(text):
    with contextlib.suppress(CnaiError):
        assert isinstance(read_profile(text), Profile)


def test_every_mechanism_of_a_profile_is_one_that_there_is():
    for name in BY_NAME:
        extra = 'replicas = 2\nmemory = "8Gi"\ncard = "16Gi"\nprofile = "1g.10gb"'
        text = f'[[offer]]\nmechanism = "{name}"\nkey = "nvidia.com/gpu"\n{extra}'
        there = Seen(profile=read_profile(text), kai_queue="q", carries=EVERYTHING, dra=True)
        (offer,) = offers(there)
        assert offer.mechanism == name
        wish = {"gpu": 1.0} if name in ("whole", "dra") else {"gpu_memory": GIB}
        assert resolve(Resources(isolation="none", **wish), 1, there).mechanism == name
