"""What an administrator has set up on a cluster for students, and what is missing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnai_sdk.doctor.compared import NOT_SHIPPED
from cnai_sdk.doctor.finding import Finding
from cnai_sdk.doctor.holding import people, policies
from cnai_sdk.doctor.listed import listed
from cnai_sdk.doctor.published import base_again, published

if TYPE_CHECKING:
    from cnai_sdk.backends.kubernetes.api import Api

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "Role": _RBAC + "/namespaces/{namespace}/roles",
    "ClusterRole": f"{_RBAC}/clusterroles",
    "ValidatingAdmissionPolicy": f"{_ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{_ADMISSION}/validatingadmissionpolicybindings",
}
_SET_UP = "cnai admin manifests --base --student {namespace}=NAME | kubectl apply -f -"
_OWN = "cnai admin manifests --student {namespace}=NAME | kubectl apply -f -"
Document = Mapping[str, Any]


async def administration(api: Api, namespace: str, shared: str) -> AsyncIterator[Finding]:
    """What holds students of a namespace, as far as this user can see it; nothing is changed."""
    async for finding in published(api, shared, _SET_UP.format(namespace=namespace)):
        yield finding
    async for finding in _confinement(api, namespace):
        yield finding
    async for finding in policies(api, namespace):
        yield finding
    async for finding in _bounds(api, namespace):
        yield finding
    async for finding in _base(api, namespace, shared):
        yield finding


async def _confinement(api: Api, namespace: str) -> AsyncIterator[Finding]:
    """Try a pod that takes its node over, in a dry run: what refuses it holds."""
    from cnai_sdk.backends.kubernetes.api import Refused

    try:
        await api.create(f"/api/v1/namespaces/{namespace}/pods", _hostile(), dry_run=True)
    except Refused as error:
        if "PodSecurity" in error.message or "ValidatingAdmissionPolicy" in error.message:
            what = "Pods that are privileged or use paths of their node are refused."
            yield Finding(check="confinement", state="ok", what=what)
        return  # otherwise it is the quota, or a right that is said among the rights
    yield Finding(
        check="confinement",
        state="note",
        what=f"Pods of {namespace} may be privileged and use paths of their node: who makes pods "
        "there can take the node over.",
        fix=f"An administrator runs: kubectl label namespace {namespace} "
        "pod-security.kubernetes.io/enforce=restricted",
    )


def _hostile() -> Mapping[str, Any]:
    container = {
        "name": "check",
        "image": "none",
        "securityContext": {"privileged": True},
        "resources": {"limits": {"cpu": "1m", "memory": "1Mi"}},
    }
    host = {"name": "host", "hostPath": {"path": "/"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [host]}
    metadata = {"generateName": "cnai-doctor-"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _bounds(api: Api, namespace: str) -> AsyncIterator[Finding]:
    none = Finding(
        check="quota",
        state="note",
        what=f"Nothing bounds what all jobs of {namespace} take together: it has no ResourceQuota.",
        fix=f"An administrator sets one: {_OWN.format(namespace=namespace)}",
    )
    return listed(api, f"/api/v1/namespaces/{namespace}/resourcequotas", none=none)


# -- as an administrator ---------------------------------------------------------------


async def _base(api: Api, namespace: str, shared: str) -> AsyncIterator[Finding]:
    """What of the base is not there, or not as it is shipped; only for those who could make it."""
    from cnai_sdk.admin import Setup, manifests
    from cnai_sdk.backends.kubernetes.rights import may
    from cnai_sdk.doctor.compared import differences

    group = "admissionregistration.k8s.io"
    if not await may(api, "create", "validatingadmissionpolicies", group=group):
        return
    wanted = manifests(Setup(shared=shared))
    there = await asyncio.gather(*(_read(api, each) for each in wanted))
    pairs = list(zip(wanted, there, strict=True))
    missing = [each for each, found in pairs if found is None]
    unseen = [each for each, found in pairs if found == {}]
    again = await base_again(api, shared)
    told = [
        (each, found, differing)
        for each, found in pairs
        if found and (differing := differences(each, found))
    ]
    if missing:
        yield _missing(missing, len(wanted), _SET_UP.format(namespace=namespace), again)
    for each, found, differing in told:
        yield _differs(each, found, differing, again)
    if not (missing or told):
        what = f"All {len(wanted)} objects of the base for students are there, as they are shipped."
        if unseen:
            names = _named(unseen)
            what = f"The base for students is there, as far as it may be read; not: {names}."
        yield Finding(check="administration", state="ok", what=what)
    async for finding in people(api, namespace):
        yield finding


def _missing(missing: Sequence[Document], of: int, set_up: str, again: str) -> Finding:
    none = len(missing) == of
    return Finding(
        check="administration",
        state="note",
        what="This cluster is not set up for students: it has none of the roles, ceilings and "
        "policies."
        if none
        else f"The base for students is not whole: {_named(missing)} not found.",
        fix=f"Run: {set_up if none else again}",
    )


def _named(documents: Sequence[Document]) -> str:
    names = [f"{each['kind']} {each['metadata']['name']}" for each in documents]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _differs(wanted: Document, found: Document, differing: Sequence[str], again: str) -> Finding:
    kind, meta = wanted["kind"], wanted["metadata"]
    place = f"-n {meta['namespace']} " if meta.get("namespace") else ""
    anew = any(each.endswith(NOT_SHIPPED) for each in differing)  # apply would leave it there
    first = f"kubectl {place}delete {kind.lower()} {meta['name']}; " if anew else ""
    return Finding(
        check="administration",
        state="note",
        what=f"{kind} {meta['name']} is not as it is shipped: {'; '.join(differing[:3])}"
        f"{f'; and {len(differing) - 3} more' if len(differing) > 3 else ''}.",
        fix=f"Unless you have changed it on purpose, run: {first}{again}",
    )


async def _read(api: Api, document: Document) -> Document | None:
    """An object as it is; None where there is none, and {} where it may not be looked at."""
    from cnai_sdk.backends.kubernetes.api import Missing, Refused

    meta = document["metadata"]
    path = _PATHS[document["kind"]].format(namespace=meta.get("namespace", ""))
    try:
        found: Document = await api.get(f"{path}/{meta['name']}")
    except Missing:
        return None
    except Refused:
        return {}
    return found
