"""What a cluster can run, by what it serves: which operator, in which version, and what queues.

Belongs here: asking the server what it serves, keeping the answer for a while, choosing
an operator, and saying so. Never here: the shape of a job.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from cnai_sdk.backends.kubernetes.api import Api, Refused, Unreachable, Unreadable
from cnai_sdk.config import Config, replace_file

Operator = Literal["pytorchjob", "trainjob"]
Overrides = Literal["podSpecOverrides", "podTemplateOverrides", "runtimePatches"]

_FRESH = 600.0
"""Seconds for which an answer is taken as it is."""

_SHAPES: tuple[Overrides, ...] = ("runtimePatches", "podTemplateOverrides", "podSpecOverrides")
_KUEUE = ("v1beta2", "v1beta1")
_TRAINJOB = "trainer.kubeflow.org/v1alpha1"
_SCHEMA = "org.kubeflow.trainer.v1alpha1.TrainJob"
_GROUPS = frozenset(
    (
        "kubeflow.org",
        "trainer.kubeflow.org",
        "kueue.x-k8s.io",
        "visibility.kueue.x-k8s.io",
        "scheduling.volcano.sh",
        "scheduling.x-k8s.io",
        "jobset.x-k8s.io",
        "resource.k8s.io",
        "scheduling.run.ai",
    )
)
_ACCEPT = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster has of what training can use.

    Attributes:
        version: of the API server, such as 'v1.36.3'; '' when it does not say.
        operator: what training is sent to, or None when the cluster has none.
        why: why that one.
        pytorchjob: kubeflow.org/v1 PyTorchJobs are served.
        trainjob: trainer.kubeflow.org/v1alpha1 TrainJobs are served.
        overrides: the field by which a TrainJob changes its pods, or None when there is no
            TrainJob or its schema cannot be read.
        runtimes: the names of the ClusterTrainingRuntimes, or None when they cannot be read.
        kueue: the version of kueue.x-k8s.io, or None.
        visibility: the version of visibility.kueue.x-k8s.io, which tells places in a queue, or
            None.
        dra: resource.k8s.io/v1 is served, by which pods claim devices.
        kai: the queues of the KAI scheduler are served.
        unread: what could not be asked, a sentence each.
    """

    version: str = ""
    operator: Operator | None = None
    why: str = ""
    pytorchjob: bool = False
    trainjob: bool = False
    overrides: Overrides | None = None
    runtimes: tuple[str, ...] | None = None
    kueue: str | None = None
    visibility: str | None = None
    volcano: bool = False
    coscheduling: bool = False
    jobset: bool = False
    dra: bool = False
    kai: bool = False
    unread: tuple[str, ...] = ()


async def discover(api: Api, config: Config, *, fresh: bool = False) -> Served:
    """What the cluster has, and the operator that training is sent to.

    Args:
        config: may name the operator; says where answers are kept.
        fresh: True asks anew; otherwise an answer of the same server and version serves for ten
            minutes, when it names an operator.

    Raises:
        Unreachable: the cluster does not answer.
        Refused: nobody is logged in.
    """
    version = await _version(api)
    path = kept_path(api, config)
    found = None if fresh else await asyncio.to_thread(_kept, path, version)
    if found is None:
        found = await _ask(api, version)
        if not found.unread and (found.pytorchjob or found.trainjob):  # otherwise one may come
            await asyncio.to_thread(_keep, path, found)
    return chosen(found, config.operator)


def distrust(api: Api, config: Config) -> None:
    """The cluster has proved to be another than was kept: ask it the next time."""
    kept_path(api, config).unlink(missing_ok=True)


def chosen(found: Served, wish: str = "") -> Served:
    """The same, with the operator that training is sent to.

    Args:
        wish: 'pytorchjob' or 'trainjob' where the settings name one; '' leaves it to what is there.

    >>> chosen(Served(pytorchjob=True)).operator
    'pytorchjob'
    >>> chosen(Served(pytorchjob=True), "trainjob").operator is None
    True
    """
    # A TrainJob without a runtime to refer to, or of an unknown shape, cannot run.
    ready = found.overrides is not None and found.runtimes != ()
    there: list[Operator] = ["trainjob"] if found.trainjob else []
    if found.pytorchjob:
        there.insert(1 if ready else 0, "pytorchjob")
    operator: Operator | None = next((each for each in there if wish in ("", each)), None)
    if not there:
        why = "it serves neither PyTorchJobs nor TrainJobs"
        if found.unread:
            why = "neither PyTorchJobs nor TrainJobs are seen, and not all could be asked"
    elif operator is None:
        why = f"the settings name {_NAMES[wish]}s, and it serves {_NAMES[there[0]]}s only"
    elif wish:
        why = "the settings name it"
    elif len(there) == 1:
        why = "it is the only operator for training here"
    elif ready:
        why = "PyTorchJob is here too, and this is its successor"
    else:
        why = "TrainJob is here too, and it lacks a runtime or a schema that can be read"
    return msgspec.structs.replace(found, operator=operator, why=why)


_NAMES = {"pytorchjob": "PyTorchJob", "trainjob": "TrainJob"}


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say of a cluster.

    Attributes:
        state: 'ok'; 'note' is worth knowing and stops nothing; 'problem' stops training.
        fix: what to do about it, or ''.
    """

    what: str
    state: Literal["ok", "note", "problem"] = "ok"
    fix: str = ""


def describe(served: Served) -> list[str]:
    """What was found and chosen, a sentence or two each."""
    return [f"{point.what} {point.fix}".strip() for point in points(served)]


def points(served: Served) -> Iterator[Point]:
    """What was found and chosen, what is missing, and what installs it."""
    if served.operator is None:
        wish = "trainjob" if "name TrainJobs" in served.why else "pytorchjob"
        what = f"Training cannot run here: {served.why}."
        yield Point(what=what, state="problem", fix=_install(wish))
    else:
        yield Point(what=f"Training runs as a {_NAMES[served.operator]}: {served.why}.")
    if served.operator == "trainjob" and served.overrides is None:
        what = "How a TrainJob changes its pods cannot be read from its schema."
        yield Point(what=what, state="problem", fix=_install("trainjob"))
    if served.operator == "trainjob" and served.runtimes == ():
        what = "There is no ClusterTrainingRuntime, and every TrainJob refers to one."
        yield Point(what=what, state="problem", fix=_install("runtimes"))
    if served.operator == "trainjob" and not served.jobset:
        what = "There is no JobSet, and Kubeflow Trainer runs TrainJobs by it."
        yield Point(what=what, state="problem", fix=_install("trainjob"))
    if served.kueue:
        yield Point(what=f"Kueue ({served.kueue}) admits jobs that name a queue: queue=.")
    else:
        what = "There is no Kueue: a job starts when its pods fit, and has no place in a line."
        yield Point(what=what, state="note", fix=_install("kueue"))
    gangs = (("Volcano", served.volcano), ("coscheduling", served.coscheduling))
    there = [name for name, is_there in gangs if is_there]
    if there:
        what = f"{' and '.join(there)} can start workers together or not at all"
        yield Point(what=f"{what}, where the operator was set up to call it.")
    for sentence in served.unread:
        yield Point(what=sentence, state="note")


_INSTALL = {
    "pytorchjob": "kubectl apply --server-side -k "
    '"github.com/kubeflow/training-operator/manifests/overlays/standalone?ref=v1.9.3"',
    "trainjob": "kubectl apply --server-side -k "
    '"github.com/kubeflow/trainer/manifests/overlays/manager?ref=v2.3.0"',
    "runtimes": "kubectl apply --server-side -k "
    '"github.com/kubeflow/trainer/manifests/overlays/runtimes?ref=v2.3.0"',
    "kueue": "kubectl apply --server-side -f "
    "https://github.com/kubernetes-sigs/kueue/releases/download/v0.18.3/manifests.yaml",
}


def _install(what: str) -> str:
    return f"An administrator of the cluster installs it: {_INSTALL[what]}"


# -- asking -------------------------------------------------------------------------


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


class _Named(msgspec.Struct):
    name: str = ""


class _Resource(msgspec.Struct):
    resource: str = ""
    name: str = ""


class _GroupVersion(msgspec.Struct, rename="camel"):
    version: str = ""
    group_version: str = ""
    freshness: str = "Current"
    resources: list[_Resource] | None = None


class _Group(msgspec.Struct):
    metadata: _Named = msgspec.field(default_factory=_Named)
    name: str = ""
    versions: list[_GroupVersion] | None = None


class _Groups(msgspec.Struct):
    kind: str = ""
    items: list[_Group] | None = None
    groups: list[_Group] | None = None


class _Resources(msgspec.Struct):
    resources: list[_Resource] | None = None


class _Item(msgspec.Struct):
    metadata: _Named


class _Schema(msgspec.Struct):
    properties: dict[str, _Schema] = {}


class _Components(msgspec.Struct):
    schemas: dict[str, _Schema] = {}


class _Document(msgspec.Struct):
    components: _Components = msgspec.field(default_factory=_Components)


Resources = Mapping[str, frozenset[str]]
"""'group/version' to the plural names of what it serves."""


async def _version(api: Api) -> str:
    try:
        return (await api.get("/version", type=_Version)).git_version
    except Refused as error:
        if error.status == 401:
            raise
        return ""


async def _ask(api: Api, version: str) -> Served:
    unread: list[str] = []
    resources = await _resources(api, unread)
    trainjob = "trainjobs" in resources.get(_TRAINJOB, ())
    return Served(
        version=version,
        pytorchjob="pytorchjobs" in resources.get("kubeflow.org/v1", ()),
        trainjob=trainjob,
        overrides=await _overrides(api, unread) if trainjob else None,
        runtimes=await _runtimes(api, unread) if trainjob else None,
        kueue=_first(resources, "kueue.x-k8s.io", "workloads"),
        visibility=_first(resources, "visibility.kueue.x-k8s.io", "localqueues"),
        volcano=any(name.startswith("scheduling.volcano.sh/") for name in resources),
        coscheduling="podgroups" in resources.get("scheduling.x-k8s.io/v1alpha1", ()),
        dra="resourceslices" in resources.get("resource.k8s.io/v1", ()),
        kai=any(
            name.startswith("scheduling.run.ai/") and "queues" in there
            for name, there in resources.items()
        ),
        jobset=any(name.startswith("jobset.x-k8s.io/") for name in resources),
        unread=tuple(unread),
    )


def _first(resources: Resources, group: str, plural: str) -> str | None:
    served = (v for v in _KUEUE if plural in resources.get(f"{group}/{v}", ()))
    return next(served, None)


async def _resources(api: Api, unread: list[str]) -> Resources:
    try:
        told = await api.get("/apis", type=_Groups, accept=_ACCEPT)
    except (Refused, Unreadable) as error:
        if isinstance(error, Refused) and error.status == 401:
            raise
        unread.append(f"What the cluster serves cannot be read: {error.why}")
        return {}
    found: dict[str, frozenset[str]] = {}
    for group in told.items or told.groups or ():
        name = group.metadata.name or group.name
        if name not in _GROUPS:
            continue
        for each in group.versions or ():
            key = each.group_version or f"{name}/{each.version}"
            if told.kind == "APIGroupList":
                found[key] = await _legacy(api, key, unread)
            elif each.freshness == "Stale" and not each.resources:
                unread.append(f"{key} does not answer: its server is down.")
            else:
                found[key] = frozenset(resource.resource for resource in each.resources or ())
    return found


async def _legacy(api: Api, group_version: str, unread: list[str]) -> frozenset[str]:
    """What one group serves, asked as before Kubernetes 1.26."""
    try:
        told = await api.get(f"/apis/{group_version}", type=_Resources, deadline=0.0)
    except (Refused, Unreachable, Unreadable) as error:
        unread.append(f"{group_version} does not answer: {error.why}")
        return frozenset()
    return frozenset(resource.name for resource in told.resources or ())


async def _overrides(api: Api, unread: list[str]) -> Overrides | None:
    try:
        told = await api.get(f"/openapi/v3/apis/{_TRAINJOB}", type=_Document)
    except (Refused, Unreadable) as error:
        unread.append(f"The schema of the TrainJob cannot be read: {error.why}")
        return None
    schema = told.components.schemas.get(_SCHEMA, _Schema())
    spec = schema.properties.get("spec", _Schema())
    return next((shape for shape in _SHAPES if shape in spec.properties), None)


async def _runtimes(api: Api, unread: list[str]) -> tuple[str, ...] | None:
    try:
        told = await api.list(f"/apis/{_TRAINJOB}/clustertrainingruntimes", type=_Item)
    except (Refused, Unreadable) as error:
        unread.append(f"The ClusterTrainingRuntimes cannot be read: {error.why}")
        return None
    return tuple(sorted(item.metadata.name for item in told.items))


# -- kept on disk ---------------------------------------------------------------------


class _Kept(msgspec.Struct):
    at: float
    served: Served


def kept_path(api: Api, config: Config) -> Path:
    """Where the answer of a cluster, as this user sees it, is kept."""
    target = api.target
    digest = hashlib.sha256(f"{target.server}\0{target.context}".encode()).hexdigest()[:16]
    return config.home / "kubernetes" / f"served-{digest}.json"


def _kept(path: Path, version: str) -> Served | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    recent = 0 <= time.time() - kept.at < _FRESH
    return kept.served if recent and kept.served.version == version else None


def _keep(path: Path, served: Served) -> None:
    text = msgspec.json.encode(_Kept(at=time.time(), served=served)).decode()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError:
        return  # it is asked again the next time
