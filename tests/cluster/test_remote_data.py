"""Data from buckets and the Hugging Face Hub, and outputs in a bucket, on a real cluster.

The stores are real servers in pods of the cluster (tests/stores): moto's for S3, which asks for
keys, and one that speaks the Hub's routes. The workers' namespaces enforce the standard
"restricted".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from cnai_sdk.backends.base import Backend
from cnai_sdk.errors import InvalidRequest, NotFound
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import DataLink, Payload, Resources, TrainSpec
from cnai_sdk.model.workload import Workload
from tests.cluster.produced import Ledger, produces
from tests.cluster.serving import served
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.trained import MEETING
from tests.cluster.verdicts import IMAGE, Job, Stage, all_end_as, stage_of
from tests.stores import hub, s3

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_OWNER = tuple(f"owner/{key}" for key in _KEYS)
_NOBODY = tuple(f"nobody/{key}" for key in _KEYS)

LEARNS = """
import pathlib
import cnai_sdk as cnai
labels = pathlib.Path("sets/digits/labels.txt").read_text()
image = len(pathlib.Path("sets/digits/images/1.bin").read_bytes())
config = pathlib.Path("net/config.json").read_text()
print("read", labels, image, config)
if cnai.rank() == 0:
    pathlib.Path("model.bin").write_bytes(bytes(range(256)))
(cnai.output_dir() / f"shard-{cnai.rank()}.txt").write_text("done")
"""


@dataclass(frozen=True)
class Stores:
    """Where the servers are, as pods reach them, and the keys to the buckets."""

    env: dict[str, str]
    keys: dict[str, Any]


@pytest.fixture(scope="module")
def stores(cluster: Cluster | External) -> Iterator[Stores]:
    """The two servers, in a namespace of their own."""
    namespace = cluster.namespace()
    bucket, models = served(cluster, namespace, s3=s3, hub=hub)
    yield Stores(
        env={
            "AWS_ENDPOINT_URL": f"http://{bucket.address}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HF_ENDPOINT": f"http://{models.address}",
        },
        keys=bucket.told,
    )
    cluster.delete_namespace(namespace)


@pytest.fixture(params=["pytorchjob", "trainjob"])
def operator(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def make_stage(
    cluster: Cluster | External,
    restricted: str,
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[[str], Any]]:
    """A stage whose namespace has the keys of both users in Secrets."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.context(restricted)))
    async with contextlib.AsyncExitStack() as stack:

        async def make(operator: str = "pytorchjob") -> Stage:
            stage = await stack.enter_async_context(
                stage_of(cluster, restricted, tmp_path / "store", operator=operator)
            )
            for user in ("owner", "nobody"):
                values = dict(zip(_KEYS, stores.keys[user], strict=True))
                await stage.have("Secret", user, stringData=values)
            return stage

        yield make


async def submitted(
    stage: Stage, stores: Stores, script: str, *, values: dict[str, str] | None = None, **more: Any
) -> Workload:
    """A job that knows where the servers are."""
    payload = Payload(entry="work", files={"script.py": script.encode()})
    fields = {
        "name": "work",
        "payload": payload,
        "image": IMAGE,
        "resources": Resources(cpu=0.1, memory=512 * 2**20),
        "env": stores.env | more.pop("env", {}),
        **more,
    }
    return await stage.backend.submit(TrainSpec(**fields), secrets=values or {})


async def seen(
    backend: Backend, id: str, what: Callable[[Workload], bool], *, seconds: float = 120
) -> Workload:
    """The workload, as soon as it is so."""
    last: list[Workload] = []
    with contextlib.suppress(TimeoutError):
        async with (
            asyncio.timeout(seconds),
            contextlib.aclosing(cast("Any", backend.watch())) as updates,
        ):
            async for update in updates:
                last += [each for each in update.workloads if each.id == id]
                if last and what(last[-1]):
                    return last[-1]
    raise AssertionError(f"it did not come to that: {last[-1:]}\n{await log_of(backend, id)}")


async def ended(backend: Backend, id: str) -> Workload:
    return await seen(backend, id, lambda workload: workload.phase.ended)


async def log_of(backend: Backend, id: str) -> str:
    lines = [line.text async for batch in backend.logs(id) for line in batch]
    return "\n".join(lines)


def links(**sources: str) -> tuple[DataLink, ...]:
    return tuple(DataLink(path=p.replace("__", "/"), source=s) for p, s in sources.items())


async def test_workers_find_what_was_asked_for_and_what_they_write_is_read_back(
    make_stage: Callable[..., Any], stores: Stores, operator: str
) -> None:
    stage = await make_stage(operator)
    made = await submitted(
        stage,
        stores,
        LEARNS,
        workers=2,
        data=links(sets__digits="s3://data/digits", net="hf://acme/net"),
        outputs="s3://runs/team",
        secrets=_OWNER,
    )
    done = await ended(stage.backend, made.id)
    log = await log_of(stage.backend, made.id)
    assert done.phase is Phase.SUCCEEDED, (done, log)
    assert log.count("read one two 256 {}") == 2
    assert log.count("Fetched s3://data/digits: 3 files") == 2
    assert log.count("Fetched hf://acme/net at 111111111111: 2 files") == 2
    sizes = {file.path: file.size for file in await stage.backend.outputs(made.id)}
    assert sizes.keys() == {
        "logs/rank-0.log",
        "logs/rank-1.log",
        "model.bin",
        "shard-0.txt",
        "shard-1.txt",
    }
    assert sizes["model.bin"] == 256
    assert await stage.backend.read(made.id, "model.bin") == bytes(range(256))
    assert b"read one two" in await stage.backend.read(made.id, "logs/rank-1.log")
    with pytest.raises(NotFound):
        await stage.backend.read(made.id, "nothing.txt")
    with pytest.raises(InvalidRequest):
        await stage.backend.read(made.id, "../other")


async def test_outputs_of_one_job_are_the_data_of_another_and_a_large_result_is_among_them(
    make_stage: Callable[..., Any], stores: Stores
) -> None:
    stage = await make_stage()
    first = await submitted(
        stage, stores, "_cnai_result = ['x' * 100] * 100", outputs="s3://runs", secrets=_OWNER
    )
    assert (await ended(stage.backend, first.id)).phase is Phase.SUCCEEDED
    assert json.loads(await stage.backend.result(first.id) or b"") == ["x" * 100] * 100
    script = "import json\nprint('items', len(json.load(open('first/result.json'))))"
    data = links(first=f"s3://runs/{first.id}")
    second = await submitted(stage, stores, script, data=data, secrets=_OWNER)
    await ended(stage.backend, second.id)
    assert "items 100" in await log_of(stage.backend, second.id)


async def test_a_token_that_comes_with_the_job_opens_a_private_repository(
    make_stage: Callable[..., Any], stores: Stores
) -> None:
    stage = await make_stage()
    script = "print('label', open('hidden/labels.txt').read())"
    made = await submitted(
        stage,
        stores,
        script,
        data=links(hidden="hf://datasets/acme/hidden"),
        secrets=("HF_TOKEN",),
        values={"HF_TOKEN": hub.TOKEN},
    )
    done = await ended(stage.backend, made.id)
    assert done.phase is Phase.SUCCEEDED, done
    assert "label hidden" in await log_of(stage.backend, made.id)


async def test_checkpoints_in_a_bucket_are_read_while_a_job_runs_and_it_goes_on_from_them(
    make_stage: Callable[..., Any], stores: Stores
) -> None:
    stage = await make_stage()
    script = f"""{MEETING}
import cnai_sdk as cnai
meet()
kept = cnai.checkpoint_dir() / "epoch"
begin = int(kept.read_text()) if kept.exists() else 0
print("begins at", begin, flush=True)
if begin == 0:
    if cnai.rank() == 0:
        kept.write_text("5")
        cnai.progress(5, 9)
    time.sleep(600)
"""
    made = await submitted(
        stage, stores, script, workers=2, retries=1, outputs="s3://runs/kept", secrets=_OWNER
    )
    await seen(stage.backend, made.id, lambda workload: workload.progress is not None)
    async with asyncio.timeout(120):
        while "checkpoints/epoch" not in [f.path for f in await stage.backend.outputs(made.id)]:
            continue  # each look takes a pod of its own
    assert await stage.backend.read(made.id, "checkpoints/epoch") == b"5"
    pod = f"/api/v1/namespaces/{stage.namespace}/pods/work-worker-0"
    answer = await asyncio.to_thread(stage.cluster.http.delete, pod)
    assert answer.status_code == 200
    done = await ended(stage.backend, made.id)
    log = await log_of(stage.backend, made.id)
    assert done.phase is Phase.SUCCEEDED, (done, log)
    assert log.count("begins at 5") >= 2, log


NO_ANSWER = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
OWNER_AT: dict[str, Any] = {"secrets": _OWNER, "outputs": "s3://runs/a"}
LOCKED = """
import os
open("model.pt", "w").close()
os.chmod("model.pt", 0)
"""
"""A file that nobody may read, nor copy."""


def of(source: str, *secrets: str, **fields: Any) -> Job:
    """A job that wants this data."""
    return Job(data=links(it=source), secrets=secrets, **fields)


TROUBLE = {
    "DATA_BUCKET_MISSING": (of("s3://nowhere/x", *_OWNER), "nowhere", "AWS_ENDPOINT_URL"),
    "DATA_OBJECT_MISSING": (of("s3://data/letters", *_OWNER), "s3://data/letters", "data="),
    "DATA_BUCKET_DENIED": (of("s3://data/digits", *_NOBODY), "s3://data/digits", _KEYS[0]),
    "DATA_BUCKET_DENIED anonymous": (of("s3://data/digits"), "without credentials", _KEYS[0]),
    "DATA_HUB_MISSING": (of("hf://datasets/acme/hidden"), "acme/hidden", "HF_TOKEN"),
    "DATA_HUB_DENIED": (of("hf://datasets/acme/gated"), "acme/gated", "HF_TOKEN"),
    "DATA_FAILED": (of("s3://data/odd", *_OWNER), "a name that no file can have", "Run it again"),
    "DATA_UNREACHABLE": (
        of("s3://data/digits", *_OWNER, env=NO_ANSWER), NO_ANSWER["AWS_ENDPOINT_URL"], "env="
    ),
    "OUTPUTS_BUCKET_MISSING": (
        Job(outputs="s3://nowhere/a", secrets=_OWNER), "nowhere", "AWS_ENDPOINT_URL"
    ),
    "OUTPUTS_DENIED": (Job(outputs="s3://runs/a", secrets=_NOBODY), "s3://runs/a", _KEYS[0]),
    "OUTPUTS_UNREACHABLE": (
        Job(**OWNER_AT, env=NO_ANSWER), NO_ANSWER["AWS_ENDPOINT_URL"], "AWS_ENDPOINT_URL"
    ),
    "OUTPUTS_FAILED": (Job(LOCKED, **OWNER_AT), "model.pt", "job.outputs"),
}  # fmt: skip
"""What is asked for, what the verdict names, and what it says to be put right."""


@produces("real", *dict.fromkeys(key.partition(" ")[0] for key in TROUBLE))
async def test_what_cannot_be_fetched_or_kept_is_a_verdict_that_names_it_and_what_to_put_right(
    make_stage: Callable[..., Any], stores: Stores, ledger: Ledger
) -> None:
    stage = await make_stage()
    jobs = {key: job for key, (job, _, _) in TROUBLE.items()}
    for key, found in (await all_end_as(stage, ledger, jobs, env=stores.env)).items():
        _, words, fix = TROUBLE[key]
        assert words in f"{found.happened} {found.why}", (key, found)
        assert fix in found.fix, (key, found)


async def test_what_is_fetched_is_said(make_stage: Callable[..., Any], stores: Stores) -> None:
    stage = await make_stage()
    made = await submitted(
        stage, stores, "print('ran')", data=links(it="s3://data/digits"), secrets=_OWNER,
        env=NO_ANSWER,
    )  # fmt: skip
    said = "Fetching s3://data/digits"
    found = await seen(stage.backend, made.id, lambda workload: workload.message == said)
    assert found.phase is Phase.RUNNING


async def test_a_bucket_that_may_not_be_written_to_is_known_before_the_code_runs(
    make_stage: Callable[..., Any], stores: Stores
) -> None:
    stage = await make_stage()
    made = await submitted(stage, stores, "print('ran')", outputs="s3://runs/a", secrets=_NOBODY)
    await ended(stage.backend, made.id)
    assert "ran" not in (await log_of(stage.backend, made.id)).splitlines()


async def test_a_bucket_without_a_key_is_noticed_when_the_job_is_made(
    make_stage: Callable[..., Any], stores: Stores
) -> None:
    stage = await make_stage()
    made = await submitted(stage, stores, "print('ran')", data=links(it="s3://data/digits"))
    assert any("AWS_ACCESS_KEY_ID" in notice for notice in made.notices)
