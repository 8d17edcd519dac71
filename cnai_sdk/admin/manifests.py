"""The objects of a setup: the shipped base, and a namespace with its rights for each student."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes.ceilings import WHOLE
from cnai_sdk.config import SHARED
from cnai_sdk.errors import InvalidRequest, MissingDependency
from cnai_sdk.gpu.cluster import profile

Document = dict[str, Any]

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_WHO = re.compile(r"[^\s\x00-\x1f]{1,256}")
_QUOTA_KEY = re.compile(r"[a-z0-9][A-Za-z0-9./_-]{0,316}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]+([.][0-9]+)?(m|[kMGTP]|[KMGTP]i)?", re.ASCII)
_RBAC = "rbac.authorization.k8s.io"
_MARK = {"app.kubernetes.io/part-of": "cnai-sdk"}
_SYSTEM = ("default", "kube-")
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


class Subject(msgspec.Struct, frozen=True):
    """Whom a role is given to: a user, a group, or a service account of a namespace."""

    kind: str
    name: str
    namespace: str = ""

    @staticmethod
    def parse(text: str) -> Subject:
        """From what an administrator writes.

        Raises:
            InvalidRequest: nobody could be called so.

        >>> Subject.parse("ann"), Subject.parse("group:class-a")
        (Subject(kind='User', name='ann', namespace=''), Subject(kind='Group', \
name='class-a', namespace=''))
        >>> Subject.parse("serviceaccount:hub:ann").namespace
        'hub'
        """
        kind, colon, rest = text.partition(":")
        if colon and kind == "serviceaccount":
            namespace, _, name = rest.partition(":")
            if _LABEL.fullmatch(namespace) and _WHO.fullmatch(name):
                return Subject("ServiceAccount", name, namespace)
        elif colon and kind == "group" and _WHO.fullmatch(rest):
            return Subject("Group", rest)
        elif colon and kind == "user" and _WHO.fullmatch(rest):
            return Subject("User", rest)
        elif _WHO.fullmatch(text) and kind not in ("serviceaccount", "group", "user"):
            return Subject("User", text)
        raise InvalidRequest(
            f"{text!r} names nobody.",
            next_step="Write a user's name, group:NAME, or serviceaccount:NAMESPACE:NAME.",
        )

    @property
    def document(self) -> Document:
        """As a RoleBinding has it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"kind": self.kind, "name": self.name, "apiGroup": _RBAC}


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a cluster is set up for, and how much each may use.

    Attributes:
        shared: the namespace of what students only read.
        students: a namespace and whom it is for; several people may share one.
        teachers: they look at every one of these namespaces.
        ceilings: written over the shipped ones; an empty value takes one away.
        quota: of each student's namespace, written over the shipped one; '' takes a key away.
        gpu_profile: the text of the GPU profile; '' for none, where the cluster is asked.
    """

    shared: str = SHARED
    students: tuple[tuple[str, Subject], ...] = ()
    teachers: tuple[Subject, ...] = ()
    ceilings: Mapping[str, str] = {}
    quota: Mapping[str, str] = {}
    gpu_profile: str = ""


def student(text: str) -> tuple[str, Subject]:
    """NAMESPACE=WHO, as an administrator writes it.

    Raises:
        InvalidRequest: no such pair, or a namespace that is the cluster's own.

    >>> student("s01=ann")[0]
    's01'
    """
    namespace, equals, who = text.partition("=")
    if not equals:
        raise InvalidRequest(
            f"{text!r} does not say whose namespace it is.",
            next_step="Write NAMESPACE=WHO, such as s01=ann or team-a=group:team-a.",
        )
    return checked_namespace(namespace), Subject.parse(who)


def checked_namespace(name: str) -> str:
    """A namespace that students may have.

    Raises:
        InvalidRequest: no name, or the cluster's own.
    """
    if not _LABEL.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} is not a namespace's name.",
            why="It has a-z, 0-9 and '-', and at most 63 characters.",
            next_step="Write a name such as s01.",
        )
    if name.startswith(_SYSTEM):
        raise InvalidRequest(
            f"{name!r} is a namespace of the cluster itself.",
            why="Who may create pods there can use the secrets that run the cluster.",
            next_step="Give each student a namespace of one's own, such as s01.",
        )
    return name


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
    found = [_adapted(each, setup) for each in _base("base")]
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
    """A student's, and the teachers' in that namespace. What lies elsewhere is named by the
    namespace, so that one student after the other can be added."""
    found = [
        _binding("ClusterRole", "cnai-student", people, namespace),
        _binding("Role", "cnai-reader", people, setup.shared, name=f"cnai-reader-{namespace}"),
        _binding("ClusterRole", "cnai-reader", people, name=f"cnai-reader-{namespace}"),
    ]
    if setup.teachers:
        found.append(_binding("ClusterRole", "cnai-teacher", setup.teachers, namespace))
    return found


def _overseers(setup: Setup) -> list[Document]:
    if not setup.teachers:
        return []
    return [
        _binding("Role", "cnai-reader", setup.teachers, setup.shared, name="cnai-teacher"),
        _binding("ClusterRole", "cnai-overseer", setup.teachers),
    ]


def _binding(
    kind: str, role: str, people: Iterable[Subject], namespace: str = "", *, name: str = ""
) -> Document:
    meta: dict[str, Any] = {"name": name or role, "labels": dict(_MARK)}
    if namespace:
        meta["namespace"] = namespace
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
        "subjects": [each.document for each in dict.fromkeys(people)],
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
