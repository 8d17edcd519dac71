"""Whom a setup is for: people, groups and accounts, and which namespaces they may have."""

from __future__ import annotations

import hashlib
import re

import msgspec

from cnai_sdk.errors import InvalidRequest

RBAC = "rbac.authorization.k8s.io"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_WHO = re.compile(r"[^\s\x00-\x1f]{1,256}")
_SYSTEM = re.compile(
    "default|(kube|openshift|istio|knative|nvidia|calico|tigera|cattle|rook|gatekeeper|kyverno|hami)"
    "(-.*)?|.*-system|kubeflow|kueue|jobset|volcano|kai-scheduler|gpu-operator|node-feature-discovery"
    "|cert-manager|ingress-nginx|local-path-storage|argocd|monitoring|vault|external-secrets"
)


class Subject(msgspec.Struct, frozen=True):
    """Whom a role is given to: a user, a group, or a service account of a namespace."""

    kind: str
    name: str
    namespace: str = ""

    @staticmethod
    def parse(text: str) -> Subject:
        """From what an administrator writes.

        Raises:
            InvalidRequest: nobody could be called so, or it is everybody, or a part of the cluster.

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
                return _checked(Subject("ServiceAccount", name, namespace), text)
        elif colon and kind == "group" and _WHO.fullmatch(rest):
            return _checked(Subject("Group", rest), text)
        elif colon and kind == "user" and _WHO.fullmatch(rest):
            return _checked(Subject("User", rest), text)
        elif _WHO.fullmatch(text) and kind not in ("serviceaccount", "group", "user"):
            return _checked(Subject("User", text), text)
        raise InvalidRequest(
            f"{text!r} names nobody.",
            next_step="Write a user's name, group:NAME, or serviceaccount:NAMESPACE:NAME.",
        )

    @property
    def document(self) -> dict[str, str]:
        """As a RoleBinding has it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"kind": self.kind, "name": self.name, "apiGroup": RBAC}

    @property
    def mark(self) -> str:
        """A part of an object's name, another one for each subject.

        >>> Subject("User", "Ann@lab").mark
        'ann-lab-9371a9'
        """
        whole = f"{self.kind}:{self.namespace}:{self.name}"
        readable = re.sub("[^a-z0-9]+", "-", self.name.lower())[:40].strip("-") or "x"
        return f"{readable}-{hashlib.sha256(whole.encode()).hexdigest()[:6]}"


def _checked(who: Subject, text: str) -> Subject:
    """Refuse what is more, or something else, than a person."""
    next_step = "Name the people, or a group of the identity provider: group:class-a."
    if who.kind == "ServiceAccount" and who.name == "default":
        raise InvalidRequest(
            f"{text!r} is every pod of {who.namespace} that names no account.",
            why="Whatever runs there, also other people's jobs, would have these rights.",
            next_step="Make an account for each person: kubectl -n NAMESPACE create "
            "serviceaccount ann; then write serviceaccount:NAMESPACE:ann.",
        )
    if who.kind != "ServiceAccount" and who.name.startswith("system:"):
        everybody = who.kind == "Group" and who.name in _EVERYBODY
        raise InvalidRequest(
            f"{text!r} is {'everybody' if everybody else 'a part of the cluster itself'}.",
            why=_EVERYBODY[who.name]
            if everybody
            else "Names that begin with 'system:' are those of the cluster's own programs.",
            next_step=f"{next_step} A service account is serviceaccount:NAMESPACE:NAME.",
        )
    return who


_EVERYBODY = {
    "system:authenticated": "Whoever can log in has it, and every program with an account.",
    "system:unauthenticated": "Whoever reaches the API server without logging in has it.",
    "system:serviceaccounts": "Every pod of the cluster with a token has it.",
}


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
    """A namespace that students may have, or read.

    Raises:
        InvalidRequest: no name, or the cluster's own.
    """
    if not _LABEL.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} is not a namespace's name.",
            why="It has a-z, 0-9 and '-', and at most 63 characters.",
            next_step="Write a name such as s01.",
        )
    if _SYSTEM.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} is a namespace of the cluster itself, or of an operator.",
            why="Who may create pods there can use the secrets and the accounts that run it.",
            next_step="Give each student a namespace of one's own, such as s01.",
        )
    return name
