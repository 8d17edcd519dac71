"""The cluster that the kubeconfig names: whether it answers, what it has, and what may be done."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from cnai_sdk.config import Config, load_config
from cnai_sdk.doctor.admin import administration
from cnai_sdk.doctor.finding import Finding
from cnai_sdk.doctor.listed import Named, listed
from cnai_sdk.doctor.tried import tried
from cnai_sdk.errors import CnaiError, InvalidRequest

if TYPE_CHECKING:
    from cnai_sdk.backends.kubernetes.api import Api
    from cnai_sdk.backends.kubernetes.discovery import Served


@dataclass(frozen=True, slots=True)
class _Right:
    """What may have to be allowed.

    Attributes:
        resource: its plural name, with a subresource after a slash.
        loss: what does not work without it.
        needed: nothing runs without it.
    """

    verbs: tuple[str, ...]
    resource: str
    loss: str
    group: str = ""
    needed: bool = False
    everywhere: bool = False

    @property
    def name(self) -> str:
        """As kubectl writes it."""
        plural, _, part = self.resource.partition("/")
        whole = f"{plural}.{self.group}" if self.group else plural
        return f"{whole}/{part}" if part else whole


_PATIENCE = 5.0
"""Seconds: what fails for longer is what somebody looks for who asks a doctor."""
_WATCH = ("list", "watch")
_JOBS = ("get", "list", "watch", "create", "patch", "delete")
_WRITE = ("get", "list", "create", "patch", "delete")
_RIGHTS = (
    _Right(("get", *_WATCH), "pods", "how a job stands is not seen", needed=True),
    _Right(("get",), "pods/log", "logs are not seen, nor results without outputs=", needed=True),
    _Right(
        ("create", "delete"),
        "pods",
        "a job is not checked against quotas and policies before it is made, and outputs= is not "
        "read back",
    ),
    _Right(_WATCH, "events", "why a pod waits or was refused is not told"),
    _Right(_WRITE, "configmaps", "code over 64 KiB cannot be sent"),
    _Right(("list", "create", "patch", "delete"), "secrets", "secrets= does not work"),
    _Right(_WATCH, "resourcequotas", "quotas are not known before they refuse something"),
    _Right(_WATCH, "nodes", "whether a job will ever fit is not known beforehand", everywhere=True),
)
_QUEUES = (
    _Right(_WATCH, "workloads", "why a queued job waits is not told", group="kueue.x-k8s.io"),
    _Right(_WATCH, "localqueues", "the queues are not known", group="kueue.x-k8s.io"),
)
_CLAIMS = (
    _Right(
        ("list", "create", "patch", "delete"),
        "resourceclaimtemplates",
        "GPUs that are claimed (Dynamic Resource Allocation) are refused at the call",
        group="resource.k8s.io",
    ),
)
_OPERATORS = {
    "pytorchjob": _Right(
        _JOBS, "pytorchjobs", "training does not run", group="kubeflow.org", needed=True
    ),
    "trainjob": _Right(
        _JOBS, "trainjobs", "training does not run", group="trainer.kubeflow.org", needed=True
    ),
}


def cluster() -> Iterable[Finding]:
    """What there is to say of the cluster; nothing where none is known and none is used."""
    try:
        config = load_config()
    except InvalidRequest:
        return  # the settings say it
    wanted = config.backend == "kubernetes"
    if importlib.util.find_spec("lightkube") is None:
        if wanted:
            yield Finding(
                check="cluster",
                state="problem",
                what="Jobs run on Kubernetes by the settings, and its client is not installed.",
                fix='Run: pip install "cnai-sdk[kubernetes]"',
            )
        return
    from cnai_sdk import runtime
    from cnai_sdk.backends.kubernetes import kubeconfig

    if not wanted and not kubeconfig.known():
        return
    for finding in runtime.call(_gathered(config)):
        # What is wrong with a cluster stops no job that runs elsewhere.
        lighter = finding.state == "problem" and not wanted
        yield msgspec.structs.replace(finding, state="note") if lighter else finding


async def _gathered(config: Config) -> list[Finding]:
    return [finding async for finding in _looked(config)]


async def _looked(config: Config) -> AsyncIterator[Finding]:
    from cnai_sdk.backends.kubernetes import kubeconfig
    from cnai_sdk.backends.kubernetes.api import connect
    from cnai_sdk.backends.kubernetes.discovery import discover

    try:
        target = kubeconfig.find(config.context, config.namespace)
        api = connect(target)
        api.patience = _PATIENCE
    except CnaiError as error:
        yield _failed("cluster", error)
        return
    try:
        try:
            served = await discover(api, config, fresh=True)
        except CnaiError as error:
            yield _failed("cluster", error)
            return
        what = f"{target.context} at {target.server}, Kubernetes {served.version or '(unknown)'}"
        yield Finding(check="cluster", state="ok", what=f"{what}; from {target.origin}")
        user = await _who(api)
        yield _account(user)
        async for finding in _namespace(api, target.namespace):
            yield finding
        for finding in _training(served):
            yield finding
        async for finding in _queues(api, served, target.namespace):
            yield finding
        async for finding in _allowed(api, served, target.namespace, user):
            yield finding
        if served.operator is not None:
            async for finding in tried(api, served, config, target.namespace):
                yield finding
        async for finding in administration(api, target.namespace, config.shared):
            yield finding
    except CnaiError as error:
        yield _failed("cluster", error)
    finally:
        await api.close()


def _failed(check: str, error: CnaiError) -> Finding:
    what = " ".join(f"{error.what} {error.why}".split())  # a plugin's own words have many lines
    return Finding(check=check, state="problem", what=what, fix=error.next_step)


async def _who(api: Api) -> str:
    from cnai_sdk.backends.kubernetes.api import Refused

    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    try:
        told = await api.create(path, {}, dry_run=True)
    except Refused:
        return ""  # before Kubernetes 1.28
    return str(told.get("status", {}).get("userInfo", {}).get("username", ""))


def _account(user: str) -> Finding:
    if user == "system:anonymous":
        return Finding(
            check="account",
            state="problem",
            what="The cluster takes you for nobody: no credentials were sent.",
            fix="Name a user in the context of the kubeconfig, and log in.",
        )
    what = f"You are {user}" if user else "The cluster does not say who you are."
    return Finding(check="account", state="ok", what=what)


async def _namespace(api: Api, name: str) -> AsyncIterator[Finding]:
    from cnai_sdk.backends.kubernetes.api import Missing, Refused

    try:
        found = await api.get(f"/api/v1/namespaces/{name}")
    except Missing:
        yield Finding(
            check="namespace",
            state="problem",
            what=f"There is no namespace {name}.",
            fix=f"Run: kubectl create namespace {name}; or choose another: "
            'cnai.use("kubernetes", namespace="…")',
        )
    except Refused:
        yield Finding(check="namespace", state="ok", what=f"{name}; it cannot be looked at")
    else:
        if found["metadata"].get("deletionTimestamp"):
            what = f"{name} is being deleted, and takes nothing new."
            fix = 'Choose another: cnai.use("kubernetes", namespace="…")'
            yield Finding(check="namespace", state="problem", what=what, fix=fix)
        else:
            yield Finding(check="namespace", state="ok", what=name)


def _training(served: Served) -> Iterable[Finding]:
    from cnai_sdk.backends.kubernetes.discovery import points

    for point in points(served):
        yield Finding(check="training", state=point.state, what=point.what, fix=point.fix)


async def _queues(api: Api, served: Served, namespace: str) -> AsyncIterator[Finding]:
    if not served.kueue:
        return
    none = Finding(
        check="queues",
        state="note",
        what=f"The namespace {namespace} has no queue, so jobs start without one.",
        fix="An administrator makes a LocalQueue of Kueue in it where jobs have to wait.",
    )
    path = f"/apis/kueue.x-k8s.io/{served.kueue}/namespaces/{namespace}/localqueues"
    async for finding in listed(api, path, none=none):
        yield finding


# -- rights ----------------------------------------------------------------------------


async def _allowed(api: Api, served: Served, namespace: str, user: str) -> AsyncIterator[Finding]:
    rights = [_OPERATORS[served.operator]] if served.operator else []
    rights += [*_RIGHTS, *(_QUEUES if served.kueue else ())]
    rights += _CLAIMS if served.dra and await _has_classes(api) else ()
    missing = await asyncio.gather(*(_missing(api, right, namespace) for right in rights))
    lacking = [(right, verbs) for right, verbs in zip(rights, missing, strict=True) if verbs]
    for right, verbs in lacking:
        yield Finding(
            check="rights",
            state="problem" if right.needed else "note",
            what=f"You may not {_and(verbs)} {right.name}: {right.loss}.",
            fix=_grant(right, verbs, namespace, user),
        )
    if not lacking:
        yield Finding(check="rights", state="ok", what=f"All that jobs need in {namespace}")


async def _has_classes(api: Api) -> bool:
    """Whether devices can be claimed; so it is taken where that may not be seen."""
    from cnai_sdk.backends.kubernetes.api import Refused

    try:
        found = await api.list("/apis/resource.k8s.io/v1/deviceclasses", type=Named)
    except Refused:
        return True
    return bool(found.items)


async def _missing(api: Api, right: _Right, namespace: str) -> list[str]:
    from cnai_sdk.backends.kubernetes.rights import may

    where = "" if right.everywhere else namespace
    allowed = await asyncio.gather(
        *(
            may(api, verb, right.resource, group=right.group, namespace=where)
            for verb in right.verbs
        )
    )
    return [verb for verb, is_allowed in zip(right.verbs, allowed, strict=True) if not is_allowed]


def _grant(right: _Right, verbs: Sequence[str], namespace: str, user: str) -> str:
    """The commands by which an administrator allows it."""
    kind, where = ("clusterrole", "") if right.everywhere else ("role", f"-n {namespace} ")
    name = f"cnai-{right.resource.replace('/', '-')}-{verbs[0]}"
    parts = user.split(":")
    whom = f"--user={user or 'NAME'}"
    if user.startswith("system:serviceaccount:") and len(parts) == 4:
        whom = f"--serviceaccount={parts[2]}:{parts[3]}"
    return (
        f"An administrator allows it: kubectl {where}create {kind} {name} "
        f"--verb={','.join(verbs)} --resource={right.name} && kubectl {where}create "
        f"{kind}binding {name} --{kind}={name} {whom}"
    )


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (cluster,)
