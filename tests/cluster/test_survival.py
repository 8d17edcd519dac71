"""What the connection survives, each on a real API server of its own, which is broken for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.api import (
    DEADLINE,
    Api,
    Conflict,
    Exists,
    Missing,
    Refused,
    Unreachable,
)
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.objects import Pod
from cnai_sdk.config import Config
from tests.cluster.proxy import Proxy
from tests.cluster.submitted import large_spec, objects
from tests.cluster.surviving import Gate, Seen, connected, may, note, notes, until
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.faults import Rule
from tests.cluster.testbed.fixtures import own_cluster_or_skip

FLOW = "flowcontrol.apiserver.k8s.io/v1"


@pytest.fixture(scope="module")
def broken() -> Iterator[Cluster]:
    """A control plane that these tests may break; each leaves it whole."""
    cluster = own_cluster_or_skip(operators=())
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def rooms(broken: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for each test, made while all is well: after a restart of the server it takes the
    controller manager up to 40 s until it looks after new ones."""
    mine = [test for test in request.session.items if test.path == request.path]
    return iter([broken.namespace() for _ in mine])


@pytest.fixture
def room(broken: Cluster, rooms: Iterator[str]) -> Iterator[str]:
    name = next(rooms, "") or broken.namespace()  # a test that runs again has a new one
    yield name
    broken.delete_namespace(name)


@pytest.fixture
async def api(broken: Cluster, room: str) -> AsyncIterator[Api]:
    async with connected(broken.context(room)) as api:
        yield api


# -- the server goes away and comes back ------------------------------------------------------


@pytest.mark.parametrize("kill", [False, True], ids=["in good order", "killed"])
async def test_a_watch_lives_on_over_a_restart_of_the_server(
    broken: Cluster, api: Api, room: str, kill: bool
) -> None:
    async with Seen(api, room) as seen:
        await api.create(notes(room), note("before"))
        await until(lambda: seen.heard)
        await asyncio.to_thread(broken.restart_api_server, kill=kill)
        await api.create(notes(room), note("after"))
        await until(lambda: len(seen.heard) == 2 and not seen.informer.problem)
        assert seen.heard == [("ADDED", "before"), ("ADDED", "after")]


async def test_creates_around_a_restart_are_made_once_or_told(
    broken: Cluster, api: Api, room: str
) -> None:
    await api.get("/version")
    restart = asyncio.create_task(asyncio.to_thread(broken.restart_api_server, kill=True))
    made: list[str] = []
    unsure: dict[str, Refused | Unreachable] = {}
    patient: list[float] = []
    while not restart.done() or len(made) < 20:
        name, begun = f"n{len(made) + len(unsure)}", time.monotonic()
        try:
            await api.create(notes(room), note(name))
            made.append(name)
        except (Refused, Unreachable) as error:
            unsure[name] = error
            if isinstance(error, Unreachable) and not error.sent:
                patient.append(time.monotonic() - begun)
            await until_created(api, room, name)
    await restart
    assert all(isinstance(e, Unreachable) or starts(e) for e in unsure.values())
    assert all(spent > DEADLINE / 2 for spent in patient), "what was not sent is sent again"
    there = (item.metadata.name for item in (await api.list(notes(room), type=Pod)).items)
    assert set(there) - {"kube-root-ca.crt"} == {*made, *unsure}


async def test_jobs_whose_making_meets_a_restart_are_made_once_and_whole(
    broken: Cluster, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two have been tried and not been made yet; two are made, and their answers never come."""
    broken.add_definitions("training-operator")
    ended = threading.Event()

    def end() -> None:
        broken.stop_api_server(kill=True)
        ended.set()

    all_there = threading.Barrier(4, action=end)
    before = Rule(method="POST", path=r"/pytorchjobs$", times=2, meanwhile=all_there.wait)
    after = Rule(method="POST", path=r"/pytorchjobs$", times=2, meanwhile=all_there.wait, lost=True)
    config = Config(home=tmp_path / "store", operator="pytorchjob")
    with broken.faults(room) as (faults, kubeconfig), faults.rule(before), faults.rule(after):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        backend = KubernetesBackend(config)
        secrets = {"HF_TOKEN": "hf_not_a_real_one"}
        sent = [
            asyncio.create_task(backend.submit(large_spec(name=f"job-{n}"), secrets=secrets))
            for n in range(4)
        ]
        await until(ended.is_set)
        await asyncio.to_thread(broken.start_api_server)
        made = await asyncio.gather(*sent)
        assert len(before.met) == len(after.met) == 2
        assert await objects(backend, "pytorchjobs") == [f"job-{n}" for n in range(4)]
        for kind, name in (("configmaps", naming.payload_name), ("secrets", naming.secret_name)):
            assert await objects(backend, kind) == sorted(name(each.id) for each in made)
            assert await objects(backend, kind, owned=True) == await objects(backend, kind)
        await backend.close()


async def test_a_slow_answer_is_waited_for(broken: Cluster, api: Api, room: str) -> None:
    await api.get("/version")
    with broken.paused_api_server():
        asked = asyncio.create_task(api.create(notes(room), note("slow")))
        done, _ = await asyncio.wait([asked], timeout=2.0)
        assert not done
    assert (await asked)["metadata"]["name"] == "slow"


async def test_a_store_that_fails_for_a_while_is_outlived(
    broken: Cluster, api: Api, room: str
) -> None:
    await api.create(notes(room), note("kept"))
    etcd = broken.control.processes["etcd"]
    async with Seen(api, room) as seen:
        await asyncio.to_thread(etcd.stop)
        read = asyncio.create_task(api.get(notes(room, "kept")))
        made = asyncio.create_task(until_created(api, room, "found"))
        done, _ = await asyncio.wait([read, made], timeout=1.0)
        assert not done
        etcd.start()
        assert (await read)["metadata"]["name"] == "kept"
        await made
        await until(lambda: seen.heard == [("ADDED", "kept"), ("ADDED", "found")])
        assert not seen.informer.problem
    await asyncio.to_thread(broken.control.until_ready)


async def until_created(api: Api, namespace: str, name: str) -> None:
    """By looking after each failure whether it was created all the same."""
    async with asyncio.timeout(90):
        while True:
            try:
                await api.create(notes(namespace), note(name))
                return
            except Exists:
                return
            except Unreachable:
                await asyncio.sleep(0.05)
            except Refused as error:
                if not starts(error):
                    raise
                await asyncio.sleep(0.2)


def starts(error: Refused) -> bool:
    """Whether it is what a server says that has not come up yet, or goes down."""
    return error.status >= 500 or "not yet ready to handle request" in error.message


# -- watches ------------------------------------------------------------------------------


async def test_a_cut_connection_loses_and_repeats_nothing(broken: Cluster, room: str) -> None:
    async with (
        Proxy(broken.control.server) as way,
        connected(broken.context(room, server=way.server)) as api,
        Seen(api, room) as seen,
    ):
        for number in range(5):
            await until_created(api, room, f"n{number}")
            await until(lambda number=number: len(seen.heard) == number + 1)  # type: ignore[misc]
            way.cut()
        assert seen.heard == [("ADDED", f"n{number}") for number in range(5)]
        assert way.cuts >= 5


async def test_a_moment_that_the_server_has_forgotten_is_listed_anew(
    broken: Cluster, api: Api, room: str
) -> None:
    for name in ("kept", "gone"):
        await api.create(notes(room), note(name))
    start = (await api.list(notes(room), type=Pod)).resource_version
    async with (
        Gate(broken.control.server) as way,
        connected(broken.context(room, server=way.server)) as behind,
        Seen(behind, room) as seen,
    ):
        seen.heard.clear()
        way.close_for_now()
        await api.delete(notes(room, "gone"))
        await api.create(notes(room), note("new"))
        await until(lambda: seen.informer.problem)
        await asyncio.to_thread(broken.forget_history)
        assert await is_forgotten(api, room, start)
        way.shut = False
        await until(lambda: len(seen.heard) == 2)
        assert seen.heard == [("DELETED", "gone"), ("ADDED", "new")]
        assert not seen.informer.problem


async def is_forgotten(api: Api, namespace: str, version: str) -> bool:
    try:
        async for _ in api.watch(notes(namespace), type=Pod, resource_version=version):
            return False
    except Refused as error:
        return error.status == 410
    return False


async def test_what_somebody_else_deletes_is_told_and_is_no_error(api: Api, room: str) -> None:
    first = await api.create(notes(room), note("a"))
    async with Seen(api, room) as seen:
        await api.delete(notes(room, "a"))
        await until(lambda: ("DELETED", "a") in seen.heard)
    with pytest.raises(Missing):
        await api.patch(notes(room, "a"), {"data": {"x": "y"}})
    await api.delete(notes(room, "a"))
    await api.create(notes(room), note("a"))
    await api.delete(notes(room, "a"), uid=first["metadata"]["uid"])
    assert (await api.get(notes(room, "a")))["metadata"]["uid"] != first["metadata"]["uid"]


async def test_what_somebody_else_changed_is_a_conflict(api: Api, room: str) -> None:
    first = await api.create(notes(room), note("a"))
    await api.patch(notes(room, "a"), {"data": {"by": "somebody"}})
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}}
    with pytest.raises(Conflict) as caught:
        await api.patch(notes(room, "a"), {**stale, "data": {"by": "us"}})
    assert caught.value.status == 409
    with pytest.raises(Exists):
        await api.create(notes(room), note("a"))


# -- too many requests -------------------------------------------------------------------------


async def test_a_server_that_takes_no_more_is_asked_again(
    broken: Cluster, api: Api, room: str
) -> None:
    broken.grant("busy", room, [may("configmaps", "create", "get")])
    level = {
        "apiVersion": FLOW,
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": f"jail-{room}"},
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": 0,
                "lendablePercent": 0,
                "borrowingLimitPercent": 0,
                "limitResponse": {
                    "type": "Queue",
                    "queuing": {"queues": 1, "handSize": 1, "queueLengthLimit": 1},
                },
            },
        },
    }
    busy_one = {"kind": "User", "user": {"name": "busy"}}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
    flow = {
        "apiVersion": FLOW,
        "kind": "FlowSchema",
        "metadata": {"name": f"jail-{room}"},
        "spec": {
            "priorityLevelConfiguration": {"name": f"jail-{room}"},
            "matchingPrecedence": 2,
            "rules": [{"subjects": [busy_one], "resourceRules": [everything]}],
        },
    }
    base = f"/apis/{FLOW}"
    await api.create(f"{base}/prioritylevelconfigurations", level)
    await api.create(f"{base}/flowschemas", flow)
    async with connected(broken.user_kubeconfig("busy", namespace=room)) as busy:
        in_line = await until_too_busy(busy, room)
        asked = asyncio.create_task(busy.create(notes(room), note("patient")))
        done, _ = await asyncio.wait([asked], timeout=1.5)
        assert not done
        await api.delete(f"{base}/flowschemas/jail-{room}")
        assert (await asked)["metadata"]["name"] == "patient"
        for waiting in in_line:
            waiting.cancel()
        await asyncio.gather(*in_line, return_exceptions=True)
    await api.delete(f"{base}/prioritylevelconfigurations/jail-{room}")


async def until_too_busy(api: Api, namespace: str) -> list[asyncio.Task[Any]]:
    """Return when a request is refused with 429; what stands in the server's line until then."""
    waiting: list[asyncio.Task[Any]] = []
    path = notes(namespace, "kube-root-ca.crt")
    async with asyncio.timeout(60):
        while True:
            asked = asyncio.create_task(api.get(path, deadline=0.0))
            done, _ = await asyncio.wait([asked], timeout=0.3)
            if not done:
                waiting.append(asked)
            elif isinstance(error := asked.exception(), Refused) and error.status == 429:
                return waiting
