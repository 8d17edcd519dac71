"""The mirror of a namespace, over informers that a test moves by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.discovery import Served
from cnai_sdk.backends.kubernetes.informer import Informers
from cnai_sdk.backends.kubernetes.kept import Kept
from cnai_sdk.backends.kubernetes.kubeconfig import Cluster as ClusterOf
from cnai_sdk.backends.kubernetes.kubeconfig import Target
from cnai_sdk.backends.kubernetes.mirror import Mirror
from cnai_sdk.backends.kubernetes.objects import Pod, TrainingObject
from cnai_sdk.backends.kubernetes.refusals import Missing, Refused, Unreachable
from cnai_sdk.errors import BackendUnavailable, CnaiError
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.stream import Change, Snapshot, Update
from cnai_sdk.model.workload import Workload

from .lives import a_job, an_event, ended, life, running, time, waiting

SERVED = Served(pytorchjob=True, trainjob=True, kueue="v1beta2")
TARGET = Target(
    context="test",
    namespace="team-a",
    origin="kubeconfig",
    cluster=ClusterOf(server="https://cluster.invalid"),
)
PLURALS = {
    "PyTorchJob": "pytorchjobs",
    "TrainJob": "trainjobs",
    "Workload": "workloads",
    "Event": "events",
    "Pod": "podstraining.kubeflow.org/job-name",
}


class ByHand:
    """An informer whose objects a test says."""

    def __init__(self, type: type[Any]) -> None:
        self.type = type
        self.objects: dict[str, Any] = {}
        self.problem = ""
        self.refusal: Exception | None = None
        self._listeners: list[Callable[[str, Any], None]] = []
        self._heeders: list[Callable[[], None]] = []

    async def synced(self) -> None:
        """It is."""

    def listen(self, callback: Callable[[str, Any], None]) -> None:
        self._listeners.append(callback)

    def heed(self, callback: Callable[[], None]) -> None:
        self._heeders.append(callback)

    def say(self, verb: str, obj: dict[str, Any]) -> None:
        made = msgspec.convert(obj, self.type)
        if verb == "DELETED":
            self.objects.pop(made.metadata.uid, None)
        else:
            self.objects[made.metadata.uid] = made
        for callback in self._listeners:
            callback(verb, made)

    def refuse(self) -> None:
        error = Refused("You may not list that.", next_step="Ask.", status=403)
        self.settle("not allowed", error)

    def settle(self, problem: str, error: CnaiError | None) -> None:
        """How the watch stands now."""
        self.problem, self.refusal = problem, error
        for callback in self._heeders:
            callback()


class Cluster:
    """The informers and the API of a namespace that a test plays."""

    def __init__(self) -> None:
        self.api = self
        self.lists: dict[str, ByHand] = {}
        self.line: list[str] | None = None

    def get(self, path: str, type: type[Any], **options: Any) -> Any:
        """An informer; asked of the API, a place in line."""
        if path.endswith("pendingworkloads"):
            return self._pending(type)
        name = path.rpartition("/")[2] + str((options.get("params") or {}).get("labelSelector", ""))
        return self.lists.setdefault(name, ByHand(type))

    async def _pending(self, type: type[Any]) -> Any:
        if self.line is None:
            raise Missing("There is none.", next_step="None.", status=404)
        items = [
            {"metadata": {"name": name}, "positionInLocalQueue": place}
            for place, name in enumerate(self.line)
        ]
        return msgspec.convert({"items": items}, type)

    async def release(self, informer: Any) -> None:
        """Nothing is held."""

    def say(self, obj: dict[str, Any], verb: str = "MODIFIED") -> None:
        """What a watch says."""
        self.lists[PLURALS[obj["kind"]]].say(verb, obj)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def mirror(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Mirror]:
    made = mirror_of(cluster, tmp_path)
    await made.start()
    yield made
    await made.close()


def mirror_of(cluster: Cluster, root: Path) -> Mirror:
    return Mirror(cast("Informers", cluster), SERVED, TARGET, Kept(root / "kept"))


def ours(id: str = "a" * 16, *, uid: str = "j1", **more: Any) -> dict[str, Any]:
    """A job that the SDK made."""
    spec = '{"kind": "train", "name": "digits", "workers": 2, "payload": {"entry": "f"}}'
    labels = {naming.ID: id, naming.NAME: "digits"}
    made = a_job(labels=labels, annotations={naming.SPEC: spec}, **more)
    made["metadata"] |= {"uid": uid, "name": f"digits-{uid}" if uid != "j1" else "digits"}
    return made


async def until(mirror: Mirror, so: Callable[[Workload], bool]) -> Workload:
    """The first state of any workload for which `so` holds."""
    async with asyncio.timeout(20), aclosing(cast("Any", mirror.watch())) as updates:
        async for update in updates:
            for workload in update.workloads:
                if so(workload):
                    return cast("Workload", workload)
    raise AssertionError


async def test_what_was_there_before_is_in_the_first_snapshot(
    cluster: Cluster, tmp_path: Path
) -> None:
    mirror = mirror_of(cluster, tmp_path)
    for verb, obj in life("pt-ok"):
        if obj["kind"] in ("PyTorchJob", "Pod"):
            type = TrainingObject if obj["kind"] == "PyTorchJob" else Pod
            cluster.lists.setdefault(PLURALS[obj["kind"]], ByHand(type)).say(verb, obj)
    await mirror.start()
    async with aclosing(cast("Any", mirror.watch())) as updates:
        snapshot: Update = await anext(updates)
    await mirror.close()
    assert isinstance(snapshot, Snapshot)
    assert [(w.name, w.phase) for w in snapshot.workloads] == [("pt-ok", Phase.SUCCEEDED)]


async def test_many_changes_at_once_are_one_change_with_a_greater_number(
    mirror: Mirror, cluster: Cluster
) -> None:
    async with aclosing(cast("Any", mirror.watch())) as updates:
        first = await anext(updates)
        for n in range(5):
            cluster.say(ours(f"{n:016}", uid=f"u{n}"))
        change = await anext(updates)
    assert isinstance(change, Change)
    assert change.epoch == first.epoch
    assert len(change.workloads) == 5
    numbers = [workload.seq for workload in change.workloads]
    assert numbers == sorted(set(numbers))
    assert first.seq < numbers[0] <= numbers[-1] == change.seq


async def test_what_says_nothing_new_is_not_told(mirror: Mirror, cluster: Cluster) -> None:
    cluster.say(ours())
    async with aclosing(cast("Any", mirror.watch())) as updates:
        await anext(updates)
        await until(mirror, lambda w: True)
        cluster.say(an_event("Scheduled", "on node-a", type="Normal"))
        cluster.say(ours("b" * 16, uid="j2"))
        named: set[str] = set()
        while "b" * 16 not in named:
            named = {w.id for w in (await anext(updates)).workloads}
            assert named <= {"a" * 16, "b" * 16}
    assert named == {"b" * 16}


async def test_a_job_that_this_process_made_is_known_before_the_watch_tells_of_it(
    mirror: Mirror,
) -> None:
    made = mirror.put(ours())
    assert mirror.get(made.id) == made
    assert [w.id for w in mirror.workloads()] == [made.id]


async def test_an_older_state_from_the_watch_does_not_undo_a_newer_one(
    mirror: Mirror, cluster: Cluster
) -> None:
    newer = ours(conditions={"Created": {}})
    newer["metadata"]["resourceVersion"] = "20"
    mirror.put(newer)
    older = ours()
    older["metadata"]["resourceVersion"] = "10"
    cluster.say(older)
    cluster.say(ours("b" * 16, uid="j2"))
    await until(mirror, lambda w: w.id == "b" * 16)
    job = mirror.job("a" * 16)
    assert job is not None
    assert job.obj.metadata.resource_version == "20"


async def test_a_deleted_job_is_gone_at_once_and_stays_gone(
    mirror: Mirror, cluster: Cluster
) -> None:
    made = mirror.put(ours())
    async with aclosing(cast("Any", mirror.watch())) as updates:
        await anext(updates)
        mirror.forget(made.id)
        change = await anext(updates)
    assert change.deleted == (made.id,)
    cluster.say(ours())  # the watch lags behind
    assert mirror.get(made.id) is None
    assert mirror.workloads() == []


async def test_somebody_elses_deletion_reaches_watchers(mirror: Mirror, cluster: Cluster) -> None:
    cluster.say(ours())
    await until(mirror, lambda w: True)
    async with aclosing(cast("Any", mirror.watch())) as updates:
        await anext(updates)
        cluster.say(ours(), "DELETED")
        change = await anext(updates)
    assert change.deleted == ("a" * 16,)


async def test_an_end_waits_until_the_workers_have_said_how_they_ended(
    mirror: Mirror, cluster: Cluster
) -> None:
    cluster.say(ours())
    for rank in (0, 1):
        cluster.say(running(rank))
    await until(mirror, lambda w: w.phase is Phase.RUNNING)
    cluster.say(ours(conditions={"Succeeded": {}}))
    cluster.say(ours("b" * 16, uid="j2"))
    await until(mirror, lambda w: w.id == "b" * 16)
    assert [w.phase for w in mirror.workloads() if w.id == "a" * 16] == [Phase.RUNNING]
    for rank in (0, 1):
        cluster.say(ended(rank, 0))
    end = await until(mirror, lambda w: w.phase.ended)
    assert [replica.exit_code for replica in end.replicas] == [0, 0]


async def test_an_end_waits_until_the_logs_are_kept(mirror: Mirror, cluster: Cluster) -> None:
    kept = False
    mirror.settled = lambda id: kept
    cluster.say(ours())
    for rank in (0, 1):
        cluster.say(running(rank))
    await until(mirror, lambda w: w.phase is Phase.RUNNING)
    for rank in (0, 1):
        cluster.say(ended(rank, 0))
    cluster.say(ours(conditions={"Succeeded": {}}))
    cluster.say(ours("b" * 16, uid="j2"))
    await until(mirror, lambda w: w.id == "b" * 16)
    running_still = mirror.get("a" * 16)
    assert running_still is not None
    assert running_still.phase is Phase.RUNNING
    kept = True
    assert (await until(mirror, lambda w: w.phase.ended)).phase is Phase.SUCCEEDED


async def test_an_end_that_was_told_does_not_change_any_more(
    mirror: Mirror, cluster: Cluster
) -> None:
    cluster.say(ours())
    cluster.say(running(0))
    cluster.say(ended(1, 3))
    cluster.say(ended(0, 143, at=52))
    cluster.say(ours(conditions={"Failed": {}}))
    end = await until(mirror, lambda w: w.phase.ended)
    for rank in (0, 1):
        cluster.say(ended(rank, 3), "DELETED")
    cluster.say(an_event("Killing", "late", at=90))
    cluster.say(ours("b" * 16, uid="j2"))
    await until(mirror, lambda w: w.id == "b" * 16)
    assert mirror.get("a" * 16) == end


async def test_what_the_cluster_forgets_is_kept_for_the_next_process(
    mirror: Mirror, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.say(ours())
    cluster.say(waiting(0, "ContainerCreating"))
    cluster.say(an_event("FailedMount", "secret not found", about=("Pod", "x", "p0")))
    gone = ended(1, 3, end='{"error": {"type": "ValueError", "message": "bad"}}')
    cluster.say(gone)
    await until(mirror, lambda w: w.replicas[1].exit_code == 3)
    cluster.say(gone, "DELETED")
    keeper = Kept(tmp_path / "kept").keeper("a" * 16)
    async with asyncio.timeout(20):
        while not (keeper.runs() and keeper.events()):
            await asyncio.sleep(0.01)
    await mirror.close()

    later = Cluster()
    again = mirror_of(later, tmp_path)
    await again.start()
    later.say(ours(conditions={"Failed": {}}))
    failed = await until(again, lambda w: w.phase.ended)
    reasons = [event.reason for event in again.events("a" * 16)]
    await again.close()
    assert failed.message == "Worker 1 raised ValueError: bad"
    assert failed.replicas[1].exit_code == 3
    assert "FailedMount" in reasons


async def test_what_may_not_be_seen_is_a_problem_and_is_said(
    mirror: Mirror, cluster: Cluster
) -> None:
    cluster.say(ours(conditions={"Running": {}}))
    await until(mirror, lambda w: True)
    for name, each in cluster.lists.items():
        if name.startswith("pods"):
            each.refuse()
    blind = await until(mirror, lambda w: "may not list pods" in w.message)
    assert blind.phase is Phase.RUNNING
    assert mirror.problems == ["not allowed", "not allowed"]


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("The cluster does not answer.", why="Refused.", next_step="Look."),
        Refused("You are not logged in.", why="Refused.", next_step="Log in.", status=401),
        Refused("It failed.", why="Refused.", next_step="Wait.", status=503),
    ],
    ids=["away", "not logged in", "failing"],
)
async def test_a_cluster_that_goes_away_is_told_to_watchers_and_so_is_its_return(
    mirror: Mirror, cluster: Cluster, error: CnaiError
) -> None:
    cluster.say(ours(conditions={"Running": {}}))
    await until(mirror, lambda w: True)
    jobs = cluster.lists["pytorchjobs"]
    async with asyncio.timeout(20), aclosing(cast("Any", mirror.watch())) as updates:
        assert (await anext(updates)).interruption is None
        jobs.settle("away", error)
        told = await anext(updates)
        assert (told.interruption.what, told.workloads) == (error.what, ())
        async with aclosing(cast("Any", mirror.watch())) as late:
            snapshot = await anext(late)
            assert snapshot.interruption.next_step == error.next_step
            assert len(snapshot.workloads) == 1
        jobs.settle("", None)
        assert (await anext(updates)).interruption is None


async def test_what_may_not_be_seen_interrupts_nothing(mirror: Mirror, cluster: Cluster) -> None:
    cluster.lists["pytorchjobs"].refuse()
    async with aclosing(cast("Any", mirror.watch())) as updates:
        assert (await anext(updates)).interruption is None


async def test_who_may_list_no_kind_of_job_is_not_told_that_there_are_none(
    mirror: Mirror, cluster: Cluster
) -> None:
    assert mirror.listed() == []
    cluster.lists["pytorchjobs"].refuse()
    assert mirror.listed() == [], "those of the other kind would be seen"
    cluster.lists["trainjobs"].refuse()
    with pytest.raises(BackendUnavailable) as caught:
        mirror.listed()
    assert caught.value.what == "The jobs of team-a on test cannot be listed."
    assert caught.value.next_step == "Ask."
    made = mirror.put(ours())
    assert mirror.listed() == [made], "what this process has made is known all the same"


async def test_its_pods_are_told_to_whoever_follows_them(mirror: Mirror, cluster: Cluster) -> None:
    told: list[tuple[str, str, str]] = []
    mirror.listen_to_pods(lambda id, verb, pod: told.append((id, verb, pod.metadata.uid)))
    cluster.say(ours())
    cluster.say(running(0), "ADDED")
    cluster.say(ended(0, 0), "DELETED")
    assert told == [("a" * 16, "ADDED", "p0"), ("a" * 16, "DELETED", "p0")]


def in_queue(uid: str, name: str, *, second: float = 1, priority: int = 0) -> dict[str, Any]:
    return {
        "kind": "Workload",
        "metadata": {
            "name": name,
            "uid": f"w-{uid}",
            "creationTimestamp": time(second),
            "ownerReferences": [{"kind": "PyTorchJob", "uid": uid, "controller": True}],
        },
        "spec": {"queueName": "team", "priority": priority},
        "status": {"conditions": [{"type": "QuotaReserved", "status": "False"}]},
    }


def queued(uid: str, id: str) -> dict[str, Any]:
    made = ours(id, uid=uid, policy={"suspend": True})
    made["metadata"]["labels"][naming.QUEUE] = "team"
    return made


@pytest.mark.parametrize("line", [None, ["wl-2", "wl-1"]], ids=["by its order", "by its answer"])
async def test_places_in_line_are_told_by_kueue_or_by_its_order(
    mirror: Mirror, cluster: Cluster, line: list[str] | None
) -> None:
    cluster.line = line
    for n in (1, 2):
        cluster.say(queued(f"j{n}", f"{n}" * 16))
        cluster.say(in_queue(f"j{n}", f"wl-{n}", second=n))
    expected = {"1" * 16: 1, "2" * 16: 2} if line is None else {"1" * 16: 2, "2" * 16: 1}

    def places() -> dict[str, int]:
        return {w.id: w.queued.position for w in mirror.workloads() if w.queued is not None}

    await until(mirror, lambda w: places() == expected)


async def test_a_higher_priority_goes_first(mirror: Mirror, cluster: Cluster) -> None:
    cluster.say(queued("j1", "1" * 16))
    cluster.say(in_queue("j1", "wl-1"))
    cluster.say(queued("j2", "2" * 16))
    cluster.say(in_queue("j2", "wl-2", second=2, priority=5))
    first = await until(mirror, lambda w: w.queued is not None and w.queued.position == 2)
    assert first.id == "1" * 16


async def test_a_namespace_that_is_full_of_other_events_is_kept_up_with(
    mirror: Mirror, cluster: Cluster
) -> None:
    cluster.say(ours())
    for n in range(20_000):
        about = ("Pod", f"web-{n}", f"u{n}")
        cluster.say(an_event("Pulling", "x", about=about, uid=f"e{n}"))
    cluster.say(running(0))
    cluster.say(running(1))
    assert (await until(mirror, lambda w: w.phase is Phase.RUNNING)).id == "a" * 16
