"""Submitting is all or nothing, in two requests for the usual job, whatever the server says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cnai_sdk.backends.kubernetes import naming, sweeping
from cnai_sdk.backends.kubernetes.api import Unreachable
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import Config
from cnai_sdk.errors import BackendUnavailable, DoesNotFit, InvalidRequest, NameInUse
from cnai_sdk.model.spec import Payload, Resources
from tests.cluster.submitted import LARGE, large_spec, objects, spec_of
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.faults import Faults, Rule
from tests.cluster.testbed.fixtures import External
from tests.cluster.verdicts import QUEUES, stage_of


@pytest_asyncio.fixture
async def backend(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[KubernetesBackend]:
    made = KubernetesBackend(Config(home=tmp_path / "store", operator="pytorchjob"))
    yield made
    await made.close()


@pytest_asyncio.fixture
async def asked(backend: KubernetesBackend) -> list[str]:
    """The requests that the backend makes from now on, without watches and logs."""
    found: list[str] = []
    api = (await backend._session()).api

    async def note(request: Any) -> None:
        text = f"{request.method} {request.url.path}?{request.url.query.decode()}"
        if "watch" not in text and "/log" not in text:
            found.append(text)

    api._http.event_hooks["request"].append(note)
    return found


async def test_the_usual_job_takes_two_requests(
    backend: KubernetesBackend, asked: list[str]
) -> None:
    await backend.submit(spec_of(), secrets={})
    at_once = [line for line in asked if not _of_the_sweep(line)]
    assert [line.split("/")[-1] for line in at_once] == ["pods?dryRun=All", "pytorchjobs?"]


async def test_what_others_left_is_looked_for_beside_the_first_job_and_not_beside_each(
    backend: KubernetesBackend, asked: list[str]
) -> None:
    for number in range(3):
        await backend.submit(spec_of(name=f"small-{number}"), secrets={})
        await _swept(backend)
    looks = [line for line in asked if _of_the_sweep(line)]
    served = (await backend._session()).served
    kinds = [kind for kind in SWEPT if kind != "resourceclaimtemplates" or served.dra]
    assert sorted(line.partition("?")[0].split("/")[-1] for line in looks) == kinds


SWEPT = ["configmaps", "resourceclaimtemplates", "secrets"]


def _of_the_sweep(line: str) -> bool:
    """Whether a request looks for what belongs to nothing, which goes on beside a submission."""
    path, _, query = line.partition("?")
    what = path.split("/")[-1]
    return line.startswith("GET ") and what in SWEPT and "labelSelector" in query


async def _swept(backend: KubernetesBackend) -> None:
    assert backend._submitter is not None
    await backend._submitter.sweeper.swept()


async def test_code_and_secrets_beside_a_job_belong_to_it(backend: KubernetesBackend) -> None:
    made = await backend.submit(large_spec(), secrets={"HF_TOKEN": "hf_not_a_real_one"})
    session = await backend._session()
    here = f"/api/v1/namespaces/{session.target.namespace}"
    for path in (
        f"{here}/configmaps/{naming.payload_name(made.id)}",
        f"{here}/secrets/{naming.secret_name(made.id)}",
    ):
        found: Any = await session.api.get(path)
        assert found["metadata"]["ownerReferences"][0]["kind"] == "PyTorchJob"
    spec = await backend.spec(made.id)
    assert spec.payload.files["values/1.bin"] == LARGE


async def test_what_a_limit_range_refuses_is_refused_at_the_call(
    cluster: Cluster | External, backend: KubernetesBackend, namespace: str
) -> None:
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "small", "namespace": namespace},
            "spec": {"limits": [{"type": "Container", "max": {"memory": "128Mi"}}]},
        }
    )
    # By the watch where it was told already, otherwise by the dry run of a pod.
    with pytest.raises((DoesNotFit, InvalidRequest)) as refusal:
        await backend.submit(spec_of(), secrets={})
    assert "128" in str(refusal.value)
    assert refusal.value.next_step
    assert await objects(backend, "pytorchjobs") == []


async def test_a_wish_above_the_quota_is_refused_with_the_number_that_fits(
    cluster: Cluster | External, backend: KubernetesBackend, namespace: str
) -> None:
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team", "namespace": namespace},
            "spec": {"hard": {"requests.cpu": "2", "requests.memory": "2Gi"}},
        }
    )
    await _until_quota(backend)
    with pytest.raises(DoesNotFit) as refusal:
        await backend.submit(spec_of(workers=4, resources=Resources(cpu=1)), secrets={})
    assert "the quota team gives 2" in refusal.value.what
    assert "cpu=0.5" in refusal.value.next_step


async def _until_quota(backend: KubernetesBackend) -> None:
    while not any(item.limit == 2 for item in (await backend.quota()).items):
        await asyncio.sleep(0.05)


async def test_a_quota_that_is_full_now_is_a_notice_and_the_job_waits(
    cluster: Cluster | External, backend: KubernetesBackend, namespace: str
) -> None:
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team", "namespace": namespace},
            "spec": {"hard": {"requests.cpu": "2", "requests.memory": "2Gi"}},
        }
    )
    await _until_quota(backend)
    sleeps = Payload(entry="work", files={"script.py": b"import time; time.sleep(60)\n"})
    big = Resources(cpu=2, memory=2**28)
    first = await backend.submit(spec_of(payload=sleeps, resources=big), secrets={})
    async for update in backend.watch():
        if any(w.id == first.id and w.phase.value == "Running" for w in update.workloads):
            break
    second = await backend.submit(spec_of(name="later", resources=big), secrets={})
    assert any("quota" in notice for notice in second.notices)


async def test_the_name_of_a_running_job_is_refused_and_that_of_an_ended_one_gets_a_number(
    backend: KubernetesBackend,
) -> None:
    """Its worker has not begun: one that has just begun would take its time to be told to end."""
    first = await backend.submit(spec_of(image="private.example.com/a:1", named=True), secrets={})
    with pytest.raises(NameInUse):
        await backend.submit(spec_of(named=True), secrets={})
    await backend.stop(first.id)
    async for update in backend.watch():
        if any(w.id == first.id and w.phase.ended for w in update.workloads):
            break
    assert (await backend.submit(spec_of(named=True), secrets={})).name == "sent-2"


async def test_two_clients_that_choose_one_name_at_once_get_two(
    backend: KubernetesBackend, kubeconfig: Path, tmp_path: Path
) -> None:
    other = KubernetesBackend(Config(home=tmp_path / "other", operator="pytorchjob"))
    await asyncio.gather(backend.list(), other.list())
    made = await asyncio.gather(
        *(each.submit(spec_of(), secrets={}) for each in (backend, other, backend, other))
    )
    assert len({workload.name for workload in made}) == 4
    await other.close()


async def test_thirty_jobs_of_one_name_at_once_take_two_requests_each(
    backend: KubernetesBackend, asked: list[str]
) -> None:
    """None asks for a number that another is about to have."""
    made = await asyncio.gather(*(backend.submit(spec_of(), secrets={}) for _ in range(30)))
    assert {job.name for job in made} == {"sent", *(f"sent-{number}" for number in range(2, 31))}
    at_once = [line.split("/")[-1] for line in asked if not _of_the_sweep(line)]
    assert Counter(at_once) == {"pods?dryRun=All": 30, "pytorchjobs?": 30}


async def test_a_name_whose_job_was_refused_is_free_again(
    faulty: tuple[Faults, KubernetesBackend],
) -> None:
    faults, backend = faulty
    with faults.rule(Rule(method="POST", path=JOBS, status=504)), pytest.raises(BackendUnavailable):
        await backend.submit(spec_of(), secrets={})
    assert (await backend.submit(spec_of(), secrets={})).name == "sent"


async def test_what_a_killed_client_left_goes_also_with_a_job_that_has_nothing_beside_it(
    backend: KubernetesBackend, cluster: Cluster | External, namespace: str, monkeypatch: Any
) -> None:
    labels = naming.labels(naming.new_id(), "never", "train")
    for kind in ("ConfigMap", "Secret"):
        meta = {"name": "left", "namespace": namespace, "labels": labels}
        cluster.apply({"apiVersion": "v1", "kind": kind, "metadata": meta})
    monkeypatch.setattr(sweeping, "_OWNERLESS_FOR", -1.0)
    await backend.submit(spec_of(), secrets={})
    await _swept(backend)
    assert await objects(backend, "configmaps") == await objects(backend, "secrets") == []


async def test_an_answer_that_was_cut_off_is_looked_for_and_not_made_twice(
    cluster: Cluster | External, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = KubernetesBackend(Config(home=tmp_path / "store", operator="pytorchjob"))
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(namespace)))
    session = await backend._session()
    create = session.api.create

    async def cut(path: str, body: Any, **options: Any) -> Any:
        answer = await create(path, body, **options)
        if path.endswith("pytorchjobs"):
            raise Unreachable("cut off", sent=True)
        return answer

    monkeypatch.setattr(session.api, "create", cut)
    made = await backend.submit(spec_of(), secrets={})
    assert await objects(backend, "pytorchjobs") == ["sent"]
    assert made.name == "sent"
    await backend.close()


@pytest_asyncio.fixture
async def faulty(
    cluster: Cluster | External, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Faults, KubernetesBackend]]:
    """A backend whose requests meet what a test decides; it has heard of the namespace."""
    with cluster.faults(namespace) as (faults, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        backend = KubernetesBackend(Config(home=tmp_path / "store", operator="pytorchjob"))
        await backend.list()
        yield faults, backend
        await backend.close()


JOBS = r"/pytorchjobs$"


async def test_a_job_that_is_there_although_the_server_told_of_an_error_is_taken_for_made(
    faulty: tuple[Faults, KubernetesBackend],
) -> None:
    """A proxy's patience ends, or the store's does, after the object was stored."""
    faults, backend = faulty
    with faults.rule(Rule(method="POST", path=JOBS, status=504, asked=True)) as rule:
        made = await backend.submit(large_spec(), secrets={"HF_TOKEN": "hf_not_a_real_one"})
    assert len(rule.met) == 1, "it is looked for, and not made twice"
    assert await objects(backend, "pytorchjobs") == ["sent"]
    assert await objects(backend, "configmaps") == [naming.payload_name(made.id)]
    assert await objects(backend, "secrets") == [naming.secret_name(made.id)]


async def test_a_server_that_fails_is_told_as_that_and_leaves_nothing(
    faulty: tuple[Faults, KubernetesBackend],
) -> None:
    faults, backend = faulty
    with (
        faults.rule(Rule(method="POST", path=JOBS, status=504)),
        pytest.raises(BackendUnavailable) as told,
    ):
        await backend.submit(large_spec(), secrets={"HF_TOKEN": "hf_not_a_real_one"})
    assert "Nothing was created." in told.value.what
    assert "the test's fault" in told.value.why
    assert "Try again" in told.value.next_step
    for kind in ("pytorchjobs", "configmaps", "secrets"):
        assert await objects(backend, kind) == []


async def test_a_cut_before_the_job_was_asked_for_says_that_there_is_none(
    faulty: tuple[Faults, KubernetesBackend],
) -> None:
    faults, backend = faulty
    with (
        faults.rule(Rule(method="POST", path="/secrets$", lost=True)),
        pytest.raises(BackendUnavailable) as told,
    ):
        await backend.submit(large_spec(), secrets={"HF_TOKEN": "hf_not_a_real_one"})
    assert told.value.what.endswith("No job was made.")
    for kind in ("pytorchjobs", "configmaps", "secrets"):
        assert await objects(backend, kind) == []


async def test_what_cannot_be_made_beside_a_job_is_told_with_its_own_reason(
    cluster: Cluster | External, backend: KubernetesBackend, namespace: str
) -> None:
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "few", "namespace": namespace},
            "spec": {"hard": {"count/secrets": "0"}},
        }
    )
    with pytest.raises(InvalidRequest, match="quota is used up") as told:
        await backend.submit(large_spec(), secrets={"HF_TOKEN": "hf_not_a_real_one"})
    assert "count/secrets" in told.value.why
    assert "right" not in told.value.next_step
    for kind in ("pytorchjobs", "configmaps", "secrets"):
        assert await objects(backend, kind) == []


async def test_where_nothing_tells_whether_the_job_was_made_nothing_of_it_is_removed(
    faulty: tuple[Faults, KubernetesBackend],
) -> None:
    faults, backend = faulty
    with (
        faults.rule(Rule(method="POST", path=JOBS, lost=True)),
        faults.rule(Rule(method="GET", path=r"/pytorchjobs/sent$", status=403)),
        pytest.raises(BackendUnavailable) as told,
    ):
        await backend.submit(large_spec(), secrets={"HF_TOKEN": "hf_not_a_real_one"})
    assert "Whether sent was made is not known" in told.value.what
    assert "cnai.jobs() tells, once it is back" in told.value.next_step
    assert await objects(backend, "pytorchjobs") == ["sent"]
    assert len(await objects(backend, "configmaps")) == 1
    assert len(await objects(backend, "secrets")) == 1


async def test_a_mistyped_namespace_is_named_at_the_call(
    cluster: Cluster | External, kubeconfig: Path, tmp_path: Path
) -> None:
    config = Config(home=tmp_path / "store", operator="pytorchjob", namespace="typo-ns")
    backend = KubernetesBackend(config)
    with pytest.raises(InvalidRequest, match="has no namespace typo-ns") as no:
        await backend.submit(spec_of(), secrets={})
    assert "cnai.use('kubernetes', namespace=" in no.value.next_step
    await backend.close()


async def test_a_priority_that_the_cluster_does_not_have_is_named_at_the_call(
    backend: KubernetesBackend,
) -> None:
    with pytest.raises(InvalidRequest, match="has no priority class nope") as no:
        await backend.submit(spec_of(priority="nope"), secrets={})
    assert "Leave priority out" in no.value.next_step
    assert await objects(backend, "pytorchjobs") == []


async def test_a_refusal_that_nobody_has_foreseen_quotes_the_server(
    faulty: tuple[Faults, KubernetesBackend],
) -> None:
    faults, backend = faulty
    for status, kind in ((413, InvalidRequest), (422, InvalidRequest), (401, BackendUnavailable)):
        with (
            faults.rule(Rule(method="POST", path=r"/pods\?", status=status)),
            pytest.raises(kind) as told,
        ):
            await backend.submit(spec_of(), secrets={})
        assert "the test's fault" in told.value.why
        assert told.value.next_step
    assert "Log in to the cluster again" in told.value.next_step


async def test_the_priority_of_a_trainjob_is_a_class_of_the_queues(
    cluster: Cluster | External, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    meta, path = {"name": f"urgent-{namespace}"}, f"/apis/{QUEUES}/workloadpriorityclasses"
    cluster.apply(
        {"apiVersion": QUEUES, "kind": "WorkloadPriorityClass", "metadata": meta, "value": 10}
    )
    try:
        async with stage_of(cluster, namespace, tmp_path, operator="trainjob") as stage:
            await stage.queue(quota={"cpu": "2", "memory": "2Gi"})
            sleeps = Payload(entry="work", files={"script.py": b"import time; time.sleep(600)\n"})
            queued = {"queue": "team", "priority": meta["name"], "payload": sleeps}
            made = await stage.backend.submit(spec_of(**queued), secrets={})
            await stage.running(made.name)
            with pytest.raises(InvalidRequest, match="no priority class nope") as no:
                await stage.backend.submit(spec_of(**queued | {"priority": "nope"}), secrets={})
            assert meta["name"] in no.value.why
    finally:
        cluster.http.delete(f"{path}/{meta['name']}").raise_for_status()
