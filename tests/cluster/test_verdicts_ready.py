"""What a queue says that gives a job some time to start: a cluster whose Kueue is set up so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import own_cluster_or_skip

from .produced import Ledger, produces
from .verdicts import Stage

CONFIG = "/api/v1/namespaces/kueue-system/configmaps/kueue-manager-config"
FILE = "controller_manager_config.yaml"
WAITS = {
    "timeout": "15s",
    "requeuingStrategy": {"backoffBaseSeconds": 8, "backoffLimitCount": 1},
}
"""Long enough for what is told to be seen, and it tries once again."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose administrator has changed the manager's configuration and restarted it."""
    made = own_cluster_or_skip(operators=("training-operator", "kueue"))
    made.start()
    try:
        waits_for_ready_pods(made)
        yield made
    finally:
        made.stop()


def waits_for_ready_pods(cluster: Cluster) -> None:
    found = cluster.http.get(CONFIG).raise_for_status().json()
    config = yaml.safe_load(found["data"][FILE]) | {"waitForPodsReady": WAITS}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {key: found["metadata"][key] for key in ("name", "namespace", "labels")},
            "data": {FILE: yaml.safe_dump(config)},
        }
    )
    cluster.scale("kueue", 0)
    cluster.scale("kueue", 1)


@produces("real", "KUEUE_PODSREADY")
async def test_a_queue_that_takes_a_job_back_tries_again_and_then_gives_up(
    stage: Stage, ledger: Ledger
) -> None:
    await stage.queue(quota={"cpu": "4", "memory": "4Gi"})
    name = await stage.train("print('never')", image="private.example.com/net:1", queue="team")
    back = ledger.note(
        await stage.verdict(name, "KUEUE_PODSREADY", saying="Before that the cluster said: ")
    )
    assert "it tries again by itself" in back.why
    assert "private.example.com/net:1" in back.why
    assert any("Exceeded the PodsReady timeout" in line.text for line in back.evidence)
    over = ledger.note(await stage.verdict(name, "KUEUE_PODSREADY", saying="gave up"))
    assert "did not all start in time" in over.why
