"""Devices that are claimed, for somebody who may not create what they are claimed by."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu.cluster.offer import PodAsk
from cnai_sdk.gpu.cluster.profile import read_profile
from cnai_sdk.gpu.cluster.resolver import resolve
from cnai_sdk.gpu.cluster.seen import Allowance, Seen
from cnai_sdk.model.spec import Resources
from tests.vendors import A100, device, dra, mig_mixed, seen, whole

GIB = 2**30
WHOLE = device("gpu-0", A100, 81920)
SLICE = device("gpu-1-mig-0", A100, 40192, profile="3g.40gb")
PARTS = device("gpu-2", A100, 81920, shared=True)
WISHES: dict[str, dict[str, Any]] = {
    "whole": {"gpu": 1.0},
    "a slice": {"gpu": 0.5},
    "a part": {"gpu": 0.2, "isolation": "none"},
}


def ask(there: Seen, *, may: bool, **wish: Any) -> PodAsk:
    sight = msgspec.structs.replace(there, may_claim=may)
    return resolve(Resources(**wish), 1, sight)


@pytest.mark.parametrize("name", WISHES)
def test_what_is_claimed_is_refused_to_who_may_not_claim_and_the_right_is_named(name: str) -> None:
    there = seen(dra("dra", *([PARTS] if name == "a part" else [WHOLE, SLICE])), dra=True)
    assert ask(there, may=True, **WISHES[name]).claim
    with pytest.raises(DoesNotFit) as error:
        ask(there, may=False, **WISHES[name])
    assert "You may not create ResourceClaimTemplates in team-a" in error.value.why
    assert "for the right to create resourceclaimtemplates in team-a" in error.value.next_step
    assert "cnai doctor" in error.value.next_step


def test_no_choice_is_offered_that_has_to_be_claimed() -> None:
    there = seen(dra("dra", WHOLE, SLICE), dra=True)
    with pytest.raises(DoesNotFit) as error:
        ask(there, may=False, gpu=0.3)
    assert "Write" not in error.value.next_step


@pytest.mark.parametrize(("wish", "mechanism"), [({"gpu": 1.0}, "whole"), ({"gpu": 0.5}, "mig")])
def test_what_a_device_plugin_has_is_taken_instead(wish: dict[str, Any], mechanism: str) -> None:
    claimed = dra("dra", WHOLE, SLICE)
    there = seen(claimed, whole("plain", A100), mig_mixed("cut", _3g_40gb=1), dra=True)
    got = ask(there, may=False, **wish)
    assert (got.mechanism, got.claim) == (mechanism, None)


def test_a_slice_that_only_the_scheduler_sees_is_claimed_too() -> None:
    key = "mig.nvidia.com.deviceclass.resource.k8s.io/devices"
    allowance = Allowance(key=key, hard=2, quota="gpus")
    there = Seen(namespace="team-a", dra=True, allowances={key: allowance})
    assert ask(there, may=True, gpu_memory=10 * GIB).claim
    with pytest.raises(DoesNotFit, match="gpu_memory"):
        ask(there, may=False, gpu_memory=10 * GIB)


CLASS = "gpu.nvidia.com.deviceclass.resource.k8s.io/devices"


@pytest.mark.parametrize(
    ("there", "claimed"),
    [
        (Seen(dra=True), False),
        (seen(whole("a", A100), dra=True), False),
        (seen(dra("dra", WHOLE), dra=True), True),
        (Seen(allowances={CLASS: Allowance(key=CLASS, hard=1)}), True),
        (Seen(profile=read_profile('[[offer]]\nmechanism = "dra"\nkey = "gpu.nvidia.com"')), True),
        (Seen(profile=read_profile('[[offer]]\nmechanism = "whole"\nkey = "a.b/gpu"')), False),
    ],
)
def test_the_right_matters_only_where_something_is_claimed(there: Seen, claimed: bool) -> None:
    assert there.claimed is claimed
