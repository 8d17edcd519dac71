"""Workers and requests that the cluster's own checks refuse, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.fixtures import External

from . import surviving
from .produced import Ledger, produces
from .verdicts import Stage

ADMISSION = "admissionregistration.k8s.io/v1"
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}


@pytest.fixture
def here(cluster: Cluster | External, namespace: str) -> Iterator[dict[str, Any]]:
    """Selects this namespace; what a test registers for the cluster under its name goes again."""
    yield {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    for kind in (
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ):
        cluster.http.delete(f"/apis/{ADMISSION}/{kind}/{namespace}")


async def refuses_pods(stage: Stage) -> None:
    """Return once the API server heeds what refuses pods."""
    pod = {"containers": [{"name": "a", "image": "python:3"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": pod}
    path = f"/api/v1/namespaces/{stage.namespace}/pods"

    def refused() -> bool:
        answer = stage.cluster.http.post(path, params={"dryRun": "All"}, json=body)
        return bool(answer.status_code >= 400)

    await surviving.until(refused)


@produces("real", "WEBHOOK_DOWN")
async def test_a_check_that_does_not_answer(
    stage: Stage, ledger: Ledger, here: dict[str, Any]
) -> None:
    check = {
        "name": "check.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/check"},
        "rules": [PODS],
        "namespaceSelector": here,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    await stage.have("ValidatingWebhookConfiguration", stage.namespace, ADMISSION, webhooks=[check])
    await refuses_pods(stage)
    await stage.pytorchjob("early")
    found = ledger.note(await stage.verdict("early", "WEBHOOK_DOWN"))
    assert "The check check.example.com of this cluster does not answer" in found.why


@produces("real", "CREATE_DENIED")
async def test_a_priority_that_does_not_exist(stage: Stage, ledger: Ledger) -> None:
    """No row knows these words: the cluster's own are handed on."""
    await stage.pytorchjob("urgent", pod={"priorityClassName": "no-such-class"})
    found = ledger.note(await stage.verdict("urgent", "CREATE_DENIED"))
    assert "no-such-class" in found.why


@produces("real", "POLICY")
async def test_a_policy_of_the_cluster(stage: Stage, ledger: Ledger, here: dict[str, Any]) -> None:
    rule = {"expression": "false", "message": "no work on Sundays"}
    matches = {"resourceRules": [PODS], "namespaceSelector": here}
    policy = {"failurePolicy": "Fail", "matchConstraints": matches, "validations": [rule]}
    await stage.have("ValidatingAdmissionPolicy", stage.namespace, ADMISSION, spec=policy)
    binding = {"policyName": stage.namespace, "validationActions": ["Deny"]}
    await stage.have("ValidatingAdmissionPolicyBinding", stage.namespace, ADMISSION, spec=binding)
    await refuses_pods(stage)
    await stage.pytorchjob("sunday")
    found = ledger.note(await stage.verdict("sunday", "POLICY"))
    assert "no work on Sundays" in found.why


@produces("real", "WEBHOOK_DENIED")
async def test_a_check_that_says_no(stage: Stage, ledger: Ledger) -> None:
    path = f"/apis/kubeflow.org/v1/namespaces/{stage.namespace}/pytorchjobs"
    body = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "odd"},
        "spec": {"pytorchReplicaSpecs": {"Master": {"replicas": 2}}},
    }
    found = ledger.note(await stage.refusal(path, body))
    assert "denied the request" in found.evidence[0].text


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "mine"}}
CONTAINERS = {"containers": [{"name": "a", "image": "python:3"}]}


@produces("real", "NAMESPACE_MISSING")
async def test_a_namespace_that_is_not_there(stage: Stage, ledger: Ledger) -> None:
    path = f"/api/v1/namespaces/{stage.namespace}-typo/pods"
    found = ledger.note(await stage.refusal(path, {**POD, "spec": CONTAINERS}))
    assert found.happened == f"The cluster has no namespace {stage.namespace}-typo."


@produces("real", "NAMESPACE_ENDING")
async def test_a_namespace_that_is_being_deleted(
    stage: Stage, ledger: Ledger, cluster: Cluster | External
) -> None:
    going = cluster.namespace()
    cluster.hold_in_termination(going)
    try:
        path = f"/api/v1/namespaces/{going}/pods"
        found = ledger.note(await stage.refusal(path, {**POD, "spec": CONTAINERS}))
    finally:
        cluster.release(going)
    assert found.happened.startswith(f"The namespace {going} is being deleted")


@produces("real", "PRIORITY_MISSING")
async def test_a_priority_that_is_refused_at_the_call(stage: Stage, ledger: Ledger) -> None:
    path = f"/api/v1/namespaces/{stage.namespace}/pods"
    spec = {**CONTAINERS, "priorityClassName": "no-such-class"}
    found = ledger.note(await stage.refusal(path, {**POD, "spec": spec}))
    assert found.happened == "The cluster has no priority class no-such-class."


@produces("real", "REFUSED")
async def test_an_object_that_is_not_as_it_should_be(stage: Stage, ledger: Ledger) -> None:
    path = f"/api/v1/namespaces/{stage.namespace}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "No Such Name"}}
    found = ledger.note(await stage.refusal(path, body))
    assert "No Such Name" in found.evidence[0].text


@produces("real", "QUOTA_NOT_COUNTED")
async def test_a_quota_that_the_cluster_has_not_counted_yet(stage: Stage, ledger: Ledger) -> None:
    """As it is for half a minute after an operator came whose jobs a quota bounds."""
    await stage.have("ResourceQuota", "bounds", spec={"hard": {"pods": "5"}})
    path = f"/api/v1/namespaces/{stage.namespace}/resourcequotas/bounds"

    def counted() -> bool:
        return "used" in stage.cluster.http.get(path).json().get("status", {})

    await surviving.until(counted)
    answer = stage.cluster.http.patch(
        f"{path}/status",
        json={"status": {"used": None}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 200, answer.text
    await refuses_pods(stage)
    await stage.pytorchjob("early")
    found = ledger.note(await stage.verdict("early", "QUOTA_NOT_COUNTED"))
    assert "What the quota bounds of this namespace bounds has not been counted yet" in found.why
    pod = {"containers": [{"name": "a", "image": "python:3"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "mine"}, "spec": pod}
    at_once = ledger.note(await stage.refusal(f"/api/v1/namespaces/{stage.namespace}/pods", body))
    assert at_once.fix.startswith("Try again in half a minute.")
