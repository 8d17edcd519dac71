"""Requests and answers, tries and refusals, against a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.api import (
    Api,
    Conflict,
    Exists,
    Missing,
    Refused,
    Unreachable,
    Unreadable,
)
from cnai_sdk.backends.kubernetes.objects import Pod

from .https import Reply, Request, Server, status

PODS = "/api/v1/namespaces/team-a/pods"
JOBS = "/apis/kubeflow.org/v1/namespaces/team-a/pytorchjobs"


def pod(name: str, version: str = "1") -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"u-{name}", "resourceVersion": version}}


def in_turn(*replies: Reply) -> Any:
    """One reply a request, and the last one from then on."""
    waiting = list(replies)
    return lambda request: waiting.pop(0) if len(waiting) > 1 else waiting[0]


async def test_an_object_is_decoded_into_what_is_asked_for(server: Server, api: Api) -> None:
    server.answer = lambda request: Reply(200, pod("a"))
    assert (await api.get(f"{PODS}/a", type=Pod)).metadata.uid == "u-a"
    assert (await api.get(f"{PODS}/a"))["metadata"]["uid"] == "u-a"
    assert json.loads(await api.get(f"{PODS}/a", type=bytes)) == pod("a")


async def test_an_answer_that_is_no_kubernetes_is_said_to_be_none(server: Server, api: Api) -> None:
    server.answer = lambda request: Reply(200, b"<html>a portal</html>")
    with pytest.raises(Unreadable) as caught:
        await api.get("/version")
    assert server.url in caught.value.what
    assert "Kubernetes API server" in caught.value.next_step


async def test_a_long_list_is_read_by_pages(server: Server, api: Api) -> None:
    def answer(request: Request) -> Reply:
        start = int(request.query.get("continue", "0"))
        meta = {"resourceVersion": "77"} | ({"continue": str(start + 500)} if start < 1000 else {})
        items = [pod(f"p{number}") for number in range(start, min(start + 500, 1200))]
        return Reply(200, {"metadata": meta, "items": items})

    server.answer = answer
    listed = await api.list(PODS, type=Pod, params={"labelSelector": "a=b"})
    assert [item.metadata.name for item in listed.items] == [f"p{n}" for n in range(1200)]
    assert listed.resource_version == "77"
    assert [request.query["limit"] for request in server.requests] == ["500"] * 3
    assert {request.query["labelSelector"] for request in server.requests} == {"a=b"}


async def test_a_list_whose_moment_is_forgotten_is_read_at_once(server: Server, api: Api) -> None:
    def answer(request: Request) -> Reply:
        if "continue" in request.query:
            return status(410, "Expired", "The provided continue parameter is too old")
        more = {"continue": "x"} if "limit" in request.query else {}
        return Reply(200, {"metadata": {"resourceVersion": "9", **more}, "items": [pod("a")]})

    server.answer = answer
    listed = await api.list(PODS, type=Pod)
    assert [item.metadata.name for item in listed.items] == ["a"]
    assert "limit" not in server.requests[-1].query


async def test_an_empty_list_may_be_null(server: Server, api: Api) -> None:
    server.answer = lambda request: Reply(200, {"metadata": {}, "items": None})
    assert (await api.list(PODS, type=Pod)).items == []


async def test_a_create_sends_the_object_and_gives_what_was_made(server: Server, api: Api) -> None:
    server.answer = lambda request: Reply(201, request.json | {"made": True})
    assert await api.create(JOBS, pod("a")) == pod("a") | {"made": True}
    assert server.requests[0].headers["content-type"] == "application/json"
    assert "dryRun" not in server.requests[0].query
    await api.create(JOBS, pod("a"), dry_run=True)
    assert server.requests[1].query["dryRun"] == "All"


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("merge", "application/merge-patch+json"),
        ("strategic", "application/strategic-merge-patch+json"),
        ("json", "application/json-patch+json"),
        ("apply", "application/apply-patch+yaml"),
    ],
)
async def test_each_kind_of_patch_is_named(
    server: Server, api: Api, kind: str, header: str
) -> None:
    await api.patch(f"{JOBS}/a", {"spec": {}}, kind=kind)
    assert server.requests[0].headers["content-type"] == header
    assert server.requests[0].query.get("fieldManager") == ("cnai-sdk" if kind == "apply" else None)


async def test_a_delete_says_whose_and_how(server: Server, api: Api) -> None:
    await api.delete(f"{JOBS}/a", uid="u", propagation="Foreground", grace=3)
    assert server.requests[0].json == {
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u"},
        "gracePeriodSeconds": 3,
    }


async def test_what_is_gone_already_is_deleted(server: Server, api: Api) -> None:
    server.answer = lambda request: status(404, "NotFound")
    await api.delete(f"{JOBS}/a")
    server.answer = lambda request: status(409, "Conflict", "the UID in the precondition …")
    await api.delete(f"{JOBS}/a", uid="another's")


# -- refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (status(404, "NotFound", "gone"), Missing),
        (status(409, "AlreadyExists", "there"), Exists),
        (status(409, "Conflict", "changed"), Conflict),
        (status(403, "Forbidden", "no"), Refused),
    ],
)
async def test_a_refusal_has_the_servers_word(
    server: Server, api: Api, reply: Reply, kind: type[Refused]
) -> None:
    server.answer = lambda request: reply
    with pytest.raises(Refused) as caught:
        await api.create(JOBS, {})
    assert type(caught.value) is kind
    assert caught.value.status == reply.status
    assert caught.value.reason == reply.body["reason"]
    assert caught.value.message == reply.body["message"]
    assert caught.value.message in str(caught.value)
    assert "good-token" not in str(caught.value)


async def test_a_refused_field_is_named(server: Server, api: Api) -> None:
    cause = {"reason": "FieldValueInvalid", "message": "must be positive", "field": "spec.x"}
    server.answer = lambda request: status(422, "Invalid", "not valid", causes=[cause])
    with pytest.raises(Refused) as caught:
        await api.create(JOBS, {})
    assert [(each.field, each.message) for each in caught.value.causes] == [
        ("spec.x", "must be positive")
    ]


async def test_a_refusal_without_the_apis_form_is_told_as_it_is(server: Server, api: Api) -> None:
    server.answer = lambda request: Reply(403, b"the portal wants you to log in\n")
    with pytest.raises(Refused) as caught:
        await api.get("/version")
    assert caught.value.message == "the portal wants you to log in"


# -- tries ------------------------------------------------------------------------------


async def test_a_server_that_is_too_busy_is_left_alone_as_long_as_it_says(
    server: Server, api: Api
) -> None:
    times: list[float] = []
    replies = in_turn(Reply(429, b"", {"Retry-After": "1"}), Reply(201, {}))

    def answer(request: Request) -> Reply:
        times.append(time.monotonic())
        return replies(request)  # type: ignore[no-any-return]

    server.answer = answer
    await api.create(JOBS, pod("a"))
    assert len(times) == 2
    assert times[1] - times[0] >= 1.0


async def test_a_server_that_stays_too_busy_is_told(server: Server, api: Api) -> None:
    server.answer = lambda request: status(429, "TooManyRequests", "wait", retryAfterSeconds=600)
    with pytest.raises(Refused) as caught:
        await api.create(JOBS, {})
    assert caught.value.status == 429
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_read_is_made_again_after_a_servers_error(
    server: Server, api: Api, code: int
) -> None:
    server.answer = in_turn(status(code, "InternalError"), Reply(200, {"ok": 1}))
    assert await api.get("/version") == {"ok": 1}


async def test_a_read_is_made_again_after_a_cut(server: Server, api: Api) -> None:
    server.answer = in_turn(Reply(cut=True), Reply(cut=True), Reply(200, {"ok": 1}))
    assert await api.get("/version") == {"ok": 1}


async def test_deletes_and_merges_are_made_again_after_a_cut(server: Server, api: Api) -> None:
    server.answer = in_turn(Reply(cut=True), Reply(200, {}))
    await api.delete(f"{JOBS}/a")
    server.answer = in_turn(Reply(cut=True), Reply(200, {}))
    await api.patch(f"{JOBS}/a", {"spec": {"suspend": True}})
    assert [request.method for request in server.requests] == ["DELETE"] * 2 + ["PATCH"] * 2


@pytest.mark.parametrize("reply", [Reply(cut=True), status(500, "InternalError", "etcd")])
async def test_a_create_is_never_made_again(server: Server, api: Api, reply: Reply) -> None:
    await api.get("/version")
    server.answer = lambda request: reply
    with pytest.raises((Refused, Unreachable)) as caught:
        await api.create(JOBS, pod("a"))
    assert server.asked("POST") == [JOBS]
    if isinstance(caught.value, Unreachable):
        assert caught.value.sent
        assert caught.value.cause == "connection lost"


async def test_a_dry_run_is_made_again(server: Server, api: Api) -> None:
    server.answer = in_turn(Reply(cut=True), Reply(201, {}))
    await api.create(JOBS, pod("a"), dry_run=True)
    assert server.asked("POST") == [JOBS, JOBS]


async def test_tries_end_at_their_deadline(server: Server, api: Api) -> None:
    server.answer = lambda request: status(503, "ServiceUnavailable", "starting")
    with pytest.raises(Refused, match="refused") as caught:
        await api.get("/version", deadline=2)
    assert caught.value.status == 503
    assert 1 < len(server.requests) < 10


# -- streams and watches -------------------------------------------------------------------


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def by(size: int, data: bytes) -> Iterable[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


EVENTS = lines(
    {"type": "ADDED", "object": pod("a", "5")},
    {"type": "MODIFIED", "object": pod("a", "6")},
    {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}},
    {"type": "DELETED", "object": pod("a", "10")},
)


async def watched(api: Api, seen: list[tuple[str, str]], **more: Any) -> None:
    async for verb, item in api.watch(PODS, type=Pod, resource_version="4", **more):
        seen.append((verb, item.metadata.resource_version))


async def streamed(api: Api, seen: list[bytes]) -> None:
    async with api.stream(f"{PODS}/a/log") as chunks:
        async for chunk in chunks:
            seen += [chunk]  # what came before a cut, too


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_a_watch_gives_each_change_however_it_is_cut_up(
    server: Server, api: Api, size: int
) -> None:
    server.answer = lambda request: Reply(pieces=by(size, EVENTS))
    opened: list[bool] = []
    seen: list[tuple[str, str]] = []
    await watched(api, seen, opened=lambda: opened.append(True))
    assert seen == [("ADDED", "5"), ("MODIFIED", "6"), ("BOOKMARK", "9"), ("DELETED", "10")]
    assert opened == [True]
    asked = server.requests[0].query
    assert asked["watch"] == asked["allowWatchBookmarks"] == "true"
    assert asked["resourceVersion"] == "4"
    assert int(asked["timeoutSeconds"]) > 60


async def test_a_watch_whose_moment_is_forgotten_says_410(server: Server, api: Api) -> None:
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    server.answer = lambda request: Reply(pieces=[lines({"type": "ERROR", "object": gone})])
    with pytest.raises(Refused) as caught:
        await watched(api, [])
    assert (caught.value.status, caught.value.message) == (410, "too old")


async def test_a_watch_that_is_cut_says_so(server: Server, api: Api) -> None:
    server.answer = lambda request: Reply(pieces=[EVENTS[:-5]], cut=True)
    seen: list[tuple[str, str]] = []
    with pytest.raises(Unreachable):
        await watched(api, seen)
    assert [verb for verb, _ in seen] == ["ADDED", "MODIFIED", "BOOKMARK"]


async def test_a_watch_may_be_refused(server: Server, api: Api) -> None:
    server.answer = lambda request: status(403, "Forbidden", "may not watch")
    with pytest.raises(Refused, match="refused"):
        await watched(api, [])


async def test_a_stream_gives_bytes_as_they_come(server: Server, api: Api) -> None:
    go = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first\n"
        assert go.wait(30)
        yield b"second\n"

    server.answer = lambda request: Reply(pieces=pieces())
    async with api.stream(f"{PODS}/a/log", params={"follow": True}) as chunks:
        assert await anext(chunks) == b"first\n"
        go.set()
        assert b"".join([chunk async for chunk in chunks]) == b"second\n"
    assert server.requests[0].query == {"follow": "true"}


async def test_a_stream_that_is_cut_is_no_end(server: Server, api: Api) -> None:
    server.answer = lambda request: Reply(pieces=[b"first\n"], cut=True)
    seen: list[bytes] = []
    with pytest.raises(Unreachable):
        await streamed(api, seen)
    assert b"".join(seen) == b"first\n"


async def test_a_stream_may_be_refused_before_it_begins(server: Server, api: Api) -> None:
    server.answer = lambda request: status(400, "BadRequest", "container is waiting to start")
    with pytest.raises(Refused) as caught:
        await streamed(api, [])
    assert caught.value.message == "container is waiting to start"


async def test_many_open_streams_leave_room_for_requests(server: Server, api: Api) -> None:
    end = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"begun\n"
        end.wait(60)

    server.answer = lambda request: (
        Reply(pieces=pieces()) if request.path.endswith("/log") else Reply(200, {"ok": 1})
    )
    async with contextlib.AsyncExitStack() as stack:
        for number in range(110):
            chunks = await stack.enter_async_context(api.stream(f"{PODS}/p{number}/log"))
            assert await anext(chunks) == b"begun\n"
        assert await api.get("/version") == {"ok": 1}
    end.set()


async def test_a_closed_connection_ends_its_streams(server: Server, api: Api) -> None:
    end = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"begun\n"
        end.wait(60)

    server.answer = lambda request: Reply(pieces=pieces())
    seen: list[bytes] = []
    reading = asyncio.create_task(streamed(api, seen))
    while not seen:
        await asyncio.sleep(0.01)
    await api.close()
    with pytest.raises(Unreachable):
        await reading
    end.set()


async def test_an_object_costs_what_is_read_of_it(server: Server, api: Api) -> None:
    heavy = pod("a") | {"spec": {"containers": [{"name": "c", "args": ["x" * 4000]}] * 4}}
    server.answer = lambda request: Reply(200, {"metadata": {}, "items": [heavy]})
    listed = await api.list(PODS, type=Pod)
    assert len(msgspec.json.encode(listed.items[0])) < 2000
