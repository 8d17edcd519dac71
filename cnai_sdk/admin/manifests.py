"""The objects of a setup: the shipped base, and a namespace with its rights for each student."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.admin.people import RBAC, Subject
from cnai_sdk.backends.kubernetes.ceilings import WHOLE
from cnai_sdk.config import SHARED
from cnai_sdk.errors import InvalidRequest, MissingDependency
from cnai_sdk.gpu.cluster import profile

Document = dict[str, Any]

_QUOTA_KEY = re.compile(r"[a-z0-9][A-Za-z0-9./_-]{0,316}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]+([.][0-9]+)?(m|[kMGTP]|[KMGTP]i)?", re.ASCII)
_MARK = {"app.kubernetes.io/part-of": "cnai-sdk"}
HELD = {
    "workersMost": "workers-per-job",
    "gpusMost": "gpus-per-job",
    "hoursMost": "hours-per-job",
    "gpuHoursMost": "gpu-hours-per-job",
}
"""Of the policy's variables, what each holds."""

OPTIONS = {
    "workers-per-job": "--workers",
    "gpus-per-job": "--gpus",
    "hours-per-job": "--hours",
    "gpu-hours-per-job": "--gpu-hours",
    "gpu-hours-per-namespace": "--gpu-hours-in-all",
}
"""Of `cnai admin manifests`, which sets each ceiling."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a cluster is set up for, and how much each may use.

    Attributes:
        shared: the namespace of what students only read.
        students: a namespace and whom it is for; several people may share one.
        teachers: they look at every one of these namespaces.
        ceilings: written over the shipped ones; an empty value takes one away.
        quota: of each student's namespace, written over the shipped one; '' takes a key away.
        gpu_profile: the text of the GPU profile; '' to leave what is published as it is.
        base: whether the cluster's own objects are in it; without them they stay as they are.
    """

    shared: str = SHARED
    students: tuple[tuple[str, Subject], ...] = ()
    teachers: tuple[Subject, ...] = ()
    ceilings: Mapping[str, str] = {}
    quota: Mapping[str, str] = {}
    gpu_profile: str = ""
    base: bool = True


def checked_quota(text: str) -> tuple[str, str]:
    """KEY=AMOUNT of a ResourceQuota; without an amount the key is taken away.

    Raises:
        InvalidRequest: it is neither.

    >>> checked_quota("requests.nvidia.com/gpu=4"), checked_quota("pods=")
    (('requests.nvidia.com/gpu', '4'), ('pods', ''))
    """
    key, equals, amount = text.partition("=")
    if not equals or not _QUOTA_KEY.fullmatch(key) or (amount and not _AMOUNT.fullmatch(amount)):
        raise InvalidRequest(
            f"{text!r} is no part of a quota.",
            next_step="Write KEY=AMOUNT, such as requests.nvidia.com/gpu=2 or limits.memory=64Gi.",
        )
    return key, amount


def checked_profile(file: str) -> str:
    """The text of a GPU profile in a file.

    Raises:
        InvalidRequest: it cannot be read, or is no profile; with the line, and what is wrong there.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
        found = profile.parsed(text)
    except (OSError, ValueError) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise InvalidRequest(
            f"{file} is no GPU profile that can be published.",
            why=f"{why.rstrip('.')}.",
            next_step="Write it as docs/gpu-cluster.md shows it: an [[offer]] for each kind of "
            "share, with its mechanism and its key.",
        ) from error
    if found == profile.Profile():
        raise InvalidRequest(
            f"{file} offers nothing.",
            next_step="Write an [[offer]], or leave --gpu-profile out: then the cluster is asked.",
        )
    return text


def manifests(setup: Setup) -> list[Document]:
    """Every object, in an order in which they can be applied."""
    shipped = [_adapted(each, setup) for each in _base("base")]
    found = [each for each in shipped if _printed(each, setup)]
    template = _base("student")
    for namespace in dict.fromkeys(namespace for namespace, _ in setup.students):
        if namespace == setup.shared:
            raise InvalidRequest(
                f"{namespace} is where students only read.",
                next_step="Give students another namespace, or name another with --shared.",
            )
        people = [who for name, who in setup.students if name == namespace]
        found += [_own(each, namespace, setup) for each in template]
        found += _rights(namespace, people, setup)
    found += _overseers(setup)
    return found


def _printed(document: Document, setup: Setup) -> bool:
    """An empty profile would take the one away that is published."""
    if document["metadata"]["name"] == profile.NAME:
        return bool(setup.gpu_profile)
    return setup.base


def _adapted(document: Document, setup: Setup) -> Document:
    text = msgspec.json.encode(document).replace(
        f'"{SHARED}"'.encode(), f'"{setup.shared}"'.encode()
    )
    made: Document = msgspec.json.decode(text)
    if made["metadata"]["name"] == "cnai-ceilings":
        if made["kind"] == "ConfigMap":
            made["data"] = _over(made["data"], setup.ceilings)
        elif made["kind"] == "ValidatingAdmissionPolicy":
            for variable in made["spec"]["variables"]:
                name = HELD.get(variable["name"], "")
                if name in setup.ceilings:
                    variable["expression"] = held(name, setup.ceilings[name])
    if made["metadata"]["name"] == profile.NAME and setup.gpu_profile:
        made["data"] = {profile.KEY: setup.gpu_profile}
    return made


def held(name: str, ceiling: str) -> str:
    """A ceiling as the policy has it: a whole number or one with a fraction, below 0 for none.

    >>> held("gpus-per-job", "8"), held("hours-per-job", "8"), held("hours-per-job", "")
    ('8', '8.0', '-1.0')
    """
    return str(int(ceiling or -1)) if name in WHOLE else str(float(ceiling or -1))


def _own(document: Document, namespace: str, setup: Setup) -> Document:
    made: Document = msgspec.json.decode(msgspec.json.encode(document))
    place = "name" if made["kind"] == "Namespace" else "namespace"
    made["metadata"][place] = namespace
    if made["kind"] == "ResourceQuota":
        made["spec"]["hard"] = _over(made["spec"]["hard"], setup.quota)
    return made


def _over(shipped: Mapping[str, str], wished: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in {**shipped, **wished}.items() if value}


def _rights(namespace: str, people: Sequence[Subject], setup: Setup) -> list[Document]:
    """A student's, and the teachers' in that namespace. Each person has bindings of one's own, so
    that who is named later takes nobody's place."""
    found = []
    for who in dict.fromkeys(people):
        elsewhere = f"cnai-reader-{namespace}"
        found += [
            _binding("ClusterRole", "cnai-student", who, namespace),
            _binding("Role", "cnai-reader", who, setup.shared, name=elsewhere),
            _binding("ClusterRole", "cnai-reader", who, name=elsewhere),
        ]
    teachers = dict.fromkeys(setup.teachers)
    return found + [_binding("ClusterRole", "cnai-teacher", who, namespace) for who in teachers]


def _overseers(setup: Setup) -> list[Document]:
    found = []
    for who in dict.fromkeys(setup.teachers):
        found += [
            _binding("Role", "cnai-reader", who, setup.shared, name="cnai-teacher"),
            _binding("ClusterRole", "cnai-overseer", who),
        ]
    return found


def _binding(
    kind: str, role: str, who: Subject, namespace: str = "", *, name: str = ""
) -> Document:
    meta: dict[str, Any] = {"name": f"{name or role}-{who.mark}", "labels": dict(_MARK)}
    if namespace:
        meta["namespace"] = namespace
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": [who.document],
    }


# -- YAML ------------------------------------------------------------------------------


def _base(name: str) -> list[Document]:
    """The objects of a shipped base, in the order of its kustomization."""
    yaml = _yaml()
    folder = resources.files("cnai_sdk.admin").joinpath(name)
    listed = yaml.safe_load(folder.joinpath("kustomization.yaml").read_text(encoding="utf-8"))
    texts = (folder.joinpath(file).read_text(encoding="utf-8") for file in listed["resources"])
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def written(documents: Iterable[Document]) -> str:
    """As YAML, for kubectl; a text of several lines as it is read, in lines."""
    yaml = _yaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        pass

    def lines(dumper: Any, text: str) -> Any:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, lines)
    text: str = yaml.dump_all(
        documents, Dumper=Dumper, sort_keys=False, width=100, allow_unicode=True
    )
    return text


def _yaml() -> Any:
    if importlib.util.find_spec("yaml") is None:
        raise MissingDependency(
            "The objects of a cluster are YAML, and PyYAML is not installed.",
            next_step='Run: pip install "cnai-sdk[kubernetes]"',
        )
    import yaml

    return yaml
