"""Logs of real pods: they wait, stream, survive cuts and restarts, and are kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cnai_sdk.backends.kubernetes.kept import Kept
from cnai_sdk.backends.kubernetes.reading import logs, missing
from tests.cluster.followed import ID, JOB, Followed, followed, template
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.faults import Rule

MILLION = 1_000_000


@pytest.fixture
async def job(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Followed]:
    async with followed(kubeconfig, tmp_path / "kept") as found:
        yield found


async def test_following_waits_for_the_pod_and_ends_with_it(job: Followed) -> None:
    following = asyncio.create_task(job.lines(follow=True))
    await job.run("w-0", "print('one'); print('two')")
    assert await job.until(2) == ["one", "two"]
    await job.ended()
    assert await following == ["one", "two"]


async def test_lines_come_while_the_pod_runs(job: Followed) -> None:
    await job.run("w-0", "import time; print('up'); time.sleep(600)")
    assert await job.until(1) == ["up"]
    assert await job.lines() == ["up"]
    assert not job.follower.settled


async def test_two_ranks_are_told_apart_and_numbered_together(job: Followed) -> None:
    for rank in (0, 1):
        await job.run(f"w-{rank}", f"[print('rank {rank} line', n) for n in range(50)]", rank=rank)
    await job.until(100)
    await job.ended()
    for rank in (0, 1):
        own = await job.lines(follow=True, rank=rank)
        assert own == [f"rank {rank} line {n}" for n in range(50)]


async def test_a_container_that_was_started_again_keeps_its_first_runs_log(job: Followed) -> None:
    script = """
        import os, pathlib, sys, time
        again = os.path.exists('/dev/shm/once')
        open('/dev/shm/once', 'w').close()
        print('second run' if again else 'first run')
        while not (again or 'read' in pathlib.Path('/told/labels').read_text()):
            time.sleep(0.01)
        sys.exit(0 if again else 3)
    """
    body = template(script, restart="OnFailure")
    labels = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    body["volumes"] = [
        {"name": "shm", "emptyDir": {}},
        {"name": "told", "downwardAPI": {"items": labels}},
    ]
    mounts = {"shm": "/dev/shm", "told": "/told"}
    body["containers"][0]["volumeMounts"] = [
        {"name": name, "mountPath": path} for name, path in mounts.items()
    ]
    meta = {"name": "w-0", "labels": {JOB: ID}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": body}
    await job.api.create(job.pods, pod)
    assert await job.until(1) == ["first run"]
    await job.api.patch(f"{job.pods}/w-0", {"metadata": {"labels": {"test/first": "read"}}})
    assert await job.until(2) == ["first run", "second run"]
    await job.ended()
    assert await job.lines(follow=True) == ["first run", "second run"]


async def test_a_million_lines_all_come_once_and_in_order(job: Followed) -> None:
    await job.run("w-0", f"for n in range({MILLION}): print('line', n)")
    await job.until(1)
    await job.ended()
    count = 0
    async with asyncio.timeout(240):
        async for batch in logs(job.keeper, job.follower, follow=True):
            for line in batch:
                assert line.text == f"line {count}"
                count += 1
    assert count == MILLION


async def test_a_line_of_many_kilobytes_is_split_and_whole(job: Followed) -> None:
    await job.run("w-0", "print('x' * 300_000 + 'end')")
    await job.until(5)
    await job.ended()
    found = await job.lines(follow=True)
    assert "".join(found) == "x" * 300_000 + "end"
    assert max(map(len, found)) <= 64 * 2**10


async def test_reports_are_taken_out_of_the_log(job: Followed) -> None:
    frame = '\\x1ecnai {"metrics":{"loss":0.5},"step":1,"time":3}'
    await job.run("w-0", f"print('loss=0.5\\n{frame}')")
    await job.until(1)
    await job.ended()
    assert await job.lines(follow=True) == ["loss=0.5"]
    assert [metric.values for metric in job.keeper.metrics.all()] == [{"loss": 0.5}]


async def test_cuts_in_the_middle_lose_and_repeat_nothing(
    cluster: Cluster | External, namespace: str, tmp_path: Path
) -> None:
    script = """
        import time
        for n in range(3000):
            print('line', n, '.' * 50)
            if n % 100 == 0:
                time.sleep(0.02)
    """
    cuts = [Rule(path="/log", after=many * 20_000, times=1) for many in (1, 2, 3, 4)]
    async with contextlib.AsyncExitStack() as stack:
        faults, path = stack.enter_context(cluster.faults(namespace))
        job = await stack.enter_async_context(followed(path, tmp_path))
        for cut in reversed(cuts):
            stack.enter_context(faults.rule(cut))
        await job.run("w-0", script)
        await job.until(200)
        faults.cut()  # the watch, too
        await job.until(3000)
        await job.ended()
        assert await job.lines(follow=True) == [f"line {n} {'.' * 50}" for n in range(3000)]
    assert all(cut.met for cut in cuts)


async def test_what_was_streamed_outlives_pods_that_are_deleted_at_once(job: Followed) -> None:
    words = "import secrets, time; print('words of', secrets.token_hex(4)); time.sleep(600)"
    worker = {"metadata": {"labels": {JOB: ID}}, "spec": template(words)}
    jobs = {"backoffLimit": 0, "completionMode": "Indexed", "template": worker}
    jobset = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "fails"},
        "spec": {
            "failurePolicy": {"maxRestarts": 2},
            "replicatedJobs": [{"name": "node", "template": {"spec": jobs}}],
        },
    }
    path = job.pods.replace("/api/v1", "/apis/jobset.x-k8s.io/v1alpha2").replace("pods", "jobsets")
    await job.api.create(path, jobset)
    said: list[str] = []
    for run in (1, 2, 3):
        said = await job.until(run)
        pods = job.informer.objects.values()
        (worker_name,) = (pod.metadata.name for pod in pods if pod.status.phase == "Running")
        limit = {"spec": {"activeDeadlineSeconds": 1}}
        await job.api.patch(f"{job.pods}/{worker_name}", limit)  # its node ends it, and it failed
    await job.api.delete(f"{path}/fails")
    changed = asyncio.Event()
    job.informer.listen(lambda verb, pod: changed.set())
    async with asyncio.timeout(120):
        while job.informer.objects:
            changed.clear()
            await changed.wait()
    job.follower.end()
    assert await job.lines(follow=True) == said
    assert len(set(said)) == 3
    assert missing(job.keeper, job.follower, ran=True, outputs="") == ""


async def test_another_process_goes_on_from_the_same_line(
    job: Followed, kubeconfig: Path, tmp_path: Path
) -> None:
    await job.follower.close()
    program = f"""
import asyncio, sys
from pathlib import Path
from tests.cluster.followed import followed

async def main():
    async with followed(Path({str(kubeconfig)!r}), Path({str(tmp_path / "kept")!r})) as job:
        print(len(await job.until(20)), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""
    await job.run("w-0", "import time\nfor n in range(400): print('line', n); time.sleep(0.01)")
    other = await asyncio.to_thread(
        subprocess.Popen, [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert int(await asyncio.to_thread(other.stdout.readline)) >= 20
    assert not Kept(tmp_path / "kept").keeper(ID).lead()
    os.kill(other.pid, signal.SIGKILL)
    await asyncio.to_thread(other.wait)
    job.follower.start()
    await job.until(400)
    await job.ended()
    assert await job.lines(follow=True) == [f"line {n}" for n in range(400)]
