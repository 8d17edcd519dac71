"""Whether what is set up holds whoever asks, and everybody who makes jobs in a namespace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnai_sdk.doctor.finding import Finding

if TYPE_CHECKING:
    from cnai_sdk.backends.kubernetes.api import Api

_GROUP = "cnai-sdk"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_JOBS = {
    "PyTorchJob": ("kubeflow.org/v1", "pytorchjobs"),
    "TrainJob": ("trainer.kubeflow.org/v1alpha1", "trainjobs"),
}
_HOST: Mapping[str, Any] = {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}
_OWN = frozenset({"cnai-student", "cnai-teacher", "cnai-reader", "cnai-overseer"})
Subject = Mapping[str, str]
Binding = Mapping[str, Any]


# -- whoever asks ----------------------------------------------------------------------------


async def policies(api: Api, namespace: str) -> AsyncIterator[Finding]:
    """Try a job that takes a path of its node, in a dry run: only a policy refuses it, since Pod
    Security looks at pods. Nothing where no policy is about this user, who sets them up."""
    from cnai_sdk.backends.kubernetes.rights import may

    if await may(api, "bypass", "ceilings", group=_GROUP, namespace=namespace):
        return
    told = await _tried(api, namespace)
    if told is None:
        return
    obeys = await may(api, "obey", "ceilings", group=_GROUP, namespace=namespace)
    if told and obeys:
        what = "Jobs that use paths of their node are refused; the policies are about you."
        yield Finding(check="policies", state="ok", what=what)
    elif obeys:
        yield Finding(
            check="policies",
            state="note",
            what=f"The policy cnai-confinement does not hold in {namespace}: a job that uses a "
            "path of its node was taken in a dry run.",
            fix="An administrator runs cnai doctor, which says what differs from the policies that "
            "are shipped.",
        )
    else:
        yield Finding(
            check="policies",
            state="note",
            what=f"No policy is about you in {namespace}: you do not have the right obey of "
            f"ceilings.{_GROUP}, so neither ceilings nor confinement hold.",
            fix="An administrator gives the student's role, and takes others away: cnai admin "
            f"manifests --student {namespace}=NAME | kubectl apply -f -",
        )


async def _tried(api: Api, namespace: str) -> bool | None:
    """Whether a policy refuses the job; None where something else does, or there is no such job."""
    from cnai_sdk.backends.kubernetes.api import Refused

    for kind, (version, plural) in _JOBS.items():
        path = f"/apis/{version}/namespaces/{namespace}/{plural}"
        try:
            await api.create(path, _job(kind, version), dry_run=True)
        except Refused as error:
            if "cnai-confinement" in error.message:
                return True
            continue  # the kind is not served, or may not be made
        return False
    return None


def _job(kind: str, version: str) -> Mapping[str, Any]:
    """Paused and never made. A server leaves out the fields that its version does not know."""
    head = {"apiVersion": version, "kind": kind, "metadata": {"name": "cnai-doctor"}}
    container = {"name": "pytorch", "image": "none"}
    if kind == "PyTorchJob":
        template = {"spec": {"containers": [container], **_HOST}}
        worker = {"replicas": 1, "restartPolicy": "Never", "template": template}
        body: dict[str, Any] = {"pytorchReplicaSpecs": {"Worker": worker}}
        return {**head, "spec": {**body, "runPolicy": {"suspend": True}}}
    target = [{"name": "node"}]
    pods = [{"name": "node", "template": {"spec": {"template": {"spec": _HOST}}}}]
    patch = {"trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": pods}}}}
    return {
        **head,
        "spec": {
            "suspend": True,
            "runtimeRef": {"name": "torch-distributed"},
            "trainer": {"numNodes": 1},
            "podSpecOverrides": [{"targetJobs": target, **_HOST}],
            "podTemplateOverrides": [{"targetJobs": target, "spec": _HOST}],
            "runtimePatches": [{"manager": "cnai.sdk/doctor", **patch}],
        },
    }


# -- as an administrator ---------------------------------------------------------------------


async def people(api: Api, namespace: str) -> AsyncIterator[Finding]:
    """Who has the student's role in a namespace and more beside it, or jobs without that role."""
    from cnai_sdk.backends.kubernetes.api import Refused

    try:
        inside = await api.get(f"{_RBAC}/namespaces/{namespace}/rolebindings")
        everywhere = await api.get(f"{_RBAC}/clusterrolebindings")
    except Refused:
        return
    found = [*(inside.get("items") or ()), *(everywhere.get("items") or ())]
    students = [who for each in found if _role(each) == "cnai-student" for who in _whom(each)]
    if not students:
        return
    said = list(_beside(found, students, namespace))
    tried: list[Subject] = []
    for binding, who in _others(found, students):
        if who not in tried and await _is_free(api, who, namespace):
            said.append(_unheld(who, binding, namespace))
        tried.append(who)
    for finding in said:
        yield finding
    if not said:
        names = ", ".join(dict.fromkeys(map(_written, students)))
        what = f"Students of {namespace}, with no other right there: {names}"
        yield Finding(check="students", state="ok", what=what)


def _role(binding: Binding) -> str:
    name: str = binding["roleRef"]["name"]
    return name


def _whom(binding: Binding) -> list[Subject]:
    return [
        {
            "kind": who["kind"],
            "name": who["name"],
            "namespace": who.get("namespace") or "" if who["kind"] == "ServiceAccount" else "",
        }
        for who in binding.get("subjects") or ()
    ]


def _beside(
    bindings: Sequence[Binding], students: Sequence[Subject], namespace: str
) -> Iterable[Finding]:
    """Other roles of students, in the namespace or everywhere."""
    for each in bindings:
        several = [who for who in _whom(each) if who in students]
        if several and _role(each) not in _OWN:
            yield Finding(
                check="students",
                state="note",
                what=f"{', '.join(map(_written, several))} of {namespace} has the role "
                f"{_role(each)} as well, by the {_called(each)}, which may allow what no student "
                "is meant to do.",
                fix=f"An administrator takes it away: kubectl {_deleted(each)}",
            )


def _others(
    bindings: Sequence[Binding], students: Sequence[Subject]
) -> Iterable[tuple[Binding, Subject]]:
    """Who is bound to another role, and may be a person: operators are accounts that are bound
    everywhere, and the cluster's own programs have names of their own."""
    for each in bindings:
        inside = bool(each["metadata"].get("namespace"))
        for who in _whom(each) if _role(each) not in _OWN else ():
            program = who["name"].startswith("system:")
            if who not in students and not program and (inside or who["kind"] != "ServiceAccount"):
                yield each, who


async def _is_free(api: Api, who: Subject, namespace: str) -> bool:
    """Whether somebody makes jobs there that no policy is about, and is no administrator."""
    for version, plural in _JOBS.values():
        group = version.partition("/")[0]
        if await _allowed(api, who, namespace, "create", group, plural):
            break
    else:
        return False
    obeys, bypasses, everywhere = await asyncio.gather(
        _allowed(api, who, namespace, "obey", _GROUP, "ceilings"),
        _allowed(api, who, namespace, "bypass", _GROUP, "ceilings"),
        _allowed(api, who, "", "bypass", _GROUP, "ceilings"),
    )
    return (not obeys or bypasses) and not everywhere


async def _allowed(
    api: Api, who: Subject, namespace: str, verb: str, group: str, resource: str
) -> bool:
    from cnai_sdk.backends.kubernetes.api import Refused

    spec: dict[str, Any] = {
        "resourceAttributes": {
            "verb": verb,
            "group": group,
            "resource": resource,
            "namespace": namespace,
        }
    }
    if who["kind"] == "Group":
        spec |= {"user": "cnai-doctor", "groups": [who["name"]]}
    elif who["kind"] == "ServiceAccount":
        spec |= {"user": f"system:serviceaccount:{who['namespace']}:{who['name']}"}
    else:
        spec |= {"user": who["name"]}
    try:
        told = await api.create(_REVIEWS, {"spec": spec}, dry_run=True)
    except Refused:
        return False
    return bool(told.get("status", {}).get("allowed"))


def _unheld(who: Subject, binding: Binding, namespace: str) -> Finding:
    return Finding(
        check="students",
        state="note",
        what=f"{_written(who)} makes jobs in {namespace} and no policy is about that: so it is "
        f"with the role {_role(binding)}, by the {_called(binding)}.",
        fix=f"An administrator gives the student's role instead: kubectl {_deleted(binding)}; cnai "
        f"admin manifests --student {namespace}={_written(who)} | kubectl apply -f -",
    )


def _written(who: Subject) -> str:
    if who["kind"] == "ServiceAccount":
        return f"serviceaccount:{who['namespace']}:{who['name']}"
    return f"group:{who['name']}" if who["kind"] == "Group" else who["name"]


def _called(binding: Binding) -> str:
    kind = "RoleBinding" if binding["metadata"].get("namespace") else "ClusterRoleBinding"
    return f"{kind} {binding['metadata']['name']}"


def _deleted(binding: Binding) -> str:
    meta = binding["metadata"]
    if meta.get("namespace"):
        return f"-n {meta['namespace']} delete rolebinding {meta['name']}"
    return f"delete clusterrolebinding {meta['name']}"
