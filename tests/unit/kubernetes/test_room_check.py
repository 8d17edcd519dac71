"""What a namespace refuses before it is asked: what is said, and what to write instead."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.room_check import check
from cnai_sdk.backends.kubernetes.room_fit import fit
from cnai_sdk.backends.kubernetes.room_objects import LimitRange
from cnai_sdk.backends.kubernetes.room_wish import Wish
from cnai_sdk.errors import DoesNotFit

from .rooms import GIB, GPU, NOW, limit_range, quota, room, wish


def pod_range(**limit: Any) -> LimitRange:
    limits = [{"type": "Pod", **limit}]
    return msgspec.convert({"metadata": {"name": "pods"}, "spec": {"limits": limits}}, LimitRange)


def test_a_quota_of_cores_and_memory_wants_both_to_be_named() -> None:
    hard = {"requests.cpu": "4", "limits.memory": "2Gi", f"requests.{GPU}": "4"}
    with pytest.raises(DoesNotFit, match="how many cores and how much memory") as refusal:
        check(wish(gpu=1), room(quota(hard=hard)))
    assert refusal.value.next_step == 'Write cpu=1 and memory="2Gi", or what it needs.'
    with pytest.raises(DoesNotFit, match="say how much memory") as refusal:
        check(wish(workers=2, cpu=1, gpu=1), room(quota(hard=hard)))
    assert refusal.value.next_step == 'Write memory="1Gi", or what it needs.'
    check(wish(cpu=1, memory=GIB, gpu=1), room(quota(hard=hard)))
    with pytest.raises(DoesNotFit, match="the quota team-a gives 4"):
        check(wish(workers=5, gpu=1), room(quota(hard=hard)))  # first what is too much


def test_what_a_range_gives_to_those_who_name_nothing_is_named() -> None:
    amounts = {"cpu": "500m", "memory": "1Gi"}
    ranges = [limit_range(default=amounts, defaultRequest=amounts)]
    check(wish(gpu=1), room(quota(hard={"cpu": "4", "memory": "8Gi"}), ranges=ranges))


def test_only_a_quota_that_counts_the_pod_wants_amounts() -> None:
    check(wish(gpu=1), room(quota(hard={"cpu": "4"}, scopes=["Terminating"])))
    check(wish(gpu=1), room(quota(hard={f"requests.{GPU}": "4", "pods": "4"})))


@pytest.mark.parametrize("bound", [{"max": {"memory": "2Gi"}}, {"min": {"memory": "2Gi"}}])
def test_a_range_of_pods_gives_nothing_and_wants_it_named(bound: dict[str, Any]) -> None:
    here = room(ranges=[pod_range(**bound)])
    with pytest.raises(DoesNotFit, match="how much memory") as refusal:
        check(Wish(), here)
    assert refusal.value.next_step == 'Write memory="2Gi", or what it needs.'
    check(wish(memory=2 * GIB), here)


def test_a_quota_of_pods_says_how_many_it_gives() -> None:
    told = fit(wish(gpu=1), room(quota(hard={"pods": "0"})), now=NOW)
    assert told.why.startswith("The quota team-a gives 0 pods, and a job makes 1.")
    assert "fewer workers" not in told.next_step
    told = fit(Wish(workers=3, requests={}), room(quota(hard={"pods": "2"})), now=NOW)
    assert told.why.startswith("The quota team-a gives 2 pods, and 3 workers make 3.")
    assert told.next_step.startswith("Write fewer workers")
