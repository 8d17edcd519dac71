"""A job that a person deletes leaves nothing on this machine, and what is kept costs little."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes import kept as module
from cnai_sdk.backends.kubernetes import naming
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.backends.kubernetes.kept import AT_HAND, Keeper, Kept
from cnai_sdk.config import Config
from cnai_sdk.model.event import Event

from .kinds import Cluster
from .node import Job, serving
from .test_session import JOBS
from .test_session import job as somebodys
from .test_session import serving as serves

ID = "abcdefgh12345678"
WITHIN = 30.0


def ours(id: str = ID, *, ended: bool = False) -> dict[str, Any]:
    found = somebodys(id)
    found["metadata"] |= {
        "labels": {naming.ID: id},
        "annotations": {naming.SPEC: json.dumps({"name": "digits"})},
    }
    if ended:
        found["status"] = {"conditions": [{"type": "Succeeded", "status": "True"}]}
    return found


@pytest.fixture
async def backend(
    cluster: Cluster, kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KubernetesBackend]:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    cluster.instead["/apis"] = serves("pytorchjobs")
    cluster.objects[JOBS] = [ours()]
    made = KubernetesBackend(Config(home=tmp_path / "store"))
    yield made
    await made.close()


def keep(keeper: Keeper) -> None:
    """Something of every kind."""
    keeper.put_events({"a": Event(reason="Admitted")})
    assert keeper.lead()
    place = "a/node/0 1 1 0 0 1 0"
    said = [(1, {"metrics": {"loss": 0.5}})]
    keeper.take(rank=0, attempt=0, lines=[(1.0, b"one\n")], frames=said, place=place)
    keeper.release()


async def test_deleting_a_job_removes_what_this_machine_kept_of_it(
    backend: KubernetesBackend,
) -> None:
    session = await backend._session()
    keep(session.kept.keeper(ID))
    assert [metric.values for metric in await backend.metrics(ID)] == [{"loss": 0.5}]
    assert (session.kept.root / ID).is_dir()
    await backend.delete(ID)
    assert not (session.kept.root / ID).exists()
    assert session.followers.that_reads(ID) is None
    assert session.kept.keeper(ID).metrics.all() == []


async def test_a_job_that_somebody_else_has_deleted_stays_kept(
    cluster: Cluster, backend: KubernetesBackend
) -> None:
    session = await backend._session()
    keep(session.kept.keeper(ID))
    session.mirror.forget(ID)
    await backend.delete(ID)
    assert (session.kept.root / ID).is_dir()


async def test_who_reads_a_log_comes_to_its_end_when_the_job_is_deleted(tmp_path: Path) -> None:
    async with serving() as (node, api):
        job = Job(node, api, tmp_path)
        node.pod("a-0")
        node.print("a-0", b"one")
        job.tell()
        assert await job.until(1) == ["one"]
        following = asyncio.create_task(job.lines(follow=True))
        waiting = asyncio.create_task(job.follower.catch_up())
        await job.follower.forget()
        await asyncio.to_thread(job.kept.forget, "abc")
        async with asyncio.timeout(WITHIN):
            assert await following in (["one"], [])
            await waiting
        assert await job.lines(tail=3) == []


async def test_another_process_that_has_a_deleted_job_open_goes_on(tmp_path: Path) -> None:
    here, there = Kept(tmp_path), Kept(tmp_path)
    keep(here.keeper(ID))
    other = there.keeper(ID)
    other.attend(lambda: None)
    seen = other.heard(), other.events(), other.places(), list(other.metrics.all())
    here.forget(ID)
    assert (other.heard(), other.events(), other.places(), other.metrics.all()) == seen
    other.ignore()
    await there.close()
    assert list(tmp_path.iterdir()) == []


def test_what_was_read_of_many_jobs_does_not_stay_in_memory(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    used = kept.keeper("used")
    assert used.lead()
    for n in range(3 * AT_HAND):
        kept.keeper(f"job{n}").metrics.all()
    assert len(kept._keepers) == AT_HAND + 1
    assert kept.keeper("used") is used
    assert used.leads
    used.release()


async def test_of_many_jobs_that_have_ended_few_stay_followed(
    cluster: Cluster, backend: KubernetesBackend
) -> None:
    ids = [f"ended{n:011d}" for n in range(AT_HAND + 20)]
    cluster.objects[JOBS] = [ours(), *(ours(id, ended=True) for id in ids)]
    followers = (await backend._session()).followers
    runs = followers.of(ID)
    for id in ids:
        assert await backend.metrics(id) == []
        while not followers.of(id).rests:
            await followers.of(id).changed(0.01)
    assert len(followers._by_id) <= AT_HAND + 2
    assert followers.of(ID) is runs


def test_every_folder_is_looked_into_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looked = time.time(), list[str]()

    def counted(folder: Path) -> float:
        looked.append(folder.name)
        return now - 15 * 86400

    monkeypatch.setattr(module, "_touched", counted)
    Kept(tmp_path).keeper(ID).put_events({"a": Event(reason="Admitted")})
    for _ in range(5):
        assert Kept(tmp_path).sweep_daily([ID]) == []
    Kept(tmp_path).keeper("gone").put_events({"a": Event(reason="Admitted")})
    assert Kept(tmp_path).sweep_daily([ID]) == []
    assert looked == []
    for days in (-2, 2):  # a clock may have gone wrong
        Kept(tmp_path).keeper("gone").put_events({"a": Event(reason="Admitted")})
        os.utime(tmp_path / ".swept", (now + days * 86400, now + days * 86400))
        assert Kept(tmp_path).sweep_daily([ID]) == ["gone"]
        assert Kept(tmp_path).sweep_daily([ID]) == []
    assert looked == ["gone", "gone"]


def test_where_nothing_is_kept_nothing_is_made(tmp_path: Path) -> None:
    assert Kept(tmp_path / "kept").sweep_daily([]) == []
    assert list(tmp_path.iterdir()) == []
