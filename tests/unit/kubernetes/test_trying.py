"""What a server's answer to a pod that it only tries tells, in its own words (Kubernetes 1.36)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.api import Api, Refused
from cnai_sdk.backends.kubernetes.refusals import refusal
from cnai_sdk.backends.kubernetes.trying import refused, tried_hami, try_pod
from cnai_sdk.errors import BackendUnavailable, DoesNotFit, InvalidRequest

GPU, MEMORY = "nvidia.com/gpu", "nvidia.com/gpumem"
POD = {"metadata": {"namespace": "team-a"}}


def exceeded(requested: str, limited: str, used: str = "requests.nvidia.com/gpu=0") -> str:
    return (
        'pods "fit-check-x" is forbidden: exceeded quota: team-a, '
        f"requested: {requested}, used: {used}, limited: {limited}"
    )


class Answers:
    """An API server that refuses every pod, in these words."""

    def __init__(self, message: str) -> None:
        self._message = message

    async def create(self, path: str, body: Any, *, dry_run: bool) -> dict[str, Any]:
        assert dry_run and path == "/api/v1/namespaces/team-a/pods"
        raise Refused("no", status=403, reason="Forbidden", message=self._message)


async def tried(message: str, workers: int = 1) -> str:
    return await try_pod(cast(Api, Answers(message)), POD, workers=workers)


async def test_what_a_quota_never_gives_is_refused_with_its_number() -> None:
    words = exceeded("requests.nvidia.com/gpu=8", "requests.nvidia.com/gpu=2")
    with pytest.raises(DoesNotFit, match="asks for 8 GPUs, and the quota team-a gives 2") as no:
        await tried(words)
    assert "gpu=" in no.value.next_step
    memory = exceeded("limits.memory=8Gi,pods=1", "limits.memory=4Gi,pods=10")
    with pytest.raises(DoesNotFit, match="8\xa0GiB of memory"):
        await tried(memory)


async def test_all_workers_count_though_one_is_tried() -> None:
    words = exceeded(
        "requests.nvidia.com/gpu=1", "requests.nvidia.com/gpu=2", "requests.nvidia.com/gpu=2"
    )
    assert await tried(words, workers=2) == (
        "The quota team-a is used up now: the workers start when there is room again."
    )
    with pytest.raises(DoesNotFit, match="asks for 3 GPUs"):
        await tried(words, workers=3)


async def test_a_quota_whose_numbers_are_not_told_may_have_room_again() -> None:
    assert "is used up now" in await tried('pods "x" is forbidden: exceeded quota: team-a, sorry')


async def test_every_other_refusal_is_one() -> None:
    with pytest.raises(InvalidRequest, match="Nothing was created"):
        await tried('pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged')
    assert "you may not create pods" in await tried(
        'pods is forbidden: User "student" cannot create resource "pods" in API group ""'
    )


def answered(status: int, message: str = "") -> Refused:
    """What a create met that was answered so."""
    body = msgspec.json.encode({"kind": "Status", "code": status, "message": message})
    return refusal(status, body, method="POST", path="/api/v1/namespaces/team-a/pods")


KNOWN = [
    ('namespaces "typo-ns" not found', "The cluster has no namespace typo-ns."),
    ('pods "x" is forbidden: unable to create new content in namespace old because it is being '
     "terminated", "The namespace old is being deleted, and takes nothing new."),
    ('pods "x" is forbidden: no PriorityClass with name nope was found',
     "The cluster has no priority class nope."),
]  # fmt: skip


@pytest.mark.parametrize(("said", "happened"), KNOWN, ids=[said[:20] for said, _ in KNOWN])
def test_what_is_missing_is_named(said: str, happened: str) -> None:
    told = refused(answered(403, said))
    assert isinstance(told, InvalidRequest)
    assert told.what == f"{happened} Nothing was created."
    assert told.next_step


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_that_no_row_knows_quotes_the_servers_words(status: int) -> None:
    said = f"Pod is invalid: {'spec.x: Invalid value, ' * 12}spec.last: Required value"
    told = refused(answered(status, said))
    assert isinstance(told, InvalidRequest)
    assert said in told.why
    assert "quoted beside" not in str(told)


def test_what_a_plain_sentence_leaves_out_is_quoted_beside_it() -> None:
    said = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath volumes (x)'
    told = refused(answered(403, said))
    assert "security level restricted does not allow it" in told.why
    assert said in told.why, "the rule that was broken"


@pytest.mark.parametrize(
    ("status", "next_step"),
    [
        (401, "Log in to the cluster again"),
        (429, "Try again in a while"),
        (500, "Try again"),
        (504, "Try again"),
    ],
)
def test_a_server_that_cannot_answer_now_is_no_invalid_request(status: int, next_step: str) -> None:
    told = refused(answered(status, "etcdserver: request timed out"))
    assert isinstance(told, BackendUnavailable)
    assert "Nothing was created." in told.what
    assert "etcdserver: request timed out" in told.why
    assert next_step in told.next_step


def test_a_check_of_the_cluster_that_is_down_keeps_its_verdict() -> None:
    said = 'Internal error occurred: failed calling webhook "x.example.com": connection refused'
    told = refused(answered(500, said))
    assert isinstance(told, BackendUnavailable)
    assert "that check does not answer" in told.what
    assert "connection refused" in told.why


class Quota:
    """A server with a quota after its webhooks, as every server has it.

    Args:
        hami: whether HAMi's webhook is there: it adds the GPU of which a pod wants memory.
        full: what the quota has no more of.
    """

    def __init__(self, *, hami: bool, full: str) -> None:
        self._hami, self._full = hami, full

    async def create(self, path: str, body: Any, *, dry_run: bool) -> dict[str, Any]:
        assert dry_run, "a pod that is only tried is never made"
        limits: Mapping[str, str] = body["spec"]["containers"][0]["resources"]["limits"]
        limits = {"pods": "1", **limits}
        if self._hami:
            limits = {GPU: "1", **limits}
        if self._full in limits:
            key = self._full if self._full == "pods" else f"requests.{self._full}"
            words = exceeded(f"{key}={limits[self._full]}", f"{key}=1", f"{key}=1")
            raise Refused("no", status=403, reason="Forbidden", message=words)
        scheduler = "hami-scheduler" if self._hami else "default-scheduler"
        return {"spec": {**body["spec"], "schedulerName": scheduler}}


@pytest.mark.parametrize(
    ("hami", "full", "told"),
    [
        (True, "", True),
        (False, "", False),
        (True, GPU, True),
        (False, GPU, False),
        (True, "pods", None),
        (False, "pods", None),
    ],
)
async def test_hami_is_seen_behind_a_quota_of_gpus_that_is_used_up(
    hami: bool, full: str, told: bool | None
) -> None:
    server = Quota(hami=hami, full=full)
    assert await tried_hami(cast(Api, server), "team-a") is told
