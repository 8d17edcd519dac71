"""Jobs as this SDK writes them, on real operators: accepted whole, trained, steered, found again.

Every namespace here enforces the Pod Security Standard "restricted".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import naming, payload, pods
from cnai_sdk.backends.kubernetes.kinds import KINDS
from cnai_sdk.backends.kubernetes.plan import Plan
from cnai_sdk.model.spec import DataLink, Resources
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.processes import until
from tests.cluster.trained import (
    MEETING,
    OPERATORS,
    Bench,
    bench_of,
    lost,
    message_of,
    spec_of,
    told,
)

DDP = """
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    import cnai_sdk as cnai

    def train():
        torch.manual_seed(cnai.rank())
        dist.init_process_group("gloo")
        model = DistributedDataParallel(torch.nn.Linear(4, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        inputs = torch.randn(64, 4)
        wanted = inputs @ torch.tensor([[1.0], [2.0], [3.0], [4.0]])
        losses = []
        for step in range(30):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), wanted)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            cnai.report(step=step, loss=losses[-1])
        weights = [p.detach().sum() for p in model.parameters()]
        same = [torch.zeros(2) for _ in range(dist.get_world_size())]
        dist.all_gather(same, torch.stack(weights))
        return {"same": bool(torch.equal(same[0], same[1])), "better": losses[-1] < losses[0] / 10}
    """


@pytest.fixture(params=OPERATORS)
def bench(request: pytest.FixtureRequest, cluster: Cluster | External, restricted: str) -> Bench:
    return bench_of(cluster, restricted, request.param)


@pytest.fixture
def pytorch(cluster: Cluster | External, restricted: str) -> Bench:
    return bench_of(cluster, restricted, "pytorchjob")


@pytest.fixture
def queue(cluster: Cluster | External, restricted: str) -> Iterator[str]:
    """A queue with room for one cpu."""
    api = "kueue.x-k8s.io/v1beta2"
    resources = [{"name": "cpu", "nominalQuota": 1}]
    flavors = [{"name": restricted, "resources": resources}]
    group = {"coveredResources": ["cpu"], "flavors": flavors}
    made = [
        ("ResourceFlavor", {"name": restricted}, {}),
        (
            "ClusterQueue",
            {"name": restricted},
            {"namespaceSelector": {}, "resourceGroups": [group]},
        ),
        ("LocalQueue", {"name": "team", "namespace": restricted}, {"clusterQueue": restricted}),
    ]
    for kind, metadata, body in made:
        cluster.apply({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": body})
    yield "team"
    for kind in ("clusterqueues", "resourceflavors"):
        cluster.http.delete(f"/apis/{api}/{kind}/{restricted}")


@pytest.fixture
def claim(cluster: Cluster | External, restricted: str) -> str:
    """A claim that the cluster provides for."""
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "scratch", "namespace": restricted}
    made = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}
    cluster.apply(made | {"spec": body})
    return "scratch"


def test_everything_that_a_job_can_say_is_known_to_the_server(bench: Bench, queue: str) -> None:
    spec = spec_of(
        "def train(): pass",
        workers=2,
        retries=2,
        timeout=90.5,
        queue=queue,
        priority="high",
        shm=2**20,
        env={"A": "$(HOME)", "B": "y", "C": ""},
        secrets=("TOKEN", "hub/KEY"),
        outputs="pvc://scratch/runs",
        resources=Resources(cpu=0.5, memory=2**28, gpu=1),
        labels={"team": "vision"},
    )
    manifest = KINDS[bench.operator].manifest(spec, bench.plan(spec))
    manifest["metadata"]["labels"].pop("kueue.x-k8s.io/priority-class", None)
    kept = bench.post(bench.path(), manifest, dry=True)
    assert lost(manifest["spec"], kept["spec"]) == []
    assert kept["metadata"]["annotations"] == manifest["metadata"]["annotations"]


def test_a_workers_pod_is_accepted_where_restricted_is_enforced(bench: Bench) -> None:
    spec = spec_of("def train(): pass")
    bench.post(f"{bench.core}/pods", pods.worker_pod(spec, bench.plan(spec)), dry=True)


def test_two_workers_train_together_and_the_result_comes_back(bench: Bench) -> None:
    plan = bench.submit(spec_of(DDP, workers=2))
    until("both run", lambda: len(bench.pods(plan)) == 2)
    assert bench.ended(plan), told(bench, plan)
    said = []
    for pod in bench.pods(plan):
        log, frames = bench.log(pod)
        assert log.count("loss=") == 30
        assert len([frame for frame in frames if "metrics" in frame]) == 30
        said.append(message_of(pod).get("result"))
    assert {"same": True, "better": True} in said


def test_an_error_is_in_the_last_message_with_its_cell(pytorch: Bench) -> None:
    plan = pytorch.submit(spec_of("def train():\n    raise ValueError('no digit')"))
    assert not pytorch.ended(plan)
    [pod] = pytorch.pods(plan)
    assert message_of(pod)["error"]["message"] == "no digit"
    assert "ValueError: no digit" in pytorch.log(pod)[0]


def test_code_beside_the_job_trains_as_well(bench: Bench) -> None:
    import random

    noise = {"values/1.pkl": random.Random(1).randbytes(2 * payload.INLINE)}
    source = """
        import os
        def train():
            return os.path.getsize(os.path.join(os.environ["CNAI_PAYLOAD"], "values", "1.pkl"))
        """
    plan = bench.submit(spec_of(source, files=noise))
    assert plan.config_map
    assert bench.ended(plan), told(bench, plan)


def test_a_worker_has_no_token_of_the_cluster(bench: Bench) -> None:
    source = """
        import os
        def train():
            place = "/var/run/secrets/kubernetes.io/serviceaccount"
            print("token:", os.path.exists(place + "/token"))
        """
    plan = bench.submit(spec_of(source))
    assert bench.ended(plan), told(bench, plan)
    assert "token: False" in bench.log(bench.pods(plan)[0])[0]


def test_what_was_written_in_env_arrives_as_it_was(bench: Bench) -> None:
    env = {"A": "$(HOME)/x", "B": "y", "C": "$$", "D": "`id`; \\ '\"", "E": "数字"}
    source = """
        import json, os
        def train():
            print("env:", json.dumps({name: os.environ[name] for name in "ABCDE"}))
        """
    plan = bench.submit(spec_of(source, env=env))
    assert bench.ended(plan), told(bench, plan)
    log = bench.log(bench.pods(plan)[0])[0]
    assert json.loads(log.partition("env: ")[2].splitlines()[0]) == env


def test_a_run_that_failed_starts_again_on_all_workers(bench: Bench) -> None:
    source = """
        import os, time
        import cnai_sdk as cnai
        def train():
            print("attempt", os.environ["CNAI_ATTEMPT"], flush=True)
            if os.environ["CNAI_ATTEMPT"] == "0":
                time.sleep(600 if cnai.rank() == 0 else 1)
                raise ValueError("once")
        """
    plan = bench.submit(spec_of(source, workers=2, retries=2))
    assert bench.ended(plan), told(bench, plan)
    for pod in bench.pods(plan):
        assert "attempt 1" in bench.log(pod)[0]


def test_a_worker_pod_that_is_deleted_comes_again_and_the_run_with_it(pytorch: Bench) -> None:
    source = """
        def train():
            meet()
            print("attempt", os.environ["CNAI_ATTEMPT"], flush=True)  # then the pod is deleted
            if os.environ["CNAI_ATTEMPT"] == "0":
                time.sleep(600)
        """
    plan = pytorch.submit(spec_of(MEETING + dedent(source), workers=2, retries=1))
    until("both are up", lambda: _all_print(pytorch, plan, "attempt 0"))
    lost = pytorch.pods(plan)[1]["metadata"]
    answer = pytorch.cluster.http.delete(f"{pytorch.core}/pods/{lost['name']}")
    assert answer.status_code == 200
    assert pytorch.ended(plan), told(pytorch, plan)
    assert _all_print(pytorch, plan, "attempt 1"), told(pytorch, plan)
    assert pytorch.pods(plan)[1]["metadata"]["uid"] != lost["uid"]


def test_a_run_goes_on_from_its_checkpoint_after_a_worker_is_lost(bench: Bench, claim: str) -> None:
    source = """
        import cnai_sdk as cnai
        def train():
            meet()
            kept = cnai.checkpoint_dir() / f"epoch-{cnai.rank()}"
            begin = int(kept.read_text()) if kept.exists() else 0
            kept.write_text("5")
            print("begins at", begin, flush=True)  # when it is written: then the pod is deleted
            if begin == 0:
                time.sleep(600)
        """
    spec = spec_of(MEETING + dedent(source), workers=2, retries=1, outputs=f"pvc://{claim}/runs")
    plan = bench.submit(spec)
    until("both are up", lambda: _all_print(bench, plan, "begins at 0"))
    lost = bench.pods(plan)[0]["metadata"]["name"]
    assert bench.cluster.http.delete(f"{bench.core}/pods/{lost}").status_code == 200
    assert bench.ended(plan), told(bench, plan)
    assert _all_print(bench, plan, "begins at 5"), told(bench, plan)


def test_what_one_job_writes_to_a_claim_another_finds_as_its_data(bench: Bench, claim: str) -> None:
    source = """
        import cnai_sdk as cnai
        def train():
            (cnai.output_dir() / "labels.txt").write_text("cat")
            print("written")
        """
    first = bench.submit(spec_of(source, name="first", outputs=f"pvc://{claim}/runs"))
    assert bench.ended(first), told(bench, first)
    source = """
        def train():
            print("label:", open("sets/first/labels.txt").read())
            print("log:", open("sets/first/logs/rank-0.log").read().strip())
        """
    data = DataLink(path="sets/first", source=f"pvc://{claim}/runs/{first.id}")
    second = bench.submit(spec_of(source, name="second", data=(data,)))
    assert bench.ended(second), told(bench, second)
    log = bench.log(bench.pods(second)[0])[0]
    assert "label: cat" in log
    assert "log: written" in log


WAITING = "import time\ndef train():\n    time.sleep(600)"


def test_a_stopped_job_has_no_pods_any_more(bench: Bench) -> None:
    plan = bench.submit(spec_of(WAITING))
    until("it runs", lambda: _runs(bench, plan))
    bench.steer(plan, "stop")
    until("its pods are gone", lambda: bench.pods(plan) == [])
    assert naming.STOPPED in bench.job(plan)["metadata"]["annotations"]
    until("its end", lambda: bench.holds(plan, "Failed", "Suspended"))


def test_a_paused_job_goes_on(bench: Bench) -> None:
    plan = bench.submit(spec_of(WAITING))
    until("it runs", lambda: _runs(bench, plan))
    bench.steer(plan, "suspend")
    until("its pods are gone", lambda: bench.pods(plan) == [])
    bench.steer(plan, "resume")
    until("it runs again", lambda: _runs(bench, plan))


def test_a_stopped_job_gives_its_quota_back_and_a_queued_one_leaves_the_queue(
    bench: Bench, queue: str
) -> None:
    whole = Resources(cpu=1)
    first = bench.submit(spec_of(WAITING, name="first", queue=queue, resources=whole))
    until("it is admitted", lambda: _runs(bench, first))
    second = bench.submit(spec_of(WAITING, name="second", queue=queue, resources=whole))
    third = bench.submit(spec_of(WAITING, name="third", queue=queue, resources=whole))
    until("they wait", lambda: all(bench.holds(each, "Suspended") for each in (second, third)))
    until("it has a Workload", lambda: len(_workloads(bench)) == 3)
    bench.steer(second, "stop")
    bench.steer(first, "stop")
    until("the third runs in its place", lambda: _runs(bench, third))
    assert bench.pods(second) == []


def test_a_queued_job_that_is_paused_lets_another_one_run(bench: Bench, queue: str) -> None:
    whole = Resources(cpu=1)
    first = bench.submit(spec_of(WAITING, name="first", queue=queue, resources=whole))
    until("it is admitted", lambda: _runs(bench, first))
    second = bench.submit(spec_of(WAITING, name="second", queue=queue, resources=whole))
    until("it has a Workload", lambda: len(_workloads(bench)) == 2)
    bench.steer(first, "suspend")
    until("the second runs", lambda: _runs(bench, second))
    bench.steer(second, "stop")
    bench.steer(first, "resume")
    until("the first runs again", lambda: _runs(bench, first))


def test_the_value_of_a_secret_is_not_in_a_pods_log(bench: Bench) -> None:
    code = """
        import os, sys
        import cnai_sdk as cnai

        def train():
            token = os.environ["TOKEN"]
            print("as", token)
            print("trouble with", token, file=sys.stderr, flush=True)
            cnai.report(step=0, loss=0.5)
            os.system("echo a child has $TOKEN too")
            return {"token": token}
        """
    spec = spec_of(code, secrets=("TOKEN",))
    plan = bench.plan(spec)
    bench.post(f"{bench.core}/secrets", pods.secret(plan, {"TOKEN": "geheimnis"}))
    bench.post(bench.path(), KINDS[bench.operator].manifest(spec, plan))
    assert bench.ended(plan), told(bench, plan)
    [pod] = bench.pods(plan)
    log, frames = bench.log(pod)
    said = ["as ***", "trouble with ***", "step=0 loss=0.5", "a child has *** too"]
    assert sorted(log.splitlines()) == sorted(said)
    assert {"loss": 0.5} in [frame.get("metrics") for frame in frames]
    assert "geheimnis" not in json.dumps(pod["status"])


def test_what_lies_beside_a_job_goes_with_it(bench: Bench) -> None:
    spec = spec_of(WAITING, secrets=("TOKEN",))
    plan = bench.plan(spec)
    beside = f"{bench.core}/secrets"
    bench.post(beside, pods.secret(plan, {"TOKEN": "geheim"}))
    job = bench.post(bench.path(), KINDS[bench.operator].manifest(spec, plan))
    answer = bench.cluster.http.patch(
        f"{beside}/{naming.secret_name(plan.id)}",
        content=msgspec.json.encode(pods.owned_by(job)),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 200, answer.text
    bench.cluster.http.delete(bench.path(plan.object_name))
    missing = f"{beside}/{naming.secret_name(plan.id)}"
    until("it is gone too", lambda: bench.cluster.http.get(missing).status_code == 404)


def _runs(bench: Bench, plan: Plan) -> bool:
    found = bench.pods(plan)
    return bool(found) and all(pod["status"].get("phase") == "Running" for pod in found)


def _all_print(bench: Bench, plan: Plan, words: str) -> bool:
    found = bench.pods(plan)
    return len(found) == 2 and all(words in bench.log(pod)[0] for pod in found)


def _workloads(bench: Bench) -> list[Any]:
    base = f"/apis/kueue.x-k8s.io/v1beta2/namespaces/{bench.namespace}/workloads"
    return list(bench.get(base)["items"])
