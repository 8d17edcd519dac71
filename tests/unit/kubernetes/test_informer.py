"""One watch that stays true through cuts, forgotten moments and refusals."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.informer import Informer, Informers
from cnai_sdk.backends.kubernetes.objects import Pod

from .https import Reply, Request, Server, status

PODS = "/api/v1/namespaces/team-a/pods"


class Cluster:
    """Objects of one kind behind a real server: a list, and watches that tell what changes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.version = 10
        self.pods: dict[str, dict[str, Any]] = {}
        self.refused: Reply | None = None
        self.forgotten = 0
        self._history: list[tuple[int, dict[str, Any]]] = []
        self.watches: list[queue.Queue[bytes | None]] = []
        self._lock = threading.Lock()
        server.answer = self._answer

    def put(self, name: str, *, told: bool = True) -> None:
        with self._lock:
            verb = "MODIFIED" if name in self.pods else "ADDED"
            self.version += 1
            meta = {"name": name, "uid": f"u-{name}", "resourceVersion": str(self.version)}
            self.pods[name] = {"metadata": meta}
            self._changed(verb, self.pods[name], told)

    def remove(self, name: str, *, told: bool = True) -> None:
        with self._lock:
            self.version += 1
            gone = self.pods.pop(name)
            gone["metadata"]["resourceVersion"] = str(self.version)
            self._changed("DELETED", gone, told)

    def bookmark(self) -> None:
        with self._lock:
            self.version += 1
            self._tell({"type": "BOOKMARK", "object": {"metadata": self._meta()}})

    def end_watches(self) -> None:
        """As a server does in good order."""
        with self._lock:
            for watch in self.watches:
                watch.put(None)
            self.watches.clear()

    def forget(self) -> None:
        """Every moment before now."""
        self.forgotten = self.version

    def lists(self) -> int:
        return sum("watch" not in request.query for request in self.server.requests)

    def watched_from(self) -> list[str]:
        asked = (r.query for r in self.server.requests if "watch" in r.query)
        return [query["resourceVersion"] for query in asked]

    def _meta(self) -> dict[str, str]:
        return {"resourceVersion": str(self.version)}

    def _changed(self, verb: str, item: dict[str, Any], told: bool) -> None:
        event = {"type": verb, "object": json.loads(json.dumps(item))}
        self._history.append((self.version, event))
        if told:
            self._tell(event)

    def _tell(self, event: dict[str, Any]) -> None:
        for watch in self.watches:
            watch.put(json.dumps(event).encode() + b"\n")

    def _answer(self, request: Request) -> Reply:
        if self.refused is not None:
            return self.refused
        with self._lock:
            if "watch" not in request.query:
                items = list(self.pods.values())
                return Reply(200, {"metadata": self._meta(), "items": items})
            start = int(request.query["resourceVersion"])
            if start < self.forgotten:
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
                event = json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n"
                return Reply(pieces=[event])
            watch: queue.Queue[bytes | None] = queue.Queue()
            for version, event_then in self._history:
                if version > start:
                    watch.put(json.dumps(event_then).encode() + b"\n")
            self.watches.append(watch)
        return Reply(pieces=_until_none(watch))


def _until_none(watch: queue.Queue[bytes | None]) -> Iterator[bytes]:
    while True:
        piece = watch.get(timeout=60)
        if piece is None:
            return
        yield piece


class Told:
    """What a listener heard."""

    def __init__(self, informer: Informer[Pod]) -> None:
        self.heard: list[tuple[str, str]] = []
        informer.listen(lambda verb, item: self.heard.append((verb, item.metadata.name)))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    cluster = Cluster(server)
    yield cluster
    cluster.end_watches()


@pytest.fixture
async def pods(api: Api) -> AsyncIterator[Informer[Pod]]:
    informer = Informer(api, PODS, Pod)
    yield informer
    await informer.close()


def names(informer: Informer[Pod]) -> list[str]:
    return sorted(each.metadata.name for each in informer.objects.values())


async def test_it_lists_then_follows(cluster: Cluster, pods: Informer[Pod]) -> None:
    cluster.put("a")
    told = Told(pods)
    assert await pods.synced()
    assert names(pods) == ["a"]
    cluster.put("b")
    cluster.put("a")
    cluster.remove("a")
    await until(lambda: ("DELETED", "a") in told.heard)
    assert told.heard == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert names(pods) == ["b"]
    assert pods.problem == ""
    assert cluster.lists() == 1


async def test_a_watch_that_ends_goes_on_where_it_was(
    cluster: Cluster, pods: Informer[Pod]
) -> None:
    told = Told(pods)
    await pods.synced()
    cluster.put("a")
    await until(lambda: told.heard)
    cluster.end_watches()
    cluster.put("b")
    await until(lambda: len(told.heard) == 2)
    assert cluster.lists() == 1
    assert cluster.watched_from()[:2] == ["10", "11"]


async def test_a_bookmark_moves_the_place_to_go_on_from(
    cluster: Cluster, pods: Informer[Pod]
) -> None:
    await pods.synced()
    await until(lambda: cluster.watched_from())
    await until(lambda: cluster.watches)
    cluster.bookmark()
    cluster.end_watches()
    await until(lambda: len(cluster.watched_from()) == 2)
    assert cluster.watched_from()[1] == "11"
    assert pods.objects == {}


async def test_a_cut_connection_loses_and_repeats_nothing(
    server: Server, cluster: Cluster, pods: Informer[Pod]
) -> None:
    told = Told(pods)
    await pods.synced()
    for number in range(5):
        cluster.put(f"p{number}")
        await until(lambda number=number: len(told.heard) == number + 1)  # type: ignore[misc]
        server.cut()
    cluster.put("last")
    await until(lambda: ("ADDED", "last") in told.heard)
    assert told.heard == [("ADDED", f"p{number}") for number in range(5)] + [("ADDED", "last")]
    assert pods.problem == ""


async def test_a_forgotten_moment_is_listed_again_and_the_differences_are_told(
    cluster: Cluster, pods: Informer[Pod]
) -> None:
    for name in ("kept", "changed", "gone"):
        cluster.put(name)
    told = Told(pods)
    await pods.synced()
    told.heard.clear()
    await until(lambda: cluster.watches)
    cluster.put("changed", told=False)
    cluster.remove("gone", told=False)
    cluster.put("new", told=False)
    cluster.forget()
    cluster.end_watches()
    await until(lambda: len(told.heard) == 3)
    assert told.heard == [("DELETED", "gone"), ("MODIFIED", "changed"), ("ADDED", "new")]
    assert names(pods) == ["changed", "kept", "new"]
    assert cluster.lists() == 2
    assert pods.problem == ""


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (status(403, "Forbidden", "pods is forbidden"), "pods: not allowed"),
        (status(404, "NotFound", "the server could not find it"), "pods: not served"),
        (status(401, "Unauthorized", "Unauthorized"), "pods: not logged in"),
    ],
)
async def test_a_refusal_is_a_problem_and_not_an_exception(
    cluster: Cluster, pods: Informer[Pod], reply: Reply, said: str
) -> None:
    cluster.refused = reply
    assert not await pods.synced()
    assert pods.problem == said
    assert pods.refusal is not None
    assert pods.objects == {}
    assert not pods.listed


async def test_a_server_that_goes_away_is_a_problem_until_it_is_back(
    server: Server, cluster: Cluster, pods: Informer[Pod]
) -> None:
    cluster.put("a")
    await pods.synced()
    said: list[str] = []
    pods.heed(lambda: said.append(pods.problem))
    cluster.refused = Reply(cut=True)
    server.cut()
    await until(lambda: pods.problem)
    assert pods.problem == "pods: connection lost"
    assert names(pods) == ["a"]
    cluster.put("b")
    cluster.refused = None
    await until(lambda: not pods.problem)
    await until(lambda: names(pods) == ["a", "b"])
    assert said == ["pods: connection lost", ""]


async def test_a_server_in_trouble_is_asked_again_from_where_the_watch_was(
    cluster: Cluster, pods: Informer[Pod]
) -> None:
    await pods.synced()
    cluster.refused = status(503, "ServiceUnavailable", "etcd is not ready")
    cluster.end_watches()
    await until(lambda: pods.problem)
    assert pods.problem == "pods: 503 etcd is not ready"
    cluster.put("a")
    cluster.refused = None
    await until(lambda: not pods.problem and names(pods) == ["a"])
    assert cluster.lists() == 1


async def test_a_kind_that_is_taken_away_takes_its_objects_along(
    cluster: Cluster, pods: Informer[Pod]
) -> None:
    cluster.put("a")
    await pods.synced()
    told = Told(pods)
    cluster.refused = status(404, "NotFound")
    cluster.end_watches()
    await until(lambda: pods.problem)
    assert told.heard == [("DELETED", "a")]
    assert pods.objects == {}


async def test_a_listener_that_fails_breaks_nothing(
    cluster: Cluster, pods: Informer[Pod], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(verb: str, item: Pod) -> None:
        raise RuntimeError("on purpose")

    pods.listen(broken)
    told = Told(pods)
    await pods.synced()
    cluster.put("a")
    cluster.put("b")
    await until(lambda: len(told.heard) == 2)
    assert "on purpose" in caplog.text
    assert pods.problem == ""


async def test_who_no_longer_listens_is_not_told(cluster: Cluster, pods: Informer[Pod]) -> None:
    heard: list[str] = []
    end = pods.listen(lambda verb, item: heard.append(item.metadata.name))
    await pods.synced()
    end()
    end()
    cluster.put("a")
    await until(lambda: pods.objects)
    assert heard == []


async def test_objects_that_are_not_kept_are_told_all_the_same(cluster: Cluster, api: Api) -> None:
    events = Informer(api, PODS, Pod, keep=False)
    told = Told(events)
    cluster.put("a")
    await events.synced()
    cluster.put("b")
    await until(lambda: len(told.heard) == 2)
    assert events.objects == {}
    await events.close()


async def test_what_cannot_be_decoded_is_a_problem(cluster: Cluster, pods: Informer[Pod]) -> None:
    cluster.refused = Reply(200, {"metadata": {}, "items": [{"metadata": 7}]})
    assert not await pods.synced()
    assert "cannot be read" in pods.problem


async def test_closing_ends_at_once_and_twice_is_fine(
    cluster: Cluster, pods: Informer[Pod]
) -> None:
    await pods.synced()
    await pods.close()
    await pods.close()
    cluster.put("a")
    assert pods.objects == {}


async def test_all_who_watch_one_place_share_one_watch(cluster: Cluster, api: Api) -> None:
    shared = Informers(api)
    first = shared.get(PODS, Pod)
    second = shared.get(PODS, Pod)
    other = shared.get(PODS, Pod, params={"labelSelector": "a=b"})
    assert first is second
    assert other is not first
    await asyncio.gather(first.synced(), other.synced())
    assert cluster.lists() == 2
    await shared.release(first)
    cluster.put("a")
    await until(lambda: second.objects)
    await shared.release(second)
    third = shared.get(PODS, Pod)
    assert third is not first
    await third.synced()
    assert names(third) == ["a"]
    await shared.close()
