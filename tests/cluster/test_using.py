"""`cnai.use("kubernetes", ...)`: what is chosen, what serves then, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.client import Client
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.places import noted
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External


def test_a_cell_that_is_run_again_opens_nothing_anew(client: Client, namespace: str) -> None:
    client.use("kubernetes", namespace=namespace)
    first = client.backend
    for _ in range(3):
        client.use("kubernetes", namespace=namespace)
        assert client.backend is first
    client.use("local")
    client.use("kubernetes", namespace=namespace)
    assert client.backend is first


def test_a_namespace_is_watched_by_one_however_it_was_named(client: Client, namespace: str) -> None:
    client.use("kubernetes")  # of the context, which names the same namespace
    first = client.backend
    client.use("kubernetes", namespace=namespace)
    assert client.backend is first
    client.use("kubernetes", namespace=namespace, operator="pytorchjob")
    assert client.backend is not first


def test_a_handle_goes_on_where_its_job_runs(
    cluster: Cluster | External, client: Client, namespace: str, tmp_path: Path
) -> None:
    script = tmp_path / "prints.py"
    script.write_text('print("here")\n')
    client.use("kubernetes", namespace=namespace)
    job = client.train_script(script, cpu=0.1, memory="256Mi")
    other = cluster.namespace()
    try:
        client.use("kubernetes", namespace=other)
        assert len(client.jobs()) == 0
        assert list(job.wait(120).logs()) == ["here"]
        client.use("kubernetes", namespace=namespace)
        assert [each.name for each in client.jobs()] == [job.name]
    finally:
        cluster.delete_namespace(other)


def test_a_mistyped_namespace_is_refused_and_the_one_before_goes_on_serving(
    client: Client, namespace: str
) -> None:
    client.use("kubernetes", namespace=namespace)
    with pytest.raises(InvalidRequest, match="has no namespace typo-ns") as refusal:
        client.use("kubernetes", namespace="typo-ns")
    assert "cnai.use('kubernetes', namespace=" in refusal.value.next_step
    assert namespace in client.use()
    assert [type(backend) for _, backend in client._made] == [KubernetesBackend]


def test_a_mistyped_namespace_is_no_place_of_the_panel(client: Client, namespace: str) -> None:
    with pytest.raises(InvalidRequest, match="has no namespace typo-ns"):
        client.use("kubernetes", namespace="typo-ns")
    assert noted(client._config) == ()
    client.use("kubernetes", namespace=namespace)
    assert [place.namespace for place in noted(client._config)] == [namespace]


def test_who_may_not_look_at_the_namespace_is_let_through(
    client: Client, namespace: str, kubeconfig: Path
) -> None:
    document = json.loads(kubeconfig.read_text())
    for each in document["users"]:
        each["user"]["as"] = "somebody-without-rights"
    kubeconfig.write_text(json.dumps(document))
    assert namespace in client.use("kubernetes")
