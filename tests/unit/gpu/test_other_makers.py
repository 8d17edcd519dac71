"""Whole devices of other makers: asked for by their own key, where an administrator says so."""

from __future__ import annotations

import pytest

from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu.cluster.profile import Profile, read_profile
from cnai_sdk.gpu.cluster.resolver import offers, resolve
from cnai_sdk.gpu.cluster.seen import Allowance, Seen
from cnai_sdk.model.spec import Resources

GIB = 2**30
KEYS = ("amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe")


def profile(key: str) -> Profile:
    return read_profile(
        f'[[offer]]\nmechanism = "whole"\nkey = "{key}"\nmodel = "the card"\nmemory = "48Gi"\n'
        "count = 8\nper_node = 4\n"
    )


@pytest.mark.parametrize("key", KEYS)
def test_what_the_profile_offers_is_asked_for_by_its_own_key(key: str) -> None:
    there = Seen(namespace="team-a", profile=profile(key))
    (offer,) = offers(there)
    assert (offer.mechanism, offer.key, offer.count) == ("whole", key, 8)
    got = resolve(Resources(gpu=2.0), 2, there)
    assert (got.limits, got.quota_key) == ({key: "2"}, f"requests.{key}")
    assert (got.count, got.memory, got.model) == (2, 48 * GIB, "the card")
    assert "nvidia" not in str(got.limits | got.environment | got.labels | got.annotations)


@pytest.mark.parametrize("key", KEYS)
def test_its_quota_counts(key: str) -> None:
    allowance = Allowance(key=f"requests.{key}", hard=1, quota="gpus")
    there = Seen(namespace="team-a", profile=profile(key), allowances={key: allowance})
    assert resolve(Resources(gpu=1.0), 1, there).limits == {key: "1"}
    with pytest.raises(DoesNotFit) as error:
        resolve(Resources(gpu=1.0), 2, there)
    assert f"gives 1 of {key} in all" in error.value.why


@pytest.mark.parametrize("key", KEYS)
def test_it_is_whole_or_nothing(key: str) -> None:
    there = Seen(namespace="team-a", profile=profile(key))
    with pytest.raises(DoesNotFit) as error:
        resolve(Resources(gpu=0.5), 1, there)
    assert "gpu=1" in error.value.next_step
    with pytest.raises(DoesNotFit):
        resolve(Resources(gpu=8.0), 1, there)
